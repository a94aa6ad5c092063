// anneal/linalg: linear algebra: factorisations, systems, determinants, with gradients; all take batches on leading
// axes. Functions, not methods, so that an application's bundle holds what it uses. Names are PyTorch's
// (torch.linalg) in camelCase.

export {
  type CholeskyEx,
  cholesky,
  choleskyEx,
  choleskyInverse,
  choleskySolve,
  type UpperOptions,
} from "./cholesky.ts";
export { det, logdet, type SlogDet, slogdet } from "./det.ts";
export {
  type LU,
  type LUFactor,
  type LUFactorEx,
  type LUOptions,
  lu,
  luFactor,
  luFactorEx,
  luUnpack,
} from "./lu.ts";
export {
  type InvEx,
  inv,
  invEx,
  type LuSolveOptions,
  luSolve,
  type SideOptions,
  type SolveEx,
  solve,
  solveEx,
} from "./solve.ts";
export { type SolveTriangularOptions, solveTriangular } from "./triangular.ts";
