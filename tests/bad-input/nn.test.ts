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
