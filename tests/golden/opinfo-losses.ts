// The adapters of PyTorch's functional losses, distances and norms: ours have the same names in camelCase
// and take the same tensors in the same order, the rest in one object of options.
import * as classes from "../../src/nn/loss-classes.ts";
import * as pairs from "../../src/nn/loss-pairs.ts";
import * as regression from "../../src/nn/loss-regression.ts";
import { groupNorm, layerNorm } from "../../src/nn/norm.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;

const renamed: Record<string, string> = { dim: "axis" };

/** PyTorch's keyword arguments as options; null means not given. */
function optionsOf(k: Record<string, unknown>): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(k)) {
    const name = renamed[key] ?? key.replace(/_(\w)/g, (_, c: string) => c.toUpperCase());
    if (value !== null) options[name] = value;
  }
  return options;
}

const loss =
  (f: (...args: Any[]) => Tensor) =>
  (x: Tensor, a: Any[], k: Any): Tensor =>
    f(x, ...a.filter((t) => t instanceof Tensor), optionsOf(k));

export const losses: Record<string, (x: Tensor, a: Any[], k: Any) => unknown> = {
  "nn.functional.mse_loss": loss(regression.mseLoss),
  "nn.functional.l1_loss": loss(regression.l1Loss),
  "nn.functional.smooth_l1_loss": loss(regression.smoothL1Loss),
  "nn.functional.huber_loss": loss(regression.huberLoss),
  "nn.functional.poisson_nll_loss": loss(regression.poissonNLLLoss),
  "nn.functional.gaussian_nll_loss": loss(regression.gaussianNLLLoss),
  "nn.functional.binary_cross_entropy": loss(regression.bceLoss),
  "nn.functional.binary_cross_entropy_with_logits": loss(regression.bceWithLogits),
  "nn.functional.kl_div": loss(regression.klDiv),
  "nn.functional.nll_loss": loss(classes.nllLoss),
  "nn.functional.cross_entropy": (x, a, k) => {
    const soft = a[0].dtype === "float32";
    return classes.crossEntropy(x, a[0], { ...optionsOf(k), soft });
  },
  "nn.functional.multi_margin_loss": loss(classes.multiMarginLoss),
  "nn.functional.multilabel_margin_loss": loss(classes.multiLabelMarginLoss),
  "nn.functional.multilabel_soft_margin_loss": loss(classes.multiLabelSoftMarginLoss),
  "nn.functional.soft_margin_loss": loss(pairs.softMarginLoss),
  "nn.functional.hinge_embedding_loss": loss(pairs.hingeEmbeddingLoss),
  "nn.functional.margin_ranking_loss": loss(pairs.marginRankingLoss),
  "nn.functional.cosine_embedding_loss": loss(pairs.cosineEmbeddingLoss),
  "nn.functional.triplet_margin_loss": loss(pairs.tripletMarginLoss),
  "nn.functional.cosine_similarity": loss(pairs.cosineSimilarity),
  "nn.functional.pairwise_distance": loss(pairs.pairwiseDistance),
  "nn.functional.layer_norm": (x, a, k) =>
    layerNorm(x, a[0], { weight: a[1], bias: a[2], ...optionsOf(k) }),
  "nn.functional.group_norm": (x, a, k) => groupNorm(x, a[0], optionsOf(k)),
};
