// LU factors with partial pivoting. Matrices are cut in halves by columns down to 16 columns (S.
// Toledo, "Locality of reference in LU decomposition with partial pivoting", 1997); such a panel is
// factored column by column in a loop. The choice of pivots is not differentiated: the rule takes
// it as given. Not here: solving with the factors, determinants (solve.ts, det.ts).

import { arange, full } from "../tensor/create.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { dynamicSlice } from "../tensor/ops/dynamic.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { cat } from "../tensor/ops/join.ts";
import { scan } from "../tensor/scan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  batchOf,
  blocks,
  columnPlaces,
  columns,
  firstPlace,
  identity,
  needMatrices,
  rowPlaces,
  rows,
  sizesOf,
  takeRows,
} from "./common.ts";
import { forwardSolve, halfOf, solveTriangular } from "./triangular.ts";

const panel = 16;

/** The factors of A, with A's rows in another order: A[order] = LU. */
export interface Factors {
  /** L below the diagonal (ones on it), U on and above: (…, m, n). */
  readonly LU: Tensor;
  /** Which row of A comes at each place, (…, m) int32. */
  readonly order: Tensor;
  /** With which row each of the first rows was exchanged in turn, from 0, (…, min(m, n)) int32. */
  readonly swaps: Tensor;
}

/** The factors of any matrix. `pivot` false takes the rows as they come. */
export function factorsOf(A: Tensor, pivot: boolean): Factors {
  const [m, n] = sizesOf(A);
  if (m >= n) return tall(A, pivot);
  const left = tall(columns(A, 0, m), pivot);
  const right = forwardSolve(left.LU.tril(), takeRows(columns(A, m), left.order), true);
  return { ...left, LU: cat([left.LU, right], -1) };
}

function tall(A: Tensor, pivot: boolean): Factors {
  const n = A.shape.at(-1)!;
  if (n <= panel) return columnByColumn(A, pivot);
  const half = halfOf(n, panel);
  const left = tall(columns(A, 0, half), pivot);
  const right = takeRows(columns(A, half), left.order);
  const U12 = forwardSolve(rows(left.LU, 0, half).tril(), rows(right, 0, half), true);
  const L21 = rows(left.LU, half);
  const rest = tall(rows(right, half).sub(L21.matmul(U12)), pivot);
  const [first, later] = left.order.split([half, A.shape.at(-2)! - half], -1) as [Tensor, Tensor];
  return {
    LU: blocks([
      [rows(left.LU, 0, half), U12],
      [takeRows(L21, rest.order), rest.LU],
    ]),
    order: cat([first, later.gather(-1, rest.order)], -1),
    swaps: cat([left.swaps, rest.swaps.add(half)], -1),
  };
}

interface State {
  readonly [name: string]: Tensor;
  readonly A: Tensor;
  readonly order: Tensor;
}

// The largest element of column t comes to row t; what is below it, over it, becomes a column of L;
// times the rest of row t it is taken from the rest. Where a column is all zero there is nothing to
// do.
function columnByColumn(A: Tensor, pivot: boolean): Factors {
  const [m, n] = sizesOf(A);
  const batch = batchOf(A);
  const none = batch.map(() => 0);
  const start = { A, order: arange(m).expand([...batch, m]) };
  if (n === 0)
    return { LU: A, order: start.order, swaps: full([...batch, 0], 0, { dtype: "int32" }) };
  const [down, across] = [rowPlaces(A), columnPlaces(A)]; // (m, 1), (1, n)
  const body = (now: State, _: null, t: Tensor) => {
    const column = dynamicSlice(now.A, [...none, 0, t], [...batch, m, 1]);
    const size = where(down.lt(t), -1, column.abs()); // (…, m, 1)
    const best = pivot ? size.argmax(-2, { keepdim: true }) : t.expand([...batch, 1, 1]);
    const from = where(down.eq(t), best, where(down.eq(best), t, down)).squeeze(-1); // (…, m)
    const swapped = takeRows(now.A, from); // (…, m, n)
    const row = dynamicSlice(swapped, [...none, t, 0], [...batch, 1, n]);
    const ours = dynamicSlice(swapped, [...none, 0, t], [...batch, m, 1]);
    const top = dynamicSlice(ours, [...none, t, 0], [...batch, 1, 1]);
    const l = where(top.eq(0), ours, ours.div(top)); // (…, m, 1)
    const below = where(across.gt(t), swapped.sub(l.mul(row)), where(across.eq(t), l, swapped));
    const next = { A: where(down.gt(t), below, swapped), order: now.order.gather(-1, from) };
    return [next, best.reshape(batch)] as const;
  };
  const [end, swaps] = scan(body, start as State, null, { length: n }) as unknown as [
    State,
    Tensor,
  ];
  return { LU: end.A, order: end.order, swaps: swaps.movedim(0, -1) };
}

