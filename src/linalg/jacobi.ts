// Jacobi's method, in rounds: n/2 disjoint pairs of rows are turned at once, each by its own angle,
// and then the rows change places as players of a tournament do, so that after n - 1 rounds every
// pair has met. A fixed number of such sweeps, by size and precision: the error then is that of
// rounding. Sources: R. Brent, F. Luk, "The solution of singular-value and symmetric eigenvalue
// problems on multiprocessor arrays" (1985); J. Demmel, K. Veselić, "Jacobi's method is more
// accurate than QR" (1992). Not here: what users call (eigh.ts, svd.ts).

import type { DType } from "../ir/dtype.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { cat } from "../tensor/ops/join.ts";
import { sqrt } from "../tensor/ops/math.ts";
import { scan } from "../tensor/scan.ts";
import { Tensor } from "../tensor/tensor.ts";
import { batchOf, columns, identity, rows, zeros } from "./common.ts";

/** How often every pair meets: [usual, more for each doubling of n]. Convergence is quadratic at
 *  the end. What takes longest are symmetric matrices with eigenvalues of both signs over many
 *  powers of ten: twice the sweeps of others. */
const sweeps = {
  symmetric: { float32: [4, 1], float64: [8, 1.25] },
  rows: { float32: [4, 0.75], float64: [4, 1] },
} as const;

function sweepsFor(kind: keyof typeof sweeps, n: number, dtype: DType): number {
  const [usual, more] = sweeps[kind][dtype === "float64" ? "float64" : "float32"];
  return usual + Math.ceil(more * Math.log2(Math.max(2, n)));
}

/** Rows that rounding has left a little off unit length and right angles: a step of Newton's
 *  method. */
function straightened(W: Tensor): Tensor {
  return W.mul(1.5).sub(W.matmul(W.mT).matmul(W).mul(0.5));
}

const listOf = (n: number, f: (i: number) => number): Tensor =>
  Tensor.from(Int32Array.from({ length: n }, (_, i) => f(i)));

/** Pairs are (i, i + n/2). Who comes to each place after a round: the first stays, the others go
 *  around. */
function seating(n: number): number[] {
  const h = n / 2;
  if (h === 1) return [0, 1];
  const top = Array.from({ length: h }, (_, i) => (i === 0 ? 0 : i === 1 ? h : i - 1));
  const bottom = Array.from({ length: h }, (_, i) => (i === h - 1 ? h - 1 : h + i + 1));
  return [...top, ...bottom];
}

/** One round for n rows: what is read for each new row. */
interface Round {
  /** The row that comes there, and its partner, (n). */
  readonly row: Tensor;
  readonly partner: Tensor;
  /** The pair of both, (n), and whether the row is the second of it. */
  readonly pair: Tensor;
  readonly second: Tensor;
}

function roundOf(n: number): Round {
  const [seats, h] = [seating(n), n / 2];
  return {
    row: listOf(n, (i) => seats[i]!),
    partner: listOf(n, (i) => (seats[i]! + h) % n),
    pair: listOf(n, (i) => seats[i]! % h),
    second: listOf(n, (i) => Number(seats[i]! >= h)),
  };
}

/** The rows of x turned, x (…, n, m), by cos and sin of each pair, (…, n/2), and in their new
 *  places. */
function turned(x: Tensor, cos: Tensor, sin: Tensor, round: Round): Tensor {
  const { row, partner, pair, second } = round;
  const c = cos.indexSelect(-1, pair).unsqueeze(-1); // (…, n, 1)
  const s = sin.indexSelect(-1, pair);
  const signed = where(second.ne(0), s, s.neg()).unsqueeze(-1);
  return c.mul(x.indexSelect(-2, row)).add(signed.mul(x.indexSelect(-2, partner)));
}

/** Cosine and sine of the smaller angle that turns [[p, r], [r, q]] to a diagonal; p, q, r (…, h).
 *  */
