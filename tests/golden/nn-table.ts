// The table from PyTorch's modules to ours: how the arguments of each constructor are passed here.
// A module that is not in the table is missing. Not here: running the cases (nn.ts).
import { nn, type Tensor } from "../../src/index.ts";

/** What a case calls: a module, or a function for a functional form. */
export interface Callee {
  forward(...inputs: never[]): unknown;
}

export interface Made {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Shape of the weight, for constructors that a case describes by name only. */
  readonly weight: readonly number[];
  /** Shape of the output, for resizing that a case describes by name only. */
  readonly output: readonly number[];
}

type Maker = (made: Made) => Callee;
type Fields = Readonly<Record<string, unknown>>;

// biome-ignore lint/suspicious/noExplicitAny: constructors of every kind, called from data.
type AnyClass = new (...args: any[]) => Callee;

/** The values of named positional arguments, nulls (None) left out. */
function named(names: readonly string[], { args, kwargs }: Made): Fields {
  const fields: Record<string, unknown> = { ...kwargs };
  args.forEach((value, i) => {
    if (value !== null && names[i] !== undefined) fields[names[i]!] = value;
  });
  return fields;
}

/** `new Class(first …, options)`: `count` leading arguments, the others by name in the options. */
function withOptions(Class: AnyClass, count: number, names: readonly string[]): Maker {
  return (made) => {
    const rest = { ...made, args: made.args.slice(count) };
    return new Class(...made.args.slice(0, count), named(names, rest));
  };
}

/** The same arguments in the same order. */
const plain =
  (Class: AnyClass): Maker =>
  ({ args }) =>
    new Class(...args);

/** A functional form. */
const form =
  (forward: (...inputs: Tensor[]) => Tensor | Tensor[]): Maker =>
  () => ({ forward });

const convNames = ["stride", "padding", "dilation", "groups", "bias", "paddingMode"];
const transposedNames = ["stride", "padding", "outputPadding", "groups", "bias", "dilation"];
const maxPoolNames = ["stride", "padding", "dilation", "returnIndices", "ceilMode"];
const avgPoolNames = ["stride", "padding", "ceilMode", "countIncludePad", "divisorOverride"];
const bagNames = ["maxNorm", "normType", "scaleGradByFreq", "mode"];
const normNames = ["eps", "momentum", "affine", "trackRunningStats"];

/** A convolution whose sizes are those of its weight. */
function convOf(Class: AnyClass, options: { groups?: number } & Fields): Maker {
  return ({ weight: [out, inner, ...kernel] }) =>
    new Class(inner! * (options.groups ?? 1), out, kernel, options);
}

/** The same, transposed: the weight is (C, O/groups, …). */
function transposedOf(Class: AnyClass, options: { groups?: number } & Fields): Maker {
  return ({ weight: [inner, out, ...kernel] }) =>
    new Class(inner, out! * (options.groups ?? 1), kernel, options);
}

const depthwise = (options: Fields = {}) => convOf(nn.Conv2d, { groups: 4, ...options });

const circular = (sizes: readonly number[]) => form((x) => x.pad(sizes, { mode: "circular" }));

const divided = (options: Fields) =>
  form((x) => new nn.AvgPool2d([2, 2], { divisorOverride: 1, ...options }).forward(x));

const divided3 = (size: number | number[], options: Fields = {}) =>
  form((x) => new nn.AvgPool3d(size, { divisorOverride: 1, ...options }).forward(x));

/** Fractional pooling whose samples a case has as its state, or draws itself. */
const fractional =
  (Class: AnyClass, size: number | number[], options: Fields): Maker =>
  ({ kwargs }) =>
    new Class(size, { ...options, samples: kwargs.samples });