/** Where each row went: the order that undoes an order, (…, m). */
export function inverseOrder(order: Tensor): Tensor {
  return order.mul(0).scatter(-1, order, arange(order.shape.at(-1)!).expand(order.shape));
}

const strictlyLower = (x: Tensor): Tensor => x.tril(-1);

/** L with its ones, (…, m, min(m, n)). */
export function lowerOf(LU: Tensor): Tensor {
  const [m, n] = sizesOf(LU);
  const k = Math.min(m, n);
  const ones = identity(m, LU.dtype).narrow(-1, 0, k);
  return strictlyLower(columns(LU, 0, k)).add(ones);
}

/** U, (…, min(m, n), n). */
export function upperOf(LU: Tensor): Tensor {
  return rows(LU, 0, Math.min(...sizesOf(LU))).triu();
}

// With k = min(m, n), L1 and U1 the square parts, L2 below and U2 beside them:
//   dA[order] = L1⁻ᵀ Φ U1⁻ᵀ in the square, Φ = tril₋₁(L1ᵀ dL1 - dU2 U2ᵀ) + triu(dU1 U1ᵀ - L2ᵀ dL2),
//   dL2 U1⁻ᵀ below it and L1⁻ᵀ dU2 beside it.
const factored = customVjp(
  (A: Tensor, pivot: boolean) => {
    const { LU, order, swaps } = factorsOf(A, pivot);
    return [LU, order, swaps] as const;
  },
  ([g], [A], [LU, order]) => {
    const [m, n] = sizesOf(A);
    const k = Math.min(m, n);
    const [L, U] = [lowerOf(LU), upperOf(LU)];
    const [L1, U1] = [rows(L, 0, k), columns(U, 0, k)];
    const square = columns(rows(g!, 0, k), 0, k);
    let low = L1.mT.matmul(square.tril(-1));
    let high = square.triu().matmul(U1.mT);
    if (n > k) low = low.sub(columns(g!, k).matmul(columns(U, k).mT));
    if (m > k) high = high.sub(rows(L, k).mT.matmul(rows(g!, k)));
    const phi = low.tril(-1).add(high.triu());
    const overL = (x: Tensor) => solveTriangular(L1.mT, x, { upper: true, unitriangular: true });
    const overU = (x: Tensor) => solveTriangular(U1.mT, x, { upper: false, left: false });
    let dA = overL(overU(phi));
    if (n > k) dA = cat([dA, overL(columns(g!, k))], -1);
    if (m > k) dA = cat([dA, overU(rows(g!, k))], -2);
    return [takeRows(dA, inverseOrder(order)), null];
  },
);

/** A differentiable LU of any matrix, with the order and the swaps of its rows. */
export function luOf(A: Tensor, pivot: boolean): Factors {
  const [LU, order, swaps] = factored(A, pivot);
  return { LU, order, swaps };
}

/** Options of the LU factorisations. */
export interface LUOptions {
  /** Exchange rows so that each pivot is the largest of its column; without it small pivots spoil
   *  digits. */
  pivot?: boolean | undefined;
}

