// What layers, losses and tools of nn say of what does not fit: one line each, where it was written.
// Not here: labels and running steps (nn.test.ts).
import { beforeAll, describe, expect, it } from "vitest";
import { device, nn, ones, randn, Tensor, tensor, zeros } from "../../src/index.ts";
import { messageOf } from "../tensor/devices.ts";

// biome-ignore lint/suspicious/noExplicitAny: the point is what the types do not allow.
type Any = any;

const ints = (...values: number[]) => Tensor.from(Int32Array.from(values));
const linear = () => new nn.Linear(3, 2);

const cases: [string, () => unknown][] = [
  [
    "ShapeError: unfold: the input must be (B, C, H, W) or (C, H, W), got [3,4]",
    () => nn.unfold(ones(3, 4), 2),
  ],
  [
    "ShapeError: unfold: a block of 5 does not fit the padded image of 4",
    () => nn.unfold(ones(1, 4, 4), 5),
  ],
  [
    "ArgumentError: unfold: stride must be a whole number or 2 of them, at least 1, got [0,0]",
    () => nn.unfold(ones(1, 4, 4), 2, { stride: 0 }),
  ],
  [
    "ShapeError: fold: 5 rows do not divide by 4 places of a block",
    () => nn.fold(ones(5, 4), 3, 2),
  ],
  ["ShapeError: fold: [3,3] has 4 blocks, got 5 columns", () => nn.fold(ones(4, 5), 3, 2)],
  ["ShapeError: Fold: a block of 4 does not fit the padded image of 3", () => new nn.Fold(3, 4)],
  ["ArgumentError: Unfold: kernelSize must be", () => new nn.Unfold(0)],
  [
    "DtypeError: embeddingBag: indices and offsets must be int32, got float32",
    () => nn.embeddingBag(ones(2, 2), ones(3, 2)),
  ],
  [
    "ShapeError: embeddingBag: index [2], offsets none: takes (B, N) without offsets",
    () => nn.embeddingBag(ints(0, 1), ones(3, 2)),
  ],
  [
    'ArgumentError: embeddingBag: perSampleWeights need mode "sum", not "mean"',
    () =>
      nn.embeddingBag(ints(0).reshape(1, 1), ones(3, 2), null, { perSampleWeights: ones(1, 1) }),
  ],
  [
    'ArgumentError: EmbeddingBag: no mode "median"',
    () => new nn.EmbeddingBag(3, 2, { mode: "median" } as Any),
  ],
  [
    "ArgumentError: EmbeddingBag: paddingIdx 3 is outside of 3 rows",
    () => new nn.EmbeddingBag(3, 2, { paddingIdx: 3 }),
  ],
  [
    "ArgumentError: FractionalMaxPool2d: needs either outputSize or outputRatio",
    () => new nn.FractionalMaxPool2d(2, {}),
  ],
  [
    "ArgumentError: FractionalMaxPool3d: outputRatio must be within (0,1), got [1,1,1]",
    () => new nn.FractionalMaxPool3d(2, { outputRatio: 1 }),
  ],
  [
    "ShapeError: fractionalMaxPool2d: 4 windows of 2 do not fit an axis of 4",
    () => nn.fractionalMaxPool(2, ones(1, 1, 4, 4), 2, { outputSize: 4 }),
  ],
  [
    "ShapeError: maxUnpool2d: input [1,1,2,2] and indices [1,1,2,3] differ",
    () => new nn.MaxUnpool2d(2).forward(ones(1, 1, 2, 2), zeros(1, 1, 2, 3).int()),
  ],
  [
    "ArgumentError: maxUnpool2d: outputSize [9,9] must be less than a stride from [4,4]",
    () => new nn.MaxUnpool2d(2).forward(ones(1, 1, 2, 2), zeros(1, 1, 2, 2).int(), [9, 9]),
  ],
  ["ArgumentError: AlphaDropout: p must be in [0,1], got 2", () => new nn.AlphaDropout(2)],
  ["ArgumentError: GaussianDropout: p must be below 1, got 1", () => new nn.GaussianDropout(1)],
  [
    "ShapeError: featureAlphaDropout: the input must be (B, C, …), got [3]",
    () => nn.featureAlphaDropout(ones(3)),
  ],
  [
    "ArgumentError: GaussianNoise: std must not be negative, got -1",
    () => new nn.GaussianNoise(-1),
  ],
  ["ArgumentError: RReLU: 1 to 0 is no range", () => new nn.RReLU(1, 0)],
  ["ShapeError: swiglu: axis -1 of [2,3] does not halve", () => nn.swiglu(ones(2, 3))],
  [
    'ArgumentError: GatedFeedForward: no activation "tanh"',
    () => new nn.GatedFeedForward(2, 4, { activation: "tanh" } as Any),
  ],
  [
    'ArgumentError: weightNorm: Linear has no tensor "weights"',
    () => nn.weightNorm(linear(), { name: "weights" }),
  ],
  ["ShapeError: weightNorm: axis 2 is outside [2,3]", () => nn.weightNorm(linear(), { axis: 2 })],
  [
    "ShapeError: spectralNorm: needs a matrix or more, got [2]",
    () => nn.spectralNorm(linear(), { name: "bias" }),
  ],
  [
    'ArgumentError: removeParametrizations: Linear has no parametrization of "weight"',
    () => nn.removeParametrizations(linear()),
  ],
  [
    'ArgumentError: removeWeightNorm: Linear has no weight norm of "weight"',
    () => nn.removeWeightNorm(linear()),
  ],
  [
    "ArgumentError: hook: ModuleList has no forward",
    () => nn.registerForwardHook(new nn.ModuleList(), () => {}),
  ],
  [
    "ArgumentError: ParameterList: each item must be a tensor, got a number",
    () => new nn.ParameterList([1] as Any),
  ],
  [
    "ShapeError: fromPretrained: the rows must be (V, D), got [3]",
    () => nn.Embedding.fromPretrained(ones(3)),
  ],
  [
    "ShapeError: ChannelShuffle: needs (B, C, …) with channels in 2 groups, got [1,3,2]",
    () => new nn.ChannelShuffle(2).forward(ones(1, 3, 2)),
  ],
  ["ArgumentError: Cropping2d: takes one size or 4, got [1,1]", () => new nn.Cropping2d([1, 1])],
  [
    "ShapeError: Cropping1d: nothing is left of [1,4] without [2,2]",
    () => new nn.Cropping1d(2).forward(ones(1, 4)),
  ],
  [
    "ShapeError: Normalization: takes (…, 3), got [2,2]",
    () => new nn.Normalization(3).forward(ones(2, 2)),
  ],
  ["ArgumentError: Add: needs at least one tensor", () => new nn.Add().forward()],
  [
    "ShapeError: TimeDistributed: the input must be (B, T, …), got [2,3]",
    () => new nn.TimeDistributed(linear()).forward(ones(2, 3)),
  ],
  [
    "ShapeError: RepeatVector: the input must be (B, C), got [2]",
    () => new nn.RepeatVector(2).forward(ones(2)),
  ],
  [
    "ArgumentError: Bidirectional: the two directions are one module",
    () => {
      const gru = new nn.GRU(2, 2);
      return new nn.Bidirectional(gru, gru);
    },
  ],
  [
    "ShapeError: ConvLSTM2d: the input must be (T, B, C, H, W), got [1,2,3,4]",
    () => new nn.ConvLSTM2d(2, 2, 3).forward(ones(1, 2, 3, 4)),
  ],
  [
    'ArgumentError: EinsumDense: "ab->c" is not of the form "x,weight->output"',
    () => new nn.EinsumDense("ab->c", {}),
  ],
  [
    'ArgumentError: EinsumDense: needs the size of "d", got undefined',
    () => new nn.EinsumDense("bc,cd->bd", { c: 2 }),
  ],
  [
    "ArgumentError: LoRALinear: takes an nn.Linear, whose values it keeps",
    () => new nn.LoRALinear(new nn.ReLU() as Any),
  ],
  [
    "ShapeError: GlobalAvgPool: the input must be (B, C, …), got [2,3]",
    () => new nn.GlobalAvgPool().forward(ones(2, 3)),
  ],
  [
    "ArgumentError: GroupedQueryAttention: 4 heads do not divide among 3",
    () => new nn.GroupedQueryAttention(8, 4, 3),
  ],
  [
    "ArgumentError: AdaptiveLogSoftmaxWithLoss: cutoffs must rise from above 0 to below 10, got [5,3]",
    () => new nn.AdaptiveLogSoftmaxWithLoss(4, 10, [5, 3]),
  ],
  [
    "ArgumentError: ConvTranspose1d: outputSize is [9], not [5] to [6]",
    () => new nn.ConvTranspose1d(1, 1, 1, { stride: 2 }).forward(ones(1, 1, 3), [9]),
  ],
  [
    'ArgumentError: interpolate: mode "nearest" has no antialias',
    () => nn.interpolate(ones(1, 1, 4, 4), { size: 2, antialias: true }),
  ],
  [
    "ArgumentError: sigmoidFocalLoss: gamma must not be negative, got -1",
    () => nn.sigmoidFocalLoss(ones(2), ones(2), { gamma: -1 }),
  ],
  [
    "ShapeError: tverskyLoss: the input must be (B, C, …), got [2,3]",
    () => nn.diceLoss(ones(2, 3), ones(2, 3)),
  ],
  [
    'ArgumentError: tverskyLoss: no activation "relu"',
    () => nn.diceLoss(ones(1, 2, 3), ones(1, 2, 3), { activation: "relu" } as Any),
  ],
  [
    "ArgumentError: generalizedCrossEntropy: q must be in (0,1], got 0",
    () => nn.generalizedCrossEntropy(ones(1, 2), ints(0), { q: 0 }),
  ],
  [
    "ArgumentError: infoNceLoss: temperature must be positive, got 0",
    () => nn.infoNceLoss(ones(2, 3), ones(2, 3), { temperature: 0 }),
  ],
  ["ShapeError: hingeLoss: input [2] and target [3] differ", () => nn.hingeLoss(ones(2), ones(3))],
  ["ArgumentError: maxNorm: needs a positive length, got 0", () => nn.maxNorm(0)],
  ["ArgumentError: minMaxNorm: 2 to 1 is no range of lengths", () => nn.minMaxNorm(2, 1)],
  ["ArgumentError: l1Penalty: there is no parameter", () => nn.l1Penalty([])],
  [
    "ShapeError: vectorToParameters: the parameters have 8 elements, the vector is [3]",
    () => nn.vectorToParameters(tensor([1, 2, 3]), linear().parameters()),
  ],
  ["ShapeError: dirac: takes 3, 4 or 5 axes, got [2,2]", () => nn.init.dirac(zeros(2, 2))],
  ["ArgumentError: sparse: sparsity must be in [0,1], got 2", () => nn.init.sparse(zeros(2, 2), 2)],
  [
    "ArgumentError: varianceScaling: scale must be positive, got 0",
    () => nn.init.varianceScaling(zeros(2, 2), { scale: 0 }),
  ],
  [
    "ArgumentError: hookGradient: the input must be a tensor",
    () => nn.hookGradient(1 as Any, (g) => g),
  ],
];

describe("layers and tools", () => {
  beforeAll(() => {
    device("reference");
  });

  it.each(cases)("%s", (message, f) => {
    expect(messageOf(f).split("\n")[0]).toContain(message);
  });

  it("a parametrisation must keep the shape", () => {
    class First extends nn.Module {
      forward(w: Tensor) {
        return w.narrow(0, 0, 1);
      }
    }
    const layer = linear();
    expect(() => nn.registerParametrization(layer, "weight", new First())).toThrow(
      'registerParametrization: "weight" is [2,3], its parametrization gives [1,3]',
    );
    expect(nn.isParametrized(layer)).toBe(false);
    expect(layer.forward(randn(1, 3)).shape).toEqual([1, 2]);
  });
});