const losses: Record<string, readonly string[]> = {
  L1Loss: [],
  MSELoss: [],
  SmoothL1Loss: [],
  HuberLoss: [],
  KLDivLoss: [],
  SoftMarginLoss: [],
  MultiLabelMarginLoss: [],
  TripletMarginLoss: ["margin", "p"],
  NLLLoss: ["weight", "sizeAverage", "ignoreIndex"],
  CrossEntropyLoss: ["weight", "sizeAverage", "ignoreIndex"],
  BCELoss: ["weight"],
  BCEWithLogitsLoss: ["weight"],
  MultiLabelSoftMarginLoss: ["weight"],
  HingeEmbeddingLoss: ["margin"],
  CosineEmbeddingLoss: ["margin"],
  MarginRankingLoss: ["margin"],
  MultiMarginLoss: ["p", "margin", "weight"],
  PoissonNLLLoss: ["logInput", "full"],
};

const same = [
  "Threshold", "ReLU", "ReLU6", "Hardtanh", "Sigmoid", "Tanh", "Flatten", "Unflatten", "Softmax",
  "Softmax2d", "LogSoftmax", "Softmin", "ELU", "CELU", "SELU", "SiLU", "Mish", "GLU", "Hardshrink",
  "Softshrink", "Hardsigmoid", "Hardswish", "LeakyReLU", "LogSigmoid", "Softplus", "Softsign",
  "Tanhshrink", "PReLU", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveAvgPool3d", "AdaptiveMaxPool3d",
  "AdaptiveMaxPool2d", "ZeroPad2d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
  "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
  "ReplicationPad3d", "PixelShuffle", "PixelUnshuffle",
]; // biome-ignore format: a list

const multihead: Maker = ({ args, kwargs }) =>
  new nn.MultiheadAttention(args[0] as number, args[1] as number, kwargs) as unknown as Callee;

/** The order of PyTorch's positional arguments behind the sizes. */
const layerNames = ["dimFeedforward", "dropout", "activation"];

/** An activation that is a function of PyTorch's, by our name. */
function layerOptions(fields: Fields): Fields {
  const { activation } = fields as { activation?: string | { repr: string } };
  if (typeof activation !== "object") return fields;
  return { ...fields, activation: activation.repr.includes("gelu") ? "gelu" : "relu" };
}

const transformerLayer =
  (Class: AnyClass): Maker =>
  (made) => {
    const options = named(layerNames, { ...made, args: made.args.slice(2) });
    return new Class(made.args[0], made.args[1], layerOptions(options));
  };

/** Its third input is the mask of the source. */
class MaskedTransformer extends nn.Transformer {
  override forward(src: Tensor, tgt: Tensor, masks: unknown): Tensor {
    return super.forward(src, tgt, { srcMask: masks as Tensor });
  }
}

const transformer: Maker = (made) => {
  const names = ["dModel", "heads", "encoderLayers", "decoderLayers", ...layerNames];
  return new MaskedTransformer(layerOptions(named(names, made))) as unknown as Callee;
};

const classes = nn as unknown as Record<string, AnyClass>;

