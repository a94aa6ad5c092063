// The callbacks that come with training: early stopping, best weights, logs, schedules that
// monitor.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { confusionMatrix, type Metric } from "../../src/metrics/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { device } from "../../src/tensor/device.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  type Batches,
  type Callback,
  csvLog,
  earlyStopping,
  fit,
  jsonLog,
  loadWeights,
  lrScheduler,
  saveBest,
} from "../../src/train/index.ts";
import { CLASSES, classifier, weights } from "./problem.ts";

beforeAll(() => void device("reference"));

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "anneal-callbacks-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/**
 * A model of one weight that loses 1 in each epoch, validated on a table: the loss is the table's
 * entry for the weight's value, so that the validation losses of a run are what a test wants.
 */
function scripted(losses: readonly number[]) {
  class Counter extends nn.Module {
    weight = nn.parameter(Tensor.from(Float32Array.of(0), [1]));
    forward(x: Tensor): Tensor {
      return x.mul(this.weight);
    }
  }
  const model = new Counter();
  const one = Tensor.from(Float32Array.of(1), [1]);
  const batch = { x: one, y: one };
  const table = Tensor.from(Float32Array.from([0, ...losses]), [losses.length + 1]);
  const epochOf = (output: Tensor) => output.neg().round().int();
  const loss = (output: Tensor) =>
    (model.training ? output : table.gather(0, epochOf(output))).sum();
  const optimizer = new optim.SGD(model.parameters(), { lr: 1 }); // d loss / d weight = 1
  return { model, options: { train: [batch], validation: [batch], loss, optimizer } };
}

async function run(losses: readonly number[], callbacks: Callback[], more = {}) {
  const { model, options } = scripted(losses);
  const result = await fit(model, { ...options, callbacks, epochs: losses.length, ...more });
  return { ...result, weight: await model.weight.item(), optimizer: options.optimizer };
}

describe("earlyStopping", () => {
  const losses = [5, 3, 4, 3.5, 3, 1, 0];

  it("stops after so many epochs without a better one", async () => {
    const { history, stopped, weight } = await run(losses, [earlyStopping({ patience: 3 })]);
    expect(history.map(({ valLoss }) => valLoss)).toEqual([5, 3, 4, 3.5, 3]);
    expect(stopped).toBe("valLoss has not improved since epoch 2");
    expect(weight).toBe(-5);
  });

  it("goes back to the best weights when asked", async () => {
    const stopper = earlyStopping({ patience: 2, restoreBest: true });
    const { history, weight } = await run(losses, [stopper]);
    expect(history).toHaveLength(4);
    expect(weight).toBe(-2);
    const all = await run(losses, [earlyStopping({ patience: 4, restoreBest: true })]);
    expect(all.stopped).toBeUndefined();
    expect(all.weight).toBe(-7);
  });

  it("counts only improvements by more than minDelta, up or down", async () => {
    const slow = await run([5, 4.5, 3.9, 3.5], [earlyStopping({ patience: 2, minDelta: 1 })]);
    expect(slow.history).toHaveLength(4); // 3.9 is better than 5 by more than 1
    const slower = await run([5, 4.5, 3.9, 3.5], [earlyStopping({ patience: 2, minDelta: 2 })]);
    expect(slower.history).toHaveLength(3);
    const up = earlyStopping({ monitor: "valLoss", mode: "max", patience: 1 });
    expect((await run([1, 2, 3, 2, 9], [up])).history).toHaveLength(4);
  });

  it("knows which way a name improves, and refuses names that are not there", async () => {
    const score: Metric = { measure: ({ output }) => [output.sum()], result: ([s]) => -s[0] };
    const metrics = { score };
    const rising = earlyStopping({ monitor: "score", patience: 1 });
    const { history } = await run([1, 1, 1, 1], [rising], { metrics });
    expect(history.map(({ score }) => score)).toEqual(
      [0, 1, 2, 3].map((n) => n || expect.anything()),
    );
    await expect(run([1], [earlyStopping({ monitor: "valAccuracy" })])).rejects.toThrow(
      'earlyStopping: the history has no number "valAccuracy"\n  hint: monitor one of epoch, loss, valLoss',
    );
    expect(() => earlyStopping({ patience: 0 })).toThrow("patience must be an integer from 1");
  });

  it("goes on waiting after a resume, and restores what was best before it", async () => {
    const controller = new AbortController();
    const halt: Callback = {
      name: "halt",
      onEpoch: (_, { epoch }) => void (epoch === 3 && controller.abort()),
    };
    const stopper = () => earlyStopping({ patience: 3, restoreBest: true });
    const checkpoint = { folder };
    await run(losses, [stopper(), halt], { checkpoint, signal: controller.signal });
    const rest = await run(losses, [stopper()], { checkpoint, resume: true });
    expect(rest.history).toHaveLength(5);
    expect(rest.weight).toBe(-2);
    const again = await run(losses, [stopper()], { checkpoint, resume: true });
    expect(again.history).toHaveLength(5);
    expect(again.stopped).toBe("valLoss has not improved since epoch 2");
  });
});

