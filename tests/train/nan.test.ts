// A loss that is no number: the run stops, the step is named, the last good checkpoint stays.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LateBackend } from "../../src/backend/late.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { detectsNaN } from "../../src/tensor/anomaly.ts";
import { device } from "../../src/tensor/device.ts";
import { manualSeed } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { type Batch, type Callback, fit } from "../../src/train/index.ts";
import { NumericError } from "../../src/util/errors.ts";
import { devices, weights } from "./problem.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "anneal-nan-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Ten batches; the one with number `bad` holds `value`, the others small numbers. */
function batches(bad: number, value: number): Batch[] {
  return Array.from({ length: 10 }, (_, i) => {
    const x = Float32Array.of(0.1 * i, i + 1 === bad ? value : 0.5);
    return { x: Tensor.from(x, [1, 2]), y: Tensor.from(Float32Array.of(1), [1, 1]) };
  });
}

class Net extends nn.Module {
  fc = new nn.Linear(2, 1);
  forward(x: Tensor): Tensor {
    return this.fc.forward(x);
  }
}

/** A linear model after a layer that takes roots: NaN for negative numbers. */
class Rooted extends nn.Module {
  roots = new (class Roots extends nn.Module {
    forward(x: Tensor): Tensor {
      return nn.inScope(this, () => x.sqrt());
    }
  })();
  fc = new nn.Linear(2, 1);
  forward(x: Tensor): Tensor {
    return this.fc.forward(this.roots.forward(x));
  }
}

function problem(model: Net | Rooted) {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  return { optimizer, loss: nn.mseLoss, epochs: 2 };
}

const late: [string, () => LateBackend] = [
  "late reference",
  () => new LateBackend(new ReferenceBackend(), { maxDelay: 1 }),
];

describe.each([...devices, late])("on %s", (_, make) => {
  beforeAll(() => void device(make()));

  it.each([
    [Number.NaN, "NaN"],
    [1e30, "infinite"],
  ])(
    "a loss of an input of %d stops the run and keeps the last good checkpoint",
    async (value, what) => {
      manualSeed(1);
      const model = new Net();
      const options = { ...problem(model), checkpoint: { folder, every: 2, keep: 9 } };
      const error = await fit(model, { ...options, train: batches(7, value) }).catch((e) => e);
      expect(error).toBeInstanceOf(NumericError);
      expect(error.message).toBe(
        `fit: the loss became ${what} in step 7 (epoch 1)\n` +
          `  hint: the last good checkpoint is ${folder}/checkpoint-6; ` +
          "fit(model, { …, detectNaN: true }) names the op and the layer",
      );
      const names = ["checkpoint-2", "checkpoint-4", "checkpoint-6", "latest"];
      expect((await readdir(folder)).sort()).toEqual(names);
      const again = new Net();
      const good = await fit(again, {
        ...{ ...problem(again), train: batches(0, 0) },
        ...{ epochs: 1, resume: folder },
      });
      expect(good.steps).toBe(10);
      expect(
        Object.values(await weights(again))
          .flat()
          .every(Number.isFinite),
      ).toBe(true);
    },
  );

  it("detectNaN names the op, the layer and the step, and the weights are those before it", async () => {
    manualSeed(1);
    const model = new Rooted();
    const kept: Record<string, number[]>[] = [];
    const keep: Callback = {
      name: "keep",
      onStep: async () => void kept.push(await weights(model)),
    };
    const options = { ...problem(model), detectNaN: true, callbacks: [keep] };
    const error = await fit(model, { ...options, train: batches(4, -1) }).catch((e) => e);
    expect(error).toBeInstanceOf(NumericError);
    expect(error.message).toMatch(/^sqrt: made NaN from finite inputs, in step 4 \(epoch 1\)/);
    expect(error.in).toBe("model.roots (Roots)");
    expect(kept).toHaveLength(3);
    expect(await weights(model)).toEqual(kept[2]);
    expect(detectsNaN()).toBe(false);
  });
});

describe("a checkpoint", () => {
  beforeAll(() => void device("reference"));

  it("is not written of weights that are NaN where the loss is still a number", async () => {
    manualSeed(1);
    const model = new Net();
    // The gradient of the root at zero is infinite; the loss itself is 0.
    const loss = (output: Tensor) => output.sub(output.detach()).abs().sqrt().mean();
    const options = { ...problem(model), checkpoint: { folder }, epochs: 1 };
    const error = await fit(model, { ...options, train: batches(0, 0).slice(0, 1), loss }).catch(
      (e) => e,
    );
    expect(error).toBeInstanceOf(NumericError);
    expect(error.message).toMatch(
      /^fit: the weight fc\.weight holds (NaN|-?Infinity) after step 1/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it("is not written of a buffer that is NaN, but of one that is infinite on purpose", async () => {
    class Masked extends Net {
      mask = Tensor.from(Float32Array.of(0, Number.NEGATIVE_INFINITY), [2]);
    }
    manualSeed(1);
    const model = new Masked();
    const options = { ...problem(model), train: batches(0, 0), checkpoint: { folder }, epochs: 1 };
    expect((await fit(model, options)).checkpoint).toBe(join(folder, "checkpoint-10"));
    model.mask.assign(Tensor.from(Float32Array.of(0, Number.NaN), [2]));
    await expect(fit(model, options)).rejects.toThrow(
      "fit: the buffer mask holds NaN after step 10",
    );
  });
});
