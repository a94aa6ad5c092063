// Products: matmul in all of PyTorch's ranks, its named special cases, tensordot and outer. All become
// one `contract` each, with no copies of broadcast operands.

import * as b from "../../ir/build.ts";
import type { Node, Shape } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import type { Tensor } from "../tensor.ts";
import {
  argumentError,
  axisOf,
  broadcastOf,
  dtypeError,
  given,
  needTensor,
  shapeError,
} from "./common.ts";
import * as n from "./nodes.ts";

/** Label number i of a contraction. */
export function label(i: number): string {
  return String.fromCharCode(97 + i);
}

/** Products need one dtype: a silent cast of a whole matrix would hide a mistake. */
function sameType(op: string, x: Tensor, y: Tensor): void {
  if (x.dtype !== y.dtype) {
    const hint = `use b.to("${x.dtype}")`;
    throw dtypeError(op, `operands are ${x.dtype} and ${y.dtype}`, hint);
  }
  if (x.dtype === "bool") throw dtypeError(op, "is not defined for bool", "use a.float()");
}

function mismatch(op: string, x: Shape, y: Shape): Error {
  const inner = x.at(-1);
  const other = y.length === 1 ? y[0] : y.at(-2);
  let hint: string | undefined;
  if (y.length === 2 && y[1] === inner) hint = "the right operand looks transposed; use b.T";
  else if (y.length > 2 && y.at(-1) === inner)
    hint = "the right operand looks transposed; use b.mT";
  else if (x.length === 2 && x[0] === other) hint = "the left operand looks transposed; use a.T";
  const sizes = `inner sizes ${inner} and ${other} differ`;
  return shapeError(op, `${b.show(x)} @ ${b.show(y)}: ${sizes}`, hint);
}

/** Matrix product; vectors are rows on the left and columns on the right; leading axes are batches that
 *  broadcast. */
export function matmul(x: Tensor, y: Tensor, op = "matmul"): Tensor {
  needTensor(op, y, "the right operand");
  const [p, q] = [x.shape, y.shape];
  if (p.length === 0 || q.length === 0) {
    const hint = "use mul for scalars";
    throw shapeError(op, `${b.show(p)} @ ${b.show(q)}: both operands need an axis`, hint);
  }
  if (p.at(-1) !== (q.length === 1 ? q[0] : q.at(-2))) throw mismatch(op, p, q);
  sameType(op, x, y);
  const [lead, trail] = [p.slice(0, -2), q.slice(0, -2)];
  const batch = p.length > 2 && q.length > 2 ? broadcastOf(op, lead, trail) : longer(lead, trail);
  const labels = batch.map((_, i) => label(i));
  const [row, column, inner] = [
    label(batch.length),
    label(batch.length + 1),
    label(batch.length + 2),
  ];
  const tail = [...(p.length > 1 ? [row] : []), ...(q.length > 1 ? [column] : [])];
  const a = batched(nodeOf(x), lead, batch, labels, p.length > 1 ? [row, inner] : [inner]);
  const c = batched(nodeOf(y), trail, batch, labels, q.length > 1 ? [inner, column] : [inner]);
  // Axes of size 1 in both operands are in neither's labels: they come back with the final reshape.
  const out = [...labels.filter((l) => a.labels.includes(l) || c.labels.includes(l)), ...tail];
  const product = b.contract(a.node, c.node, { a: a.labels, b: c.labels, out: out.join("") });
  const rows = p.length > 1 ? [p.at(-2) as number] : [];
  const columns = q.length > 1 ? [q.at(-1) as number] : [];
  return wrap(b.reshape(product, [...batch, ...rows, ...columns]));
}

function longer(a: Shape, c: Shape): Shape {
  return a.length >= c.length ? a : c;
}

/** An operand without its batch axes of size 1, so that a broadcast batch is a row or a column. */
function batched(v: Node, own: Shape, batch: Shape, labels: string[], tail: string[]) {
  const missing = batch.length - own.length;
  const kept = own.map((_, i) => i).filter((i) => own[i] !== 1);
  const node = b.reshape(v, [...kept.map((i) => own[i]), ...v.shape.slice(own.length)]);
  return { node, labels: [...kept.map((i) => labels[i + missing]), ...tail].join("") };
}

function ranks(op: string, tensors: readonly Tensor[], wanted: readonly number[]): void {
  const names = ["a scalar", "a vector", "a matrix", "a batch of matrices"];
  tensors.forEach((t, i) => {
    if (t.shape.length === wanted[i]) return;
    throw shapeError(op, `operand ${i + 1} must be ${names[wanted[i]]}, got ${b.show(t.shape)}`);
  });
}

/** Matrix @ matrix. */
export function mm(x: Tensor, y: Tensor): Tensor {
  ranks("mm", [x, y], [2, 2]);
  return matmul(x, y, "mm");
}

/** Batch of matrices @ batch of matrices, of one batch size. */
export function bmm(x: Tensor, y: Tensor): Tensor {
  ranks("bmm", [x, y], [3, 3]);
  if (x.shape[0] !== y.shape[0]) {
    throw shapeError("bmm", `${b.show(x.shape)} @ ${b.show(y.shape)}: batches differ`);
  }
  return matmul(x, y, "bmm");
}

