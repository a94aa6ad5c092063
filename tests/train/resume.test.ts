// Checkpoints: what is trained in pieces, by fresh objects, equals what is trained at once, to the
// last bit; a stop saves; a NaN is never saved; what does not fit changes nothing.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DataLoader } from "../../src/data/index.ts";
import { readSafetensorsFile } from "../../src/io/index.ts";
import { accuracy, auroc, perplexity } from "../../src/metrics/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { device } from "../../src/tensor/device.ts";
import { generatorState, manualSeed } from "../../src/tensor/random.ts";
import {
  type Batch,
  type Batches,
  type Callback,
  earlyStopping,
  type FitOptions,
  fit,
  loadWeights,
} from "../../src/train/index.ts";
import { blobs, CLASSES, classifier, devices, timeless, weights } from "./problem.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "anneal-resume-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A signal that aborts once so many steps are done, as Ctrl-C would. */
function interruptAfter(steps: number): { signal: AbortSignal; callback: Callback } {
  const controller = new AbortController();
  const callback: Callback = {
    name: "interrupt",
    onStep: (run) => {
      if (run.step === steps) controller.abort();
    },
  };
  return { signal: controller.signal, callback };
}

const common = { loss: nn.crossEntropy, epochs: 4 };
const metrics = { accuracy: accuracy(), perplexity: perplexity(), area: auroc() };

async function train(modelSeed: number, more: Partial<FitOptions> = {}) {
  const validation = new DataLoader(blobs(20, 9), { batchSize: 3, shuffle: true, seed: 8 });
  const parts = { ...classifier(modelSeed), validation };
  const stopper = earlyStopping({ monitor: "valLoss", patience: 9, restoreBest: true });
  const callbacks = [stopper, ...(more.callbacks ?? [])];
  const result = await fit(parts.model, { ...parts, ...common, metrics, ...more, callbacks });
  return { result, weights: await weights(parts.model), random: generatorState(), parts };
}

type Trained = Awaited<ReturnType<typeof train>>;

function expectSame(found: Trained, expected: Trained): void {
  expect(timeless(found.result.history)).toEqual(timeless(expected.result.history));
  expect(found.weights).toEqual(expected.weights);
  expect(found.random).toEqual(expected.random);
}

describe.each(devices)("on %s", (_, make) => {
  beforeAll(() => void device(make()));

  // 7 batches an epoch: within the first, after its last, within the last, twice.
  it.each([[[3]], [[7]], [[25]], [[4, 12]]])(
    "a run stopped after steps %j goes on bit for bit",
    async (stops) => {
      const straight = await train(1, { seed: 6 });
      for (const [i, stop] of stops.entries()) {
        const { signal, callback } = interruptAfter(stop);
        const again = i === 0 ? { seed: 6 } : { seed: 999, resume: true };
        const { result } = await train(i === 0 ? 1 : 100 + i, {
          ...again,
          ...{ signal, callbacks: [callback], checkpoint: { folder } },
        });
        expect(result.interrupted).toBe(true);
        expect(result.steps).toBe(stop);
        expect(result.checkpoint).toBe(join(folder, `checkpoint-${stop}`));
      }
      const rest = await train(500, { checkpoint: { folder }, resume: true, seed: 31 });
      expect(rest.result.resumedFrom).toBe(join(folder, `checkpoint-${stops.at(-1)}`));
      expect(rest.result.interrupted).toBe(false);
      expect(rest.result.steps).toBe(28);
      expectSame(rest, straight);
    },
  );
});

it("the bits do not depend on the number of threads, nor does a resume with another", async () => {
  const [one, two] = [devices[1][1](), devices[2][1]()];
  device(one);
  const straight = await train(1, { seed: 6 });
  device(two);
  const { signal, callback } = interruptAfter(10);
  await train(1, { seed: 6, signal, callbacks: [callback], checkpoint: { folder } });
  device(one);
  expectSame(await train(2, { checkpoint: { folder }, resume: true }), straight);
});

