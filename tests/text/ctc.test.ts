// Decoding of CTC against all paths of small cases, where labels stand, and what bad input gets.
import { describe, expect, it } from "vitest";
import { nn, Tensor } from "../../src/index.ts";
import { ctcAlign, ctcBeamSearch, ctcGreedyDecode } from "../../src/text/index.ts";
import { Rng } from "../../src/util/rng.ts";

/** What a path spells: repetitions once, then without blanks. */
function spelled(path: readonly number[], blank: number): number[] {
  return path.filter((c, t) => c !== path[t - 1] && c !== blank);
}

function allPaths(T: number, C: number): number[][] {
  return Array.from({ length: C ** T }, (_, code) => {
    return Array.from({ length: T }, (_, t) => Math.floor(code / C ** t) % C);
  });
}

function randomCase(seed: number, T: number, C: number) {
  const rng = new Rng(seed);
  const rows = Array.from({ length: T }, () => {
    const powers = Array.from({ length: C }, () => Math.exp(2 * rng.normal()));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => Math.log(power / sum));
  });
  const likelihood = (path: readonly number[]) => path.reduce((sum, c, t) => sum + rows[t]![c]!, 0);
  return { logProbs: { data: Float64Array.from(rows.flat()), shape: [T, C] }, likelihood };
}

const cases = [1, 2, 3, 4, 5, 6].map((seed) => ({ seed, blank: seed % 3 }));

describe.each(cases)("decoding of random frames $seed, blank $blank", ({ seed, blank }) => {
  const { logProbs, likelihood } = randomCase(seed, 5, 3);
  const paths = allPaths(5, 3);

  it("greedily is what the likeliest path spells", () => {
    const best = paths.reduce((a, b) => (likelihood(b) > likelihood(a) ? b : a));
    const found = ctcGreedyDecode(logProbs, { blank });
    expect(found.labels).toEqual(spelled(best, blank));
    expect(found.logProbability).toBeCloseTo(likelihood(best), 10);
    found.spans.forEach(({ from, to }, i) => {
      for (let t = from; t < to; t++) expect(best[t]).toBe(found.labels[i]);
    });
  });

  it("by beams sums over all paths", async () => {
    const sums = new Map<string, number>();
    for (const path of paths) {
      const key = spelled(path, blank).join();
      sums.set(key, (sums.get(key) ?? 0) + Math.exp(likelihood(path)));
    }
    const wanted = [...sums].sort(([, a], [, b]) => b - a);
    const found = ctcBeamSearch(logProbs, { blank, beams: 1000 });
    expect(found.map(({ labels }) => labels.join())).toEqual(wanted.map(([labels]) => labels));
    found.forEach(({ logProbability }, i) => {
      expect(logProbability).toBeCloseTo(Math.log(wanted[i]![1]), 10);
    });
    // The same sum that the loss takes.
    const [best] = found;
    const x = Tensor.from(Float32Array.from(logProbs.data), [5, 3]);
    const labels = Tensor.from(Int32Array.from(best!.labels));
    const loss = nn.ctcLoss(x, labels, 5, best!.labels.length, { blank, reduction: "sum" });
    expect(await loss.item()).toBeCloseTo(-best!.logProbability, 4);
  });

  it("with few beams gives no more than are followed, none likelier than it is", () => {
    const exact = new Map(
      ctcBeamSearch(logProbs, { blank, beams: 1000 }).map((h) => [h.labels.join(), h]),
    );
    const found = ctcBeamSearch(logProbs, { blank, beams: 2 });
    expect(found.length).toBe(2);
    for (const { labels, logProbability } of found) {
      expect(logProbability).toBeLessThan(exact.get(labels.join())!.logProbability + 1e-9);
    }
  });

  it("finds the likeliest path of given labels", () => {
    const [a, b] = [0, 1, 2].filter((label) => label !== blank) as [number, number];
    for (const labels of [[], [a], [b, a], [a, a], [b, a, b], [a, b, a, b]]) {
      const fitting = paths.filter((path) => spelled(path, blank).join() === labels.join());
      const best = fitting.reduce((p, q) => (likelihood(q) > likelihood(p) ? q : p));
      const found = ctcAlign(logProbs, labels, { blank });
      expect(found.labels).toEqual(labels);
      expect(found.logProbability).toBeCloseTo(likelihood(best), 10);
      const path = Array<number>(5).fill(blank);
      found.spans.forEach(({ from, to }, i) => void path.fill(labels[i]!, from, to));
      expect(path).toEqual(best);
    }
  });
});

it("no frames spell nothing, and what is impossible is never spelled", () => {
  const empty = { data: new Float32Array(0), shape: [0, 3] };
  expect(ctcGreedyDecode(empty)).toEqual({ labels: [], spans: [], logProbability: 0 });
  expect(ctcBeamSearch(empty)).toEqual([{ labels: [], logProbability: 0 }]);
  const never = Number.NEGATIVE_INFINITY;
  const sure = { data: Float32Array.of(never, 0, never, never, 0, never), shape: [2, 3] };
  expect(ctcBeamSearch(sure)[0]).toEqual({ labels: [1], logProbability: 0 });
  expect(() => ctcAlign(sure, [2])).toThrow("ctcAlign: 1 labels do not fit into 2 frames");
});

it("refuses what are no frames, no blank, no label", () => {
  const frames = { data: new Float32Array(6), shape: [2, 3] };
  expect(() => ctcGreedyDecode({ ...frames, shape: [1, 2, 3] })).toThrow(
    "ctcGreedyDecode: log probabilities must be (T, C), got [1,2,3] of 6 values",
  );
  expect(() => ctcBeamSearch(frames, { blank: 3 })).toThrow("blank 3 is outside of 3 classes");
  expect(() => ctcBeamSearch(frames, { beams: 0 })).toThrow("beams must be an integer from 1");
  expect(() => ctcAlign(frames, [1, 0])).toThrow("label 0 is none of 3 classes, or the blank");
  expect(() => ctcAlign(frames, [1, 1])).toThrow("2 labels do not fit into 2 frames");
  const nan = { data: Float32Array.of(0, 0, 0, Number.NaN, 0, 0), shape: [2, 3] };
  expect(() => ctcGreedyDecode(nan)).toThrow("ctcGreedyDecode: frame 1 has a NaN");
});
