// Placing, reducing into places, joining with names of its own: against plain JavaScript, with gradients at
// ties, zeros and untouched places, and what bad input gets. PyTorch's cases are in golden.test.ts.
import { beforeEach, describe, expect, it } from "vitest";
import * as a from "../../src/index.ts";
import { device, ones, tensor, zeros } from "../../src/index.ts";
import { stream } from "../ops/case.ts";
import { devices, messageOf, values } from "./devices.ts";

const ints = (...list: number[]) => tensor(list, { dtype: "int32" });
const leaf = (list: number[]) => {
  const x = tensor(list);
  x.requiresGrad = true;
  return x;
};

const folds: { [K in a.ScatterReduction]: (list: number[]) => number } = {
  sum: (l) => l.reduce((p, v) => p + v, 0),
  prod: (l) => l.reduce((p, v) => p * v, 1),
  mean: (l) => l.reduce((p, v) => p + v, 0) / l.length,
  amax: (l) => Math.max(...l),
  amin: (l) => Math.min(...l),
};

describe.each(devices)("places on %s", (name) => {
  beforeEach(() => void device(name));

  it.each(Object.keys(folds) as a.ScatterReduction[])("reduces into places: %s", async (how) => {
    const next = stream(7);
    for (const [places, count] of [
      [1, 5],
      [7, 3],
      [5, 40],
      [90, 200],
    ] as const) {
      const index = Array.from({ length: count }, () => Math.floor(next() * places));
      const source = Array.from({ length: count }, () => Math.fround(next() + 0.5));
      const base = Array.from({ length: places }, () => Math.fround(next() + 0.5));
      for (const includeSelf of [true, false]) {
        const wanted = base.map((v, i) => {
          const sent = source.filter((_, k) => index[k] === i);
          return sent.length === 0 ? v : folds[how](includeSelf ? [v, ...sent] : sent);
        });
        const out = a.scatterReduce(tensor(base), 0, ints(...index), tensor(source), how, {
          includeSelf,
        });
        const got = await out.data();
        wanted.forEach((w, i) => void expect(Math.abs(got[i]! - w)).toBeLessThan(1e-5 * w + 1e-6));
      }
    }
  });

  it("gives the gradient of an extreme to all that equal it, and of a product through zeros", async () => {
    const [x, s] = [leaf([2, 5]), leaf([2, 2, 1])];
    a.scatterReduce(x, 0, ints(0, 0, 0), s, "amax")
      .sum()
      .backward();
    expect(await values(x.grad!)).toEqual([0.333333, 1]);
    expect(await values(s.grad!)).toEqual([0.333333, 0.333333, 0]);
    const [y, t] = [leaf([3, 1]), leaf([0, 4, 0])];
    a.scatterReduce(y, 0, ints(0, 0, 1), t, "prod")
      .sum()
      .backward();
    expect(await values(y.grad!)).toEqual([0, 0]);
    expect(await values(t.grad!)).toEqual([12, 0, 1]);
  });

  it("extremes carry NaN and infinities, and reduce ints", async () => {
    const base = tensor([0, 0, 0]);
    const out = a.scatterReduce(
      base,
      0,
      ints(0, 0, 1, 1),
      tensor([1, NaN, -Infinity, Infinity]),
      "amin",
    );
    expect(await values(out)).toEqual([NaN, -Infinity, 0]);
    const whole = a.indexReduce(ints(7, 7), 0, ints(0, 0), ints(2, 4), "mean", {
      includeSelf: false,
    });
    expect([whole.dtype, ...(await values(whole))]).toEqual(["int32", 3, 7]);
  });

  it("reduces segments, empty ones too", async () => {
    const x = tensor([1, 2, 3, 4]);
    const lengths = ints(1, 0, 3);
    const of = (how: a.SegmentReduction, o = {}) =>
      values(a.segmentReduce(x, how, { lengths, ...o }));
    expect(await of("sum")).toEqual([1, 0, 9]);
    expect(await of("mean")).toEqual([1, NaN, 3]);
    expect(await of("max")).toEqual([1, -Infinity, 4]);
    expect(await of("prod", { initial: 2 })).toEqual([2, 2, 48]);
    const rows = a.segmentReduce(ones(2, 3), "sum", { offsets: ints(0, 1, 3), axis: 1 });
    expect(await rows.array()).toEqual([[1, 2], [1, 2]]); // biome-ignore format: a matrix
  });

  it("takes and puts by places of the flattened tensor", async () => {
    const x = tensor([[1, 2], [3, 4]]); // biome-ignore format: a matrix
    expect(await values(a.take(x, ints(-1, 0)))).toEqual([4, 1]);
    expect(await values(a.put(x, ints(0, 0), tensor([5, 6])))).toEqual([6, 2, 3, 4]);
    expect(await values(a.put(x, ints(0, 0), tensor([5, 6]), { accumulate: true }))).toEqual([
      12, 2, 3, 4,
    ]);
    await expect(a.take(x, ints(4)).data()).rejects.toThrow();
  });

  it("fills where a mask holds, in order", async () => {
    const mask = tensor([true, false, true]);
    expect(await values(a.maskedScatter(zeros(2, 3), mask, tensor([1, 2, 3, 4])))).toEqual([
      1, 0, 2, 3, 0, 4,
    ]);
    await expect(a.maskedScatter(zeros(3), mask, tensor([1])).data()).rejects.toThrow();
    expect(await values(zeros(3, 2).indexPut([mask], tensor([1, 2])))).toEqual([1, 2, 0, 0, 1, 2]);
    expect(await values(ones(3).indexPut([mask], tensor(4), { accumulate: true }))).toEqual([
      5, 1, 5,
    ]);
  });

  it("replaces slices, diagonals and strided views", async () => {
    expect(await values(a.sliceScatter(zeros(5), ones(2), 0, 1, 4, 2))).toEqual([0, 1, 0, 1, 0]);
    expect(await values(a.selectScatter(zeros(2, 2), ones(2), 1, -1))).toEqual([0, 1, 0, 1]);
    expect(await values(a.diagonalScatter(zeros(2, 3), ones(2), 1))).toEqual([0, 1, 0, 0, 0, 1]);
    const x = tensor([1, 2, 3, 4, 5]);
    expect(await a.asStrided(x, [2, 3], [1, 1], 1).array()).toEqual([[2, 3, 4], [3, 4, 5]]); // biome-ignore format: a matrix
    expect(await values(a.asStridedScatter(x, zeros(2), [2], [3]))).toEqual([0, 2, 3, 0, 5]);
  });

  it("joins and splits with names of its own", async () => {
    expect(await a.blockDiag([ones(1, 2), tensor(5)]).array()).toEqual([[1, 1, 0], [0, 0, 5]]); // biome-ignore format: a matrix
    expect(await a.cartesianProd([ints(1, 2), ints(3, 4)]).array()).toEqual([[1, 3], [1, 4], [2, 3], [2, 4]]); // biome-ignore format: a matrix
    expect(await a.combinations(ints(1, 2, 3)).array()).toEqual([[1, 2], [1, 3], [2, 3]]); // biome-ignore format: a matrix
    expect(a.combinations(ints(1, 2), 3).shape).toEqual([0, 3]);
    expect(a.hstack([ones(2), ones(3)]).shape).toEqual([5]);
    expect(a.vstack([ones(2), ones(3, 2)]).shape).toEqual([4, 2]);
    expect(a.dstack([ones(2), ones(2)]).shape).toEqual([1, 2, 2]);
    expect(a.columnStack([ones(2), ones(2, 3)]).shape).toEqual([2, 4]);
    expect(a.hsplit(ones(2, 6), 3).map((t) => t.shape)).toEqual([[2, 2], [2, 2], [2, 2]]); // biome-ignore format: shapes
    expect(await values(tensor([1, 2, 3]).repeatInterleave([2, 0, 1]))).toEqual([1, 1, 3]);
    expect(await values(a.pdist(tensor([[0, 0], [3, 4], [0, 4]])))).toEqual([5, 4, 3]); // biome-ignore format: a matrix
    expect(await values(a.sumToSize(ones(2, 3, 4), [3, 1]))).toEqual([8, 8, 8]);
    const c = tensor([[1, 1], [1, 1]]); // biome-ignore format: a matrix
    expect(await values(a.addr(c, tensor([1, 2]), tensor([3, 4]), { beta: 2 }))).toEqual([
      5, 6, 8, 10,
    ]);
    expect(await values(a.addbmm(c, ones(3, 2, 2), ones(3, 2, 2)))).toEqual([7, 7, 7, 7]);
  });

  it("says what is wrong", () => {
    const x = ones(2, 3);
    const said = [
      () => a.scatterReduce(x, 0, ints(0), ones(1), "sum"),
      () => a.scatterReduce(ones(3), 0, ints(0), ones(1), "max" as "amax"),
      () => a.scatterReduce(ones(3), 0, ints(0), ints(1), "sum"),
      () => a.indexReduce(ones(3), 0, ints(0), ones(1), "sum" as "prod"),
      () => a.segmentReduce(ones(3), "sum", {}),
      () => a.take(x, ones(1)),
      () => a.put(x, ints(0), ones(2)),
      () => a.maskedScatter(x, x, x),
      () => a.selectScatter(x, ones(2), 1, 3),
      () => a.selectScatter(x, ones(3), 1, 0),
      () => a.sliceScatter(x, ones(2, 2), 1, 0, 3),
      () => a.diagonalScatter(x, ones(3)),
      () => a.asStrided(x, [2, 2], [3, 4]),
      () => a.blockDiag([ones(1, 1, 1)]),
      () => a.combinations(x),
      () => a.vsplit(ones(3), 2),
      () => x.repeatInterleave([1, 2], 1),
      () => a.sumToSize(x, [2]),
      () => x.indexPut([tensor([true])], ones(3)),
      () => x.indexPut([tensor([true, false])], ones(2, 3)),
    ].map((f) => messageOf(f).split("\n")[0]);
    expect(said).toEqual([
      "ShapeError: scatterReduce: index [1], tensor [2,3]: the index must not be larger off axis 0",
      'ArgumentError: scatterReduce: there is no reduction "max"',
      "DtypeError: scatterReduce: float32 and int32 differ",
      'ArgumentError: indexReduce: there is no reduction "sum"',
      "ArgumentError: segmentReduce: needs either lengths or offsets",
      "DtypeError: take: indices must be ints, got float32",
      "ShapeError: put: index [1], source [2]: they must have as many elements",
      "DtypeError: maskedScatter: the mask must be bool, got float32",
      "ShapeError: selectScatter: index 3 is outside axis 1 of [2,3]",
      "ShapeError: selectScatter: the source must be [2], got [3]",
      "ShapeError: sliceScatter: the source must be [2,3], got [2,2]",
      "ShapeError: diagonalScatter: the source must be [2], got [3]",
      "ShapeError: asStrided: place 7 is outside the 6 elements of [2,3]",
      "ShapeError: blockDiag: takes matrices, got [1,1,1]",
      "ShapeError: combinations: takes a vector, got [2,3]",
      "ShapeError: vsplit: axis 0 of [3] does not divide by 2",
      "ShapeError: repeatInterleave: 2 counts do not fit axis 1 of [2,3]",
      "ShapeError: sumToSize: [2,3] does not sum to [2]",
      "ShapeError: indexPut: the mask [1] does not fit [2,3]",
      "ShapeError: indexPut: values [2,3] for a mask must be the same for all that it holds",
    ]);
  });
});
