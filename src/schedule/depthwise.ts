// Gradients of a depthwise convolution's weights: contractions without rows or columns whose results
// are a small window, written out. One pass over the images keeps the sums of nine taps side by side.
// Not here: the convolution itself, a sum of products over its taps (prepare.ts, which the backend
// writes out), and convolutions over several channels, which are matrix products (contraction.ts).

import { binary, pad, reduce, reshape, slice } from "../ir/build.ts";
import { isOp, type Node, sizeOf } from "../ir/node.ts";

/** Windows of more taps stay a loop. */
const mostTaps = 32;
/** Products smaller than this are not worth the longer code. */
const fewProducts = 32768;

/** A sum of x · y, both with one axis a label; the axes from `results` on are summed. */
export interface SumOfProducts {
  readonly x: Node;
  readonly y: Node;
  readonly labels: readonly string[];
  readonly results: number;
}

/** The axes of the smaller side of a window: those inside it (a convolution), or, in the gradient of
 *  the weights, those of its position. */
function tapLabels(n: Node<"contract">): string[] | null {
  const [x, y] = n.src as [Node, Node];
  if (isOp(x, "window") === isOp(y, "window")) return null;
  const [w, labels] = isOp(x, "window") ? [x, n.attrs.a] : [y as Node<"window">, n.attrs.b];
  if (!isOp(w, "window")) return null;
  const inside = w.attrs.axes.map((_, i) => w.src[0].shape.length + i);
  const taps = (axes: readonly number[]) => axes.reduce((p, a) => p * w.shape[a], 1);
  const small = taps(inside) <= taps(w.attrs.axes) ? inside : w.attrs.axes;
  const count = taps(small);
  return count >= 2 && count <= mostTaps ? small.map((a) => labels[a]) : null;
}

/** The sum with the window of its results written out, or null where that does not pay. */
export function writeOutTaps(n: Node<"contract">, sum: SumOfProducts): Node | null {
  const { x, y, labels, results } = sum;
  const { shape } = x;
  if (n.dtype !== "float32" || sizeOf(shape) < fewProducts) return null;
  const taps = tapLabels(n)?.map((l) => labels.indexOf(l));
  if (!taps || taps.some((a) => a >= results)) return null;
  const rest = labels.map((_, a) => a).filter((a) => a >= results);
  if (rest.every((a) => shape[a] === 1)) return null;
  const parts = tapIndices(taps.map((a) => shape[a])).map((index): Node => {
    const start = shape.map((_, a) => (taps.includes(a) ? index[taps.indexOf(a)] : 0));
    const stop = shape.map((d, a) => (taps.includes(a) ? start[a] + 1 : d));
    const tap = binary("mul", slice(x, start, stop), slice(y, start, stop));
    const hi = shape.map((d, a) => (taps.includes(a) ? d - 1 - start[a] : 0));
    return pad(
      reshapeLike(reduce("sum", tap, rest), results),
      start.slice(0, results),
      hi.slice(0, results),
    );
  });
  return reshape(
    parts.reduce((p, q) => binary("add", p, q)),
    n.shape,
  );
}

/** Without the summed axes, which have size 1. */
function reshapeLike(x: Node, results: number): Node {
  return reshape(x, x.shape.slice(0, results));
}

function tapIndices(sizes: readonly number[]): number[][] {
  let all: number[][] = [[]];
  for (const size of sizes) {
    all = all.flatMap((before) => Array.from({ length: size }, (_, i) => [...before, i]));
  }
  return all;
}
