// fit, evaluate and predict on small problems, on every device.
import { beforeAll, describe, expect, it } from "vitest";
import { DataLoader } from "../../src/data/index.ts";
import { accuracy, confusionMatrix, meanAbsoluteError } from "../../src/metrics/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { device } from "../../src/tensor/device.ts";
import { manualSeed } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  type Callback,
  evaluate,
  fit,
  lineProgress,
  lrScheduler,
  predict,
} from "../../src/train/index.ts";
import { blobs, CLASSES, classifier, devices, line, timeless } from "./problem.ts";

const metrics = { accuracy: accuracy(), confusion: confusionMatrix(CLASSES) };

describe.each(devices)("on %s", (_, make) => {
  beforeAll(() => void device(make()));

  it("trains a model of several inputs by name", async () => {
    class Sum extends nn.Module {
      left = new nn.Linear(2, 1);
      right = new nn.Linear(3, 1);
      forward({ a, b }: { a: Tensor; b: Tensor }): Tensor {
        return this.left.forward(a).add(this.right.forward(b)); // (B, 1)
      }
    }
    manualSeed(1);
    const model = new Sum();
    const a = Tensor.from(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), [4, 2]);
    const b = Tensor.from(
      Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
      [4, 3],
    );
    const y = a.sum(1, { keepdim: true }).sub(b.sum(1, { keepdim: true })); // (4, 1)
    const train = [{ x: { a, b }, y }];
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
    const { history } = await fit(model, { train, loss: nn.mseLoss, optimizer, epochs: 60 });
    expect(history[59].loss).toBeLessThan(history[0].loss * 0.05);
    const tested = await evaluate(model, train, { loss: nn.mseLoss });
    expect(tested.loss).toBeLessThan(history[59].loss * 1.5);
    expect((await predict(model, train)).shape).toEqual([4, 1]);
  });

  it("trains a classifier, with a short last batch, and validates", async () => {
    const { model, optimizer, scheduler, train, validation } = classifier(1);
    const { history, steps, interrupted, stopped } = await fit(model, {
      ...{ train, validation, optimizer, scheduler, metrics },
      loss: nn.crossEntropy,
      epochs: 4,
    });
    expect(steps).toBe(4 * 7);
    expect(interrupted).toBe(false);
    expect(stopped).toBeUndefined();
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    const [first, last] = [history[0], history[3]];
    expect(last.loss).toBeLessThan(first.loss * 0.6);
    expect(last.valAccuracy).toBeGreaterThanOrEqual(0.9);
    expect(first.lr).toBe(0.02);
    expect(last.lr).toBeLessThan(0.01);
    expect(last.confusion.flat().reduce((a, b) => a + b)).toBe(50);
    expect(last.valConfusion?.flat().reduce((a, b) => a + b)).toBe(20);
    expect(last.seconds).toBeGreaterThan(0);
    expect(last.samplesPerSecond).toBeGreaterThan(0);
  });

  it("records the means that a loop by hand gives", async () => {
    const { model, optimizer, train } = classifier(2);
    const start = model.stateDict();
    const random = { seed: 4 };
    const { history } = await fit(model, {
      ...{ train, optimizer, metrics, ...random },
      loss: nn.crossEntropy,
      epochs: 2,
    });
    const trained = model.stateDict();
    model.loadStateDict(start);
    const again = new optim.AdamW(model.parameters(), { lr: 0.02 });
    const byHand: { loss: number; accuracy: number }[] = [];
    train.setEpoch(0);
    manualSeed(4);
    for (let epoch = 0; epoch < 2; epoch++) {
      let [loss, right, count] = [0, 0, 0];
      for await (const { x, y } of train) {
        const output = model.forward(x);
        const value = nn.crossEntropy(output, y);
        again.step(value);
        const labels = await y.data();
        const said = await output.argmax(1).data();
        loss += (await value.item()) * labels.length;
        right += labels.filter((label, i) => label === said[i]).length;
        count += labels.length;
      }
      byHand.push({ loss: loss / count, accuracy: right / count });
    }
    for (const [i, { loss, accuracy }] of history.entries()) {
      expect(loss).toBeCloseTo(byHand[i].loss, 4);
      expect(accuracy).toBe(byHand[i].accuracy);
    }
    const found = await model.fc1.weight.data();
    const expected = await trained["fc1.weight"].data();
    found.forEach((value, i) => void expect(value).toBeCloseTo(expected[i], 4));
  });

  it("fits a line by regression", async () => {
    manualSeed(3);
    const model = new nn.Linear(2, 1);
    const data = line(64);
    const { history } = await fit(model, {
      train: new DataLoader(data, { batchSize: 16, shuffle: true }),
      validation: new DataLoader(data, { batchSize: 64 }),
      loss: nn.mseLoss,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.3 }),
      epochs: 20,
      metrics: { mae: meanAbsoluteError() },
    });
    expect(history.at(-1)?.valLoss).toBeLessThan(1e-3);
    expect(history.at(-1)?.valMae).toBeLessThan(0.03);
    const weight = await model.weight.data();
    expect(weight[0]).toBeCloseTo(2, 1);
    expect(weight[1]).toBeCloseTo(-1, 1);
  });

  it("gives the same figures for the same seeds", async () => {
    const run = async () => {
      const { model, optimizer, train, validation } = classifier(7);
      const options = { train, validation, optimizer, metrics, loss: nn.crossEntropy };
      return timeless((await fit(model, { ...options, epochs: 2, seed: 3 })).history);
    };
    expect(await run()).toEqual(await run());
  });

  it("evaluates and predicts in evaluation mode, and gives each module its mode back", async () => {
    const { model, optimizer, train, validation } = classifier(1);
    await fit(model, { train, optimizer, loss: nn.crossEntropy, epochs: 3 });
    model.drop.training = false;
    const once = await evaluate(model, validation, { loss: nn.crossEntropy, metrics });
    const again = await evaluate(model, validation, { loss: nn.crossEntropy, metrics });
    expect(again).toEqual(once);
    expect([model.training, model.norm.training, model.drop.training]).toEqual([true, true, false]);
    const data = blobs(20, 9).batch(Uint32Array.from({ length: 20 }, (_, i) => i));
    const whole = await predict(model, Tensor.from(data.x.data as Float32Array, data.x.shape));
    const parts = await predict(model, validation);
    expect(parts.shape).toEqual([20, CLASSES]);
    const [a, b] = [await whole.data(), await parts.data()];
    a.forEach((value, i) => void expect(value).toBeCloseTo(b[i], 5));
    const said = await whole.argmax(1).data();
    const right = said.filter((label, i) => label === data.y.data[i]).length;
    expect(once.accuracy).toBeCloseTo(right / 20, 6);
  });
});

