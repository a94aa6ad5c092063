// Layers and losses against values that PyTorch computed (torch-cases.py records them): outputs, gradients
// of inputs and parameters, and the state after one training forward.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { device, empty, manualSeed, nn, Tensor } from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

interface Recorded {
  t: "float32" | "int32";
  shape: number[];
  data: number[];
}

interface Case {
  name: string;
  inputs: Recorded[];
  outputs: Recorded[];
  cotangents: Recorded[];
  grads: (Recorded | null)[];
  state?: Record<string, Recorded>;
  params?: Record<string, Recorded>;
  after?: Record<string, Recorded>;
}

// biome-ignore lint/suspicious/noExplicitAny: what a case takes is known to its line only
type Any = any;
type Callee = { forward: (...inputs: Any[]) => unknown };

const of =
  (forward: (...inputs: Any[]) => unknown): (() => Callee) =>
  () => ({ forward });
const resized = (options: nn.InterpolateOptions) => of((x) => nn.interpolate(x, options));
const bag = (options: nn.EmbeddingBagOptions) => () => new nn.EmbeddingBag(5, 3, options);
const both = (a: Tensor, b: Tensor) => a.sub(b).abs().amax(-1);
const blocks: nn.FoldOptions = { dilation: [2, 1], padding: [1, 0], stride: [2, 2] };
const adaptive = () =>
  new nn.AdaptiveLogSoftmaxWithLoss(6, 10, [3, 6], { divValue: 2, headBias: true });

const makers: Record<string, () => Callee> = {
  "weightNorm legacy": () => nn.weightNorm(new nn.Linear(4, 3), { legacy: true }),
  weightNorm: () => nn.weightNorm(new nn.Linear(4, 3)),
  "weightNorm conv axis 1": () => nn.weightNorm(new nn.Conv1d(2, 3, 2), { axis: 1 }),
  "weightNorm whole": () => nn.weightNorm(new nn.Linear(4, 3), { axis: null }),
  spectralNorm: () => nn.spectralNorm(new nn.Linear(4, 3)),
  "spectralNorm twice": () => nn.spectralNorm(new nn.Linear(4, 3), { iterations: 2 }),
  "spectralNorm transposed": () => nn.spectralNorm(new nn.ConvTranspose1d(2, 3, 2)),
  "spectralNorm eval": () => nn.spectralNorm(new nn.Linear(4, 3)).eval(),
  "interpolate bilinear smooth factor": resized({
    scaleFactor: 0.4,
    mode: "bilinear",
    antialias: true,
  }),
  "interpolate nearest-exact": resized({ size: [3, 9], mode: "nearest-exact" }),
  "interpolate nearest-exact factor": resized({ scaleFactor: 1.7, mode: "nearest-exact" }),
  ChannelShuffle: () => new nn.ChannelShuffle(2),
  LPPool3d: () => new nn.LPPool3d(2, 2),
  "LPPool2d ceil": () => new nn.LPPool2d(2, 2, { ceilMode: true }),
  CircularPad3d: () => new nn.CircularPad3d([1, 0, 2, 1, 0, 1]),
  ZeroPad3d: () => new nn.ZeroPad3d([1, 0, 2, 1, 0, 1]),
  "RReLU eval": () => new nn.RReLU(0.1, 0.4).eval(),
  RMSNorm: () => new nn.RMSNorm([3, 4]),
  "Dropout3d eval": () => new nn.Dropout3d().eval(),
  "AdaptiveMaxPool1d indices": () => new nn.AdaptiveMaxPool1d(3, { returnIndices: true }),
  "AdaptiveMaxPool2d indices": () => new nn.AdaptiveMaxPool2d([3, null], { returnIndices: true }),
  "AdaptiveMaxPool3d indices": () => new nn.AdaptiveMaxPool3d(2, { returnIndices: true }),
  MaxUnpool2d: () => new nn.MaxUnpool2d(2),
  "MaxUnpool2d odd": of((x, i) => new nn.MaxUnpool2d(2).forward(x, i, [5, 5])),
  "EmbeddingBag sum": bag({ mode: "sum", paddingIdx: 0 }),
  "EmbeddingBag mean": bag({ mode: "mean", paddingIdx: 0 }),
  "EmbeddingBag max": bag({ mode: "max", paddingIdx: 0 }),
  "EmbeddingBag last": bag({ includeLastOffset: true }),
  tripletMarginWithDistance: () => new nn.TripletMarginWithDistanceLoss(),
  "tripletMarginWithDistance swap": () =>
    new nn.TripletMarginWithDistanceLoss({ distance: both, margin: 0.5, swap: true }),
  sigmoidFocalLoss: () => new nn.SigmoidFocalLoss(),
  "sigmoidFocalLoss plain": () =>
    new nn.SigmoidFocalLoss({ alpha: null, gamma: 1.5, reduction: "sum" }),
  focalLoss: () => new nn.FocalLoss(),
  "focalLoss weight": of((x, t, weight) => nn.focalLoss(x, t, { weight })),
  generalizedCrossEntropy: of((x, t) => nn.generalizedCrossEntropy(x, t)),
  diceLoss: () => new nn.DiceLoss({ activation: "sigmoid" }),
  tverskyLoss: () => new nn.TverskyLoss({ activation: "softmax", alpha: 0.3, beta: 0.7 }),
  logCoshLoss: () => new nn.LogCoshLoss(),
  mapeLoss: () => new nn.MAPELoss(),
  msleLoss: () => new nn.MSLELoss(),
  hingeLoss: of((x, t) => nn.hingeLoss(x, t)),
  squaredHingeLoss: of((x, t) => nn.squaredHingeLoss(x, t)),
  categoricalHingeLoss: of((x, t) => nn.categoricalHingeLoss(x, t)),
  infoNceLoss: () => new nn.InfoNCELoss(),
  "infoNceLoss symmetric": () =>
    new nn.InfoNCELoss({ normalize: false, temperature: 0.5, symmetric: true }),
  swiglu: () => new nn.SwiGLU(),
  geglu: () => new nn.GEGLU(),
  dirac: of(() => nn.init.dirac(empty(4, 2, 3, 2))),
  "dirac groups": of(() => nn.init.dirac(empty(4, 3, 2), 2)),
  fold: () => new nn.Fold([4, 5], 2, blocks),
  unfold: () => new nn.Unfold(2, blocks),
  "ConvTranspose2d output size": () => {
    const layer = new nn.ConvTranspose2d(2, 1, 3, { stride: 2, padding: 1 });
    const { forward } = layer;
    return Object.assign(layer, { forward: (x: Tensor) => forward.call(layer, x, [6, 5]) });
  },
  AdaptiveLogSoftmaxWithLoss: adaptive,
  "AdaptiveLogSoftmaxWithLoss logProb": () => {
    const layer = adaptive();
    return Object.assign(layer, { forward: ((x: Tensor) => layer.logProb(x)) as Any });
  },
  ...Object.fromEntries(
    (["bilinear", "bicubic"] as const).flatMap((mode) =>
      [true, false].map((alignCorners) => [
        `interpolate ${mode} smooth ${alignCorners ? "True" : "False"}`,
        resized({ size: [3, 9], mode, alignCorners, antialias: true }),
      ]),
    ),
  ),
};

