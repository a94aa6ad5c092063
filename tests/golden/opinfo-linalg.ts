// The adapters of PyTorch's linear algebra (torch.linalg and the older names): ours have the same names in
// camelCase and give objects where PyTorch gives named tuples. Factors that are unique only up to signs or
// orders of pivots are cases with a caution, which nobody compares; their adapters are here for other uses.
import * as la from "../../src/linalg/index.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;
type Adapter = (x: Tensor, a: Any[], k: Any) => unknown;

const plain =
  (f: (...args: Any[]) => unknown): Adapter =>
  (x, a) =>
    f(x, ...a);

/** The keyword arguments as our options; those that are null are not given. */
const given = (k: Any) =>
  Object.fromEntries(Object.entries(k).filter(([, v]) => v !== null && v !== undefined));

const withOptions =
  (f: (...args: Any[]) => unknown): Adapter =>
  (x, a, k) =>
    f(x, ...a, given(k));

/** A named tuple as a list, in PyTorch's order. */
const tuple =
  (f: (...args: Any[]) => Any, ...names: string[]): Adapter =>
  (x, a, k) => {
    const found = f(x, ...a, given(k));
    return names.map((name) => found[name]);
  };

const cholesky =
  (f: (A: Tensor, o: la.UpperOptions) => unknown): Adapter =>
  (x, a, k) =>
    f(x, { upper: a[0] ?? k.upper });

const order = (p: Any) => (p === null ? undefined : p);

/** PyTorch's symbolic lists of axes come as arrays. */
const svdOf: Adapter = (x, _, k) => {
  const some = k.full_matrices === undefined ? (k.some ?? true) : !k.full_matrices;
  const { U, S, Vh } = la.svd(x, { fullMatrices: !some });
  return [U, S, k.some === undefined ? Vh : Vh.mT];
};

const rank = (k: Any) => given({ atol: k.atol, rtol: k.rtol ?? k.tol, hermitian: k.hermitian });

const triangular: Adapter = (B, [A], k) => {
  const T = k.transpose ? A.mT : A;
  const upper = (k.upper ?? true) !== (k.transpose ?? false);
  const X = la.solveTriangular(T, B, { upper, unitriangular: k.unitriangular });
  return [X, A.clone()];
};

const lowRank =
  (f: (A: Tensor, o: Any) => la.LowRank, centered: boolean): Adapter =>
  (a, [b], k) => {
    const { M, q, ...more } = k;
    const A = a.matmul(b.mT);
    const { U, S, V } = f(!centered && M ? A.sub(M) : A, { q, ...given(more) });
    return [U, S, V];
  };

