// Metrics against definitions computed in plain JS, batch by batch and over several batches.
import { beforeAll, describe, expect, it } from "vitest";
import type { Metric } from "../../src/metrics/index.ts";
import {
  accuracy,
  binaryAccuracy,
  classReport,
  confusionMatrix,
  f1,
  meanAbsoluteError,
  meanLoss,
  meanSquaredError,
  perplexity,
  precision,
  recall,
} from "../../src/metrics/index.ts";
import { compile } from "../../src/tensor/compile.ts";
import { device } from "../../src/tensor/device.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { Measures } from "../../src/train/measures.ts";
import { Rng } from "../../src/util/rng.ts";
import { devices } from "../train/problem.ts";

const C = 5;

interface Sample {
  output: Tensor;
  target: Tensor;
  loss: number;
}

/** Batches of 6, 6 and 3 samples with some ties among the outputs. */
function batches(seed = 1): { list: Sample[]; rows: number[][]; labels: number[] } {
  const rng = new Rng(seed);
  const [rows, labels, list]: [number[][], number[], Sample[]] = [[], [], []];
  for (const [i, count] of [6, 6, 3].entries()) {
    const own = Array.from({ length: count }, () => Array.from({ length: C }, () => rng.int(4)));
    const said = own.map(() => rng.int(C));
    rows.push(...own);
    labels.push(...said);
    list.push({
      output: Tensor.from(Float32Array.from(own.flat()), [count, C]),
      target: Tensor.from(Int32Array.from(said), [count]),
      loss: 0.5 + i,
    });
  }
  return { list, rows, labels };
}

async function measure<R>(metric: Metric<R>, list: readonly Sample[]): Promise<R> {
  const measures = new Measures({ metric });
  const step = compile((output: Tensor, target: Tensor, loss: Tensor) => {
    measures.add(output, target, loss);
  });
  for (const { output, target, loss } of list) {
    step(output, target, Tensor.from(Float32Array.of(loss), []));
  }
  const { metric: result } = (await measures.read()) as { metric: R };
  return result;
}

/** The classes of a row from best to worst; of equal ones the first is better. */
const ranked = (row: number[]) => row.map((_, i) => i).sort((a, b) => row[b] - row[a] || a - b);

describe.each(devices)("on %s", (_, make) => {
  beforeAll(() => void device(make()));

  it.each([1, 2, 5])("accuracy among the %i highest", async (topK) => {
    const { list, rows, labels } = batches();
    const right = rows.filter((row, i) => ranked(row).slice(0, topK).includes(labels[i]));
    expect(await measure(accuracy({ topK }), list)).toBeCloseTo(right.length / 15, 6);
  });

  it("the confusion matrix and what follows from it", async () => {
    const { list, rows, labels } = batches(3);
    const expected = Array.from({ length: C }, () => Array<number>(C).fill(0));
    rows.forEach((row, i) => void expected[labels[i]][ranked(row)[0]]++);
    expect(await measure(confusionMatrix(C), list)).toEqual(expected);
    const { precision: p, recall: r, f1: f } = classReport(expected);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / C;
    expect(await measure(precision(C), list)).toBeCloseTo(mean(p), 6);
    expect(await measure(recall(C), list)).toBeCloseTo(mean(r), 6);
    expect(await measure(f1(C), list)).toBeCloseTo(mean(f), 6);
    const right = expected.reduce((sum, row, i) => sum + row[i], 0) / 15;
    expect(await measure(f1(C, { average: "micro" }), list)).toBeCloseTo(right, 6);
    expect(await measure(recall(C, { average: "weighted" }), list)).toBeCloseTo(right, 6);
  });

  it("means of losses and errors, each sample weighing the same", async () => {
    const { list, labels } = batches();
    const mean = (6 * 0.5 + 6 * 1.5 + 3 * 2.5) / 15;
    expect(await measure(meanLoss(), list)).toBeCloseTo(mean, 5);
    expect(await measure(perplexity(), list)).toBeCloseTo(Math.exp(mean), 4);
    const numbers = list.map((b) => ({ ...b, output: b.target.float().mul(0.5).add(1) }));
    const errors = labels.map((label) => 0.5 * label + 1 - label);
    const sum = (f: (e: number) => number) => errors.reduce((acc, e) => acc + f(e), 0) / 15;
    expect(await measure(meanSquaredError(), numbers)).toBeCloseTo(
      sum((e) => e * e),
      5,
    );
    expect(await measure(meanAbsoluteError(), numbers)).toBeCloseTo(sum(Math.abs), 5);
  });
});

