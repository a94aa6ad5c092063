// The rows of the user's table (user-table.ts) for anneal/linalg, of matrices that are far from singular, as
// functions that do not depend on signs of vectors. What defines the results is in tests/linalg.
import { eye, type Tensor } from "../../src/index.ts";
import * as la from "../../src/linalg/index.ts";
import type { UserOp } from "./user-table.ts";

type Functions = Record<string, (x: Tensor, y: Tensor) => unknown>;

// A solution has the rounding of the matrix times its condition, up to 30 here.
const row: Partial<UserOp> = { shape: [4, 4], loose: 32 };

const rows = (arity: 1 | 2, functions: Functions, smooth = true): UserOp[] =>
  Object.entries(functions).map(([name, run]) => ({ name, arity, run, ...row, smooth }));

/** Symmetric, with eigenvalues above 2. */
const definite = (x: Tensor) => {
  const square = x.matmul(x.mT);
  return square.add(eye(square.shape[0]!, undefined, { dtype: floatOf(x) }).mul(2));
};

const floatOf = (x: Tensor) => (x.dtype === "float64" ? "float64" : "float32");

export const linearOps: UserOp[] = [
  ...rows(1, {
    cholesky: (x) => la.cholesky(definite(x)),
    choleskyEx: (x) => la.choleskyEx(definite(x), { upper: true }),
    choleskyInverse: (x) => la.choleskyInverse(la.cholesky(definite(x))),
    inv: (x) => la.inv(definite(x)),
    invEx: (x) => la.invEx(definite(x)),
    det: la.det,
    "det of a definite matrix": (x) => la.det(definite(x)),
    slogdet: (x) => la.slogdet(definite(x)),
    logdet: (x) => la.logdet(definite(x)),
    lu: (x) => {
      const { L, U } = la.lu(definite(x));
      return [L, U];
    },
    luUnpack: (x) => {
      const { LU, pivots } = la.luFactor(definite(x));
      return la.luUnpack(LU, pivots).U;
    },
    qr: (x) => la.qr(definite(x)),
    householderProduct: (x) => la.householderProduct(x, x.select(0, 0)),
    ormqr: (x) => la.ormqr(x, x.select(0, 0), x, { transpose: true }),
    eigvalsh: (x) => la.eigvalsh(definite(x)),
    "eigh, the exponential": (x) => {
      const { eigenvalues, eigenvectors } = la.eigh(definite(x).mul(0.1));
      return eigenvectors.mul(eigenvalues.exp()).matmul(eigenvectors.mT);
    },
    svdvals: la.svdvals,
    "svd, the polar factor": (x) => {
      const { U, Vh } = la.svd(definite(x).add(x), { fullMatrices: false });
      return U.matmul(Vh);
    },
    pinv: (x) => la.pinv(definite(x)),
    cond: (x) => la.cond(definite(x)),
    "matrixNorm, nuclear": (x) => la.matrixNorm(x, "nuc"),
    "matrixNorm, 1": (x) => la.matrixNorm(x, 1),
    "linalg norm": (x) => la.norm(x),
    vectorNorm: (x) => la.vectorNorm(x, 3, -1),
    matrixPower: (x) => la.matrixPower(x.mul(0.5), 5),
    matrixExp: (x) => la.matrixExp(x),
    vander: (x) => la.vander(x, { N: 4 }),
    tensorinv: (x) => la.tensorinv(definite(x), 1),
  }),
  ...rows(1, { matrixRank: (x) => la.matrixRank(definite(x)), geqrf: (x) => la.geqrf(x) }, false),
  ...rows(2, {
    solve: (x, y) => la.solve(definite(x), y),
    "solve, from the right": (x, y) => la.solve(definite(x), y.mT, { left: false }),
    solveEx: (x, y) => la.solveEx(definite(x), y),
    solveTriangular: (x, y) => la.solveTriangular(definite(x), y, { upper: false }),
    luSolve: (x, y) => {
      const { LU, pivots } = la.luFactor(definite(x));
      return la.luSolve(LU, pivots, y);
    },
    choleskySolve: (x, y) => la.choleskySolve(y, la.cholesky(definite(x))),
    lstsq: (x, y) => la.lstsq(definite(x), y, { driver: "gels" }).solution,
    "lstsq by singular values": (x, y) => la.lstsq(definite(x), y).solution,
    tensorsolve: (x, y) => la.tensorsolve(definite(x), y.select(-1, 0)),
    multiDot: (x, y) => la.multiDot([x, y.mT, x]),
    vecdot: (x, y) => la.vecdot(x, y),
    "linalg cross": (x, y) => la.cross(x.narrow(-1, 0, 3), y.narrow(-1, 0, 3)),
  }),
]; // biome-ignore format: a table
