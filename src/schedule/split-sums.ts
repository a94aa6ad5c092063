// Long sums of contractions with few results (weight gradients of small kernels, over all pixels of
// a batch) become sums over pieces, then the sum of those in order. Threads then share the sums, and
// each reads its own part of the operands once, instead of all of them for some of the rows.
// Depends on shapes alone, so that the bits do too. Not here: sums that stay in one kernel, which
// are cut into blocks there (backend/wasm/contract-tiling.ts).

import { contract, reduce, reshape } from "../ir/build.ts";
import { type Node, sizeOf } from "../ir/node.ts";
import { strideBase } from "./groups.ts";

/** Pieces at most; sums and floating-point operations that a piece has at least. */
const maxPieces = 16;
const pieceSums = 512;
const pieceFlops = 4e6;
/** How many elements are read for each partial result that is written, at least. */
const readsPerResult = 4;

/** The contraction as partial sums and their sum, or null where it stays as it is. */
export function splitSums(node: Node<"contract">): Node | null {
  if (node.dtype !== "float32") return null;
  const { a, b, out } = node.attrs;
  const sums = [...a].filter((label) => !out.includes(label));
  const extent = (label: string) => node.src[0].shape[a.indexOf(label)] as number;
  const depth = sums.reduce((product, label) => product * extent(label), 1);
  const results = sizeOf(node.shape);
  const read = node.src.reduce((sum, x) => sum + sizeOf(strideBase(x).shape), 0);
  // What runs over a batch has that many pieces already.
  const batches = [...a].reduce(
    (product, label) =>
      out.includes(label) && b.includes(label) ? product * extent(label) : product,
    1,
  );
  const most = Math.min(
    Math.floor(maxPieces / batches),
    Math.floor(depth / pieceSums),
    Math.floor(read / (readsPerResult * results)),
    Math.floor((2 * depth * results) / (batches * pieceFlops)),
  );
  if (most < 2) return null;
  const [label, pieces] = bestCut(sums, extent, most);
  if (pieces < 2) return null;
  const piece = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].find((l) => !`${a}${b}`.includes(l)) as string;
  const cut = (x: Node, labels: string): [Node, string] => {
    const at = labels.indexOf(label);
    const shape = [...x.shape];
    shape.splice(at, 1, pieces, extent(label) / pieces);
    return [reshape(x, shape), labels.replace(label, piece + label)];
  };
  const [x, la] = cut(node.src[0], a);
  const [y, lb] = cut(node.src[1], b);
  const partial = contract(x, y, { a: la, b: lb, out: piece + out });
  return reshape(reduce("sum", partial, [0]), node.shape);
}

/** The sum that is cut, and into how many pieces: the most that divide it, of the outermost sum that
 *  allows half of what is wanted. */
function bestCut(
  sums: readonly string[],
  extent: (label: string) => number,
  most: number,
): [string, number] {
  let best: [string, number] = ["", 1];
  for (const label of sums) {
    const pieces = divisorUpTo(extent(label), most);
    if (pieces > best[1]) best = [label, pieces];
    if (2 * best[1] >= most) break;
  }
  return best;
}

function divisorUpTo(n: number, most: number): number {
  for (let d = Math.min(n, most); d > 1; d--) if (n % d === 0) return d;
  return 1;
}
