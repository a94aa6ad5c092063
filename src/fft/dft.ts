// The discrete Fourier transform of one axis as contractions with constant matrices. A length n₁n₂ is a
// transform of n₁ over columns, a multiplication by twiddle factors, and a transform of n₂ over rows
// (Cooley and Tukey, 1965); small lengths are one matrix; large primes a convolution with a chirp
// (Bluestein, 1970). All is linear in primitives, so every backend runs it and gradients come by
// themselves. Complex data is one node whose first axis has the two parts; real data has no such axis.
// Not here: scaling, sizes, and what users call (transforms.ts).

import { contract, flip, permute, reshape } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import * as n from "../tensor/ops/nodes.ts";
import { constantOf, turn } from "./constants.ts";
import { type Plan, planOf } from "./plan.ts";

/** -1: forward, e^-iωt; 1: inverse, without its factor 1/n. */
export type Sign = -1 | 1;

/** What goes in and what comes out: complex, or real (of a result, its real part alone). */
interface Kinds {
  readonly from: "real" | "complex";
  readonly to: "real" | "complex";
}
const both: Kinds = { from: "complex", to: "complex" };
const fromReal: Kinds = { from: "real", to: "complex" };
const toReal: Kinds = { from: "complex", to: "real" };

const letters = "abcefghijlmnopqrtuvwxyzABCDEFGHIJLMNOPQRTUVWXYZ";

/**
 * Σ over one axis: `matrix` has axes (D) K (C) S, where S is the axis `at` (of the data without its axis
 * of parts), K takes its place, and C and D are the parts of what goes in and comes out, if complex.
 */
function along(x: Node, at: number, matrix: Node, { from, to }: Kinds): Node {
  const parts = from === "complex" ? "c" : "";
  const out = to === "complex" ? "d" : "";
  const axes = letters.replace("c", "").slice(0, x.shape.length - parts.length);
  const [before, after] = [axes.slice(0, at), axes.slice(at + 1)];
  return contract(matrix, x, {
    a: `${out}k${parts}s`,
    b: `${parts}${before}s${after}`,
    out: `${out}${before}k${after}`,
  });
}

/** The matrix of Σ_s e^(sign·2πi·ks/n) over k < rows, s < columns. `weigh`: columns stand for a half
 *  spectrum, whose other half counts too. */
function matrixOf(
  length: number,
  sign: Sign,
  kinds: Kinds,
  like: Node,
  { rows = length, columns = length, weigh = false } = {},
): Node {
  const [C, D] = [kinds.from === "complex" ? 2 : 1, kinds.to === "complex" ? 2 : 1];
  const shape = [...(D === 2 ? [2] : []), rows, ...(C === 2 ? [2] : []), columns];
  const name = `matrix ${length} ${sign} ${kinds.from} ${kinds.to} ${weigh}`;
  return constantOf(name, shape, like.dtype, (out) => {
    for (let k = 0; k < rows; k++) {
      for (let s = 0; s < columns; s++) {
        const [cos, sin] = turn((k * s) % length, length);
        const twice = weigh && s > 0 && 2 * s !== length ? 2 : 1;
        const [re, im] = [twice * cos, twice * sign * sin];
        // (re + i·im)(x₀ + i·x₁): the rows of both parts of the result
        const entries = [
          [re, -im],
          [im, re],
        ];
        for (let d = 0; d < D; d++) {
          for (let c = 0; c < C; c++) {
            out[((d * rows + k) * C + c) * columns + s] = entries[d]![c]!;
          }
        }
      }
    }
  });
}

/** Complex data times constants w(i, j) along one axis or two neighbouring ones (`at` is the first, of the
 *  data without its parts): z·re(w) + i·z·im(w), and i·z exchanges the parts. */
function turned(
  x: Node,
  at: number,
  axes: 1 | 2,
  name: string,
  w: (i: number, j: number) => readonly [re: number, im: number],
): Node {
  const sizes = x.shape.slice(at + 1, at + 1 + axes);
  const [I, J] = [sizes[0]!, sizes[1] ?? 1];
  const shape = [...x.shape.slice(1, at + 1).map(() => 1), ...sizes];
  const whole = [...shape, ...x.shape.slice(at + 1 + axes).map(() => 1)];
  let made: readonly [Float64Array, Float64Array] | null = null;
  const factors = () => {
    if (made !== null) return made;
    made = [new Float64Array(I * J), new Float64Array(I * J)];
    for (let k = 0; k < I * J; k++) [made[0][k], made[1][k]] = w(Math.floor(k / J), k % J);
    return made;
  };
  const re = constantOf(`${name} re`, [1, ...whole], x.dtype, (out) => out.set(factors()[0]));
  const im = constantOf(`${name} im`, [2, ...whole], x.dtype, (out) => {
    out.set(factors()[1].map((v) => -v));
    out.set(factors()[1], I * J);
  });
  return n.add(n.mul(x, re), n.mul(flip(x, [0]), im));
}

