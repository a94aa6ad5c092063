// What layers, losses and optimizers make of what the types do not allow, and of labels that are none:
// a typed error, and no weight that has changed. Not here: tensor operations (tensor.test.ts), or fit.

import { beforeEach, describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { compile } from "../../src/tensor/compile.ts";
import { randn, tensor } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { manualSeed } from "../../src/tensor/random.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: the point is what the types do not allow.
type Any = any;

type Loss = (x: Tensor, y: Tensor) => Tensor;

const losses: [string, Loss][] = [
  ["crossEntropy", (x, y) => nn.crossEntropy(x, y, { labelSmoothing: 0.1 })],
  ["nllLoss", (x, y) => nn.nllLoss(x.logSoftmax(1), y)],
  ["multiMarginLoss", (x, y) => nn.multiMarginLoss(x, y)],
];

/** All numbers of a model and its optimizer. */
async function everything(model: nn.Module, optimizer: optim.SGD): Promise<unknown> {
  const moments = Object.entries(optimizer.stateDict().tensors);
  const all = [...Object.entries(model.stateDict()), ...moments];
  return Promise.all(all.map(async ([name, t]) => [name, await t.data()]));
}

describe.each(["reference", "wasm"] as const)("a label outside of the classes, on %s", (name) => {
  beforeEach(async () => {
    device(name);
    manualSeed(3);
  });

  it.each(losses)("faults in a compiled step of %s", async (op, loss) => {
    const model = new nn.Linear(4, 3);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    const step = compile((x: Tensor, y: Tensor) => {
      const value = loss(model.forward(x), y);
      optimizer.step(value);
      return value;
    });
    const x = randn(2, 4);
    const good = tensor([2, 0], { dtype: "int32" });
    await step(x, good).item();
    const before = await everything(model, optimizer);
    for (const label of [3, -1, ...(op === "multiMarginLoss" ? [-100] : [])]) {
      const run = async () => step(x, tensor([label, 1], { dtype: "int32" })).item();
      const error = await run().catch((e: unknown) => e);
      expect(String(error)).toMatch(/^ArgumentError: gather: .*is outside \[0, 3\)/);
      expect(String(error)).toContain(op);
      expect(await everything(model, optimizer)).toEqual(before);
    }
    expect(await step(x, good).item()).toBeGreaterThan(0);
    expect(await everything(model, optimizer)).not.toEqual(before);
  });

  it("faults in lists of labels, up to their end", async () => {
    const loss = (y: number[]) =>
      nn.multiLabelMarginLoss(randn(3), tensor(y, { dtype: "int32" })).item();
    await expect(loss([3, 0, -1])).rejects.toThrow("is outside [0, 3)");
    expect(await loss([0, -1, 7])).toBeGreaterThanOrEqual(0);
  });

  it("faults for labels of more axes, and lets ignored ones be", async () => {
    const logits = randn(2, 3, 2, 2);
    const mean = compile((y: Tensor) => nn.crossEntropy(logits, y, { ignoreIndex: 7 }));
    const labels = (last: number) => tensor([[[0, 1], [2, 7]], [[7, 7], [1, last]]], { dtype: "int32" }); // biome-ignore format: a table
    const some = await mean(labels(7)).item();
    expect(some).toBeGreaterThan(0);
    await expect((async () => mean(labels(3)).item())()).rejects.toThrow("is outside [0, 3)");
    expect(await mean(labels(7)).item()).toBe(some);
  });
});

const x = () => randn(2, 4);
const y = () => tensor([0, 1], { dtype: "int32" });
const weight = () => randn(3);

const wrong: [string, () => unknown, string][] = [
  ["linear of an array", () => nn.linear([1, 2] as Any, x()), "ArgumentError: linear: the input"],
  ["linear of nothing", () => nn.linear(undefined as Any, x()), "got undefined"],
  [
    "labels in an array",
    () => nn.crossEntropy(x(), [0, 1] as Any),
    "crossEntropy: the target must",
  ],
  ["no labels", () => nn.crossEntropy(x(), undefined as Any), "must be a tensor, got undefined"],
  ["a reduction for options", () => nn.mseLoss(null as Any, x()), "mseLoss: the input must be a"],
  [
    "a word for options",
    () => nn.crossEntropy(x(), y(), "sum" as Any),
    "options must be an object",
  ],
  [
    "a weight too few",
    () => nn.crossEntropy(x(), y(), { weight: weight() }),
    "ShapeError: crossEntropy: the weight must be [4], one for each class, got [3]",
  ],
  [
    "a weight too few, softly",
    () => nn.crossEntropy(x(), x(), { weight: weight(), soft: true }),
    "ShapeError: crossEntropy: the weight must be [4]",
  ],
  [
    "no state",
    () => new nn.Linear(1, 1).loadStateDict(null as Any),
    "ArgumentError: loadStateDict",
  ],
  ["no kernel", () => new (nn.Conv2d as Any)(3, 2), "ArgumentError: Conv2d: kernelSize must be"],
  ["a stride for options", () => new nn.Conv2d(3, 2, 3, 2 as Any), "Conv2d: options must be an"],
  ["no bias for options", () => new nn.Linear(3, 2, false as Any), "hint: use { bias: false }"],
  [
    "more weights than memory",
    () => new nn.Linear(1e9, 1e9),
    "ShapeError: Linear: weights [1000000000,1000000000] take",
  ],
  [
    "a slip in a word",
    () => new nn.Conv2d(3, 2, 3, { padding: "saem" as Any }),
    'ArgumentError: Conv2d: no padding "saem"',
  ],
  [
    "no stride",
    () => new nn.Conv2d(3, 2, 3, { stride: 0 }),
    "ArgumentError: Conv2d: stride must be",
  ],
  ["no dilation", () => new nn.ConvTranspose1d(3, 2, 3, { dilation: 0 }), "1d: dilation must be"],
  [
    "a mode that is none",
    () => new nn.Conv1d(3, 2, 3, { paddingMode: "mirror" as Any }),
    'ArgumentError: Conv1d: no paddingMode "mirror"',
  ],
];

/** The error's text, or "" without one. */
function textOf(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    return String(error);
  }
  return "";
}