const file = join(import.meta.dirname, "torch-cases.jsonl");
const cases = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Case);

function tensorOf({ t, shape, data }: Recorded): Tensor {
  return Tensor.from(t === "int32" ? Int32Array.from(data) : Float32Array.from(data), shape);
}

async function same(what: string, got: Tensor | null | undefined, want: Recorded): Promise<void> {
  expect(got, what).toBeInstanceOf(Tensor);
  expect([...got!.shape], what).toEqual(want.shape);
  const data = await got!.data();
  want.data.forEach((w, i) => {
    const error = Math.abs(data[i]! - w);
    expect(error, `${what}[${i}]: ${data[i]}, not ${w}`).toBeLessThanOrEqual(
      1e-5 + 1e-4 * Math.abs(w),
    );
  });
}

async function sameState(what: string, module: nn.Module, want: Record<string, Recorded>) {
  const state = module.stateDict();
  expect(Object.keys(state).sort()).toEqual(Object.keys(want).sort());
  for (const [name, t] of Object.entries(want)) await same(`${what} ${name}`, state[name], t);
}

describe.each(devices)("as PyTorch computes them, on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(1);
  });

  it("has a line for each case", () => {
    expect(cases.map((c) => c.name).sort()).toEqual(Object.keys(makers).sort());
  });

  it.each(cases.map((c) => [c.name, c] as const))("%s", async (_, c) => {
    const callee = makers[c.name]!();
    if (c.state) {
      const given = Object.entries(c.state).map(([key, t]) => [key, tensorOf(t)] as const);
      (callee as unknown as nn.Module).loadStateDict(Object.fromEntries(given));
    }
    const inputs = c.inputs.map(tensorOf);
    inputs.forEach((x, i) => void (c.grads[i] && (x.requiresGrad = true)));
    const result = callee.forward(...inputs);
    const list =
      result instanceof Tensor ? [result] : (Object.values(result as object) as Tensor[]);
    for (const [i, want] of c.outputs.entries()) await same(`output ${i}`, list[i], want);
    if (c.cotangents.length === 0) return;
    const floats = list.filter((y) => y.dtype === "float32");
    const pulled = c.cotangents.map((t, i) => floats[i]!.mul(tensorOf(t)).sum());
    pulled.reduce((a, b) => a.add(b)).backward();
    for (const [i, want] of c.grads.entries()) {
      if (want) await same(`gradient ${i}`, inputs[i]!.grad, want);
    }
    if (!c.state) return;
    const module = callee as unknown as nn.Module;
    const parameters = Object.fromEntries(module.namedParameters());
    for (const [key, want] of Object.entries(c.params!)) {
      await same(`gradient of ${key}`, parameters[key]?.grad, want);
    }
    await sameState("afterwards", module, c.after!);
  });
});