/** Axis `at` of the data as two, first · rest. */
function opened(x: Node, axis: number, first: number): Node {
  const { shape } = x;
  return reshape(x, [
    ...shape.slice(0, axis),
    first,
    shape[axis]! / first,
    ...shape.slice(axis + 1),
  ]);
}

/** Two axes (k₁, k₂) as one, in the order k₁ + n₁k₂ of a result. */
function closed(x: Node, axis: number): Node {
  const { shape } = x;
  const order = shape.map((_, i) => (i === axis ? axis + 1 : i === axis + 1 ? axis : i));
  const length = shape[axis]! * shape[axis + 1]!;
  return reshape(permute(x, order), [...shape.slice(0, axis), length, ...shape.slice(axis + 2)]);
}

/** w = e^(sign·2πi·ij/n) for the step between the two transforms. */
function twiddled(x: Node, at: number, length: number, sign: Sign): Node {
  const name = `twiddle ${length} ${sign}`;
  return turned(x, at, 2, name, (i, j) => {
    const [cos, sin] = turn((i * j) % length, length);
    return [cos, sign * sin];
  });
}

/** The transform of axis `at` of complex data, unscaled. */
export function dft(x: Node, at: number, sign: Sign): Node {
  const length = x.shape[at + 1]!;
  const plan = planOf(length);
  if (plan.kind === "matrix") return along(x, at, matrixOf(length, sign, both, x), both);
  if (plan.kind === "chirp") return chirp(x, at, sign, plan);
  const { first } = plan;
  const columns = opened(x, at + 1, first); // (2, …, n₁, n₂, …)
  const done = along(columns, at, matrixOf(first, sign, both, x), both); // (2, …, k₁, n₂, …)
  return closed(dft(twiddled(done, at, length, sign), at + 1, sign), at + 1);
}

/**
 * The first `count` elements of the transform of real data. In a split only k₁ ≤ n₁/2 are computed: what
 * stands at n₁-k₁, n₂-1-k₂ is the conjugate of what stands at k₁, k₂.
 */
export function realSpectrum(x: Node, at: number, sign: Sign, count: number): Node {
  const length = x.shape[at]!;
  const plan = planOf(length);
  if (plan.kind === "matrix") {
    return along(x, at, matrixOf(length, sign, fromReal, x, { rows: count }), fromReal);
  }
  if (plan.kind === "chirp") {
    return n.narrow(chirp(withParts(x), at, sign, plan), at + 1, 0, count);
  }
  const { first } = plan;
  const rows = Math.floor(first / 2) + 1;
  const matrix = matrixOf(first, sign, fromReal, x, { rows });
  const done = along(opened(x, at, first), at, matrix, fromReal); // (2, …, rows, n₂, …)
  const known = dft(twiddled(done, at, length, sign), at + 1, sign); // (2, …, rows, k₂, …)
  const whole = withMirror(known, at + 1, first, [at + 1, at + 2]); // (2, …, k₁, k₂, …)
  const wanted = n.narrow(whole, at + 2, 0, Math.ceil(count / first)); // k₁ + n₁k₂ < count
  return n.narrow(closed(wanted, at + 1), at + 1, 0, count);
}

/** Real data as complex data. */
export function withParts(x: Node): Node {
  return n.padAxis(reshape(x, [1, ...x.shape]), 0, 0, 1);
}

/**
 * The real data, `length` elements, that a half spectrum belongs to, unscaled; the imaginary parts of its
 * ends are passed over. In a split only the columns up to n₂/2 are transformed, and each counts twice.
 */