describe("layers and losses refuse", () => {
  it.each(wrong)("%s", (_, f, text) => {
    expect(textOf(f)).toContain(text);
  });

  it("ints for floats in a state dict, and change nothing", async () => {
    const model = new nn.Linear(1, 2);
    const before = await model.weight.data();
    for (const bias of [Int32Array.of(1, 2), tensor([1, 2], { dtype: "int32" }), [1, 2] as Any]) {
      const load = () => model.loadStateDict({ weight: Float32Array.of(5, 6), bias });
      expect(textOf(load)).toMatch(/LoadError.*1 wrong dtype\n {2}dtype {7}bias: given /);
    }
    expect(await model.weight.data()).toEqual(before);
    model.loadStateDict({ weight: Float64Array.of(5, 6), bias: Float32Array.of(7, 8) });
    expect([...(await model.weight.data())]).toEqual([5, 6]);
  });
});

const w = () => [nn.parameter(randn(2))];
const ints = () => [tensor([1, 2], { dtype: "int32" })];
const sgd = () => new optim.SGD(w());
const set = (lr: Any) => {
  new optim.SGD(w()).lr = lr;
};

const noOptimizer: [string, () => unknown, string][] = [
  ["no steps", () => new (optim.StepLR as Any)(sgd()), "hint: use { stepSize: 30 }"],
  ["milestones bare", () => new optim.MultiStepLR(sgd(), [1] as Any), "MultiStepLR: options must"],
  ["a bare gamma", () => new optim.ExponentialLR(sgd(), 0.9 as Any), "hint: use { gamma: 0.9 }"],
  ["a bare cycle", () => new optim.OneCycleLR(sgd(), 0.1 as Any), "OneCycleLR: options must be an"],
  ["no cycle", () => new (optim.CyclicLR as Any)(sgd()), "CyclicLR: options must be an object"],
  ["no cosine", () => new (optim.CosineAnnealingLR as Any)(sgd(), 9), "hint: use { tMax: 100 }"],
  ["no function", () => new optim.LambdaLR(sgd(), 0.9 as Any), "LambdaLR: takes a function of the"],
  ["nothing", () => new (optim.SGD as Any)(), "ArgumentError: SGD: takes a list of parameters"],
  ["a model", () => new optim.SGD(new nn.Linear(1, 1) as Any), "got a Linear\n  hint: pass model"],
  ["one tensor", () => new optim.SGD(w()[0] as Any), "got a Parameter\n  hint: pass model"],
  [
    "numbers",
    () => new optim.SGD([[1]] as Any),
    "SGD: takes tensors or groups of them, got an array",
  ],
  ["nulls", () => new optim.SGD([null] as Any), "SGD: takes tensors or groups of them, got null"],
  [
    "a group of one",
    () => new optim.SGD([{ params: 3 }] as Any),
    "SGD: takes a list of parameters",
  ],
  ["ints", () => new optim.Adam(ints()), "DtypeError: Adam: parameters must be floats, got int32"],
  [
    "ints for L-BFGS",
    () => new optim.LBFGS(ints()),
    "DtypeError: LBFGS: parameters must be floats",
  ],
  [
    "an endless rate",
    () => new optim.SGD(w(), { lr: Infinity }),
    "must be a finite number, got Inf",
  ],
  ["a word for a rate", () => new optim.AdamW(w(), { lr: "0.1" as Any }), 'number, got "0.1"'],
  [
    "a bare rate",
    () => new optim.SGD(w(), 0.1 as Any),
    "SGD: options must be an object, got a num",
  ],
  ["NaN set as rate", () => set(Number.NaN), "ParamGroup.set: lr must be a finite number, got NaN"],
  [
    "a word set as rate",
    () => set("a"),
    "ArgumentError: ParamGroup.set: lr must be a finite number",
  ],
  [
    "a long name",
    () => new optim.SGD(w(), { learningRate: 0.1 } as Any),
    'ArgumentError: SGD: there is no option "learningRate"\n  hint: use lr',
  ],
  [
    "PyTorch's spelling",
    () => new optim.Adadelta(w(), { weight_decay: 0.1 } as Any),
    "hint: use weightDecay",
  ],
  [
    "a group's unknown option",
    () => new optim.Adam([{ params: w(), momentum: 0.9 }] as Any),
    'Adam: there is no option "momentum"\n  hint: use one of lr, betas, eps,',
  ],
  [
    "a group's bad rate",
    () => new optim.Adam([{ params: w(), lr: Number.NaN }]),
    "Adam: lr must be a finite number, got NaN",
  ],
  [
    "a schedule of null",
    () => new optim.StepLR(null as Any, { stepSize: 1 }),
    "takes an optimizer",
  ],
  [
    "a plateau of a model",
    () => new optim.ReduceLROnPlateau(w() as Any),
    "takes an optimizer first",
  ],
  [
    "a loss for each sample",
    () => new optim.SGD(w()).step(randn(3)),
    "ShapeError: step: the loss must be one number, got [3]\n  hint: use loss.mean()",
  ],
  [
    "a loss of a number",
    () => new optim.SGD(w()).step(3 as Any),
    "step: the loss must be a tensor",
  ],
];

describe("optimizers refuse", () => {
  it.each(noOptimizer)("%s", (_, f, text) => {
    expect(textOf(f)).toContain(text);
  });

  it("a saved rate that is none, and change nothing", () => {
    const optimizer = new optim.SGD([{ params: w() }, { params: w() }], { lr: 0.5 });
    const saved = structuredClone({ ...optimizer.stateDict(), tensors: {} }) as Any;
    saved.groups[0].options.lr = 0.25;
    saved.groups[1].options.lr = null;
    const text = textOf(() => optimizer.loadStateDict(saved));
    expect(text).toContain("option      lr must be a finite number, got null");
    expect(optimizer.groups.map((group) => group.lr)).toEqual([0.5, 0.5]);
  });
});
