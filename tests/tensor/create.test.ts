// Creation, the random generator, reading and printing.

import { beforeAll, describe, expect, it } from "vitest";
import * as create from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { multinomial } from "../../src/tensor/draws.ts";
import { generatorState, manualSeed, setGeneratorState } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { devices, values } from "./devices.ts";

const { tensor, zeros, ones, full, arange, linspace, eye, rand, randn, randint, randperm } = create;

describe.each(devices)("creation on %s", (name) => {
  beforeAll(() => void device(name));

  it("takes nested arrays, typed arrays and numbers", async () => {
    expect(tensor([[1, 2]]).dtype).toBe("float32");
    expect(tensor([true]).dtype).toBe("bool");
    expect(tensor(new Int32Array([1])).dtype).toBe("int32");
    expect(tensor(new Float64Array([1])).dtype).toBe("float64");
    expect(tensor(3).shape).toEqual([]);
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([1.7, -1.7], { dtype: "int32" }).dtype).toBe("int32");
    expect(await values(tensor([1.7, -1.7], { dtype: "int32" }))).toEqual([1, -1]);
  });

  it("copies what it takes and what it gives", async () => {
    const source = new Float32Array([1, 2]);
    const x = Tensor.from(source, [2, 1]);
    source[0] = 9;
    const read = await x.data();
    read[1] = 9;
    expect(await values(x)).toEqual([1, 2]);
    const bytes = Buffer.from([1, 2]); // whose slice is a view
    const y = Tensor.from(bytes);
    bytes[0] = 9;
    expect(await values(y)).toEqual([1, 2]);
  });

  it("makes constants and ramps", async () => {
    expect(await zeros(2, 2).array()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(await values(ones([3], { dtype: "int32" }))).toEqual([1, 1, 1]);
    expect(await values(full([2], 7))).toEqual([7, 7]);
    expect(arange(3).dtype).toBe("int32");
    expect(await values(arange(1, 2, 0.25))).toEqual([1, 1.25, 1.5, 1.75]);
    expect(await values(arange(5, 0, -2))).toEqual([5, 3, 1]);
    expect(await values(linspace(0, 1, 5))).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(await eye(2, 3).array()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(await create.oneHot(arange(2), 3).array()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
  });

  it("scales 53 random bits to whole numbers, exactly", async () => {
    // The same words, drawn as float64: (27 + 26 bits) · 2^-53.
    const ranges: [number, number][] = [
      [-3, 1000],
      [0, 2 ** 31],
      [-(2 ** 31), 0],
      [-(2 ** 30), 2 ** 30 - 1],
      [7, 8],
      [0, 65_537],
    ];
    for (const [low, high] of ranges) {
      manualSeed(11);
      const parts = await rand(500, { dtype: "float64" }).data();
      manualSeed(11);
      const drawn = await randint(low, high, [500]).data();
      const exact = [...parts].map((u) => {
        const scaled = (BigInt(u * 2 ** 53) * BigInt(high - low)) >> 53n;
        return Number(scaled) + low;
      });
      expect([...drawn]).toEqual(exact);
    }
    expect(() => randint(2 ** 31, 2 ** 31 + 5, [2])).toThrow("2147483653 is beyond int32");
  });

  it("draws the numbers that the distribution promises", async () => {
    manualSeed(1);
    const u = await rand(10_000).data();
    expect(Math.min(...u)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...u)).toBeLessThan(1);
    expect(mean(u)).toBeCloseTo(0.5, 1);
    const z = await randn(10_000).data();
    expect(Math.abs(mean(z))).toBeLessThan(0.05);
    expect(Math.abs(mean(z.map((v) => v * v)) - 1)).toBeLessThan(0.08);
    const dice = await randint(1, 7, [6000]).data();
    for (let face = 1; face <= 6; face++) {
      const count = dice.filter((v: number) => v === face).length;
      expect(Math.abs(count - 1000)).toBeLessThan(150);
    }
    expect([...(await randperm(50).data())].sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
    const coins = await create.bernoulli(full([4000], 0.25)).data();
    expect(mean(coins)).toBeCloseTo(0.25, 1);
    const classes = await multinomial(tensor([0, 3, 1]), 4000, { replacement: true }).data();
    expect(mean(classes.map((v) => (v === 1 ? 1 : 0)))).toBeCloseTo(0.75, 1);
    expect(classes.includes(0)).toBe(false);
  });

  it("repeats with the seed, and continues from a saved state", async () => {
    manualSeed(7);
    const first = await values(randn(4));
    const state = generatorState();
    const second = await values(randn(4));
    expect(second).not.toEqual(first);
    setGeneratorState(state);
    expect(await values(randn(4))).toEqual(second);
    manualSeed(7);
    expect(await values(randn(4))).toEqual(first);
  });

  it("reads at once where the device is in the process", async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(x.sum().itemSync()).toBe(10);
    expect([...x.dataSync()]).toEqual([1, 2, 3, 4]);
    expect(await x.mean().item()).toBe(2.5);
    expect(await x.gt(2).array()).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it("keeps the gradient after reading the loss", async () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const loss = x.mul(x).sum();
    expect(await loss.item()).toBe(5);
    loss.backward();
    expect(await values(x.grad!)).toEqual([2, 4]);
  });

  it("tells a clone from its source", async () => {
    const x = tensor([1, 2]);
    const y = x.clone();
    y.requiresGrad = true;
    x.mul(y).sum().backward();
    expect(await values(y.grad!)).toEqual([1, 2]);
    x.assign(5);
    expect(await values(y)).toEqual([1, 2]);
    expect(await values(x)).toEqual([5, 5]);
  });
});

function mean(data: ArrayLike<number>): number {
  return Array.from(data).reduce((p, v) => p + v, 0) / data.length;
}

describe("printing", () => {
  beforeAll(() => void device("reference"));

  it("prints as PyTorch does", () => {
    expect(
      `${tensor([
        [1, 2],
        [3, 4],
      ])}`,
    ).toBe("tensor([[1., 2.],\n        [3., 4.]])");
    expect(`${tensor(3.5)}`).toBe("tensor(3.5000)");
    expect(`${tensor([0.5, -10])}`).toBe("tensor([  0.5000, -10.0000])");
    expect(`${tensor([1e-5, 1])}`).toBe("tensor([1.0000e-05, 1.0000e+00])");
    expect(`${tensor([1, Number.NaN, Number.POSITIVE_INFINITY])}`).toBe("tensor([1., nan, inf])");
    expect(`${tensor([1, 20], { dtype: "int32" })}`).toBe("tensor([ 1, 20], dtype=int32)");
    expect(`${tensor([true, false])}`).toBe("tensor([ true, false])");
    expect(`${tensor([])}`).toBe("tensor([])");
    expect(`${zeros(0, 2)}`).toBe("tensor([], size=(0, 2))");
    expect(`${tensor([1], { requiresGrad: true })}`).toBe("tensor([1.], requiresGrad=true)");
  });

  it("summarises beyond a thousand elements", () => {
    expect(`${arange(2000).float()}`).toBe(
      "tensor([0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 1.9970e+03, 1.9980e+03,\n" +
        "        1.9990e+03])",
    );
    const rows = `${zeros(40, 40)}`.split("\n");
    expect(rows).toHaveLength(7);
    expect(rows[0]).toBe("tensor([[0., 0., 0.,  ..., 0., 0., 0.],");
    expect(rows[3]).toBe("        ...,");
  });

  it("breaks lines at 80 columns and separates matrices", () => {
    const lines = `${zeros(30)}`.split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0].length).toBeLessThanOrEqual(80);
    expect(`${zeros(2, 1, 1)}`).toBe("tensor([[[0.]],\n\n        [[0.]]])");
  });
});