export const table: Record<string, Maker | undefined> = {
  ...Object.fromEntries(same.map((name) => [name, plain(classes[name]!)])),
  ...Object.fromEntries(
    Object.entries(losses).map(([name, names]) => [name, withOptions(classes[name]!, 0, names)]),
  ),
  MultiheadAttention: multihead,
  TransformerEncoderLayer: transformerLayer(nn.TransformerEncoderLayer as unknown as AnyClass),
  TransformerDecoderLayer: transformerLayer(nn.TransformerDecoderLayer as unknown as AnyClass),
  Transformer: transformer,
  Upsample: withOptions(nn.Upsample, 0, []),
  Linear: withOptions(nn.Linear, 2, ["bias"]),
  Bilinear: withOptions(nn.Bilinear, 3, ["bias"]),
  Embedding: withOptions(nn.Embedding, 2, ["paddingIdx"]),
  GELU: ({ args }) => new nn.GELU({ approximate: args[0] as "none" | "tanh" | undefined }),
  CosineSimilarity: ({ kwargs }) => new nn.CosineSimilarity({ axis: kwargs.dim as number }),
  PairwiseDistance: withOptions(nn.PairwiseDistance, 0, ["p", "eps", "keepdim"]),

  Conv1d: withOptions(nn.Conv1d, 3, convNames),
  Conv2d: withOptions(nn.Conv2d, 3, convNames),
  Conv3d: withOptions(nn.Conv3d, 3, convNames),
  Conv3d_groups: convOf(nn.Conv3d, { groups: 2 }),
  Conv3d_dilated: convOf(nn.Conv3d, { dilation: 2 }),
  Conv3d_dilated_strided: convOf(nn.Conv3d, { dilation: 2, stride: 2 }),
  Conv3d_pad_valid: convOf(nn.Conv3d, { padding: "valid" }),
  Conv3d_pad_same: convOf(nn.Conv3d, { padding: "same" }),
  Conv3d_pad_same_dilated: convOf(nn.Conv3d, { padding: "same", dilation: 2 }),
  ConvTranspose3d: withOptions(nn.ConvTranspose3d, 3, transposedNames),
  Conv1d_dilated: convOf(nn.Conv1d, { dilation: 2 }),
  Conv1d_groups: convOf(nn.Conv1d, { groups: 2 }),
  Conv1d_pad_valid: convOf(nn.Conv1d, { padding: "valid" }),
  Conv1d_pad_same: convOf(nn.Conv1d, { padding: "same" }),
  Conv1d_pad_same2: convOf(nn.Conv1d, { padding: "same" }),
  Conv1d_pad_same_dilated: convOf(nn.Conv1d, { padding: "same", dilation: 2 }),
  Conv2d_groups: convOf(nn.Conv2d, { groups: 2 }),
  Conv2d_groups_thnn: convOf(nn.Conv2d, { groups: 2 }),
  Conv2d_pad_valid: convOf(nn.Conv2d, { padding: "valid" }),
  Conv2d_pad_same: convOf(nn.Conv2d, { padding: "same" }),
  Conv2d_pad_same_dilated: convOf(nn.Conv2d, { padding: "same", dilation: 2 }),
  Conv2d_depthwise: depthwise(),
  Conv2d_depthwise_with_multiplier: depthwise(),
  Conv2d_depthwise_strided: depthwise({ stride: 2 }),
  Conv2d_depthwise_padded: depthwise({ padding: 1 }),
  Conv2d_depthwise_dilated: depthwise({ dilation: 2 }),
  ConvTranspose1d: (made) =>
    made.args[0] === "custom"
      ? transposedOf(nn.ConvTranspose1d, { stride: 3, padding: 1, outputPadding: 1 })(made)
      : withOptions(nn.ConvTranspose1d, 3, transposedNames)(made),
  ConvTranspose1d_groups: transposedOf(nn.ConvTranspose1d, {
    stride: 3,
    padding: 1,
    outputPadding: 1,
    groups: 2,
  }),
  ConvTranspose2d: withOptions(nn.ConvTranspose2d, 3, transposedNames),
  ConvTranspose2d_groups: transposedOf(nn.ConvTranspose2d, { groups: 2 }),

  MaxPool1d: withOptions(nn.MaxPool1d, 1, maxPoolNames),
  MaxPool2d: withOptions(nn.MaxPool2d, 1, maxPoolNames),
  AvgPool1d: withOptions(nn.AvgPool1d, 1, avgPoolNames),
  AvgPool2d: withOptions(nn.AvgPool2d, 1, avgPoolNames),
  MaxPool3d: withOptions(nn.MaxPool3d, 1, maxPoolNames),
  AvgPool3d: withOptions(nn.AvgPool3d, 1, avgPoolNames),
  MaxPool1d_return_indices: () => new nn.MaxPool1d(4, { returnIndices: true }),
  MaxPool2d_return_indices: () =>
    new nn.MaxPool2d(3, { stride: 2, padding: 1, returnIndices: true }),
  MaxPool3d_return_indices: () =>
    new nn.MaxPool3d(2, { stride: 2, padding: 1, returnIndices: true }),
  FractionalMaxPool2d_ratio: fractional(nn.FractionalMaxPool2d, 2, { outputRatio: 0.5 }),
  FractionalMaxPool2d_ratio_return_indices: fractional(nn.FractionalMaxPool2d, 2, {
    outputRatio: 0.5,
    returnIndices: true,
  }),
  FractionalMaxPool2d_size: fractional(nn.FractionalMaxPool2d, [2, 3], { outputSize: [4, 3] }),
  FractionalMaxPool3d_ratio: fractional(nn.FractionalMaxPool3d, 2, { outputRatio: 0.5 }),
  FractionalMaxPool3d_ratio_return_indices: fractional(nn.FractionalMaxPool3d, 2, {
    outputRatio: 0.5,
    returnIndices: true,
  }),
  FractionalMaxPool3d_size: fractional(nn.FractionalMaxPool3d, 2, { outputSize: 4 }),
  Unfold: () => new nn.Unfold([2, 2], { dilation: [1, 1], padding: [0, 0], stride: [1, 1] }),
  Unfold_int_input: () => new nn.Unfold(2, { dilation: 1, padding: 0, stride: 1 }),
  Fold: () => new nn.Fold([3, 3], [2, 2], { dilation: [1, 1], padding: [0, 0], stride: [1, 1] }),
  Fold_int_input: () => new nn.Fold(3, 2, { dilation: 1, padding: 0, stride: 1 }),
  EmbeddingBag: withOptions(nn.EmbeddingBag, 2, bagNames),
  EmbeddingBag_mean_padding_idx: () => new nn.EmbeddingBag(4, 3, { paddingIdx: 1 }),
  EmbeddingBag_sum_padding_idx: () => new nn.EmbeddingBag(4, 3, { mode: "sum", paddingIdx: 1 }),
  EmbeddingBag_max_padding_idx: () => new nn.EmbeddingBag(4, 3, { mode: "max", paddingIdx: 1 }),
  AvgPool2d_divisor: divided({}),
  AvgPool2d_divisor_stride: divided({ stride: 2 }),
  AvgPool2d_divisor_stride_pad: divided({ stride: 2, padding: 1 }),
  AvgPool3d_divisor: divided3(2),
  AvgPool3d_divisor_stride: divided3(2, { stride: 2 }),
  AvgPool3d_divisor_stride_pad: divided3(2, { stride: 2, padding: 1 }),
  AvgPool3d_divisor_stride_pad_gpu_fixedkw_output: divided3(4, { stride: 2, padding: [1, 2, 1] }),
  AvgPool3d_divisor_stride_pad_gpu_general_output: divided3([2, 4, 8], {
    stride: 1,
    padding: [1, 1, 2],
  }),
  AvgPool3d_divisor_stride1_pad0_gpu_input: divided3(3, { stride: 1 }),
  AvgPool3d_divisor_stride_pad_gpu_input_nooverlap: divided3(2, { stride: 2, padding: 1 }),
  LPPool1d: withOptions(nn.LPPool1d, 2, ["stride"]),
  LPPool2d: withOptions(nn.LPPool2d, 2, ["stride"]),

  BatchNorm1d: withOptions(nn.BatchNorm1d, 1, normNames),
  BatchNorm2d: withOptions(nn.BatchNorm2d, 1, normNames),
  BatchNorm3d: withOptions(nn.BatchNorm3d, 1, normNames),
  InstanceNorm1d: withOptions(nn.InstanceNorm1d, 1, normNames),
  InstanceNorm2d: withOptions(nn.InstanceNorm2d, 1, normNames),
  InstanceNorm3d: withOptions(nn.InstanceNorm3d, 1, normNames),
  LayerNorm: withOptions(nn.LayerNorm, 1, ["eps", "elementwiseAffine"]),
  GroupNorm: withOptions(nn.GroupNorm, 2, ["eps", "affine"]),
  LocalResponseNorm: withOptions(nn.LocalResponseNorm, 1, ["alpha", "beta", "k"]),
  CrossMapLRN2d: withOptions(nn.LocalResponseNorm, 1, ["alpha", "beta", "k"]),

  RNNCell: withOptions(nn.RNNCell, 2, ["bias", "nonlinearity"]),
  LSTMCell: withOptions(nn.LSTMCell, 2, ["bias"]),
  GRUCell: withOptions(nn.GRUCell, 2, ["bias"]),
  RNN: withOptions(nn.RNN, 2, []),
  LSTM: withOptions(nn.LSTM, 2, []),
  GRU: withOptions(nn.GRU, 2, []),

  CTCLoss: ({ kwargs }) => {
    const loss = new nn.CTCLoss(kwargs);
    return {
      forward: (x: Tensor, y: Tensor, xs: Tensor, ys: Tensor) =>
        loss.forward(x.logSoftmax(-1), y, xs, ys),
    };
  },

  softmax_lastdim: form((x) => x.softmax(-1)),
  softmax_lastdim_dtype: form((x) => x.double().softmax(-1)),
  softmax_spatial: form((x) => x.softmax(1)),
  softmax_spatial_special: form((x) => x.softmax(1)),
  softmax_spatial_dtype: form((x) => x.double().softmax(1)),
  softmax_functional_dim0: form((x) => x.softmax(0)),
  softmax_functional_dim3: form((x) => x.softmax(3)),
  log_softmax_lastdim: form((x) => x.logSoftmax(-1)),
  log_softmax_spatial: form((x) => x.logSoftmax(1)),
  log_softmax_spatial_special: form((x) => x.logSoftmax(1)),
  log_softmax_dim0: form((x) => x.logSoftmax(0)),
  log_softmax_dim3: form((x) => x.logSoftmax(3)),
  Padding12_1dcircular: circular([1, 2]),
  Padding31_1dcircular: circular([3, 1]),
  Padding33_1dcircular: circular([3, 3]),
  Padding1221_2dcircular: circular([1, 2, 2, 1]),
  Padding2322_2dcircular: circular([2, 3, 2, 2]),
  Padding3331_2dcircular: circular([3, 3, 3, 1]),
  Padding122112_3dcircular: circular([1, 2, 2, 1, 1, 2]),
  Padding322112_3dcircular: circular([3, 2, 2, 1, 1, 2]),
  Padding332122_3dcircular: circular([3, 3, 2, 1, 2, 2]),
};

/** `interpolate_bilinear_tuple_2d_align_corners` and its kin: mode and corners by name. */
export function resizeOf(module: string): Maker | undefined {
  const mode = /^interpolate_([a-z]+)_/.exec(module)?.[1] as nn.InterpolateOptions["mode"];
  if (mode === undefined) return undefined;
  const alignCorners = module.endsWith("align_corners");
  return ({ output }) => ({
    forward: (x: Tensor) => nn.interpolate(x, { size: output.slice(2), mode, alignCorners }),
  });
}

/** Losses whose names carry the options that their constructor arguments lost. */
export function lossOptions(module: string, desc: string): Fields {
  const options: Record<string, unknown> = {};
  if (module.includes("_smoothing")) options.labelSmoothing = 0.15;
  // All three of "_none", "_mean" and "_sum" were recorded with the last one's.
  if (/_sum_reduction|_no_batch_dim/.test(module)) options.reduction = "sum";
  if (module.includes("_ignore_index")) options.ignoreIndex = module.includes("_3d_") ? 1 : 3;
  if (module.includes("prob_target") || desc.includes("prob_target")) options.soft = true;
  if (desc.includes("log_target")) options.logTarget = true;
  return options;
}
