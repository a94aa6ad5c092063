// Layers by hand: initial values, batch norm's statistics, dropout, embeddings, losses and what bad
// input gets. What PyTorch computes is compared in tests/golden.
import { beforeEach, describe, expect, it } from "vitest";
import { compile, device, manualSeed, nn, ones, Tensor, tensor, zeros } from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

const ints = (...values: number[]) => Tensor.from(Int32Array.from(values));

describe("initial values", () => {
  beforeEach(() => {
    device("reference");
    manualSeed(7);
  });

  it("are PyTorch's for a linear layer: uniform within 1/√fanIn", async () => {
    const layer = new nn.Linear(100, 400);
    const weight = Float32Array.from(await layer.weight.data());
    expect(Math.max(...weight)).toBeLessThanOrEqual(0.1);
    expect(Math.min(...weight)).toBeGreaterThanOrEqual(-0.1);
    const variance = weight.reduce((sum, w) => sum + w * w, 0) / weight.length;
    expect(variance).toBeCloseTo(0.1 ** 2 / 3, 4);
    expect(Math.max(...(await layer.bias!.data()))).toBeLessThanOrEqual(0.1);
  });

  it("are the same for the same seed, others for another, and differ between layers", async () => {
    const draw = async (seed: number) => {
      manualSeed(seed);
      return [await new nn.Linear(3, 3).weight.data(), await new nn.Linear(3, 3).weight.data()];
    };
    const [a, b, c] = [await draw(1), await draw(1), await draw(2)];
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
    expect(a[0]).not.toEqual(a[1]);
  });

  it("orthogonal rows are orthonormal", async () => {
    const w = nn.init.orthogonal(zeros(3, 5));
    const product = (await w.matmul(w.T).array()) as number[][];
    product.forEach((row, i) => row.forEach((v, j) => expect(v).toBeCloseTo(i === j ? 1 : 0, 5)));
  });

  it("truncated normals stay within the limits", async () => {
    const values = await nn.init.truncNormal(zeros(1000), { std: 1, low: -1, high: 1 }).data();
    expect(values.every((v) => Math.abs(v) <= 1)).toBe(true);
    expect(() => nn.init.truncNormal(zeros(1), { low: 9, high: 10 })).toThrow(
      "truncNormal: [9,10] is too far from mean 0 and std 1",
    );
  });
});

