// Reductions, products, convolution and pooling: values worked out by hand.
import { beforeAll, describe, expect, it } from "vitest";
import { arange, ones, tensor, zeros } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { einsum } from "../../src/tensor/einsum.ts";
import { devices, values } from "./devices.ts";

const grid = (...shape: number[]) =>
  arange(shape.reduce((p, d) => p * d))
    .float()
    .reshape(shape);

describe.each(devices)("reductions and products on %s", (name) => {
  beforeAll(() => void device(name));

  it("sums, with PyTorch's dtypes", async () => {
    const x = grid(2, 3);
    expect(await values(x.sum())).toEqual([15]);
    expect(await values(x.sum(0))).toEqual([3, 5, 7]);
    expect(x.sum([0, 1], { keepdim: true }).shape).toEqual([1, 1]);
    expect(await values(x.mean(-1))).toEqual([1, 4]);
    expect(await values(x.add(1).prod(1))).toEqual([6, 120]);
    expect(tensor([true, true]).sum().dtype).toBe("int32");
    expect(await values(tensor([true, true]).sum())).toEqual([2]);
    expect(tensor([1], { dtype: "uint8" }).sum().dtype).toBe("int32");
    expect(await values(zeros(0).sum())).toEqual([0]);
    expect(await values(zeros(0).mean())).toEqual([Number.NaN]);
  });

  it("finds extremes; ties go to the first", async () => {
    const x = tensor(
      [
        [1, 5, 5],
        [7, 0, 7],
      ],
      { requiresGrad: true },
    );
    const { values: top, indices } = x.max(1);
    expect(await values(top)).toEqual([5, 7]);
    expect(await values(indices)).toEqual([1, 0]);
    top.sum().backward();
    expect(await values(x.grad!)).toEqual([0, 1, 0, 1, 0, 0]);
    x.grad = null;
    x.amax(1).sum().backward();
    expect(await values(x.grad!)).toEqual([0, 0.5, 0.5, 0.5, 0, 0.5]);
    expect(await values(x.max())).toEqual([7]);
    expect(await values(x.argmin())).toEqual([4]);
    expect(await values(x.argmax(0))).toEqual([1, 0, 1]);
    expect(await values(x.min(0).values)).toEqual([1, 0, 5]);
  });

  it("measures spread", async () => {
    const x = tensor([1, 2, 3, 4]);
    expect(await values(x.var())).toEqual([1.66667]);
    expect(await values(x.var(0, { correction: 0 }))).toEqual([1.25]);
    expect(await values(x.std())).toEqual([1.29099]);
    expect(await values(tensor([1]).var())).toEqual([Number.NaN]);
    expect(await values(tensor([3, 4]).norm())).toEqual([5]);
    expect(await values(tensor([3, -4]).norm(1))).toEqual([7]);
    expect(await values(tensor([3, -4]).norm(Number.POSITIVE_INFINITY))).toEqual([4]);
  });

  it("gives the norm of zeros the gradient 0", async () => {
    const x = tensor([0, 0], { requiresGrad: true });
    x.norm().backward();
    expect(await values(x.grad!)).toEqual([0, 0]);
  });

  it("keeps exponentials from overflowing", async () => {
    expect(await values(tensor([1000, 1000]).logsumexp(0))).toEqual([1000.69]);
    const low = Number.NEGATIVE_INFINITY;
    expect(await values(tensor([low, low]).logsumexp(0))).toEqual([low]);
    expect(await values(tensor([low, 0]).softmax(0))).toEqual([0, 1]);
  });

  it("all, any and counts", async () => {
    const x = tensor([
      [1, 0],
      [2, 3],
    ]);
    expect(await values(x.all(1))).toEqual([0, 1]);
    expect(await values(x.any())).toEqual([1]);
    expect(await values(x.countNonzero(0))).toEqual([2, 1]);
    expect(await values(zeros(0).all())).toEqual([1]);
    expect(await values(zeros(0).any())).toEqual([0]);
  });

  it("multiplies matrices in all ranks", async () => {
    const a = grid(2, 3);
    const b = grid(3, 2);
    expect(await a.matmul(b).array()).toEqual([
      [10, 13],
      [28, 40],
    ]);
    expect(await values(a.matmul(tensor([1, 1, 1])))).toEqual([3, 12]);
    expect(await values(tensor([1, 1]).matmul(a))).toEqual([3, 5, 7]);
    expect(await values(tensor([1, 2]).dot(tensor([3, 4])))).toEqual([11]);
    expect(ones(5, 1, 2, 3).matmul(ones(4, 3, 2)).shape).toEqual([5, 4, 2, 2]);
    expect(ones(1, 2, 3).matmul(ones(1, 3, 2)).shape).toEqual([1, 2, 2]);
    expect(ones(7, 2, 3).matmul(ones(3)).shape).toEqual([7, 2]);
    expect(await values(ones(2, 2, 3).matmul(ones(2, 3, 1)))).toEqual([3, 3, 3, 3]);
    expect(await values(ones(2, 0).matmul(ones(0, 2)))).toEqual([0, 0, 0, 0]);
    expect(await values(tensor([1, 2]).outer(tensor([3, 4])))).toEqual([3, 4, 6, 8]);
  });

  it("einsum", async () => {
    const a = grid(2, 3);
    expect(await einsum("ij->ji", a).array()).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(await values(einsum("ij->", a))).toEqual([15]);
    expect(await values(einsum("ii->i", grid(3, 3)))).toEqual([0, 4, 8]);
    expect(await values(einsum("ii", grid(3, 3)))).toEqual([12]);
    expect(await values(einsum("ij,kj->ik", a, a))).toEqual([5, 14, 14, 50]);
    expect(await values(einsum("i,ij,j->", ones(2), a, ones(3)))).toEqual([15]);
    expect(einsum("...ij,...jk", ones(4, 2, 3), ones(3, 5)).shape).toEqual([4, 2, 5]);
  });

  it("convolves with stride, padding, dilation and groups", async () => {
    const x = grid(1, 1, 3, 3);
    const k = ones(1, 1, 2, 2);
    expect(await values(x.conv2d(k))).toEqual([8, 12, 20, 24]);
    expect(x.conv2d(ones(4, 1, 3, 3), null, { padding: "same" }).shape).toEqual([1, 4, 3, 3]);
    expect(await values(x.conv2d(k, tensor([1]), { stride: 2, padding: 1 }))).toEqual([
      1, 4, 10, 25,
    ]);
    const line = tensor([1, 2, 3, 4, 5]).reshape(1, 1, 5);
    expect(await values(line.conv1d(ones(1, 1, 2), null, { dilation: 2 }))).toEqual([4, 6, 8]);
    const grouped = grid(1, 2, 3).conv1d(ones(2, 1, 3), null, { groups: 2 });
    expect(await values(grouped)).toEqual([3, 12]);
    const up = tensor([1, 2])
      .reshape(1, 1, 2)
      .convTranspose1d(ones(1, 1, 2), null, { stride: 2 });
    expect(await values(up)).toEqual([1, 1, 2, 2]);
  });

  it("pools; the gradient of max goes to the first of equal ones", async () => {
    const x = tensor(
      [
        [
          [1, 1, 5, 0],
          [1, 1, 2, 5],
        ],
      ],
      { requiresGrad: true },
    );
    const y = x.maxPool2d(2);
    expect(await values(y)).toEqual([1, 5]);
    y.sum().backward();
    expect(await values(x.grad!)).toEqual([1, 0, 1, 0, 0, 0, 0, 0]);
    expect(await values(grid(1, 4).maxPool1d(3, { stride: 1, padding: 1 }))).toEqual([1, 2, 3, 3]);
    expect(await values(x.avgPool2d(2))).toEqual([1, 3]);
    const row = tensor([[2, 4, 6]]);
    const padded = row.avgPool1d(2, { stride: 2, padding: 1, countIncludePad: false });
    expect(await values(padded)).toEqual([2, 5]);
    expect(await values(row.avgPool1d(2, { ceilMode: true }))).toEqual([3, 6]);
    expect(await values(grid(1, 5).adaptiveAvgPool1d(2))).toEqual([1, 3]);
    expect(await values(grid(1, 2, 2).adaptiveAvgPool2d(1))).toEqual([1.5]);
  });
});
