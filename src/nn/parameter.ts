// Parameter: a tensor that an optimizer trains. It owns its elements: they live on the device between
// runs, and optimizers update them in place.
// Not here: initial values (init.ts), or finding the parameters of a module (module.ts).

import { isFloat, makeArray } from "../ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import { setState, stateNode } from "../tensor/state.ts";
import { Tensor } from "../tensor/tensor.ts";
import { untraced } from "../tensor/trace.ts";
import { DtypeError } from "../util/errors.ts";

/**
 * A tensor that is trained: `parameters()` of the module whose field it is lists it, also while it is
 * frozen (`requiresGrad = false`).
 *
 * @example
 * class Scale extends nn.Module {
 *   factor = nn.parameter(Tensor.ones(1));
 *   forward(x: Tensor) {
 *     return x.mul(this.factor);
 *   }
 * }
 */
export class Parameter<S extends Shape = Shape> extends Tensor<S> {
  constructor(value: Tensor<S> | Node) {
    super(value instanceof Tensor ? emptyNode(value) : value, null);
    if (value instanceof Tensor) untraced(() => setState([[this, value]]));
    this.requiresGrad = true;
  }
}

/** The same as `new Parameter(value)`. The value is copied. */
export function parameter<S extends Shape>(value: Tensor<S>): Parameter<S> {
  return new Parameter(value);
}

function emptyNode({ shape, dtype }: Tensor): Node {
  if (!isFloat(dtype)) {
    throw new DtypeError("parameter", `needs a float tensor, got ${dtype}`, {
      hint: "use x.float(), or keep it as a plain tensor field",
    });
  }
  return stateNode(makeArray(dtype, sizeOf(shape)), shape, dtype);
}
