// device("auto"): small programs stay on the processor, large ones go to the card, state does not go
// back and forth, and without a card all is as on wasm.
import { beforeEach, describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { AutoBackend } from "../../src/tensor/auto.ts";
import { compile } from "../../src/tensor/compile.ts";
import { ones, rand, tensor } from "../../src/tensor/create.ts";
import { device, engineOn } from "../../src/tensor/device.ts";
import { devices } from "../../src/tensor/devices.ts";
import { manualSeed } from "../../src/tensor/random.ts";
import type { Speed } from "../../src/tensor/speed.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { DeviceError } from "../../src/util/errors.ts";
import { Card } from "../semantics/card.ts";
import { values } from "./devices.ts";

const cpuSpeed: Speed = { run: 0.01, step: 0.001, products: 0.1, instructions: 0.1, bytes: 0 };
const cardSpeed: Speed = {
  run: 0.1,
  step: 0.01,
  products: 0.001,
  instructions: 0.001,
  bytes: 0.001,
};

let card: Card;
let cards = 0;

beforeEach(() => {
  card = new Card(`card ${++cards}`, { maxDelay: 1 }); // devices are known by their names
  const auto = new AutoBackend(engineOn("reference"), engineOn(card), {
    speedOf: async ({ backend }) => (backend === card ? cardSpeed : cpuSpeed),
    isHopeless: async () => false, // a card of tests is slow
  });
  device(auto);
});

describe("auto", () => {
  it("keeps small programs, and sends large ones", async () => {
    const small = compile((a: Tensor) => a.matmul(a).sum());
    expect(await small(ones(8, 8)).item()).toBe(512);
    expect(card.runs).toBe(0);
    const large = compile((a: Tensor) => a.matmul(a).sum());
    expect(await large(ones(256, 256)).item()).toBe(256 ** 3);
    expect(card.runs).toBe(1);
  });

  it("moves state once, and what uses it follows", async () => {
    const w = ones(256, 256);
    const train = compile((x: Tensor) => {
      w.assign(x.matmul(w).div(256));
      return w.mean();
    });
    const look = compile(() => w.sum());
    const x = ones(256, 256);
    for (let i = 0; i < 3; i++) expect(await train(x).item()).toBeCloseTo(1);
    const { sent } = card.memory;
    expect(card.runs).toBe(3);
    for (let i = 0; i < 3; i++) {
      expect(await look().item()).toBeCloseTo(65536);
      await train(x).item();
    }
    expect(card.runs).toBe(9);
    expect(card.memory.sent - sent).toBeLessThan(4);
    expect(card.memory.received).toBeLessThan(40); // sums alone
  });

  it("computes what needs float64 where there is float64", async () => {
    const large = compile((a: Tensor) => a.matmul(a).sum());
    Object.assign(card, { lacks: ["float64"] });
    expect(await large(ones(256, 256).double()).item()).toBe(256 ** 3);
    expect(card.runs).toBe(0);
  });

  it("trains as one device does, without waiting for each step", async () => {
    const train = async () => {
      manualSeed(4);
      const model = new nn.Sequential(
        new nn.Linear(64, 1024),
        new nn.Tanh(),
        new nn.Linear(1024, 2),
      );
      const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 });
      const step = compile((x: Tensor, y: Tensor) => {
        const loss = nn.crossEntropy(model.forward(x), y);
        optimizer.step(loss);
        return loss;
      });
      const [x, y] = [rand(64, 64), tensor(Array.from({ length: 64 }, (_, i) => i % 2)).int()];
      const losses: Tensor[] = [];
      for (let i = 0; i < 4; i++) {
        losses.push(step(x, y));
        model.eval();
        losses.push(model.forward(x).mean());
        model.train();
      }
      return Promise.all(losses.map((loss) => loss.item()));
    };
    const found = await train();
    expect(card.runs).toBeGreaterThan(7);
    device("reference");
    expect(found).toEqual(await train());
  });

  it("is the processor where there is no card", async () => {
    const gone = new Card("no card");
    gone.init = () => Promise.reject(new DeviceError("webgpu", "there is no adapter"));
    const auto = device(new AutoBackend(engineOn("reference"), engineOn(gone)));
    expect(await values(ones(2).add(1))).toEqual([2, 2]);
    expect(auto.backend.describe().gpu).toBe("webgpu: there is no adapter");
    expect(ones(2).add(2).dataSync()[0]).toBe(3);
  });
});

describe("devices", () => {
  it("tells what there is, and why something is missing", async () => {
    const found = await devices();
    expect(found.map(({ name }) => name)).toEqual(["wasm", "webgpu", "reference"]);
    expect(found[0]).toMatchObject({ available: true, description: "WebAssembly" });
    expect(found[0]?.limits.threads).toBeGreaterThan(0);
    for (const { available, reason, limits } of found) {
      if (!available) expect(reason).toMatch(/webgpu: .*\n {2}hint: /);
      expect(Object.values(limits).every((limit) => limit > 0)).toBe(true);
    }
  });
});
