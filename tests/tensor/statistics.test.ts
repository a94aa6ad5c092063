// Statistics, histograms and calculus over samples against plain JavaScript, with what PyTorch's cases leave
// out: NaN, ties, many edges, empty input, and what bad input gets. PyTorch's are in golden.test.ts.
import { beforeEach, describe, expect, it } from "vitest";
import * as a from "../../src/index.ts";
import { device, masked, Tensor, tensor } from "../../src/index.ts";
import { stream } from "../ops/case.ts";
import { devices, messageOf, values } from "./devices.ts";

const numbers = (n: number, seed: number, kinds = 1e6) => {
  const next = stream(seed);
  return Array.from({ length: n }, () => Math.fround(Math.floor(next() * kinds) / kinds - 0.5));
};
const ints = (...list: number[]) => tensor(list, { dtype: "int32" });

describe.each(devices)("statistics on %s", (name) => {
  beforeEach(() => void device(name));

  it("medians are the lower ones, NaN where there is one, and numbers where it does not count", async () => {
    const x = tensor([
      [3, 1, 2, 9],
      [NaN, 4, NaN, 5],
      [NaN, NaN, NaN, NaN],
    ]);
    const { values: v, indices: i } = a.median(x, 1);
    expect(await values(v)).toEqual([2, NaN, NaN]);
    expect(await values(i)).toEqual([2, 0, 0]);
    expect(await values(a.nanmedian(x, 1).values)).toEqual([2, 4, NaN]);
    expect(a.median(x, 0, { keepdim: true }).values.shape).toEqual([1, 4]);
    expect(await a.median(tensor([5, 1, 4])).item()).toBe(4);
    expect(await a.median(tensor([], { dtype: "float32" })).item()).toBeNaN();
    expect(await a.median(ints(4, 2, 3)).item()).toBe(3);
  });

  it("the gradient of an order statistic goes to the element", async () => {
    const x = tensor([3, 1, 2, 9]);
    x.requiresGrad = true;
    a.median(x, 0).values.add(a.kthvalue(x, 4).values).add(a.quantile(x, 0.5)).backward();
    expect(await values(x.grad!)).toEqual([0.5, 0, 1.5, 1]);
  });

  it("quantiles in all ways of lying between elements", async () => {
    const x = tensor([0, 1, 2, 4]);
    const of = (interpolation: a.Interpolation) => values(a.quantile(x, 0.9, 0, { interpolation }));
    expect(await of("linear")).toEqual([3.4]);
    expect(await of("lower")).toEqual([2]);
    expect(await of("higher")).toEqual([4]);
    expect(await of("midpoint")).toEqual([3]);
    expect(await of("nearest")).toEqual([4]);
    const y = tensor([
      [1, NaN, 3],
      [1, 2, 4],
    ]);
    expect(await values(a.quantile(y, [0, 0.5], 1))).toEqual([NaN, 1, NaN, 2]);
    expect(await values(a.nanquantile(y, [0, 0.5], 1))).toEqual([1, 1, 2, 2]);
    expect(a.quantile(y, [0, 0.5], 1, { keepdim: true }).shape).toEqual([2, 2, 1]);
    expect(a.quantile(y, 0.5, undefined, { keepdim: true }).shape).toEqual([1, 1]);
    expect(await values(a.nanquantile(tensor([NaN, NaN]), tensor(0.3)))).toEqual([NaN]);
  });

  it("modes are the smallest of the most frequent", async () => {
    const x = tensor([
      [3, 1, 3, 1, 2],
      [5, 4, 2, 1, 0],
    ]);
    const { values: v, indices } = a.mode(x);
    expect(await values(v)).toEqual([1, 0]);
    expect([1, 3]).toContain((await values(indices))[0]);
    expect(await values(a.mode(tensor([true, false, true])).values)).toEqual([1]);
  });

  it("covariances weigh observations, and correlations stay within 1", async () => {
    const x = tensor([
      [0, 1, 2],
      [2, 1, 0],
    ]);
    expect(await values(a.cov(x))).toEqual([1, -1, -1, 1]);
    expect(await values(a.cov(x, { fweights: ints(1, 2, 1), correction: 0 }))).toEqual([
      0.5, -0.5, -0.5, 0.5,
    ]);
    expect(await values(a.corrcoef(x))).toEqual([1, -1, -1, 1]);
    expect(await a.cov(tensor([4])).item()).toBeNaN();
  });

  it("searches among few edges and many, from both sides, NaN behind all", async () => {
    for (const count of [0, 1, 31, 33, 64, 100]) {
      const edges = Float32Array.from(numbers(count, 3, 40)).sort();
      const keys = Float32Array.from([...numbers(50, 4, 40), -1, 1, NaN, Infinity, -Infinity]);
      const table = Tensor.from(edges, [count]);
      const left = await a.searchsorted(table, Tensor.from(keys)).data();
      const right = await a.bucketize(Tensor.from(keys), table, { right: true }).data();
      keys.forEach((key, i) => {
        const isNan = Number.isNaN(key);
        expect(left[i]).toBe(edges.filter((e) => e < key || isNan).length);
        expect(right[i]).toBe(edges.filter((e) => e <= key || isNan).length);
      });
    }
    const rows = tensor([
      [1, 3, 5],
      [10, 30, 50],
    ]);
    expect(await values(a.searchsorted(rows, tensor([[3], [31]])))).toEqual([1, 2]);
    const sorter = ints(2, 0, 1);
    expect(await values(a.searchsorted(tensor([3, 5, 1]), tensor([4, 9]), { sorter }))).toEqual([
      2, 3,
    ]);
  });

  it("counts, with weights, and as many bins as are asked for", async () => {
    const x = ints(0, 3, 3, 1);
    expect(await values(await a.bincount(x))).toEqual([1, 1, 0, 2]);
    const weights = tensor([0.5, 1, 2, 4]);
    expect(await values(a.bincount(x, { weights, size: 5 }))).toEqual([0.5, 4, 0, 3, 0]);
    expect(await values(await a.bincount(ints(), { minlength: 2 }))).toEqual([0, 0]);
    await expect(a.bincount(ints(-1))).rejects.toThrow(
      "bincount: values must not be negative, got -1",
    );
    expect(await values(a.histc(tensor([0, 1, 1, 2, 9]), 2, { min: 0, max: 2 }))).toEqual([1, 3]);
    expect(await values(a.histc(tensor([5, 5]), 2))).toEqual([0, 2]);
    expect(await values(a.histc(tensor([1, NaN]), 1, { min: 0, max: 2 }))).toEqual([1]);
    const { hist, edges } = a.histogram(tensor([1, 2, 4]), tensor([1, 2, 4]), { density: true });
    expect(await values(hist)).toEqual([0.333333, 0.333333]);
    expect(await values(edges)).toEqual([1, 2, 4]);
    const grid = a.histogramdd(tensor([[0, 0], [1, 1], [1, 0], [7, 7]]), [2, 2], { range: [[0, 1], [0, 1]] }); // biome-ignore format: points
    expect(await values(grid.hist)).toEqual([1, 0, 1, 1]);
  });

  it("finds the different elements, where each went and how often", async () => {
    const x = tensor([[3, 1, NaN], [3, -Infinity, NaN], [Infinity, -Infinity, Infinity]]); // biome-ignore format: a matrix
    const found = await a.unique(x);
    expect(await values(found.values)).toEqual([-Infinity, 1, 3, Infinity, NaN, NaN]);
    expect(await values(found.counts)).toEqual([2, 1, 2, 2, 1, 1]);
    expect(await values(found.inverse)).toEqual([2, 1, 4, 2, 0, 5, 3, 0, 3]);
    expect([found.inverse.shape, found.values.dtype]).toEqual([[3, 3], "float32"]);
    const row = await a.uniqueConsecutive(ints(2, 2, 1, 2));
    expect(await values(row.values)).toEqual([2, 1, 2]);
    expect(await values(row.counts)).toEqual([2, 1, 1]);
    expect(await values(row.inverse)).toEqual([0, 0, 1, 2]);
    expect((await a.unique(ints())).values.shape).toEqual([0]);
    await expect(a.uniqueConsecutive(x)).rejects.toThrow("takes a vector, got [3,3]");
  });

  it("integrates and differentiates over even and uneven places", async () => {
    const y = tensor([0, 1, 4, 9]);
    expect(await a.trapezoid(y).item()).toBe(9.5);
    expect(await a.trapezoid(y, 2).item()).toBe(19);
    expect(await values(a.cumulativeTrapezoid(y, tensor([0, 1, 3, 4])))).toEqual([0.5, 5.5, 12]);
    const x = tensor([0, 1, 3, 4]);
    const [slope] = a.gradient(x.square(), { spacing: [x], edgeOrder: 2 });
    expect(await values(slope!)).toEqual([0, 2, 6, 8]); // exact for parabolas
    expect(await values(a.gradient(y)[0]!)).toEqual([1, 2, 4, 5]);
  });

  it("reductions under a mask see nothing else, and know what none gives", async () => {
    const x = tensor([
      [1, NaN, 3],
      [4, 5, 6],
    ]);
    const mask = tensor([
      [true, false, true],
      [false, false, false],
    ]);
    expect(await values(masked.sum(x, 1, { mask }))).toEqual([4, 0]);
    expect(await values(masked.mean(x, 1, { mask }))).toEqual([2, NaN]);
    expect(await values(masked.var(x, 1, { mask, keepdim: true }))).toEqual([2, NaN]);
    expect(await values(masked.amax(x, 1, { mask }))).toEqual([3, -Infinity]);
    expect(await values(masked.argmin(x, 1, { mask }))).toEqual([0, 0]);
    expect(await values(masked.softmax(x, 1, { mask: mask.narrow(0, 0, 1) }))).toEqual([
      0.119203, 0, 0.880797, 0.119203, 0, 0.880797,
    ]);
    expect(await values(masked.median(x, 1, { mask }).values)).toEqual([1, NaN]);
    const sum = masked.sum(ints(1, 2, 3), 0, { mask: tensor([true, false, true]) });
    expect([sum.dtype, await sum.item()]).toEqual(["int32", 4]);
  });

  it("says what is wrong", () => {
    const x = tensor([[1, 2, 3]]);
    const said = [
      () => a.kthvalue(x, 4),
      () => a.median(x, 2),
      () => a.median(tensor([[], []], { dtype: "float32" }), 1),
      () => a.quantile(x, 1.5),
      () => a.quantile(ints(1), 0.5),
      () => a.quantile(x, 0.5, 0, { interpolation: "cubic" as "linear" }),
      () => a.cov(x, { aweights: tensor([1, 2]) }),
      () => a.searchsorted(x, tensor([1, 2])),
      () => a.bucketize(x, x),
      () => a.histc(x, 0),
      () => a.histc(x, 3, { min: 2, max: 1 }),
      () => a.histogram(x, tensor([1])),
      () => a.bincount(x, { size: 3 }),
      () => a.trapezoid(x, tensor([1, 2])),
      () => a.gradient(x, { axes: 0 }),
      () => a.gradient(x, { axes: 1, spacing: [1, 2] }),
      () => a.renorm(tensor([1]), 2, 0, 1),
      () => masked.sum(x, 1, { mask: x }),
      () => masked.sum(x, 1, { mask: tensor([true, false]) }),
    ].map((f) => messageOf(f).split("\n")[0]);
    expect(said).toEqual([
      "ArgumentError: kthvalue: k must be a whole number from 1 to 3, got 4",
      "ShapeError: median: axis 2 is outside [1,3]: axes go from -2 to 1",
      "ShapeError: median: axis 1 of [2,0] has no elements",
      "ArgumentError: quantile: q must be from 0 to 1, got 1.5",
      "DtypeError: quantile: needs a float tensor, got int32",
      'ArgumentError: quantile: there is no interpolation "cubic"',
      "ShapeError: cov: weights [2] do not fit [1,3]",
      "ShapeError: searchsorted: edges [1,3], values [2]: all axes but the last must be equal",
      "ShapeError: bucketize: the edges must be a vector, got [1,3]",
      "ArgumentError: histc: the number of bins must be a whole number above 0, got 0",
      "ArgumentError: histc: a range must go from a number to a larger one, got [2,1]",
      "ShapeError: histogram: edges must be a vector of at least two, got [1]",
      "DtypeError: bincount: indices must be ints, got float32",
      "ShapeError: trapezoid: x [2] does not fit axis -1 of y [1,3]",
      "ShapeError: gradient: axis 0 of [1,3] has fewer than 2 elements",
      "ArgumentError: gradient: 2 spacings do not fit 1 axes",
      "ShapeError: renorm: needs at least two axes, got [1]",
      "DtypeError: masked.sum: the mask must be bool, got float32",
      "ShapeError: masked.sum: the mask [2] does not fit [1,3]",
    ]);
  });
});