describe("fit", () => {
  beforeAll(() => void device("reference"));

  it("calls the hooks in order, awaits them, and stops when one asks", async () => {
    const { model, optimizer, train } = classifier(1);
    const calls: string[] = [];
    const note = (text: string) =>
      new Promise<void>((resolve) =>
        setTimeout(() => {
          calls.push(text);
          resolve();
        }, 1),
      );
    const callback: Callback = {
      name: "note",
      onStart: (run) => note(`start ${run.epoch} ${run.step}`),
      onStep: async (run) => {
        const loss = await run.loss?.item();
        if (run.step % 7 === 1) await note(`step ${run.step} ${Number.isFinite(loss)}`);
      },
      onEpoch: async (run, record) => {
        await note(`epoch ${run.epoch} ${record === run.history.at(-1)}`);
        if (record.epoch === 2) run.stop("seen enough");
      },
      onEnd: (run) => note(`end ${run.step}`),
    };
    const { stopped, history } = await fit(model, {
      ...{ train, optimizer, loss: nn.crossEntropy, epochs: 9, callbacks: [callback] },
    });
    expect(stopped).toBe("seen enough");
    expect(history).toHaveLength(2);
    expect(calls).toEqual([
      "start 1 0",
      "step 1 true",
      "epoch 1 true",
      "step 8 true",
      "epoch 2 true",
      "end 14",
    ]);
  });

  it("moves a schedule on at every step when asked", async () => {
    const { model, optimizer, train } = classifier(1);
    const rates: number[] = [];
    const watch: Callback = { name: "watch", onStep: () => void rates.push(optimizer.lr) };
    const scheduler = lrScheduler(new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.5 }), {
      per: "step",
    });
    await fit(model, {
      ...{ train, optimizer, scheduler, loss: nn.crossEntropy, epochs: 1, callbacks: [watch] },
    });
    expect(rates).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => 0.02 * 0.5 ** n));
  });

  it("compiles nothing after the first epoch, whatever the learning rate", async () => {
    const { model, optimizer, train, validation } = classifier(1);
    const compiled: number[] = [];
    const count: Callback = { name: "count", onEpoch: () => void compiled.push(device().compiled) };
    const schedule = new optim.CosineAnnealingLR(optimizer, { tMax: 28 });
    await fit(model, {
      ...{ train, validation, optimizer, metrics, loss: nn.crossEntropy, epochs: 4 },
      scheduler: lrScheduler(schedule, { per: "step" }),
      callbacks: [count],
    });
    expect(new Set(compiled).size).toBe(1);
  });

  it("takes an array of batches, and clips gradients", async () => {
    manualSeed(1);
    const model = new nn.Linear(2, 1);
    const before = await model.weight.data();
    const x = Tensor.from(Float32Array.of(100, 0), [1, 2]);
    const y = Tensor.from(Float32Array.of(1000), [1, 1]);
    const optimizer = new optim.SGD(model.parameters(), { lr: 1 });
    await fit(model, {
      ...{ train: [{ x, y }], loss: nn.mseLoss, optimizer, epochs: 1, clipNorm: 0.5 },
    });
    const moved = (await model.weight.data()).map((value, i) => value - before[i]);
    expect(Math.hypot(...moved)).toBeGreaterThan(0.4);
    expect(Math.hypot(...moved)).toBeLessThan(0.51);
  });

  it("tells its progress in lines", async () => {
    const { model, optimizer, train, validation } = classifier(1);
    const lines: string[] = [];
    const slow: Callback = {
      name: "slow",
      onStep: () => new Promise((resolve) => setTimeout(resolve, 40)),
    };
    await fit(model, {
      ...{ train, validation, optimizer, loss: nn.crossEntropy, epochs: 2, callbacks: [slow] },
      metrics: { accuracy: accuracy() },
      progress: lineProgress({ write: (text) => void lines.push(text), every: 0.05 }),
    });
    const number = "\\d+\\.\\d{4}";
    const epoch = `epoch 2/2  loss ${number}  accuracy ${number}  valLoss ${number}`;
    expect(lines.at(-1)).toMatch(new RegExp(`^${epoch}  valAccuracy ${number}  .* samples/s$`));
    const step = `epoch 1/2  step \\d/7  loss ${number}  accuracy ${number}  .*samples/s  .* left`;
    expect(lines[0]).toMatch(new RegExp(`^${step}$`));
  });

  it("refuses what cannot be", async () => {
    const { model, optimizer, train } = classifier(1);
    const options = { train, optimizer, loss: nn.crossEntropy, epochs: 1 };
    await expect(fit(model, { ...options, epochs: 0 })).rejects.toThrow(
      "fit: epochs must be an integer from 1, got 0",
    );
    await expect(fit(model, { ...options, train: [] })).rejects.toThrow(
      "fit: the training data gave no batches",
    );
    await expect(
      fit(model, { ...options, metrics: { loss: accuracy() } as never }),
    ).rejects.toThrow("the name loss is taken");
    await expect(fit(model, { ...options, resume: true })).rejects.toThrow(
      "resume: true needs a checkpoint folder",
    );
    await expect(
      fit(model, { ...options, loss: (x, y) => nn.crossEntropy(x, y, { reduction: "none" }) }),
    ).rejects.toThrow("ShapeError: loss: must give one number for a batch, got [8]".slice(12));
    await expect(
      fit(model, { ...options, metrics: { confusion: confusionMatrix(4) } }),
    ).rejects.toThrow("made for 4 classes, the model gives 3");
  });
});