describe.each(devices)("layers on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(3);
  });

  it("batch norm moves its statistics, compiled or not, and uses them in evaluation", async () => {
    for (const wrap of [(f: (x: Tensor) => Tensor) => f, compile<(x: Tensor) => Tensor>]) {
      const norm = new nn.BatchNorm1d(1, { momentum: 0.5 });
      const run = wrap((x: Tensor) => norm.forward(x));
      await run(tensor([[1], [3]])).data();
      await run(tensor([[1], [3]])).data();
      // Batch mean 2, sample variance 2: 0 → 1 → 1.5, and 1 → 1.5 → 1.75.
      expect(await norm.running_mean!.item()).toBeCloseTo(1.5, 6);
      expect(await norm.running_var!.item()).toBeCloseTo(1.75, 6);
      expect(await norm.num_batches_tracked!.item()).toBe(2);
      norm.eval();
      const [out] = await run(tensor([[1.5]])).data();
      expect(out).toBeCloseTo(0, 5);
      expect(await norm.num_batches_tracked!.item()).toBe(2);
    }
  });

  it("batch norm without momentum averages all batches", async () => {
    const norm = new nn.BatchNorm1d(1, { momentum: null });
    for (const v of [1, 2, 6]) await norm.forward(tensor([[v], [v]])).data();
    expect(await norm.running_mean!.item()).toBeCloseTo(3, 5);
  });

  it("dropout zeros about p, scales the rest, and draws anew", async () => {
    const layer = new nn.Dropout(0.25);
    const run = compile((x: Tensor) => layer.forward(x));
    const [a, b] = [await run(ones(4000)).data(), await run(ones(4000)).data()];
    const zeroed = a.filter((v) => v === 0).length;
    expect(zeroed / 4000).toBeCloseTo(0.25, 1);
    expect(a.every((v) => v === 0 || Math.abs(v - 4 / 3) < 1e-6)).toBe(true);
    expect(a).not.toEqual(b);
  });

  it("dropout's gradient has the mask of its forward", async () => {
    const x = ones(200);
    x.requiresGrad = true;
    const y = nn.dropout(x, 0.5);
    y.sum().backward();
    expect(Array.from(await x.grad!.data())).toEqual(Array.from(await y.data()));
  });

  it("channel dropout drops whole channels", async () => {
    const out = (await nn.dropoutChannels(ones(8, 8, 3), 0.5).array()) as number[][][];
    for (const sample of out) for (const [a, b, c] of sample) expect([a, a]).toEqual([b, c]);
  });

  it("an embedding's padding row is 0 and gets no gradient", async () => {
    const layer = new nn.Embedding(4, 2, { paddingIdx: -1 });
    const out = layer.forward(ints(3, 0, 3, 0));
    expect(((await out.array()) as number[][])[0]).toEqual([0, 0]);
    out.sum().backward();
    expect(await layer.weight.grad!.array()).toEqual([
      [2, 2],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  it("cross entropy ignores, weighs and smooths as defined", async () => {
    const logits = tensor([
      [0, 0],
      [1, 3],
    ]);
    const [a, b] = [Math.log(2), Math.log(1 + Math.exp(2))]; // -log p of class 0
    const loss = (options: nn.CrossEntropyOptions) =>
      nn.crossEntropy(logits, ints(0, 0), options).item();
    expect(await loss({})).toBeCloseTo((a + b) / 2, 5);
    expect(await loss({ reduction: "sum" })).toBeCloseTo(a + b, 5);
    const ignored = nn.crossEntropy(logits, ints(0, -100));
    expect(await ignored.item()).toBeCloseTo(a, 5);
    const weighted = nn.crossEntropy(logits, ints(0, 1), { weight: tensor([1, 3]) });
    expect(await weighted.item()).toBeCloseTo((a + 3 * (b - 2)) / 4, 5);
    expect(await loss({ labelSmoothing: 0.5 })).toBeCloseTo((a + 0.75 * b + 0.25 * (b - 2)) / 2, 5);
    const soft = nn.crossEntropy(
      logits,
      tensor([
        [1, 0],
        [1, 0],
      ]),
      { soft: true },
    );
    expect(await soft.item()).toBeCloseTo((a + b) / 2, 5);
  });

  it("a label outside of the classes throws, also inside a program", async () => {
    const logits = zeros(2, 3);
    expect(() => nn.crossEntropy(logits, ints(0, 3))).toThrow(
      "crossEntropy: label 3 at position 1 is outside of 3 classes",
    );
    const step = compile((x: Tensor, y: Tensor) => nn.crossEntropy(x, y));
    const bad = async () => step(logits, ints(0, 3)).item();
    await expect(bad()).rejects.toThrow("is outside [0, 3)");
    expect(await step(logits, ints(0, 2)).item()).toBeCloseTo(Math.log(3), 5);
  });
});

describe("bad input", () => {
  beforeEach(() => {
    device("reference");
  });

  it("says what was wrong and how to mend it", () => {
    expect(() => nn.crossEntropy(zeros(64, 10), zeros(64, 10))).toThrow(
      "crossEntropy: targets must be int32 class indices, got float32 [64,10]\n" +
        "  hint: for probabilities use crossEntropy(logits, targets, { soft: true })",
    );
    expect(() => nn.mseLoss(zeros(4, 1), zeros(4))).toThrow(
      "mseLoss: input [4,1] and target [4] differ",
    );
    expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow(
      "Conv2d: channels 3 and 4 do not divide into 2 groups",
    );
    expect(() => new nn.Dropout(1.5)).toThrow("Dropout: p must be in [0,1], got 1.5");
    expect(() => new nn.Linear(2.5, 1)).toThrow(
      "Linear: inFeatures must be a whole number, got 2.5",
    );
    expect(() => new nn.BatchNorm2d(3).forward(zeros(2, 4, 5, 5))).toThrow(
      "BatchNorm2d: takes 4 axes with 3 channels, got [2,4,5,5]",
    );
    expect(() => new nn.Embedding(3, 2).forward(zeros(2))).toThrow(
      "embedding: indices must be int32, got float32",
    );
    const relu = ((x: Tensor) => x.relu()) as unknown as nn.Layer;
    expect(() => new nn.Sequential(relu)).toThrow(
      "Sequential: takes modules, got the function relu",
    );
  });
});
