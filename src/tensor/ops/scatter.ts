// Reading and writing by tensors of indices: gather, indexSelect, scatter and their kin.
// Not here: Python-like indexing (../index.ts).

import * as b from "../../ir/build.ts";
import { type DType, isFloat } from "../../ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import { Tensor } from "../tensor.ts";
import { apply, axisOf, broadcastOf, dtypeError, given, needTensor, shapeError } from "./common.ts";
import * as n from "./nodes.ts";

/** An index tensor's node, int32. */
export function indexNode(op: string, index: Tensor): Node {
  needTensor(op, index, "the index");
  if (isFloat(index.dtype) || index.dtype === "bool") {
    throw dtypeError(op, `indices must be ints, got ${index.dtype}`, "use index.int()");
  }
  return b.cast(nodeOf(index), "int32");
}

/** A 0-d tensor counts as a vector of one element here. */
export function atLeastVector(v: Node): Node {
  return v.shape.length === 0 ? b.reshape(v, [1]) : v;
}

/** The first sizes of other axes that an index reaches. */
function cropped(v: Node, shape: Shape, axis: number): Node {
  const stop = v.shape.map((d, i) => (i === axis ? d : shape[i]));
  return b.slice(
    v,
    v.shape.map(() => 0),
    stop,
  );
}

export function checkReach(op: string, index: Shape, table: Shape, axis: number): void {
  const fits = index.length === table.length && index.every((d, i) => i === axis || d <= table[i]);
  if (fits) return;
  const shapes = `index ${b.show(index)}, tensor ${b.show(table)}`;
  throw shapeError(op, `${shapes}: the index must not be larger off axis ${axis}`);
}

/** out[i][j] = x[index[i][j]][j] for axis 0, and so on. The index may be smaller than x elsewhere. */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  const [table, idx] = [atLeastVector(nodeOf(x)), atLeastVector(indexNode("gather", index))];
  const at = axisOf("gather", axis, table.shape);
  checkReach("gather", idx.shape, table.shape, at);
  return wrap(b.reshape(b.gather(cropped(table, idx.shape, at), idx, at), index.shape));
}

/** As gather, with both broadcast to each other off the axis; without an axis on flattened tensors. */
export function takeAlongDim(x: Tensor, index: Tensor, axis?: number): Tensor {
  if (axis === undefined) {
    const flat = (t: Tensor) => apply(t, (v) => b.reshape(v, [sizeOf(v.shape)]));
    return takeAlongDim(flat(x), flat(index), 0);
  }
  const at = axisOf("takeAlongDim", axis, x.shape);
  if (index.shape.length !== x.shape.length) {
    const shapes = `index ${b.show(index.shape)}, tensor ${b.show(x.shape)}`;
    throw shapeError("takeAlongDim", `${shapes}: the numbers of axes differ`);
  }
  const others = (shape: Shape) => shape.map((d, i) => (i === at ? 1 : d));
  const common = broadcastOf("takeAlongDim", others(x.shape), others(index.shape));
  const spread = (v: Node, size: number) =>
    b.expand(
      v,
      common.map((d, i) => (i === at ? size : d)),
    );
  const table = spread(nodeOf(x), x.shape[at]);
  const idx = indexNode("takeAlongDim", index);
  return wrap(b.gather(table, spread(idx, index.shape[at]), at));
}

/** A vector of indices repeated over the other axes of a shape. */
export function alongAxis(op: string, index: Tensor, shape: Shape, axis: number): Node {
  needTensor(op, index, "the index");
  if (index.shape.length > 1) {
    throw shapeError(op, `the index must be a vector, got ${b.show(index.shape)}`);
  }
  return spreadIndex(atLeastVector(indexNode(op, index)), shape, axis);
}

/** An index vector as an index of a whole table: its other axes repeat. */
export function spreadIndex(index: Node, shape: Shape, axis: number): Node {
  const [count] = index.shape;
  const column = shape.map((_, i) => (i === axis ? count : 1));
  return b.expand(
    b.reshape(index, column),
    shape.map((d, i) => (i === axis ? count : d)),
  );
}

/** The elements of an axis that a vector of indices names, in its order. */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  const table = atLeastVector(nodeOf(x));
  const at = axisOf("indexSelect", axis, table.shape);
  const out = b.gather(table, alongAxis("indexSelect", index, table.shape, at), at);
  return wrap(x.shape.length === 0 ? b.reshape(out, []) : out);
}

