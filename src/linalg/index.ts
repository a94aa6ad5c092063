// anneal/linalg: linear algebra: factorisations, systems, determinants, with gradients; all take
// batches on leading axes. Functions, not methods, so that an application's bundle holds what it
// uses. Names are PyTorch's (torch.linalg) in camelCase.

export {
  type CholeskyEx,
  cholesky,
  choleskyEx,
  choleskyInverse,
  choleskySolve,
  type UpperOptions,
} from "./cholesky.ts";
export { det, logdet, type SlogDet, slogdet } from "./det.ts";
export { type Eigh, type EighOptions, eigh, eigvalsh } from "./eigh.ts";
export {
  type LowRank,
  type LowRankOptions,
  type PcaOptions,
  pcaLowrank,
  svdLowrank,
} from "./lowrank.ts";
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
export { type MatrixOrder, matrixNorm, norm, vectorNorm } from "./norms.ts";
export {
  type CutoffOptions,
  cond,
  type Lstsq,
  type LstsqOptions,
  lstsq,
  matrixRank,
  pinv,
} from "./pinv.ts";
export {
  cross,
  matrixExp,
  matrixPower,
  multiDot,
  tensorinv,
  tensorsolve,
  type VanderOptions,
  vander,
  vecdot,
} from "./products.ts";
export {
  geqrf,
  householderProduct,
  type OrmqrOptions,
  ormqr,
  type QR,
  type QROptions,
  qr,
  type Reflections,
} from "./qr.ts";
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
export { type SVD, type SVDOptions, svd, svdvals } from "./svd.ts";
export { type SolveTriangularOptions, solveTriangular } from "./triangular.ts";
