// fit on a device that answers late: the same figures, without running far ahead of it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Backend, Program } from "../../src/backend/backend.ts";
import { LateBackend } from "../../src/backend/late.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import { accuracy, confusionMatrix } from "../../src/metrics/index.ts";
import * as nn from "../../src/nn/index.ts";
import { device } from "../../src/tensor/device.ts";
import { type Batch, type Callback, earlyStopping, fit, predict } from "../../src/train/index.ts";
import { CLASSES, classifier, timeless, weights } from "./problem.ts";

/** Counts the runs that were answered. */
class Counting extends LateBackend {
  done = 0;

  override async run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): Promise<void> {
    await super.run(program, inputs, scalars, outputs);
    this.done++;
  }
}

async function train(backend: Backend) {
  device(backend);
  const folder = await mkdtemp(join(tmpdir(), "anneal-late-"));
  try {
    const parts = classifier(1);
    const { history, checkpoint } = await fit(parts.model, {
      ...{ ...parts, seed: 2, epochs: 3, loss: nn.crossEntropy },
      metrics: { accuracy: accuracy(), confusion: confusionMatrix(CLASSES) },
      callbacks: [earlyStopping({ restoreBest: true, patience: 9 })],
      checkpoint: { folder, every: 5 },
    });
    expect(checkpoint).toBe(join(folder, "checkpoint-21"));
    const outputs = await (await predict(parts.model, parts.validation)).data();
    return { history: timeless(history), weights: await weights(parts.model), outputs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

it("gives what the device gives that answers at once", async () => {
  const expected = await train(new ReferenceBackend());
  const late = await train(new LateBackend(new ReferenceBackend(), { maxDelay: 2 }));
  expect(late).toEqual(expected);
});

it("does not wait for each step, and does not run far ahead either", async () => {
  const backend = new Counting(new ReferenceBackend(), { maxDelay: 1 });
  device(backend);
  const { model, optimizer, train } = classifier(1);
  const batches: Batch[] = [];
  for await (const batch of train) batches.push(batch);
  const many = Array.from({ length: 80 }, (_, i) => batches[i % batches.length]);
  let ahead = 0;
  const watch: Callback = {
    name: "watch",
    onStep: (run) => {
      ahead = Math.max(ahead, run.step - backend.done);
    },
  };
  await fit(model, {
    ...{ train: many, optimizer, loss: nn.crossEntropy, epochs: 1, callbacks: [watch] },
  });
  expect(ahead).toBeGreaterThan(2);
  expect(ahead).toBeLessThan(40);
});
