// Draws against what is known of their distributions: means, variances, and the shares of counts.
import { expect, it } from "vitest";
import {
  beta,
  categorical,
  compile,
  dirichlet,
  exponential,
  full,
  gamma,
  gumbel,
  manualSeed,
  multinomial,
  ones,
  poisson,
  type Tensor,
  tensor,
} from "../../src/index.ts";

const N = 40_000;

async function moments(x: Tensor) {
  const values = Array.from(await x.data(), Number);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, variance, values };
}

/** Mean and variance within five standard errors, given the fourth central moment's bound. */
async function expectMoments(x: Tensor, mean: number, variance: number, kurtosis = 9) {
  const found = await moments(x);
  expect(Math.abs(found.mean - mean)).toBeLessThanOrEqual(5 * Math.sqrt(variance / N));
  expect(Math.abs(found.variance - variance)).toBeLessThanOrEqual(
    5 * variance * Math.sqrt(kurtosis / N),
  );
  return found.values;
}

it("draws waiting times and extremes", async () => {
  manualSeed(1);
  const waits = await expectMoments(exponential(full([N], 4)), 1 / 4, 1 / 16);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
  await expectMoments(gumbel(N), 0.5772156649, Math.PI ** 2 / 6);
});

it("draws gamma, beta and Dirichlet numbers", async () => {
  manualSeed(2);
  for (const a of [0.3, 1, 2.5, 60]) {
    await expectMoments(gamma(full([N], a), 2), a / 2, a / 4, 3 + 6 / a);
  }
  await expectMoments(beta(full([N], 2), full([N], 3)), 0.4, 6 / (25 * 6));
  const shares = dirichlet(tensor([1, 2, 5]).expand([N, 3]));
  expect((await shares.sum(1).sub(1).abs().max().item()) < 1e-5).toBe(true);
  await expectMoments(shares.select(1, 2), 5 / 8, (5 * 3) / (64 * 9));
});

it("draws numbers of events, few and many", async () => {
  manualSeed(3);
  for (const rate of [0, 0.2, 3, 9.9, 10, 12.5, 40, 1000]) {
    const counts = await expectMoments(poisson(full([N], rate)), rate, rate, 3 + 1 / (rate || 1));
    expect(counts.every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
  }
  // The shares of single counts, on both sides of the change of method.
  for (const rate of [4, 11]) {
    const counts = (await moments(poisson(full([N], rate)))).values;
    let chance = Math.exp(-rate);
    for (let k = 0; k < 25; k++) {
      const share = counts.filter((count) => count === k).length / N;
      expect(Math.abs(share - chance)).toBeLessThan(
        5 * Math.sqrt((chance * (1 - chance)) / N) + 2e-4,
      );
      chance *= rate / (k + 1);
    }
  }
  expect(await poisson(tensor([-1, Number.NaN])).array()).toEqual([Number.NaN, Number.NaN]);
});

it("draws classes by logits, and in order without replacement", async () => {
  manualSeed(4);
  const logits = tensor([0, Math.log(2), Number.NEGATIVE_INFINITY]).expand([N, 3]);
  const classes = Array.from(await categorical(logits).data(), Number);
  expect(classes.includes(2)).toBe(false);
  expect(classes.filter((c) => c === 1).length / N).toBeCloseTo(2 / 3, 1);
  const rows = multinomial(tensor([1, 2, 3]).expand([N, 3]), 3);
  const drawn = (await rows.array()) as number[][];
  expect(drawn.every((row) => [...row].sort().join() === "0,1,2")).toBe(true);
  const share = drawn.filter((row) => row[0] === 2 && row[1] === 1).length / N;
  expect(Math.abs(share - (3 / 6) * (2 / 3))).toBeLessThan(5 * Math.sqrt(0.25 / N));
});

it("repeats with the seed, in compiled functions too", async () => {
  const draw = () => [gamma(ones(4)), poisson(full([4], 20)), categorical(ones(4, 5))] as const;
  const compiled = compile(draw);
  const read = async (all: readonly Tensor[]) => Promise.all(all.map((x) => x.array()));
  manualSeed(5);
  const first = await read(draw());
  manualSeed(5);
  expect(await read(compiled())).toEqual(first);
  expect(await read(compiled())).not.toEqual(first);
});

it("names what does not fit", () => {
  expect(() => poisson(tensor([1, 2]).int())).toThrow(
    "poisson: the rates must be float, got int32",
  );
  expect(() => gamma(3 as never)).toThrow("the concentration");
  expect(() => categorical(tensor(1))).toThrow("logits must be (…, C)");
  expect(() => dirichlet(tensor(1))).toThrow("(…, C)");
  expect(() => multinomial(ones(2), 3)).toThrow(
    "3 of 2 classes cannot be drawn without replacement",
  );
});
