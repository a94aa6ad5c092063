// Tensor: what users hold: a lazy value with a shape and a dtype. Methods are one line each: they call
// the functions of ops/, which check, broadcast and build nodes.

import type { DType } from "../ir/dtype.ts";
import type { Node, Shape } from "../ir/node.ts";
import { bumpGeneration, type Trace } from "./trace.ts";

export class Tensor<S extends Shape = Shape> {
  /** The node that computes this tensor now; data once it has been realised or assigned. */
  current: Node;
  /** The trace it was made in; null outside `compile`. */
  readonly trace: Trace | null;
  grad: Tensor<S> | null = null;
  private wantsGrad = false;

  constructor(node: Node, trace: Trace | null = null) {
    this.current = node;
    this.trace = trace;
  }

  get shape(): S {
    return this.current.shape as S;
  }

  get dtype(): DType {
    return this.current.dtype;
  }

  get requiresGrad(): boolean {
    return this.wantsGrad;
  }

  set requiresGrad(value: boolean) {
    if (value !== this.wantsGrad) bumpGeneration();
    this.wantsGrad = value;
  }
}