export const linearAlgebra: Record<string, Adapter> = {
  cholesky: cholesky(la.cholesky),
  cholesky_inverse: cholesky(la.choleskyInverse),
  cholesky_solve: (B, a, k) => la.choleskySolve(B, a[0], { upper: a[1] ?? k.upper }),
  "linalg.cholesky": cholesky(la.cholesky),
  "linalg.cholesky_ex": tuple(la.choleskyEx, "L", "info"),
  "linalg.solve": withOptions(la.solve),
  "linalg.solve_ex": tuple(la.solveEx, "result", "info"),
  "linalg.solve_triangular": withOptions(la.solveTriangular),
  triangular_solve: triangular,
  "linalg.inv": plain(la.inv),
  "linalg.inv_ex": tuple(la.invEx, "inverse", "info"),
  inverse: plain(la.inv),
  "linalg.det": plain(la.det),
  det: plain(la.det),
  "linalg.slogdet": tuple(la.slogdet, "sign", "logabsdet"),
  slogdet: tuple(la.slogdet, "sign", "logabsdet"),
  logdet: plain(la.logdet),
  "linalg.lu": tuple(la.lu, "P", "L", "U"),
  "linalg.lu_factor": tuple(la.luFactor, "LU", "pivots"),
  "linalg.lu_factor_ex": tuple(la.luFactorEx, "LU", "pivots", "info"),
  lu: (x, a) => {
    const { LU, pivots, info } = la.luFactorEx(x, { pivot: a[0] });
    return a[1] ? [LU, pivots, info] : [LU, pivots];
  },
  lu_unpack: tuple((x, pivots) => la.luUnpack(x, pivots), "P", "L", "U"),
  "linalg.lu_solve": withOptions(la.luSolve),
  lu_solve: (B, a) => la.luSolve(a[0], a[1], B),
  "linalg.qr": tuple(la.qr, "Q", "R"),
  qr: (x, a, k) => {
    const some = a[0] ?? k.some ?? true;
    const { Q, R } = la.qr(x, { mode: some ? "reduced" : "complete" });
    return [Q, R];
  },
  geqrf: (x) => {
    const { a, tau } = la.geqrf(x);
    return [a, tau];
  },
  ormqr: withOptions(la.ormqr),
  "linalg.householder_product": plain(la.householderProduct),
  "linalg.eigh": tuple(la.eigh, "eigenvalues", "eigenvectors"),
  "linalg.eigvalsh": withOptions(la.eigvalsh),
  symeig: (x, _, k) => {
    const found = la.eigh(x, { UPLO: k.upper ? "U" : "L" });
    return [found.eigenvalues, found.eigenvectors];
  },
  "linalg.svd": svdOf,
  svd: svdOf,
  "linalg.svdvals": plain(la.svdvals),
  svd_lowrank: lowRank(la.svdLowrank, false),
  pca_lowrank: lowRank(la.pcaLowrank, true),
  "linalg.pinv": (x, a, k) => {
    // The singular variant is the pseudoinverse of a product of low rank.
    if (a[0] instanceof Tensor) return la.pinv(x.matmul(a[0].mT));
    return la.pinv(x, rank(k));
  },
  pinverse: (x, a, k) => la.pinv(x, { rtol: a[0] ?? k.rcond ?? 1e-15 }),
  "linalg.matrix_rank": (x, _, k) => la.matrixRank(x, rank(k)),
  "linalg.cond": (x, a, k) => la.cond(x, order(a[0] ?? k.p) ?? 2),
  "linalg.lstsq": (x, a, k) => {
    const { solution, residuals, rank, singularValues } = la.lstsq(x, a[0], given(k));
    return [solution, residuals, rank, singularValues];
  },
  "linalg.lstsq grad_oriented": (x, a, k) => la.lstsq(x, a[0], given(k)).solution,
  "linalg.norm": (x, a, k) =>
    la.norm(x, order(a[0] ?? k.ord), a[1] ?? k.dim ?? undefined, { keepdim: a[2] ?? k.keepdim }),
  "linalg.vector_norm": (x, a, k) =>
    la.vectorNorm(x, a[0] ?? k.ord, k.dim ?? undefined, { keepdim: k.keepdim }),
  "linalg.matrix_norm": (x, a, k) =>
    la.matrixNorm(x, a[0] ?? k.ord, a[1] ?? k.dim, { keepdim: a[2] ?? k.keepdim }),
  "linalg.matrix_power": plain(la.matrixPower),
  matrix_power: plain(la.matrixPower),
  matrix_exp: plain(la.matrixExp),
  "linalg.matrix_exp": plain(la.matrixExp),
  "linalg.multi_dot": (x) => la.multiDot(x as unknown as Tensor[]),
  "linalg.vecdot": (x, a, k) => la.vecdot(x, a[0], k.dim),
  "linalg.cross": (x, a, k) => la.cross(x, a[0], k.dim),
  "linalg.vander": withOptions(la.vander),
  "linalg.tensorinv": (x, a, k) => la.tensorinv(x, a[0] ?? k.ind),
  "linalg.tensorsolve": (x, a, k) => la.tensorsolve(x, a[0], k.dims ?? undefined),
};