export function sameType(op: string, x: Tensor, source: DType): void {
  if (x.dtype === source) return;
  throw dtypeError(op, `${x.dtype} and ${source} differ`, `use source.to("${x.dtype}")`);
}

/** The part of a tensor that an index covers, updated, put back among the rest. */
export function updated(v: Node, shape: Shape, axis: number, update: (part: Node) => Node): Node {
  const part = cropped(v, shape, axis);
  const out = update(part);
  if (b.sameShape(part.shape, v.shape)) return out;
  const lo = v.shape.map(() => 0);
  const hi = v.shape.map((d, i) => d - part.shape[i]);
  const inside = b.pad(b.full(1, part.shape, "bool"), lo, hi);
  return b.where(inside, b.pad(out, lo, hi), v);
}

export function sourceNode(op: string, source: Tensor, index: Shape): Node {
  const node = atLeastVector(nodeOf(source));
  const fits = node.shape.length === index.length && index.every((d, i) => d <= node.shape[i]);
  if (!fits) {
    throw shapeError(
      op,
      `source ${b.show(source.shape)} is smaller than the index ${b.show(index)}`,
    );
  }
  return cropped(node, index, -1);
}

/** x with x[index[i][j]][j] += source[i][j] for axis 0, and so on. */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  sameType("scatterAdd", x, source.dtype);
  const [base, idx] = [atLeastVector(nodeOf(x)), atLeastVector(indexNode("scatterAdd", index))];
  const at = axisOf("scatterAdd", axis, base.shape);
  checkReach("scatterAdd", idx.shape, base.shape, at);
  const add = (part: Node) =>
    b.scatterAdd(part, idx, sourceNode("scatterAdd", source, idx.shape), at);
  return wrap(b.reshape(updated(base, idx.shape, at, add), x.shape));
}

/** x with x[index[i][j]][j] = source[i][j] for axis 0, and so on; of equal indices the last one wins. */
export function scatter(x: Tensor, axis: number, index: Tensor, source: Tensor | number): Tensor {
  const [base, idx] = [atLeastVector(nodeOf(x)), atLeastVector(indexNode("scatter", index))];
  const at = axisOf("scatter", axis, base.shape);
  checkReach("scatter", idx.shape, base.shape, at);
  if (source instanceof Tensor) sameType("scatter", x, source.dtype);
  const values =
    source instanceof Tensor
      ? sourceNode("scatter", source, idx.shape)
      : b.broadcastTo(given(base, source), idx.shape);
  return wrap(
    b.reshape(
      updated(base, idx.shape, at, (p) => b.scatter(p, idx, values, at)),
      x.shape,
    ),
  );
}

/** x with slices of the source added at the places of an axis that the index names. */
export function indexAdd(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  options: { alpha?: number | undefined } = {},
): Tensor {
  sameType("indexAdd", x, source.dtype);
  const base = atLeastVector(nodeOf(x));
  const at = axisOf("indexAdd", axis, base.shape);
  const idx = alongAxis("indexAdd", index, base.shape, at);
  const src = sourceNode("indexAdd", source, idx.shape);
  const scaled = options.alpha === undefined ? src : n.mul(src, given(src, options.alpha));
  return wrap(b.reshape(b.scatterAdd(base, idx, scaled, at), x.shape));
}

/** x with slices of the source at the places of an axis that the index names. */
export function indexCopy(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  sameType("indexCopy", x, source.dtype);
  const base = atLeastVector(nodeOf(x));
  const at = axisOf("indexCopy", axis, base.shape);
  const idx = alongAxis("indexCopy", index, base.shape, at);
  const src = sourceNode("indexCopy", source, idx.shape);
  return wrap(b.reshape(b.scatter(base, idx, src, at), x.shape));
}

/** x with one value at the places of an axis that the index names. */
export function indexFill(x: Tensor, axis: number, index: Tensor, value: number): Tensor {
  const base = atLeastVector(nodeOf(x));
  const at = axisOf("indexFill", axis, base.shape);
  const idx = alongAxis("indexFill", index, base.shape, at);
  const values = b.broadcastTo(given(base, value), idx.shape);
  return wrap(b.reshape(b.scatter(base, idx, values, at), x.shape));
}