describe("perplexity without what is filled in", () => {
  it("weighs every batch by the targets that count", async () => {
    const batch = (target: number[], loss: number) => {
      const y = Tensor.from(Int32Array.from(target), [1, target.length]);
      return { output: y.float(), target: y, loss };
    };
    const list = [batch([3, 1, 2, 0], 0.5), batch([4, 0, 0, 0], 2)];
    const value = await measure(perplexity({ ignoreIndex: 0 }), list);
    expect(value).toBeCloseTo(Math.exp((3 * 0.5 + 2) / 4), 5);
  });
});

describe("details", () => {
  beforeAll(() => void device("reference"));
  const one = (output: number[][], target: number[]): Sample[] => [
    {
      output: Tensor.from(Float32Array.from(output.flat()), [output.length, output[0].length]),
      target: Tensor.from(Int32Array.from(target), [target.length]),
      loss: 1,
    },
  ];

  it("a NaN is never right, and a constant output only for the first class", async () => {
    const rows = [
      [Number.NaN, Number.NaN],
      [1, 1],
      [1, 1],
    ];
    expect(await measure(accuracy(), one(rows, [0, 0, 1]))).toBeCloseTo(1 / 3, 6);
  });

  it("ignored and impossible targets", async () => {
    const rows = [
      [2, 1],
      [2, 1],
      [2, 1],
    ];
    expect(await measure(accuracy(), one(rows, [0, -100, 7]))).toBeCloseTo(1 / 2, 6);
    expect(await measure(confusionMatrix(2), one(rows, [0, -100, 7]))).toEqual([
      [1, 0],
      [0, 0],
    ]);
  });

  it("classes along axis 1 of more axes", async () => {
    const output = Tensor.from(Float32Array.of(1, 5, 3, 2, 0, 9), [1, 2, 3]);
    const target = Tensor.from(Int32Array.of(0, 0, 1), [1, 3]);
    // Columns (1,2), (5,0), (3,9): the highest are 1, 0, 1.
    expect(await measure(accuracy(), [{ output, target, loss: 0 }])).toBeCloseTo(2 / 3, 6);
    expect(await measure(confusionMatrix(2), [{ output, target, loss: 0 }])).toEqual([
      [1, 1],
      [0, 1],
    ]);
  });

  it("one logit for two classes", async () => {
    const output = Tensor.from(Float32Array.of(0.3, -0.2, 0.1, -4), [4, 1]);
    const target = Tensor.from(Float32Array.of(1, 1, 0, 0), [4, 1]);
    expect(await measure(binaryAccuracy(), [{ output, target, loss: 0 }])).toBe(0.5);
  });

  it("a class that never occurs counts as 0", () => {
    const report = classReport([
      [3, 1, 0],
      [0, 0, 0],
      [1, 0, 2],
    ]);
    expect(report.precision).toEqual([0.75, 0, 1]);
    expect(report.recall).toEqual([0.75, 0, 2 / 3]);
    expect(report.f1).toEqual([0.75, 0, 0.8]);
    expect(report.support).toEqual([4, 0, 3]);
    expect(report.accuracy).toBeCloseTo(5 / 7, 12);
  });

  it("bad arguments throw where they are made", async () => {
    expect(() => accuracy({ topK: 0 })).toThrow("accuracy: topK must be an integer from 1, got 0");
    expect(() => confusionMatrix(0)).toThrow("classes must be an integer from 1, got 0");
    expect(() => f1(3, { average: "mean" as never })).toThrow('f1: no average "mean"');
    const rows = [[1, 2]];
    const floats = [{ ...one(rows, [1])[0], target: Tensor.from(Float32Array.of(1), [1]) }];
    await expect(measure(accuracy(), floats)).rejects.toThrow(
      "accuracy: output [1,2] wants int targets [1], got float32 [1]",
    );
    await expect(measure(meanSquaredError(), one(rows, [1]))).rejects.toThrow(
      "meanSquaredError: output [1,2] and target [1] differ",
    );
  });
});
