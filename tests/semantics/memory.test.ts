// No growth of memory, without a word about memory in user code: long loops, compiled and not, and chains
// that nobody reads.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeEach, describe, expect, it } from "vitest";
import { topological } from "../../src/ir/node.ts";
import { gradients } from "../../src/tensor/autograd.ts";
import { compile } from "../../src/tensor/compile.ts";
import { assignAll, nodeOf, noGrad } from "../../src/tensor/core.ts";
import { device } from "../../src/tensor/device.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { StateError } from "../../src/util/errors.ts";
import { leaf, list, number, vector } from "./devices.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Bytes that are in use once nothing is left to collect. */
async function used(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Kilobytes by which memory grows over `steps` calls, once all programs are there, that of the pending
 *  limit (2000 ops) among them. */
async function growth(
  steps: number,
  step: (i: number) => Promise<unknown> | void,
): Promise<number> {
  for (let i = 0; i < 2500; i++) await step(i);
  const before = await used();
  for (let i = 0; i < steps; i++) await step(i);
  return ((await used()) - before) / 1024;
}

const size = 1000; // 4 kB a tensor: one that leaks at each of 10,000 steps is 40 MB
const data = () => Tensor.from(new Float32Array(size).fill(0.01), [size]);

function train(w: Tensor, m: Tensor, x: Tensor): Tensor {
  const loss = w.mul(x).sub(1).square().mean();
  const [g] = gradients(loss, [w]);
  noGrad(() => {
    const moment = m.mul(0.9).add(g!);
    assignAll([w, m], [nodeOf(w.sub(moment.mul(0.1))), nodeOf(moment)], [loss]);
  });
  return loss;
}

describe.each(["reference", "wasm"] as const)("%s", (name) => {
  beforeEach(() => void device(name));

  it("10,000 uncompiled steps", async () => {
    const w = data();
    w.requiresGrad = true;
    const m = data();
    const { length } = await list(w);
    expect(length).toBe(size);
    const grown = await growth(10_000, async (i) => {
      const loss = train(w, m, data());
      if (i % 10 === 0) await loss.item();
    });
    expect(grown).toBeLessThan(2000);
    expect(device(name).compiled).toBeLessThan(200);
  }, 120_000);

  it("10,000 compiled steps", async () => {
    const w = data();
    w.requiresGrad = true;
    const m = data();
    const step = compile((x: Tensor) => train(w, m, x));
    let total = number(0);
    const grown = await growth(10_000, async (i) => {
      const loss = step(data());
      total = total.add(loss);
      if (i % 10 === 0) await loss.item();
    });
    expect(grown).toBeLessThan(2000);
    expect(await total.item()).toBeGreaterThan(0);
  }, 120_000);

  it("an average that is updated and never read", async () => {
    let average = vector(0);
    const grown = await growth(100_000, () => {
      average = average.mul(0.99).add(0.01);
    });
    expect(grown).toBeLessThan(2000);
    expect(topological([average.current]).length).toBeLessThan(10_000);
    expect((await list(average))[0]).toBeCloseTo(1, 4);
  }, 120_000);
});

describe("endless chains", () => {
  beforeEach(() => void device("reference"));

  it("with a gradient are followed for thousands of ops", async () => {
    const w = leaf(1);
    let h = w.mul(1);
    for (let i = 0; i < 4000; i++) h = h.add(w);
    h.sum().backward();
    expect(await list(w.grad!)).toEqual([4001]);
  });

  it("are cut at last, and asking through the cut throws rather than giving a wrong gradient", async () => {
    const w = leaf(1);
    let h = w.mul(1);
    for (let i = 0; i < 11_000; i++) h = h.add(w);
    expect(() => h.sum().backward()).toThrow(StateError);
    expect(() => h.sum().backward()).toThrow("more than 10000 ops that nothing read");
    h.detach().mul(w).sum().backward();
    expect(await list(w.grad!)).toEqual([11_001]);
  });

  it("that are read at each step are bounded as well", async () => {
    const w = leaf(1);
    let average = vector(0);
    const grown = await growth(30_000, async () => {
      average = average.mul(0.9).add(w);
      average.dataSync();
    });
    expect(grown).toBeLessThan(30_000); // at most 10,000 ops of history, in whatever phase
    const more = await growth(30_000, async () => {
      average = average.mul(0.9).add(w);
      average.dataSync();
    });
    expect(more).toBeLessThan(30_000);
  }, 60_000);
});