/** The factors in one matrix, and the exchanges of rows as LAPACK gives them. */
export interface LUFactor {
  /** L below the diagonal (its ones are not stored), U on and above, (…, m, n). */
  readonly LU: Tensor;
  /** Row i was exchanged with row pivots[i] - 1, in turn, (…, min(m, n)), int32. */
  readonly pivots: Tensor;
}

export interface LUFactorEx extends LUFactor {
  /** int32: 0, or the first i for which U[i-1, i-1] is zero. */
  readonly info: Tensor;
}

/** The first zero on the diagonal of U, from 1, or 0. */
export function firstZero(LU: Tensor): Tensor {
  return firstPlace(LU.detach().diagonal(0, -2, -1).eq(0));
}

/**
 * The LU factors of A, (…, m, n), and where U has a zero on its diagonal. As
 * torch.linalg.lu_factor_ex.
 *
 * @throws ShapeError, DtypeError for what is no float matrix.
 */
export function luFactorEx(A: Tensor, { pivot = true }: LUOptions = {}): LUFactorEx {
  needMatrices("luFactorEx", A);
  const { LU, swaps } = luOf(A, pivot);
  return { LU, pivots: swaps.add(1), info: firstZero(LU) };
}

/** The LU factors of A, (…, m, n), in one matrix. As torch.linalg.lu_factor; a zero on U's diagonal
 *  is no error until something is solved with it. */
export function luFactor(A: Tensor, { pivot = true }: LUOptions = {}): LUFactor {
  needMatrices("luFactor", A);
  const { LU, swaps } = luOf(A, pivot);
  return { LU, pivots: swaps.add(1) };
}

/** Three matrices whose product is A. */
export interface LU {
  /** A permutation of rows, (…, m, m). */
  readonly P: Tensor;
  /** Lower triangular with ones on the diagonal, (…, m, min(m, n)). */
  readonly L: Tensor;
  /** Upper triangular, (…, min(m, n), n). */
  readonly U: Tensor;
}

/**
 * A = PLU for any A, (…, m, n). As torch.linalg.lu.
 *
 * @throws ShapeError, DtypeError for what is no float matrix.
 *
 * @example
 * const { P, L, U } = lu(tensor([[1, 2], [4, 4]]));
 * await U.array(); // [[4, 4], [0, 1]]
 */
export function lu(A: Tensor, { pivot = true }: LUOptions = {}): LU {
  needMatrices("lu", A);
  const { LU, order } = luOf(A, pivot);
  return { P: permutation(order, A), L: lowerOf(LU), U: upperOf(LU) };
}

/** As a matrix P with P·(A[order]) = A. */
function permutation(order: Tensor, { dtype }: Tensor): Tensor {
  const m = order.shape.at(-1)!;
  return arange(m).unsqueeze(-1).eq(order.unsqueeze(-2)).to(dtype); // P[order[j], j] = 1
}

/** The order of rows that a list of exchanges, from 0, makes of 0 … m - 1. */
export function orderOf(swaps: Tensor, m: number): Tensor {
  const batch = swaps.shape.slice(0, -1);
  const places = arange(m);
  const start = places.expand([...batch, m]);
  if (swaps.numel === 0) return start;
  const body = (order: Tensor, swap: Tensor, t: Tensor) => {
    const from = where(places.eq(t), swap, where(places.eq(swap), t, places)); // (…, m)
    return [order.gather(-1, from), null] as const;
  };
  return scan(body, start, swaps.movedim(-1, 0).unsqueeze(-1))[0] as Tensor;
}

/**
 * P, L and U out of what luFactor gives. As torch.lu_unpack.
 *
 * @throws ShapeError, DtypeError for what is no float matrix.
 */
export function luUnpack(LU: Tensor, pivots: Tensor): LU {
  needMatrices("luUnpack", LU);
  const order = orderOf(pivots.sub(1), LU.shape.at(-2)!);
  return { P: permutation(order, LU), L: lowerOf(LU), U: upperOf(LU) };
}