function angles(p: Tensor, q: Tensor, r: Tensor): [cos: Tensor, sin: Tensor] {
  const [d, b] = [q.sub(p), r.mul(2)];
  const root = sqrt(d.mul(d).add(b.mul(b)));
  const below = where(d.lt(0), d.sub(root), d.add(root));
  const flat = below.eq(0);
  const tan = where(flat, 0, b.div(where(flat, 1, below)));
  const cos = tan.mul(tan).add(1).rsqrt();
  return [cos, tan.mul(cos)];
}

/** Two tables of rows, (…, n, m) and (…, n, k), n even, turned alike; the angles by the products that
 *  `elements` makes of the rows of each half: [p r; r q] for each pair, (…, n/2). */
function sweep(
  [X, Y]: readonly [Tensor, Tensor],
  elements: (first: [Tensor, Tensor], other: [Tensor, Tensor]) => [Tensor, Tensor, Tensor],
  count: number,
): [Tensor, Tensor] {
  const [n, m] = X.shape.slice(-2) as [number, number];
  const k = Y.shape.at(-1)!;
  const h = n / 2;
  const round = roundOf(n);
  const split = (all: Tensor): [Tensor, Tensor] => [columns(all, 0, m), columns(all, m, k)];
  const body = (now: Tensor) => {
    const [p, q, r] = elements(split(rows(now, 0, h)), split(rows(now, h, h)));
    const [cos, sin] = angles(p, q, r);
    return [turned(now, cos, sin, round), null] as const;
  };
  return split(scan(body, cat([X, Y], -1), null, { length: (n - 1) * count })[0] as Tensor);
}

const dot = (a: Tensor, b: Tensor): Tensor => a.mul(b).sum(-1);

/**
 * Eigenvalues, (…, n), in no order, and eigenvectors as rows, (…, n, n), of symmetric matrices whose
 * largest element is about 1. The rows W and WA are turned together, and their products are the
 * elements of WAWᵀ. The last sweep begins anew with straightened rows, so that the rounding of the
 * others is not in the result.
 */
export function eigenByJacobi(A: Tensor): [values: Tensor, rows: Tensor] {
  const n = A.shape.at(-1)!;
  // A player without partner turns by no angle.
  const padded = n % 2 === 0 ? A : A.pad([0, 1, 0, 1]);
  const even = padded.shape.at(-1)!;
  const run = (W: Tensor, count: number) =>
    straightened(
      sweep([W.matmul(padded), W], ([a, v], [b, w]) => [dot(a, v), dot(b, w), dot(a, w)], count)[1],
    );
  const start = identity(even, A.dtype).expand(padded.shape);
  const W = run(run(start, sweepsFor("symmetric", n, A.dtype) - 1), 1);
  const values = dot(W.matmul(padded), W); // Rayleigh quotients: (…, n)
  return [values.narrow(-1, 0, n), W.narrow(-2, 0, n).narrow(-1, 0, n)];
}

/**
 * Rows at right angles: JX for X, (…, n, m), and J itself, (…, n, n), a product of rotations. The
 * largest element should be about 1. The last sweep begins anew, as above.
 */
export function orthogonalRows(X: Tensor): [rows: Tensor, J: Tensor] {
  const [n, m] = X.shape.slice(-2) as [number, number];
  const padded = n % 2 === 0 ? X : cat([X, zeros([...batchOf(X), 1, m], X.dtype)], -2);
  const even = padded.shape.at(-2)!;
  const run = (J: Tensor, count: number) =>
    straightened(
      sweep([J.matmul(padded), J], ([a], [b]) => [dot(a, a), dot(b, b), dot(a, b)], count)[1],
    );
  const start = identity(even, X.dtype).expand([...batchOf(X), even, even]);
  const J = run(run(start, sweepsFor("rows", n, X.dtype) - 1), 1);
  return [rows(J.matmul(padded), 0, n), J.narrow(-2, 0, n).narrow(-1, 0, n)];
}
