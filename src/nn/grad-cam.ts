// Grad-CAM: where in a picture a convolutional network sees a class (Selvaraju et al. 2017). A function of
// a model and one of its layers, for looking at models, not for training them.
// Not here: laying the map over the picture (anneal/vis), or enlarging it (resizeTo of anneal/data).

import { show } from "../ir/build.ts";
import { noGrad } from "../tensor/core.ts";
import { zeros } from "../tensor/create.ts";
import { Tensor } from "../tensor/tensor.ts";
import { grad } from "../tensor/transforms.ts";
import { ArgumentError, ShapeError, StateError } from "../util/errors.ts";
import { registerForwardHook } from "./hooks.ts";
import type { Module } from "./module.ts";

/** A model of one tensor, which gives scores (B, classes). */
type Classifier = Module & { forward(x: Tensor): Tensor };

/**
 * How much each place of a layer's output (B, C, …) speaks for a class: relu(Σ_c α_c A_c), where α_c is the
 * mean over places of the score's gradient by channel c. A map (B, …) of numbers from 0, in the layer's
 * own size; the last convolution's is usual. `label` is a class for all samples, or one for each.
 *
 * @throws StateError for a model that is not in evaluation mode (its batches would depend on each other);
 * ArgumentError where the layer does not run, or for a label that is no class; ShapeError where the
 * layer's output has no places or the scores are not (B, classes).
 *
 * @example
 * model.eval();
 * const map = nn.gradCam(model, model.conv4, x, 1); // (B, 8, 8)
 */
export function gradCam(
  model: Classifier,
  layer: Module,
  x: Tensor,
  label: number | readonly number[],
): Tensor {
  if (model.training) {
    throw new StateError("gradCam", "the model is in training mode", { hint: "model.eval()" });
  }
  const { seen, scores } = noGrad(() => watched(model, layer, x, (found) => found));
  if (seen.shape.length < 3) {
    throw new ShapeError("gradCam", `the layer gives ${show(seen.shape)}, which has no places`);
  }
  const chosen = oneHot(scores.shape, label); // (B, classes)
  // What is added to the layer's output has the gradient of that output.
  const scoreOf = (nudge: Tensor) => {
    return watched(model, layer, x, (found) => found.add(nudge))
      .scores.mul(chosen)
      .sum();
  };
  const slope = grad(scoreOf)(zeros(seen.shape)) as Tensor; // (B, C, …)
  const places = seen.shape.map((_, axis) => axis).slice(2);
  const alpha = slope.mean(places, { keepdim: true }); // (B, C, 1, …)
  return noGrad(() => alpha.mul(seen).sum(1).relu()); // (B, …)
}

/** Runs the model with a layer's output changed: what the layer gave, and the scores. */
function watched(model: Classifier, layer: Module, x: Tensor, change: (found: Tensor) => Tensor) {
  let seen: Tensor | undefined;
  const remove = registerForwardHook(layer, (_, __, output) => {
    if (seen !== undefined) {
      throw new ArgumentError("gradCam", "the layer runs more than once");
    }
    seen = output as Tensor;
    return change(seen);
  });
  try {
    const scores = model.forward(x);
    if (seen === undefined) {
      throw new ArgumentError("gradCam", "the layer is not run by the model's forward");
    }
    return { seen, scores };
  } finally {
    remove();
  }
}

function oneHot(shape: readonly number[], label: number | readonly number[]): Tensor {
  const [count = 0, classes = 0] = shape;
  if (shape.length !== 2) {
    throw new ShapeError("gradCam", `the scores must be (B, classes), got ${show(shape)}`);
  }
  const labels = typeof label === "number" ? new Array<number>(count).fill(label) : label;
  if (labels.length !== count) {
    throw new ShapeError("gradCam", `${labels.length} labels for ${count} samples`);
  }
  const table = new Float32Array(count * classes);
  labels.forEach((at, i) => {
    if (!Number.isInteger(at) || at < 0 || at >= classes) {
      throw new ArgumentError("gradCam", `the label ${at} is none of ${classes} classes`);
    }
    table[i * classes + at] = 1;
  });
  return Tensor.from(table, [count, classes]);
}