it("saveBest keeps the weights of the best epoch", async () => {
  const path = join(folder, "best.safetensors");
  const { weight } = await run([5, 3, 4, 2, 6], [saveBest(path)]);
  expect(weight).toBe(-5);
  const { model } = scripted([1]);
  await loadWeights(model, path);
  expect(await model.weight.item()).toBe(-4);
});

it("csvLog and jsonLog hold the history after each epoch", async () => {
  const [csv, json] = [join(folder, "log.csv"), join(folder, "log.json")];
  const seen: string[][] = [];
  const look: Callback = {
    name: "look",
    onEpoch: async () => {
      seen.push(await readdir(folder));
    },
  };
  const { model, optimizer, train } = classifier(1);
  const { history } = await fit(model, {
    ...{ train, optimizer, loss: nn.crossEntropy, epochs: 2 },
    metrics: { confusion: confusionMatrix(CLASSES) },
    callbacks: [csvLog(csv), jsonLog(json), look],
  });
  expect(seen[0].sort()).toEqual(["log.csv", "log.json"]);
  expect(JSON.parse(await readFile(json, "utf8"))).toEqual(JSON.parse(JSON.stringify(history)));
  const [head, ...rows] = (await readFile(csv, "utf8")).trimEnd().split("\n");
  expect(head).toBe("epoch,loss,lr,seconds,samplesPerSecond");
  expect(rows).toHaveLength(2);
  expect(rows[1].split(",").map(Number)).toEqual(
    head.split(",").map((name) => history[1][name as keyof (typeof history)[1]]),
  );
});

it("lrScheduler gives a schedule what it monitors", async () => {
  const { model, options } = scripted([3, 3, 3, 3]);
  const plateau = new optim.ReduceLROnPlateau(options.optimizer, { patience: 1, factor: 0.5 });
  const scheduler = lrScheduler(plateau, { monitor: "loss" });
  const rates: number[] = [];
  const watch: Callback = { name: "watch", onEpoch: (run) => void rates.push(run.optimizer.lr) };
  // The training loss is 1 in each step: never better than the first time.
  const one = options.train[0];
  const still: Batches = [one];
  const loss = (output: Tensor) => output.sub(output.detach()).sum().add(1);
  await fit(model, { ...options, train: still, loss, scheduler, callbacks: [watch], epochs: 4 });
  expect(rates).toEqual([1, 1, 0.5, 0.5]);
  expect(() => lrScheduler(plateau, { per: "step", monitor: "loss" })).toThrow("lrScheduler");
  const wrong = { ...options, scheduler: lrScheduler(plateau, { monitor: "valF1" }), epochs: 1 };
  await expect(fit(model, wrong)).rejects.toThrow('lrScheduler: the history has no number "valF1"');
});

it("weights of another model do not load, and nothing changes", async () => {
  const path = join(folder, "best.safetensors");
  await run([1], [saveBest(path)]);
  const { model } = classifier(1);
  const before = await weights(model);
  await expect(loadWeights(model, path)).rejects.toThrow(`${path} does not fit Classifier`);
  expect(await weights(model)).toEqual(before);
});
