// anneal/nn: layers, losses, initial values. Names only.

export * from "./activations.ts";
export { AdaptiveLogSoftmaxWithLoss, type AdaptiveSoftmaxOptions } from "./adaptive-softmax.ts";
export {
  type AttentionOptions,
  causalMask,
  type MaskOptions,
  scaledDotProductAttention,
} from "./attention.ts";
export { GroupedQueryAttention, type GroupedQueryOptions } from "./attention-grouped.ts";
export * from "./attention-multihead.ts";
export * from "./attention-scores.ts";
export {
  type ForgetOption,
  GRUCell,
  LSTMCell,
  RNNCell,
  type RNNCellOptions,
  type RnnNonlinearity,
} from "./cells.ts";
export * from "./constraints.ts";
export * from "./containers.ts";
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeLayerOptions,
  type PaddingMode,
} from "./conv.ts";
export { type CtcOptions, ctcLoss } from "./ctc.ts";
export {
  Dropout,
  Dropout1d,
  Dropout2d,
  Dropout3d,
  dropout,
  dropoutChannels,
} from "./dropout.ts";
export { EinsumDense, type EinsumDenseOptions } from "./einsum-dense.ts";
export { Embedding, type EmbeddingOptions, embedding } from "./embedding.ts";
export {
  EmbeddingBag,
  type EmbeddingBagOptions,
  embeddingBag,
} from "./embedding-bag.ts";
export { Fold, type FoldOptions, fold, Unfold, unfold } from "./fold.ts";
export { functionalCall, type Substitutes } from "./functional-call.ts";
export * from "./gated.ts";
export * from "./gpt.ts";
export { GptDecoding } from "./gpt-decoding.ts";
export { gradCam } from "./grad-cam.ts";
export * from "./grid.ts";
export * from "./hooks.ts";
export * as init from "./init.ts";
export { KeyValueCache, type Seen } from "./key-value-cache.ts";
export * from "./lazy.ts";
export {
  type Lengths,
  lengthsOf,
  maskOf,
  type PadSequenceOptions,
  padSequence,
  unpadSequence,
} from "./lengths.ts";
export {
  type BiasOption,
  Bilinear,
  Flatten,
  Identity,
  Linear,
  linear,
  Unflatten,
} from "./linear.ts";
export { LoRALinear, type LoRAOptions } from "./lora.ts";
export * from "./loss-boxes.ts";
export * from "./loss-classes.ts";
export * from "./loss-modules.ts";
export * from "./loss-more.ts";
export * from "./loss-overlap.ts";
export * from "./loss-pairs.ts";
export * from "./loss-regression.ts";
export { inScope, type Layer, Module } from "./module.ts";
export * from "./noise.ts";
export * from "./norm.ts";
export * from "./norm-functions.ts";
export * from "./padding.ts";
export { Parameter, parameter } from "./parameter.ts";
export * from "./parametrize.ts";
export * from "./pool.ts";
export { GlobalAvgPool, GlobalMaxPool } from "./pool-global.ts";
export {
  adaptiveMaxPoolWithIndices,
  type FractionalPoolOptions,
  fractionalMaxPool,
  type MaxUnpoolOptions,
  maxUnpool,
} from "./pool-places.ts";
export * from "./pool-rare.ts";
export * from "./positions.ts";
export type { LossOptions, Reduction, WeightOption } from "./reduction.ts";
export { type InterpolateOptions, interpolate, Upsample } from "./resize.ts";
export {
  GRU,
  LSTM,
  type LSTMOptions,
  type RecurrentOptions,
  RNN,
  type RNNOptions,
  type SequenceOptions,
} from "./rnn.ts";
export * from "./separable.ts";
export * from "./shaping.ts";
export type { LoadOptions, StateDict, StateValues } from "./state.ts";
export { type Summary, type SummaryInput, type SummaryRow, summary } from "./summary.ts";
export * from "./time.ts";
export * from "./transformer.ts";
export * from "./transformer-layers.ts";
export { parametersToVector, vectorToParameters } from "./vectors.ts";