describe("a stop", () => {
  beforeAll(() => void device("reference"));

  it("keeps the gradients that wait for a step", async () => {
    const straight = await train(1, { seed: 6, accumulate: 3 });
    const { signal, callback } = interruptAfter(11); // one batch into a step
    await train(1, {
      seed: 6,
      accumulate: 3,
      signal,
      callbacks: [callback],
      checkpoint: { folder },
    });
    const rest = await train(2, { checkpoint: { folder }, resume: true, accumulate: 3 });
    expectSame(rest, straight);
    expect(rest.weights).not.toEqual((await train(1, { seed: 6 })).weights);
  });

  it("while validating repeats the validation, with its order and random numbers", async () => {
    const straight = await train(1, { seed: 6 });
    const controller = new AbortController();
    let loops = 0;
    const inner = new DataLoader(blobs(20, 9), { batchSize: 3, shuffle: true, seed: 8 });
    const validation: Batches = {
      state: () => inner.state(),
      loadState: (state: never) => inner.loadState(state),
      async *[Symbol.asyncIterator]() {
        loops++;
        for await (const batch of inner) {
          if (loops === 2) controller.abort();
          yield batch;
        }
      },
    };
    const part = await train(1, {
      ...{ seed: 6, validation, signal: controller.signal, checkpoint: { folder } },
    });
    expect(part.result.interrupted).toBe(true);
    expect(part.result.history).toHaveLength(1);
    expect(part.result.steps).toBe(14);
    expectSame(await train(3, { checkpoint: { folder }, resume: true }), straight);
  });

  it("with plain arrays of batches goes on after those it has seen", async () => {
    const list: Batch[] = [];
    for await (const batch of classifier(1).train) list.push(batch);
    const straight = await train(1, { train: list, seed: 6 });
    const { signal, callback } = interruptAfter(9);
    const stop = { signal, callbacks: [callback], checkpoint: { folder } };
    await train(1, { train: list, seed: 6, ...stop });
    expectSame(await train(3, { train: list, checkpoint: { folder }, resume: true }), straight);
  });

  it("without a checkpoint folder just ends, and before the first step does nothing", async () => {
    const { signal, callback } = interruptAfter(2);
    const { result } = await train(1, { signal, callbacks: [callback] });
    expect(result).toMatchObject({ interrupted: true, steps: 2, checkpoint: undefined });
    const early = await train(1, { signal: AbortSignal.abort(), checkpoint: { folder } });
    expect(early.result).toMatchObject({ interrupted: true, steps: 0, checkpoint: undefined });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("checkpoints", () => {
  beforeAll(() => void device("reference"));

  it("come at the end of each epoch and every so many steps; the newest are kept", async () => {
    const written: (string | undefined)[] = [];
    const note: Callback = {
      name: "note",
      onStep: async () => void written.push((await readdir(folder)).sort().join(" ")),
    };
    await train(1, { epochs: 2, callbacks: [note], checkpoint: { folder, every: 3, keep: 2 } });
    expect(new Set(written)).toEqual(
      new Set([
        "",
        "checkpoint-3 latest",
        "checkpoint-3 checkpoint-6 latest",
        "checkpoint-6 checkpoint-7 latest",
        "checkpoint-7 checkpoint-9 latest",
        "checkpoint-12 checkpoint-9 latest",
      ]),
    );
    expect((await readdir(folder)).sort()).toEqual(["checkpoint-12", "checkpoint-14", "latest"]);
  });

  it("hold the weights under their own names, for any tool to read", async () => {
    const { result, parts } = await train(1, { epochs: 1, checkpoint: { folder } });
    const file = join(result.checkpoint as string, "model.safetensors");
    const { tensors } = await readSafetensorsFile(file);
    expect([...tensors.keys()].sort()).toEqual(Object.keys(parts.model.stateDict()).sort());
    const other = classifier(77).model;
    await loadWeights(other, file);
    expect(await weights(other)).toEqual(await weights(parts.model));
  });

  it("of a finished run are found finished", async () => {
    const done = await train(1, { epochs: 2, checkpoint: { folder } });
    const again = await train(2, { epochs: 2, checkpoint: { folder }, resume: true });
    expect(again.result.history).toEqual(done.result.history);
    expect(again.weights).toEqual(done.weights);
    expect(again.result.steps).toBe(14);
  });

  it("are asked for by resume: true, and must be there for a folder", async () => {
    const fresh = await train(1, { epochs: 1, checkpoint: { folder }, resume: true });
    expect(fresh.result.resumedFrom).toBeUndefined();
    const nowhere = join(folder, "nowhere");
    await expect(train(1, { resume: nowhere })).rejects.toThrow(
      `${nowhere} has no complete checkpoint to resume from`,
    );
    const named = await train(1, { epochs: 1, resume: fresh.result.checkpoint });
    expect(named.result.resumedFrom).toBe(fresh.result.checkpoint);
  });

  it("that do not fit change nothing", async () => {
    const { validation } = classifier(1);
    await train(1, { epochs: 1, validation, checkpoint: { folder } });
    manualSeed(3);
    const small = new nn.Linear(4, CLASSES);
    const optimizer = new optim.SGD(small.parameters(), { lr: 0.1 });
    const start = await weights(small);
    const options = { ...common, optimizer, resume: folder };
    const data = new DataLoader(blobs(50), { batchSize: 8, shuffle: true, seed: 5 });
    await expect(fit(small, { ...options, train: data })).rejects.toThrow(/does not fit Linear/);
    expect(await weights(small)).toEqual(start);

    const other = classifier(9);
    const before = await weights(other.model);
    const random = generatorState();
    const train4 = new DataLoader(blobs(50), { batchSize: 4, shuffle: true, seed: 5 });
    await expect(
      fit(other.model, { ...other, ...common, train: train4, resume: folder }),
    ).rejects.toThrow(/batchSize 8, this one has 4/);
    const sgd = new optim.SGD(other.model.parameters(), { lr: 0.1, momentum: 0.9 });
    await expect(
      fit(other.model, { ...other, ...common, optimizer: sgd, resume: folder }),
    ).rejects.toThrow(/does not fit this SGD/);
    expect(await weights(other.model)).toEqual(before);
    expect(generatorState()).toEqual(random);
    expect(other.train.state()).toMatchObject({ epoch: 0, batch: 0 });
  });

  it("of another format are refused by name", async () => {
    const { result } = await train(1, { epochs: 1, checkpoint: { folder } });
    const path = join(result.checkpoint as string, "training.json");
    const json = JSON.parse(await readFile(path, "utf8"));
    expect(json.format).toBe(1);
    await writeFile(path, JSON.stringify({ ...json, format: 2 }));
    await expect(train(1, { resume: result.checkpoint })).rejects.toThrow(/training\.json/);
  });
});
