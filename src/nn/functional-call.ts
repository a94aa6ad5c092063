// functionalCall: a module called with other tensors in the place of its own. So a model becomes a function
// of its parameters, which grad, vmap and jacobian take. Not here: modules (module.ts).

import { show } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { nodeOf } from "../tensor/core.ts";
import { needTensor } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { activeTrace, BodyTrace, withTrace } from "../tensor/trace.ts";
import { nodesOf, treeOf } from "../tensor/tree.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import type { Module } from "./module.ts";

/** Tensors for some of a module's own, by their names in it. */
export type Substitutes = Readonly<Record<string, Tensor>>;

/**
 * What `module.forward(...inputs)` gives with other values for the parameters and buffers that `values`
 * names; the rest are the module's own, and nothing of it changes. Gradients go to `values`. Running
 * statistics cannot be gathered meanwhile: call `eval()` on norms that have some.
 *
 * @throws ArgumentError for a name that the module has not; ShapeError, ArgumentError for a tensor of
 * another kind.
 *
 * @example
 * const parameters = Object.fromEntries(model.namedParameters());
 * const loss = (p: nn.Substitutes, x: Tensor, y: Tensor) => nn.mseLoss(nn.functionalCall(model, p, x), y);
 * const each = vmap(grad(loss), { inAxes: [null, 0, 0] })(parameters, xs, ys); // a gradient for each sample
 */
export function functionalCall<A extends unknown[], R>(
  module: Module & { forward(...inputs: A): R },
  values: Substitutes,
  ...inputs: A
): R {
  const given = new Map<Tensor, Node>();
  const own = new Map(module.namedTensors());
  for (const [name, value] of Object.entries(values)) {
    needTensor("functionalCall", value, name);
    given.set(placeOf(own, name, value), nodeOf(value));
  }
  const body = new BodyTrace(activeTrace(), "functionalCall", given);
  const { spec, nodes } = withTrace(body, () =>
    nodesOf("functionalCall", module.forward(...inputs)),
  );
  return treeOf(spec, nodes) as R;
}

/** The tensor of the module that `value` stands for. */
function placeOf(own: ReadonlyMap<string, Tensor>, name: string, value: Tensor): Tensor {
  const tensor = own.get(name);
  if (tensor === undefined) {
    throw new ArgumentError("functionalCall", `the module has no ${JSON.stringify(name)}`, {
      hint: `it has ${[...own.keys()].slice(0, 8).join(", ")}`,
    });
  }
  if (show(value.shape) !== show(tensor.shape)) {
    const shapes = `${name} is ${show(tensor.shape)}, got ${show(value.shape)}`;
    throw new ShapeError("functionalCall", shapes);
  }
  if (value.dtype === tensor.dtype) return tensor;
  throw new ArgumentError("functionalCall", `${name} is ${tensor.dtype}, got ${value.dtype}`);
}
