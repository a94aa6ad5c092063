// All parameters as one vector and back, as torch.nn.utils.parameters_to_vector.
// Not here: state dicts (state.ts).

import { show } from "../ir/build.ts";
import { sizeOf } from "../ir/node.ts";
import { assignAll, nodeOf, noGrad } from "../tensor/core.ts";
import { needTensor, needTensors } from "../tensor/ops/common.ts";
import { cat } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";

/** The elements of all parameters, one behind the other: (N). */
export function parametersToVector(parameters: readonly Tensor[]): Tensor {
  needTensors("parametersToVector", parameters);
  if (parameters.length === 0)
    throw new ArgumentError("parametersToVector", "there is no parameter");
  return cat(parameters.map((w) => w.flatten()));
}

/** Gives parameters the elements of a vector (N), in their order. */
export function vectorToParameters(vector: Tensor, parameters: readonly Tensor[]): void {
  needTensor("vectorToParameters", vector, "the vector");
  needTensors("vectorToParameters", parameters);
  const count = parameters.reduce((sum, w) => sum + sizeOf(w.shape), 0);
  if (vector.shape.length !== 1 || vector.shape[0] !== count) {
    const detail = `the parameters have ${count} elements, the vector is ${show(vector.shape)}`;
    throw new ShapeError("vectorToParameters", detail);
  }
  let from = 0;
  const parts = parameters.map((w) => {
    const size = sizeOf(w.shape);
    from += size;
    return vector
      .narrow(0, from - size, size)
      .reshape(w.shape)
      .to(w.dtype);
  });
  noGrad(() =>
    assignAll(
      parameters,
      parts.map((part) => nodeOf(part.detach())),
    ),
  );
}