export function fromHalfSpectrum(x: Node, at: number, length: number, sign: Sign): Node {
  const half = Math.floor(length / 2) + 1;
  const plan = planOf(length);
  if (plan.kind === "matrix") {
    const matrix = matrixOf(length, sign, toReal, x, { columns: half, weigh: true });
    return along(x, at, matrix, toReal);
  }
  const whole = withMirror(x, at + 1, length, [at + 1]);
  if (plan.kind === "chirp") return n.drop(n.narrow(chirp(whole, at, sign, plan), 0, 0, 1), [0]);
  const { first } = plan;
  const second = length / first;
  const columns = opened(whole, at + 1, first); // (2, …, n₁, n₂, …)
  const kept = n.narrow(columns, at + 2, 0, Math.floor(second / 2) + 1);
  const done = along(kept, at, matrixOf(first, sign, both, x), both);
  const rest = fromHalfSpectrum(twiddled(done, at, length, sign), at + 1, second, sign);
  return closed(rest, at);
}

/** An axis of complex data grown to `length` by the conjugates of its elements from 1 on, flipped. */
function withMirror(x: Node, axis: number, length: number, flipped: readonly number[]): Node {
  const known = x.shape[axis]!;
  if (known === length) return x;
  const mirrored = conjugate(flip(n.narrow(x, axis, 1, length - known + 1), flipped));
  return n.add(n.padAxis(x, axis, 0, length - known), n.padAxis(mirrored, axis, known, 0));
}

/** The conjugate of complex data. */
export function conjugate(x: Node): Node {
  const ones = x.shape.slice(1).map(() => 1);
  return n.mul(
    x,
    constantOf("conjugate", [2, ...ones], x.dtype, (out) => void out.set([1, -1])),
  );
}

/**
 * Bluestein's form: with c(j) = e^(sign·πi·j²/n), X(k) = c(k) Σ x(j) c(j) · conj c(k-j), a convolution, which
 * is done by transforms of a power of two.
 */
function chirp(x: Node, at: number, sign: Sign, { padded }: Plan & { kind: "chirp" }): Node {
  const length = x.shape[at + 1]!;
  const c = (j: number): [number, number] => {
    const [cos, sin] = turn((j * j) % (2 * length), 2 * length);
    return [cos, sign * sin];
  };
  const name = `chirp ${length} ${sign}`;
  const input = n.padAxis(turned(x, at, 1, `${name} in`, c), at + 1, 0, padded - length);
  const [re, im] = chirpSpectrum(length, padded, sign);
  const product = turned(dft(input, at, -1), at, 1, `${name} middle`, (k) => [re[k]!, im[k]!]);
  const done = n.narrow(dft(product, at, 1), at + 1, 0, length);
  return turned(done, at, 1, `${name} out`, (k) => c(k).map((v) => v / padded) as [number, number]);
}

const spectra = new Map<string, readonly [Float64Array, Float64Array]>();

/** The forward transform of conj c(j), j from -(n-1) to n-1 around 0 in `padded` places. */
function chirpSpectrum(length: number, padded: number, sign: Sign) {
  const key = `${length} ${sign}`;
  const known = spectra.get(key);
  if (known !== undefined) return known;
  const [re, im] = [new Float64Array(padded), new Float64Array(padded)];
  for (let j = 0; j < length; j++) {
    const [cos, sin] = turn((j * j) % (2 * length), 2 * length);
    for (const place of new Set([j, (padded - j) % padded])) {
      re[place] = cos;
      im[place] = -sign * sin;
    }
  }
  const made = hostTransform(re, im);
  spectra.set(key, made);
  return made;
}

/** The forward transform of a power of two on the host: halves, then halves of halves (float64). */
function hostTransform(re: Float64Array, im: Float64Array): readonly [Float64Array, Float64Array] {
  const length = re.length;
  if (length === 1) return [re, im];
  const half = length / 2;
  const pick = (v: Float64Array, odd: number) =>
    Float64Array.from({ length: half }, (_, i) => v[2 * i + odd]!);
  const [er, ei] = hostTransform(pick(re, 0), pick(im, 0));
  const [or, oi] = hostTransform(pick(re, 1), pick(im, 1));
  const [outRe, outIm] = [new Float64Array(length), new Float64Array(length)];
  for (let k = 0; k < half; k++) {
    const [cos, sin] = turn(k, length);
    const [a, b] = [or[k]! * cos + oi[k]! * sin, oi[k]! * cos - or[k]! * sin];
    outRe[k] = er[k]! + a;
    outIm[k] = ei[k]! + b;
    outRe[k + half] = er[k]! - a;
    outIm[k + half] = ei[k]! - b;
  }
  return [outRe, outIm];
}
