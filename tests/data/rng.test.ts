// The host-side random numbers: reproducible, independent streams, and statistically plain.
import { describe, expect, it } from "vitest";
import { Rng } from "../../src/util/rng.ts";

const draws = (rng: Rng, n: number) => Array.from({ length: n }, () => rng.uint32());

describe("Rng", () => {
  it("is xoshiro128**: the reference sequence from the state 1, 2, 3, 4", () => {
    // From the definition by hand: rotl(2 * 5, 7) * 9 = 11520, then b = 2 ^ 3 ^ 1 = 0 gives 0.
    expect(draws(Rng.from([1, 2, 3, 4]), 3)).toEqual([11520, 0, 5927040]);
  });

  it("gives the same numbers for the same keys, others for others", () => {
    expect(draws(new Rng(1, 2, 3), 8)).toEqual(draws(new Rng(1, 2, 3), 8));
    const keys = [
      [],
      [0],
      [0, 0],
      [1],
      [1, 0],
      [0, 1],
      [-1],
      [2 ** 32],
      [2 ** 53 - 1],
      [2 ** 32 + 1],
    ];
    const firsts = keys.map((list) => draws(new Rng(...list), 2).join());
    expect(new Set(firsts).size).toBe(keys.length);
    expect(() => new Rng(0.5)).toThrow(/safe integer, got 0.5/);
  });

  it("continues from its state", () => {
    const rng = new Rng(9);
    draws(rng, 5);
    const state = JSON.parse(JSON.stringify(rng.state()));
    expect(draws(Rng.from(state), 5)).toEqual(draws(rng, 5));
    for (const bad of [[0, 0, 0, 0], [1, 2, 3], [1, 2, 3, -1], "1234"]) {
      expect(() => Rng.from(bad as never)).toThrow(/four uint32/);
    }
  });

  it("draws evenly, also from neighbouring streams", () => {
    const rng = new Rng(5);
    const bits = new Array<number>(32).fill(0);
    let sum = 0;
    for (let i = 0; i < 20_000; i++) {
      const word = new Rng(5, 0, i).uint32();
      for (let bit = 0; bit < 32; bit++) bits[bit] += (word >>> bit) & 1;
      sum += rng.float();
    }
    for (const ones of bits) expect(Math.abs(ones - 10_000)).toBeLessThan(350); // 5 deviations
    expect(Math.abs(sum / 20_000 - 0.5)).toBeLessThan(0.011);
  });

  it("int has no bias and stays in range", () => {
    const rng = new Rng(6);
    const counts = [0, 0, 0];
    // 3 · 2^30 of 2^32: with a plain remainder, the first third would come twice as often.
    for (let i = 0; i < 9000; i++) {
      const third = Math.floor(rng.int(3 * 2 ** 30) / 2 ** 30);
      counts[third]++;
    }
    for (const count of counts) expect(Math.abs(count - 3000)).toBeLessThan(225);
    expect(rng.int(1)).toBe(0);
    for (const n of [0, 1.5, 2 ** 32 + 1]) expect(() => rng.int(n)).toThrow(/from 1 to 2\^32/);
  });

  it("normal has mean 0 and deviation 1", () => {
    const rng = new Rng(7);
    let [sum, squares] = [0, 0];
    for (let i = 0; i < 20_000; i++) {
      const value = rng.normal();
      sum += value;
      squares += value * value;
    }
    expect(Math.abs(sum / 20_000)).toBeLessThan(0.036);
    expect(Math.abs(squares / 20_000 - 1)).toBeLessThan(0.05);
  });

  it("permutation holds every number once, in each place equally often", () => {
    const places = new Array<number>(5).fill(0);
    for (let i = 0; i < 5000; i++) {
      const order = new Rng(8, i).permutation(5);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4]);
      const place = order.indexOf(0);
      places[place]++;
    }
    for (const count of places) expect(Math.abs(count - 1000)).toBeLessThan(142);
  });
});
