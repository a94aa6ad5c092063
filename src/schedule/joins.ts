// Joins: a value put together of pieces side by side, written as a sum of pieces that are padded with
// zeros (concatenation; the gradient of gates that one product makes). One kernel computes all pieces at a
// point of the piece and stores each in its place, instead of asking at each element which piece it is of.
// Not here: who is grouped with it (fuse.ts), or the loops (loops.ts).

import { isOp, type Node, type Shape } from "../ir/node.ts";
import { remember } from "../util/remember.ts";

export interface Join {
  readonly axis: number;
  /** Of each piece. */
  readonly shape: Shape;
  /** Each with the index along the axis at which it begins. */
  readonly pieces: readonly { readonly node: Node; readonly at: number }[];
}

const mostPieces = 8;

/** The pieces of a node, all of one size, or null where it is no join. */
export const joinOf = remember((node: Node): Join | null => {
  const padded: Node<"pad">[] = [];
  const stack: Node[] = [node];
  while (stack.length > 0) {
    const n = stack.pop() as Node;
    if (isOp(n, "binary") && n.attrs.fn === "add") stack.push(...n.src);
    else if (isOp(n, "pad") && n.attrs.value === 0) padded.push(n);
    else return null;
    if (padded.length + stack.length > mostPieces) return null;
  }
  if (padded.length < 2) return null;
  const axis = axisOf(padded[0]);
  if (axis < 0 || padded.some((p) => axisOf(p) !== axis)) return null;
  padded.sort((p, q) => p.attrs.lo[axis] - q.attrs.lo[axis]);
  const { shape } = padded[0].src[0];
  const size = shape[axis];
  if (size * padded.length !== node.shape[axis]) return null;
  const fits = padded.every(
    (p, i) => p.attrs.lo[axis] === i * size && p.src[0].shape[axis] === size,
  );
  if (!fits) return null;
  return { axis, shape, pieces: padded.map((p, i) => ({ node: p.src[0], at: i * size })) };
});

/** The only axis that is padded, or -1. */
function axisOf({ attrs: { lo, hi } }: Node<"pad">): number {
  const axes = lo.flatMap((d, i) => (d + hi[i] > 0 ? [i] : []));
  return axes.length === 1 ? axes[0] : -1;
}
