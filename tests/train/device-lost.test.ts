// A device that is lost in the middle of training: fit breaks off with an error that names the last
// checkpoint, the process goes on, and a resume on another device ends with the same weights.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import * as nn from "../../src/nn/index.ts";
import { device } from "../../src/tensor/device.ts";
import { type Callback, fit } from "../../src/train/index.ts";
import { FlakyBackend, slow } from "../semantics/devices.ts";
import { classifier, timeless, weights } from "./problem.ts";

/** Lets each step be done before the next is asked for: then none fails because another did. */
const waiting: Callback = { name: "waiting", onStep: () => new Promise((go) => setTimeout(go, 9)) };

async function train(folder: string, options: { resume?: boolean; callbacks?: Callback[] } = {}) {
  const parts = classifier(1);
  const { history } = await fit(parts.model, {
    ...{ ...parts, seed: 2, epochs: 3, loss: nn.crossEntropy },
    ...{ checkpoint: { folder, every: 5 }, ...options },
  });
  return { history: timeless(history), weights: await weights(parts.model) };
}

it.each([
  { at: 11, alone: false },
  { at: 11, alone: true },
  { at: 13, alone: false },
  { at: 13, alone: true },
])(
  "breaks off at run $at with a checkpoint to go on from (alone: $alone)",
  async ({ at, alone }) => {
    const folder = await mkdtemp(join(tmpdir(), "anneal-lost-"));
    try {
      device(new ReferenceBackend());
      const expected = await train(join(folder, "whole"));
      const flaky = new FlakyBackend();
      device(slow(flaky));
      flaky.failIn = at;
      const callbacks = alone ? [waiting] : [];
      const error = await train(join(folder, "lost"), { callbacks }).then(
        () => null,
        (reason) => reason,
      );
      expect(error?.name).toBe("DeviceError");
      expect(error.message).toMatch(/^flaky: the device was lost\n {2}hint: /);
      expect(error.hint).toMatch(/the last checkpoint is .*checkpoint-\d+; resume: true goes on/);
      device(new ReferenceBackend());
      expect(await train(join(folder, "lost"), { resume: true })).toEqual(expected);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
