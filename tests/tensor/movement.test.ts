// Shapes, joining, splitting, padding and indexing: values worked out by hand.
import { beforeAll, describe, expect, it } from "vitest";
import { arange, eye, tensor, zeros } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { cat, meshgrid, stack, tensorSplit } from "../../src/tensor/ops/join.ts";
import { devices, values } from "./devices.ts";

const ints = (...v: number[]) => tensor(v, { dtype: "int32" });
const grid = (...shape: number[]) =>
  arange(shape.reduce((p, d) => p * d))
    .float()
    .reshape(shape);

describe.each(devices)("movement on %s", (name) => {
  beforeAll(() => void device(name));

  it("reshapes, flattens and unflattens", () => {
    const x = grid(2, 3, 4);
    expect(x.reshape(4, -1).shape).toEqual([4, 6]);
    expect(x.view([-1]).shape).toEqual([24]);
    expect(x.flatten(1).shape).toEqual([2, 12]);
    expect(x.unflatten(2, [2, -1]).shape).toEqual([2, 3, 2, 2]);
    expect(tensor(5).flatten().shape).toEqual([1]);
  });

  it("permutes", async () => {
    expect(await grid(2, 3).T.array()).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(grid(2, 3, 4).permute(2, 0, 1).shape).toEqual([4, 2, 3]);
    expect(grid(2, 3, 4).mT.shape).toEqual([2, 4, 3]);
    expect(grid(2, 3, 4).movedim(0, -1).shape).toEqual([3, 4, 2]);
    expect(grid(2, 3, 4).transpose(0, -1).shape).toEqual([4, 3, 2]);
    expect(zeros(1, 2, 1).squeeze().shape).toEqual([2]);
    expect(zeros(1, 2, 1).squeeze(0).shape).toEqual([2, 1]);
    expect(zeros(2).unsqueeze(-1).shape).toEqual([2, 1]);
  });

  it("repeats and tiles", async () => {
    expect(await ints(1, 2).repeat(2, 2).array()).toEqual([
      [1, 2, 1, 2],
      [1, 2, 1, 2],
    ]);
    expect(await values(ints(1, 2).repeatInterleave(2))).toEqual([1, 1, 2, 2]);
    expect(zeros(2, 1).expand(-1, 3).shape).toEqual([2, 3]);
    expect(zeros(2, 1).tile(2).shape).toEqual([2, 2]);
  });

  it("flips, rolls and turns", async () => {
    expect(await values(ints(1, 2, 3).flip(0))).toEqual([3, 2, 1]);
    expect(await values(ints(1, 2, 3).roll(1, 0))).toEqual([3, 1, 2]);
    expect(await values(ints(1, 2, 3).roll(-4))).toEqual([2, 3, 1]);
    expect(await grid(2, 2).rot90().array()).toEqual([
      [1, 3],
      [0, 2],
    ]);
  });

  it("joins and splits", async () => {
    const x = grid(2, 2);
    expect(await cat([x, x], 1).array()).toEqual([
      [0, 1, 0, 1],
      [2, 3, 2, 3],
    ]);
    expect(stack([x, x, x], -1).shape).toEqual([2, 2, 3]);
    expect(cat([ints(1), tensor([2.5])]).dtype).toBe("float32");
    expect(await values(cat([tensor([true]), tensor([false])]))).toEqual([1, 0]);
    expect(
      arange(5)
        .split(2)
        .map((t) => t.shape[0]),
    ).toEqual([2, 2, 1]);
    expect(
      arange(5)
        .chunk(4)
        .map((t) => t.shape[0]),
    ).toEqual([2, 2, 1]);
    expect(tensorSplit(arange(5), 3).map((t) => t.shape[0])).toEqual([2, 2, 1]);
    const [first, second] = x.unbind();
    expect(await values(first)).toEqual([0, 1]);
    expect(await values(second)).toEqual([2, 3]);
    const [a, b] = meshgrid([ints(1, 2), ints(3, 4, 5)]);
    expect(await a.array()).toEqual([
      [1, 1, 1],
      [2, 2, 2],
    ]);
    expect(await b.array()).toEqual([
      [3, 4, 5],
      [3, 4, 5],
    ]);
  });

  it("pads in four modes", async () => {
    const x = tensor([1, 2, 3]).reshape(1, 3);
    expect(await values(x.pad([1, 2]))).toEqual([0, 1, 2, 3, 0, 0]);
    expect(await values(x.pad([1, 0], { value: 9 }))).toEqual([9, 1, 2, 3]);
    expect(await values(x.pad([2, 1], { mode: "reflect" }))).toEqual([3, 2, 1, 2, 3, 2]);
    expect(await values(x.pad([2, 1], { mode: "replicate" }))).toEqual([1, 1, 1, 2, 3, 3]);
    expect(await values(x.pad([2, 1], { mode: "circular" }))).toEqual([2, 3, 1, 2, 3, 1]);
    expect(await values(x.pad([-1, 0]))).toEqual([2, 3]);
  });

  it("takes diagonals and triangles", async () => {
    const x = grid(3, 3);
    expect(await values(x.diagonal())).toEqual([0, 4, 8]);
    expect(await values(x.diagonal(1))).toEqual([1, 5]);
    expect(await values(x.diagonal(-2))).toEqual([6]);
    expect(await ints(1, 2).diag(1).array()).toEqual([
      [0, 1, 0],
      [0, 0, 2],
      [0, 0, 0],
    ]);
    expect(await values(x.tril())).toEqual([0, 0, 0, 3, 4, 0, 6, 7, 8]);
    expect(await values(x.triu(1))).toEqual([0, 1, 2, 0, 0, 5, 0, 0, 0]);
    expect(await values(ints(1, 2, 3, 4).unfold(0, 2, 1))).toEqual([1, 2, 2, 3, 3, 4]);
  });

  it("indexes with numbers, ranges and new axes", async () => {
    const x = grid(3, 4);
    expect(await values(x.at(1))).toEqual([4, 5, 6, 7]);
    expect(await values(x.at(-1, -1))).toEqual([11]);
    expect(await values(x.at([1, 3], 0))).toEqual([4, 8]);
    expect(await values(x.at(0, [null, null, 2]))).toEqual([0, 2]);
    expect(await values(x.at(0, [null, null, -1]))).toEqual([3, 2, 1, 0]);
    expect(await values(x.at(0, [2, 0, -1]))).toEqual([2, 1]);
    expect(await values(x.at(0, [-2, 100]))).toEqual([2, 3]);
    expect(x.at(":", null, "...").shape).toEqual([3, 1, 4]);
    expect(await values(x.at("...", 1))).toEqual([1, 5, 9]);
    expect(x.at([2, 1]).shape).toEqual([0, 4]);
  });

  it("indexes with tensors, which broadcast", async () => {
    const x = grid(3, 4);
    expect(await x.at(ints(2, -3)).array()).toEqual([
      [8, 9, 10, 11],
      [0, 1, 2, 3],
    ]);
    expect(await values(x.at(ints(0, 2), ints(1, -1)))).toEqual([1, 11]);
    expect(
      x.at(
        ":",
        tensor(
          [
            [0, 1],
            [2, 3],
          ],
          { dtype: "int32" },
        ),
      ).shape,
    ).toEqual([3, 2, 2]);
    expect(grid(2, 3, 4).at(ints(0, 1), ":", ints(0, 1)).shape).toEqual([2, 3]);
  });

  it("gathers and scatters", async () => {
    const x = grid(2, 3);
    const index = tensor(
      [
        [0, 2],
        [1, 0],
      ],
      { dtype: "int32" },
    );
    expect(await values(x.gather(1, index))).toEqual([0, 2, 4, 3]);
    expect(await values(x.gather(0, tensor([[1, 0]], { dtype: "int32" })))).toEqual([3, 1]);
    expect(await values(x.indexSelect(1, ints(2, 0)))).toEqual([2, 0, 5, 3]);
    expect(await values(x.takeAlongDim(ints(2).reshape(1, 1), 1))).toEqual([2, 5]);
    const zero = zeros(2, 3);
    const ones = tensor([
      [1, 1],
      [1, 1],
    ]);
    const twice = tensor(
      [
        [0, 0],
        [1, 2],
      ],
      { dtype: "int32" },
    );
    expect(await values(zero.scatterAdd(1, twice, ones))).toEqual([2, 0, 0, 0, 1, 1]);
    const source = tensor([
      [7, 8],
      [9, 10],
    ]);
    expect(await values(zero.scatter(1, twice, source))).toEqual([8, 0, 0, 0, 9, 10]);
    expect(await values(zero.scatter(1, twice, 5))).toEqual([5, 0, 0, 0, 5, 5]);
    expect(await values(zeros(3).indexAdd(0, ints(0, 0), tensor([1, 2])))).toEqual([3, 0, 0]);
    expect(await values(zeros(3).indexCopy(0, ints(2), tensor([5])))).toEqual([0, 0, 5]);
    const put = zeros(2, 2).indexPut([ints(0, 1), ints(1, 0)], tensor([3, 4]));
    expect(await values(put)).toEqual([0, 3, 4, 0]);
  });

  it("sends gradients back through indexing", async () => {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    x.at(ints(0, 0, 2))
      .sum()
      .backward();
    expect(await values(x.grad!)).toEqual([2, 0, 1]);
  });

  it("reads what depends on values", async () => {
    const x = tensor([
      [0, 3],
      [4, 0],
    ]);
    expect(await (await x.nonzero()).array()).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(await values(await x.maskedSelect(x.gt(0)))).toEqual([3, 4]);
    expect(await values(await tensor([3, 1, 3, 2]).unique())).toEqual([1, 2, 3]);
    expect((await eye(2).mul(0).nonzero()).shape).toEqual([0, 2]);
  });
});
