// The adapters of norms, resizing, grids and attention as functions. Not here: pooling (opinfo-nn.ts), losses
// and layer norm (opinfo-losses.ts).
import { attentionWeights } from "../../src/nn/attention.ts";
import * as grid from "../../src/nn/grid.ts";
import { layerNorm } from "../../src/nn/norm.ts";
import { batchNorm, instanceNorm, localResponseNorm } from "../../src/nn/norm-functions.ts";
import { interpolate } from "../../src/nn/resize.ts";
import { empty } from "../../src/tensor/create.ts";
import { varMean } from "../../src/tensor/ops/reduce.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;
/** x: the input; a: positional arguments; k: keyword arguments; recorded: PyTorch's result. */
type Adapter = (x: Tensor, a: Any[], k: Any, recorded: Any) => unknown;

const resized =
  (mode: Any, alignCorners: boolean): Adapter =>
  (x, _, k) =>
    interpolate(x, {
      size: k.size,
      scaleFactor: k.size ? undefined : k.scale_factor,
      mode,
      alignCorners,
    });

/** The mean and 1/√(variance + eps) that PyTorch's native norms hand on to their backward passes. */
function statistics(x: Tensor, axes: number[], eps: number, keepdim: boolean): [Tensor, Tensor] {
  const [variance, mean] = varMean(x.detach(), axes, { correction: 0, keepdim });
  return [mean, variance.add(eps).rsqrt()];
}

const allBut = (x: Tensor, axis: number) => x.shape.map((_, i) => i).filter((i) => i !== axis);

export const functional: Record<string, Adapter> = {
  "nn.functional.batch_norm": (x, a, k) =>
    batchNorm(x, { runningMean: a[0], runningVar: a[1], weight: a[2], bias: a[3], ...k }),
  "nn.functional.instance_norm": (x, _, k) =>
    instanceNorm(x, {
      runningMean: k.running_mean,
      runningVar: k.running_var,
      weight: k.weight,
      bias: k.bias,
      momentum: k.momentum,
      eps: k.eps,
      useInputStats: k.use_input_stats,
    }),
  "nn.functional.local_response_norm": (x, a, k) => localResponseNorm(x, a[0], k),
  native_layer_norm: (x, [sizes, weight, bias, eps]) => {
    const axes = sizes.map((_: number, i: number) => i - sizes.length);
    return [layerNorm(x, sizes, { weight, bias, eps }), ...statistics(x, axes, eps, true)];
  },
  native_batch_norm: (x, [weight, bias, runningMean, runningVar, training, momentum, eps]) => {
    const o = { weight, bias, runningMean, runningVar, training, momentum, eps };
    const none = empty([0]);
    return [
      batchNorm(x, o),
      ...(training ? statistics(x, allBut(x, 1), eps, false) : [none, none]),
    ];
  },
  "nn.functional.interpolate": (x, [size, scale, mode, corners]) =>
    interpolate(x, {
      size: size ?? undefined,
      scaleFactor: scale ?? undefined,
      mode,
      alignCorners: corners ?? false,
    }),
  "nn.functional.upsample_bilinear": resized("bilinear", true),
  "nn.functional.upsample_nearest": resized("nearest", false),
  "nn.functional.grid_sample": (x, a, k) =>
    grid.gridSample(x, a[0], {
      mode: k.mode,
      paddingMode: k.padding_mode,
      alignCorners: k.align_corners,
    }),
  "nn.functional._scaled_dot_product_attention": (x, a, k, recorded) => {
    const weights = attentionWeights(x, a[0], { causal: k.is_causal });
    if (!k.dropout_p) return [weights.matmul(a[1]), weights];
    // Dropout draws from PyTorch's generator: which weights it kept is read from its result.
    const kept = recorded[1].ne(0);
    const dropped = weights.div(1 - k.dropout_p).mul(kept.float());
    return [dropped.matmul(a[1]), dropped];
  },
};
