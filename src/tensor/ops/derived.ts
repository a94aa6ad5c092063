// Functions of two or more tensors that are plain compositions: distances, the cross product,
// differences. Not here: losses (nn/).

import * as b from "../../ir/build.ts";
import type { Node, Shape } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import { triuIndices } from "../create.ts";
import type { Tensor } from "../tensor.ts";
import {
  argumentError,
  axisOf,
  broadcastOf,
  checkSizes,
  needTensor,
  pairOf,
  shapeError,
} from "./common.ts";
import { sub } from "./elementwise.ts";
import { joined } from "./join.ts";
import { narrow } from "./movement.ts";
import * as n from "./nodes.ts";
import { norm } from "./reduce.ts";

/** The p-norm distances between the rows of two (batches of) matrices: (…, P, M) and (…, R, M) give
 *  (…, P, R). */
export function cdist(x: Tensor, y: Tensor, p = 2): Tensor {
  if (x.shape.length < 2 || y.shape.length < 2 || x.shape.at(-1) !== y.shape.at(-1)) {
    throw shapeError(
      "cdist",
      `${b.show(x.shape)} and ${b.show(y.shape)} have no rows of one length`,
    );
  }
  broadcastOf("cdist", x.shape.slice(0, -2), y.shape.slice(0, -2));
  const left = x.unsqueeze(-2); // (…, P, 1, M)
  const right = y.unsqueeze(-3); // (…, 1, R, M)
  return norm(sub(left, right), p, -1);
}

/** The p-norm distances of all pairs of rows of (N, M), those of the first row first: (N·(N-1)/2). */
export function pdist(x: Tensor, p = 2): Tensor {
  needTensor("pdist", x);
  if (x.shape.length !== 2) throw shapeError("pdist", `takes a matrix, got ${b.show(x.shape)}`);
  const rows = x.shape[0];
  const [first, second] = triuIndices(rows, rows, 1).unbind(0) as [Tensor, Tensor]; // (pairs)
  return norm(sub(x.indexSelect(0, first), x.indexSelect(0, second)), p, -1);
}

/** The sum of a matrix's diagonal. As torch.trace. */
export function trace(x: Tensor): Tensor {
  needTensor("trace", x);
  if (x.shape.length !== 2) throw shapeError("trace", `takes a matrix, got ${b.show(x.shape)}`);
  return x.diagonal().sum();
}

/** x summed over the axes in which it is larger than a shape that broadcasts to its own. */
export function sumToSize(x: Tensor, sizes: Shape): Tensor {
  needTensor("sumToSize", x);
  checkSizes("sumToSize", sizes);
  const missing = x.shape.length - sizes.length;
  const fits = sizes.every((d, i) => d === 1 || d === x.shape[i + missing]);
  if (missing < 0 || !fits) {
    throw shapeError("sumToSize", `${b.show(x.shape)} does not sum to ${b.show(sizes)}`);
  }
  const axes = x.shape.flatMap((d, i) =>
    i < missing || (sizes[i - missing] === 1 && d !== 1) ? [i] : [],
  );
  return axes.length === 0 ? x : x.sum(axes, { dtype: x.dtype }).reshape(sizes);
}

/** The cross product of vectors of three along an axis (by default the first of size 3). */
export function cross(x: Tensor, y: Tensor, axis?: number): Tensor {
  const [p, q] = pairOf("cross", x, y);
  const at = axis === undefined ? p.shape.indexOf(3) : axisOf("cross", axis, p.shape);
  if (at < 0 || p.shape[at] !== 3) {
    throw shapeError("cross", `needs an axis of size 3, got ${b.show(p.shape)}`);
  }
  const turn = (v: Node, by: number) =>
    joined([n.narrow(v, at, by, 3), n.narrow(v, at, 0, by)], at);
  return wrap(n.sub(n.mul(turn(p, 1), turn(q, 2)), n.mul(turn(p, 2), turn(q, 1))));
}

/** The differences of neighbours along an axis, taken `times` times. */
export function diff(x: Tensor, times = 1, axis = -1): Tensor {
  const at = axisOf("diff", axis, x.shape);
  if (!Number.isInteger(times) || times < 0) {
    throw argumentError("diff", `the count must be a whole number, got ${times}`);
  }
  let out = x;
  for (let i = 0; i < times && out.shape[at] > 0; i++) {
    const size = out.shape[at];
    out = sub(narrow(out, at, 1, size - 1), narrow(out, at, 0, size - 1));
  }
  return out;
}

/** Whether each element of x is among the elements of y. */
export function isin(x: Tensor, y: Tensor): Tensor {
  const size = y.shape.reduce((p, d) => p * d, 1);
  const flat = b.reshape(nodeOf(y), [size]);
  const rank = x.shape.length;
  if (size === 0) return wrap(b.full(0, x.shape, "bool"));
  const same = n.eq(b.reshape(nodeOf(x), [...x.shape, 1]), flat);
  return wrap(n.reduce("max", same, [rank], false));
}
