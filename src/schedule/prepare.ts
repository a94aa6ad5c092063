// Rewrites that pick the form in which the kernels run: composites become primitives, contractions
// that are no matrix product become a product and a sum, long reductions of few results become two.
// Values may differ in the order of summation only. Not here: rules that keep every bit (simplify.ts).

import { substitute } from "../ir/body.ts";
import { binary, broadcastTo, cast, gather, iota, permute, reduce, reshape } from "../ir/build.ts";
import { expand as composites } from "../ir/composite.ts";
import { Node, sizeOf } from "../ir/node.ts";
import type { Rules } from "../ir/simplify.ts";
import { writeOutTaps } from "./depthwise.ts";
import { isChecked, type Scattering, strideBase } from "./groups.ts";
import type { Target } from "./plan.ts";
import { splitSums } from "./split-sums.ts";
import { takesWinograd, takesWinogradWeights } from "./winograd.ts";

/** Products smaller than this are not worth a contraction's panels. */
const tinyContract = 2048;
/** Reductions longer than this, with fewer results than `fewResults`, run in two steps. */
const longReduce = 8192;
const fewResults = 1024;

/** The rules for a target. */
export function prepareRules(target: Target): Rules {
  return {
    ...rules,
    conv: (n) => (takesWinograd(n, target) ? null : composites.conv(n)),
    convWeights: (n) => (takesWinogradWeights(n, target) ? null : composites.convWeights(n)),
  };
}

const rules: Rules = {
  softmax: composites.softmax,
  scatter: checkFirst,
  scatterAdd: checkFirst,
  contract: (n) => (asProduct(n) ? productAndSum(n) : splitSums(n)),
  reduce: splitReduce,
};

/** State that is changed where it lies must not change before its indices are known to be in range: they
 *  are read from the numbers that they may be, which is a kernel of its own and a fault if there is none. */
function checkFirst(n: Node<Scattering>): Node | null {
  const [base, given, update] = n.src;
  if (base.op !== "buffer" || isChecked(n)) return null;
  const index = strideBase(given);
  const flat = reshape(index, [sizeOf(index.shape)]);
  const places = gather(iota(n.shape[n.attrs.axis]), flat, 0);
  const known = new Map([[index, reshape(places, index.shape)]]);
  const [checked] = substitute([given], known);
  return new Node(n.op, n.dtype, n.shape, [base, checked, update], n.attrs);
}

function freeSize(labels: string, other: string, out: string, shape: readonly number[]): number {
  let size = 1;
  [...labels].forEach((l, i) => {
    if (out.includes(l) && !other.includes(l)) size *= shape[i];
  });
  return size;
}

/** Whether a contraction has no rows or no columns, or is tiny. */
function asProduct(n: Node<"contract">): boolean {
  const { a, b, out } = n.attrs;
  const rows = freeSize(a, b, out, n.src[0].shape);
  const columns = freeSize(b, a, out, n.src[1].shape);
  const sums = [...a].reduce((k, l, i) => (out.includes(l) ? k : k * n.src[0].shape[i]), 1);
  return rows === 1 || columns === 1 || sums === 0 || sizeOf(n.shape) * sums <= tinyContract;
}

function productAndSum(n: Node<"contract">): Node {
  const { a, b, out } = n.attrs;
  const sums = [...a].filter((l) => !out.includes(l));
  const labels = [...out, ...sums];
  const sizes = labels.map((l) =>
    a.includes(l) ? n.src[0].shape[a.indexOf(l)] : n.src[1].shape[b.indexOf(l)],
  );
  const align = (x: Node, mine: string) => {
    const present = labels.filter((l) => mine.includes(l));
    const moved = permute(
      x,
      present.map((l) => mine.indexOf(l)),
    );
    const shape = labels.map((l, i) => (mine.includes(l) ? sizes[i] : 1));
    return broadcastTo(reshape(moved, shape), sizes);
  };
  const x = align(n.src[0], a);
  const y = align(n.src[1], b);
  const taps = writeOutTaps(n, { x, y, labels, results: out.length });
  if (taps) return taps;
  const product = binary("mul", x, y);
  const axes = sums.map((_, i) => out.length + i);
  const total = axes.length > 0 ? reduce("sum", product, axes) : product;
  return reshape(total, n.shape);
}

/** sum over 50,000 rows → sums over pieces of rows, then the sum of those: pieces run in parallel, and
 *  do not depend on the number of threads. */
function splitReduce(n: Node<"reduce">): Node | null {
  const { fn, axes } = n.attrs;
  const x = n.src[0];
  if (fn === "argmax" || fn === "argmin" || x.dtype === "bool") return null;
  const length = axes.reduce((p, a) => p * x.shape[a], 1);
  if (length < longReduce || sizeOf(n.shape) > fewResults) return null;
  const axis = axes.reduce((p, a) => (x.shape[a] > x.shape[p] ? a : p));
  // An outermost axis of a fitting size needs no cutting: reduce the others first.
  const whole = axes.find((a) => x.shape[a] >= 16 && x.shape[a] <= 256);
  if (whole !== undefined && axes.length > 1) {
    const rest = axes.filter((a) => a !== whole);
    return reduce(fn, reduce(fn, x, rest), [whole]);
  }
  const pieces = divisorNear(x.shape[axis], Math.max(16, Math.round(Math.sqrt(length / 16))));
  if (pieces <= 1) return null;
  const cut = [...x.shape];
  cut.splice(axis, 1, pieces, x.shape[axis] / pieces);
  const moved = axes.map((a) => (a >= axis ? a + 1 : a));
  const partial = reduce(fn, reshape(x, cut), moved);
  const shape = [...cut];
  for (const a of moved) shape[a] = 1;
  shape.splice(axis + 1, 1);
  return cast(reduce(fn, reshape(partial, shape), [axis]), n.dtype);
}

/** The largest divisor of n that is at most 4·near, but at least 2 and under n; 1 if there is none. */
function divisorNear(n: number, near: number): number {
  for (let d = Math.min(near, n >> 1); d >= 2; d--) if (n % d === 0) return d;
  return 1;
}