/** Matrix @ vector. */
export function mv(x: Tensor, y: Tensor): Tensor {
  ranks("mv", [x, y], [2, 1]);
  return matmul(x, y, "mv");
}

/** Vector · vector. */
export function dot(x: Tensor, y: Tensor): Tensor {
  ranks("dot", [x, y], [1, 1]);
  return matmul(x, y, "dot");
}

/** Every product of an element of x with one of y. */
export function outer(x: Tensor, y: Tensor): Tensor {
  ranks("outer", [x, y], [1, 1]);
  sameType("outer", x, y);
  return wrap(n.mul(b.reshape(nodeOf(x), [x.shape[0], 1]), nodeOf(y)));
}

/** Sums over the last axes of both. */
export function inner(x: Tensor, y: Tensor): Tensor {
  if (x.shape.length === 0 || y.shape.length === 0) {
    sameType("inner", x, y);
    return wrap(n.mul(nodeOf(x), nodeOf(y)));
  }
  return tensordot(x, y, [[-1], [-1]]);
}

export interface AddmmOptions {
  /** Multiplies the added tensor. */
  beta?: number | undefined;
  /** Multiplies the product. */
  alpha?: number | undefined;
}

function addProduct(op: string, c: Tensor, product: Tensor, options: AddmmOptions): Tensor {
  sameType(op, c, product);
  const [base, scale] = [nodeOf(c), nodeOf(product)];
  const shape = broadcastOf(op, base.shape, scale.shape);
  if (!b.sameShape(shape, scale.shape)) {
    throw shapeError(op, `${b.show(c.shape)} does not broadcast to ${b.show(product.shape)}`);
  }
  const right = options.alpha === undefined ? scale : n.mul(scale, given(scale, options.alpha));
  if (options.beta === 0) return wrap(right); // c may be NaN then and does not count
  const left = options.beta === undefined ? base : n.mul(base, given(base, options.beta));
  return wrap(n.add(left, right));
}

/** beta · c + alpha · (x @ y). */
export function addmm(c: Tensor, x: Tensor, y: Tensor, options: AddmmOptions = {}): Tensor {
  return addProduct("addmm", c, mm(x, y), options);
}

/** beta · c + alpha · (x @ y) for batches. */
export function baddbmm(c: Tensor, x: Tensor, y: Tensor, options: AddmmOptions = {}): Tensor {
  return addProduct("baddbmm", c, bmm(x, y), options);
}

/** beta · c + alpha · (x @ v). */
export function addmv(c: Tensor, x: Tensor, v: Tensor, options: AddmmOptions = {}): Tensor {
  return addProduct("addmv", c, mv(x, v), options);
}

/** beta · c + alpha · Σ (x @ y) over the batch: (B, N, M) @ (B, M, P) → (N, P). */
export function addbmm(c: Tensor, x: Tensor, y: Tensor, options: AddmmOptions = {}): Tensor {
  ranks("addbmm", [x, y], [3, 3]);
  return addProduct(
    "addbmm",
    c,
    tensordot(x, y, [
      [0, 2],
      [0, 1],
    ]),
    options,
  );
}

/** beta · c + alpha · (x ⊗ y): (N), (M) → (N, M). */
export function addr(c: Tensor, x: Tensor, y: Tensor, options: AddmmOptions = {}): Tensor {
  return addProduct("addr", c, outer(x, y), options);
}

/** Sums over pairs of axes: the last n of x with the first n of y, or the two lists. */
export function tensordot(
  x: Tensor,
  y: Tensor,
  axes: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  sameType("tensordot", x, y);
  const count = (k: number) => Array.from({ length: k }, (_, i) => i);
  const lists = typeof axes === "number" ? [count(axes).map((i) => i - axes), count(axes)] : axes;
  const [left, right] = [
    lists[0].map((a) => axisOf("tensordot", a, x.shape)),
    lists[1].map((a) => axisOf("tensordot", a, y.shape)),
  ];
  if (left.length !== right.length) {
    throw argumentError("tensordot", `${left.length} and ${right.length} axes do not pair`);
  }
  left.forEach((a, i) => {
    const [p, q] = [x.shape[a], y.shape[right[i]]];
    if (p === q) return;
    const shapes = `${b.show(x.shape)} and ${b.show(y.shape)}`;
    throw shapeError("tensordot", `${shapes}: axes ${a} and ${right[i]} have sizes ${p} and ${q}`);
  });
  const labels = x.shape.map((_, i) => label(i));
  const others = y.shape.map((_, i) => {
    const pair = right.indexOf(i);
    return pair < 0 ? label(x.shape.length + i) : labels[left[pair]];
  });
  const out = [
    ...labels.filter((_, i) => !left.includes(i)),
    ...others.filter((_, i) => !right.includes(i)),
  ];
  const spec = { a: labels.join(""), b: others.join(""), out: out.join("") };
  return wrap(b.contract(nodeOf(x), nodeOf(y), spec));
}
