// What fit's neighbours do: gradients of several batches for one step, the learning rate range test,
// batch norm's statistics anew. Resuming is tested for all in resume.test.ts.
import { beforeEach, describe, expect, it } from "vitest";
import { DataLoader } from "../../src/data/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { tensor } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { generatorState, manualSeed } from "../../src/tensor/random.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { findLr, fit, updateBatchNorm } from "../../src/train/index.ts";
import { blobs, CLASSES, line } from "./problem.ts";

beforeEach(() => void device("wasm"));

const numbers = async (t: Tensor) => Array.from(await t.data());

function linear(): nn.Linear {
  manualSeed(3);
  return new nn.Linear(2, 1);
}

async function fitLine(batchSize: number, accumulate: number | undefined, count = 24) {
  const model = linear();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
  const train = new DataLoader(line(count), { batchSize });
  const result = await fit(model, {
    ...{ train, loss: nn.mseLoss, optimizer, epochs: 3, clipNorm: 0.5, accumulate },
  });
  return { weight: await numbers(model.weight), result };
}

describe("accumulate", () => {
  it("makes of several batches one step, as one large batch", async () => {
    const [large, parts] = [await fitLine(12, undefined), await fitLine(4, 3)];
    large.weight.forEach((w, i) => void expect(parts.weight[i]).toBeCloseTo(w, 5));
    expect(parts.result.history[2]!.loss).toBeCloseTo(large.result.history[2]!.loss, 5);
    expect(parts.result.steps).toBe(18);
  });

  it("steps with what is left at the end of an epoch", async () => {
    // 5 batches of 2: two of three and two; the last step has two thirds of a mean gradient.
    const model = new nn.Linear(2, 1);
    const before = await numbers(model.weight);
    const data = new DataLoader(line(10), { batchSize: 2 });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const expected = new nn.Linear(2, 1);
    expected.loadStateDict(model.stateDict());
    await fit(model, { train: data, loss: nn.mseLoss, optimizer, epochs: 1, accumulate: 3 });
    const own = new optim.SGD(expected.parameters(), { lr: 0.1 });
    let i = 0;
    for await (const { x, y } of data) {
      nn.mseLoss(expected.forward(x), y).div(3).backward();
      if (++i % 3 !== 0 && i !== 5) continue;
      own.step();
      own.zeroGrad();
    }
    const found = await numbers(model.weight);
    (await numbers(expected.weight)).forEach((w, k) => void expect(found[k]).toBeCloseTo(w, 6));
    expect(found).not.toEqual(before);
    expect(model.weight.grad).toBeNull();
  });

  it("refuses what is no number of batches", async () => {
    await expect(fitLine(4, 0)).rejects.toThrow("fit: accumulate must be an integer from 1, got 0");
  });
});

describe("findLr", () => {
  const data = () => new DataLoader(line(32), { batchSize: 8, shuffle: true, seed: 4 });

  it("finds a rate that learns, and leaves everything as it was", async () => {
    const model = linear();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.123, momentum: 0.9 });
    const train = data();
    const before = [await numbers(model.weight), generatorState(), train.state()];
    const found = await findLr(model, { train, loss: nn.mseLoss, optimizer, steps: 60 });
    expect([await numbers(model.weight), generatorState(), train.state()]).toEqual(before);
    expect(optimizer.lr).toBe(0.123);
    expect(optimizer.stateDict().clocks).toEqual([-1, -1]);
    expect(found.lrs).toHaveLength(found.losses.length);
    expect(found.lrs[0]).toBeCloseTo(1e-7, 12);
    expect(found.lrs.at(-1)).toBeLessThan(10); // it diverged before
    expect(found.suggestion).toBeGreaterThan(1e-4);
    expect(found.suggestion).toBeLessThan(1);
    optimizer.lr = found.suggestion;
    const { history } = await fit(model, { train, loss: nn.mseLoss, optimizer, epochs: 8 });
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss / 4);
  });

  it("refuses what is no range, and data without batches", async () => {
    const model = linear();
    const optimizer = new optim.SGD(model.parameters(), { lr: 1 });
    const options = { train: data(), loss: nn.mseLoss, optimizer };
    await expect(findLr(model, { ...options, from: 1, to: 0.1 })).rejects.toThrow("0 < from < to");
    await expect(findLr(model, { ...options, steps: 1 })).rejects.toThrow(
      "steps must be an integer",
    );
    await expect(findLr(model, { ...options, train: [] })).rejects.toThrow("gave no batches");
    const nan = (output: Tensor) => output.sum().mul(Number.NaN);
    await expect(findLr(model, { ...options, loss: nan })).rejects.toThrow("is no number");
  });
});

describe("updateBatchNorm", () => {
  it("gives the means and variances of the data, whatever they were", async () => {
    const norm = new nn.BatchNorm1d(4, { momentum: 0.3 });
    const model = new nn.Sequential(norm, new nn.Linear(4, CLASSES));
    model.eval();
    norm.running_mean!.assign(tensor([9, 9, 9, 9]));
    const data = new DataLoader(blobs(40), { batchSize: 20 });
    await updateBatchNorm(model, data);
    const columns = blobs(40);
    const all = await numbers(
      tensor(Array.from({ length: 40 }, (_, i) => Array.from(columns.get(i).x.data))),
    );
    const mean = [0, 1, 2, 3].map(
      (c) => all.filter((_, i) => i % 4 === c).reduce((a, b) => a + b) / 40,
    );
    (await numbers(norm.running_mean!)).forEach((m, c) => void expect(m).toBeCloseTo(mean[c]!, 5));
    expect(await numbers(norm.num_batches_tracked!)).toEqual([2]);
    expect(norm.momentum).toBe(0.3);
    expect(model.training).toBe(false);
  });
});
