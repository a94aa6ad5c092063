// Tensor: what users hold: a lazy value with a shape and a dtype. Here are its state, reading and
// gradients; the methods that compute are in ops/math-methods.ts and ops/shape-methods.ts, one line
// each: they call the functions of ops/, which check, broadcast and build nodes.

import type { DType, TypedArray } from "../ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import { backward } from "./autograd.ts";
import * as core from "./core.ts";
import { fromArray, type TensorOptions } from "./create.ts";
import { engine } from "./device.ts";
import { assignValue } from "./ops/assign.ts";
import { argumentError, axisOf, dtypeError } from "./ops/common.ts";
import { ShapeMethods } from "./ops/shape-methods.ts";
import * as read from "./read.ts";
import type { NestedArray, Operand } from "./shape-types.ts";
import type { Trace } from "./trace.ts";

const operatorHint = "use a.add(b), a.gt(b) …, or the number itself: await a.item()";

/**
 * A lazy value: writing an op checks shapes and dtypes at once, reading computes.
 *
 * @example
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await x.matmul(x.T).sum().item()); // 52
 */
export class Tensor<S extends Shape = Shape> extends ShapeMethods {
  /** The node that computes this tensor now; data once it has been realised or assigned. */
  current: Node;
  /** The trace it was made in; null outside `compile`. */
  trace: Trace | null;
  /** What `backward` adds up for a tensor with `requiresGrad`. */
  grad: Tensor<S> | null = null;
  private wantsGrad = false;

  constructor(node: Node, trace: Trace | null = null) {
    super();
    this.current = node;
    this.trace = trace;
  }

  /** A tensor of a typed array (copied) in a shape; the array's dtype unless another is given. */
  static from(data: TypedArray, shape?: Shape, options?: TensorOptions): Tensor {
    return fromArray(data, shape, options);
  }

  get shape(): S {
    return this.current.shape as S;
  }

  get dtype(): DType {
    return this.current.dtype;
  }

  /** The number of axes. */
  get ndim(): number {
    return this.current.shape.length;
  }

  /** The number of elements. */
  get numel(): number {
    return sizeOf(this.current.shape);
  }

  /** The size of one axis, or the whole shape. */
  size(): S;
  size(axis: number): number;
  size(axis?: number): S | number {
    return axis === undefined ? this.shape : this.shape[axisOf("size", axis, this.shape)];
  }

  /** The name of the device that it was placed on; without that, of the current one: there it goes. */
  get device(): string {
    return (this.current.placed ?? engine()).name;
  }

  // gradients

  get requiresGrad(): boolean {
    return this.wantsGrad;
  }

  set requiresGrad(value: boolean) {
    if (value && this.dtype !== "float32" && this.dtype !== "float64") {
      throw dtypeError("requiresGrad", `only float tensors have gradients, got ${this.dtype}`);
    }
    this.wantsGrad = value;
  }

  /** Adds the gradient of this tensor to `grad` of every tensor with `requiresGrad` that it came from.
   *  Without an argument it must be a scalar. */
  backward(gradient?: Tensor): void {
    backward(this, gradient);
  }

  // values

  /** Replaces the value, in place and outside the gradient; shape and dtype stay. */
  assign(value: Operand): this {
    assignValue(this, value);
    return this;
  }

  /** Computes the value now; null where it is here already. */
  realize(): Promise<void> | null {
    return core.realize([this]);
  }

  /** The elements, row-major, as an array of the caller's own. */
  data(): Promise<TypedArray> {
    read.refuseTraced(this);
    return read.dataOf(this);
  }

  /** As data, at once; throws on devices that answer later. */
  dataSync(): TypedArray {
    return read.readSync(this, "dataSync");
  }

  /** The value of a tensor of one element. */
  item(): Promise<number> {
    read.refuseTraced(this);
    return read.itemOf(this);
  }

  /** As item, at once; throws on devices that answer later. */
  itemSync(): number {
    read.requireSingle("itemSync", this.shape);
    return read.readSync(this, "itemSync")[0];
  }

  /** The elements as nested arrays. */
  array(): Promise<NestedArray> {
    read.refuseTraced(this);
    return read.arrayOf(this);
  }

  /** As PyTorch prints a tensor. */
  override toString(): string {
    return read.toText(this);
  }

  /** Operators of JavaScript know no tensors: `a + b`, `a > 3` and `+a` throw. */
  [Symbol.toPrimitive](kind: string): string {
    if (kind === "string") return read.toText(this);
    throw argumentError("tensor", "operators such as + and > do not work on tensors", operatorHint);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return read.toText(this);
  }

  /** Lets the value go: what only this tensor had is given back at once. Nobody needs it, for memory is
   *  found by itself; using the tensor afterwards throws. Lazy values that were built on it stay what
   *  they are. Inside a compiled function it does nothing to the function's own values.
   *
   * @example
   * using y = f(x); // y.dispose() at the end of the block
   */
  dispose(): void {
    core.dispose(this);
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    core.dispose(this);
  }
}
