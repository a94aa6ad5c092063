// Arithmetic, comparison, functions: values worked out by hand, and PyTorch's rules of promotion.
import { beforeAll, describe, expect, it } from "vitest";
import { full, tensor } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { where } from "../../src/tensor/ops/elementwise.ts";
import { devices, values } from "./devices.ts";

const ints = (...v: number[]) => tensor(v, { dtype: "int32" });

describe.each(devices)("elementwise on %s", (name) => {
  beforeAll(() => void device(name));

  it("broadcasts", async () => {
    const sum = tensor([[1], [2]]).add(tensor([10, 20, 30]));
    expect(sum.shape).toEqual([2, 3]);
    expect(await values(sum)).toEqual([11, 21, 31, 12, 22, 32]);
  });

  it("treats JS numbers as weak", () => {
    expect(tensor([1]).mul(2.5).dtype).toBe("float32");
    expect(tensor([1], { dtype: "float64" }).mul(2.5).dtype).toBe("float64");
    expect(ints(1).mul(2).dtype).toBe("int32");
    expect(ints(1).mul(2.5).dtype).toBe("float32");
    expect(tensor([1], { dtype: "uint8" }).add(1).dtype).toBe("uint8");
    expect(tensor([true]).add(1).dtype).toBe("int32");
    expect(tensor([true]).mul(0.5).dtype).toBe("float32");
    expect(tensor([1]).add(true).dtype).toBe("float32");
  });

  it("promotes tensors by kind, and 0-d tensors only to a higher kind", () => {
    const double = tensor(1, { dtype: "float64" });
    expect(ints(1).add(tensor([1])).dtype).toBe("float32");
    expect(tensor([1], { dtype: "uint8" }).add(ints(1)).dtype).toBe("int32");
    expect(tensor([1]).add(double).dtype).toBe("float32");
    expect(tensor(1).add(double).dtype).toBe("float64");
    expect(ints(1).add(double).dtype).toBe("float64");
    expect(tensor([1]).add(double.reshape(1)).dtype).toBe("float64");
  });

  it("divides truly, floors and takes remainders as Python", async () => {
    const a = ints(7, -7, 7, -7);
    const b = ints(2, 2, -2, -2);
    expect(a.div(b).dtype).toBe("float32");
    expect(await values(a.div(b))).toEqual([3.5, -3.5, -3.5, 3.5]);
    expect(await values(a.floorDivide(b))).toEqual([3, -4, -4, 3]);
    expect(await values(a.remainder(b))).toEqual([1, 1, -1, -1]);
    expect(await values(a.fmod(b))).toEqual([1, -1, 1, -1]);
    expect(await values(a.div(b, { rounding: "trunc" }))).toEqual([3, -3, -3, 3]);
    expect(await values(a.float().fmod(b.float()))).toEqual([1, -1, 1, -1]);
    expect(await values(a.float().floorDivide(b.float()))).toEqual([3, -4, -4, 3]);
  });

  it("takes numbers on the left by rsub, rdiv and rpow", async () => {
    const x = tensor([1, 2, 4]);
    expect(await values(x.rsub(1))).toEqual([0, -1, -3]);
    expect(await values(x.rdiv(8))).toEqual([8, 4, 2]);
    expect(await values(x.rpow(2))).toEqual([2, 4, 16]);
  });

  it("powers: special exponents and others", async () => {
    const x = tensor([1, 4, 9]);
    expect(await values(x.pow(2))).toEqual([1, 16, 81]);
    expect(await values(x.pow(3))).toEqual([1, 64, 729]);
    expect(await values(x.pow(0.5))).toEqual([1, 2, 3]);
    expect(await values(x.pow(-0.5))).toEqual([1, 0.5, 0.333333]);
    expect(await values(x.pow(-1))).toEqual([1, 0.25, 0.111111]);
    expect(await values(x.pow(1.5))).toEqual([1, 8, 27]);
    expect(await values(x.pow(0))).toEqual([1, 1, 1]);
    expect(await values(ints(2, 3).pow(4))).toEqual([16, 81]);
  });

  it("clamps, keeping NaN, and passes the gradient at the limits", async () => {
    const x = tensor([-2, -1, 0, 1, 2], { requiresGrad: true });
    const y = x.clamp(-1, 1);
    expect(await values(y)).toEqual([-1, -1, 0, 1, 1]);
    y.sum().backward();
    expect(await values(x.grad!)).toEqual([0, 1, 1, 1, 0]);
    expect(await values(tensor([Number.NaN]).clamp(0, 1))).toEqual([Number.NaN]);
    expect(await values(tensor([3, 5]).clamp(null, 4))).toEqual([3, 4]);
  });

  it("compares, with bools and NaN", async () => {
    const x = tensor([1, 2, Number.NaN]);
    expect(await values(x.lt(2))).toEqual([1, 0, 0]);
    expect(await values(x.ge(2))).toEqual([0, 1, 0]);
    expect(await values(x.ne(x))).toEqual([0, 0, 1]);
    expect(await values(x.isnan())).toEqual([0, 0, 1]);
    expect(await values(tensor([true, false]).lt(true))).toEqual([0, 1]);
    expect(await values(ints(1, 2).gt(1.5))).toEqual([0, 1]);
    const wild = tensor([1, Number.POSITIVE_INFINITY, Number.NaN, Number.NEGATIVE_INFINITY]);
    expect(await values(wild.isinf())).toEqual([0, 1, 0, 1]);
    expect(await values(wild.isfinite())).toEqual([1, 0, 0, 0]);
    expect(await wild.allclose(wild)).toBe(false);
    expect(await wild.allclose(wild, { equalNan: true })).toBe(true);
    expect(await tensor([1]).allclose(tensor([1.000005]))).toBe(true);
    expect(await tensor([1]).allclose(tensor([1.001]))).toBe(false);
  });

  it("logic and bits", async () => {
    expect(await values(ints(6).bitwiseAnd(3))).toEqual([2]);
    expect(await values(ints(6).bitwiseXor(3))).toEqual([5]);
    expect(await values(ints(5).bitwiseNot())).toEqual([-6]);
    expect(await values(ints(-8, 8).bitwiseRightShift(1))).toEqual([-4, 4]);
    expect(await values(ints(3).bitwiseLeftShift(2))).toEqual([12]);
    expect(await values(tensor([2, 0]).logicalAnd(tensor([1, 1])))).toEqual([1, 0]);
    expect(await values(tensor([2, 0]).logicalNot())).toEqual([0, 1]);
    expect(await values(tensor([true, true]).add(tensor([true, false])))).toEqual([1, 1]);
  });

  it("where and maskedFill choose without touching the other side", async () => {
    const mask = tensor([true, false]);
    expect(await values(where(mask, tensor([1, 2]), 0))).toEqual([1, 0]);
    expect(await values(tensor([1, 2]).maskedFill(mask, -1))).toEqual([-1, 2]);
    const x = tensor([0, 4], { requiresGrad: true });
    where(x.gt(0), x, 1).log().sum().backward();
    expect(await values(x.grad!)).toEqual([0, 0.25]);
  });

  it("rounds halves to even, and to decimals", async () => {
    expect(await values(tensor([0.5, 1.5, 2.5, -0.5]).round())).toEqual([0, 2, 2, 0]);
    expect(await values(tensor([1.2345]).round({ decimals: 2 }))).toEqual([1.23]);
    expect(await values(tensor([-1.5, 1.5]).trunc())).toEqual([-1, 1]);
    expect(await values(tensor([-1.5, 1.25]).frac())).toEqual([-0.5, 0.25]);
  });

  it("keeps values and gradients of functions finite at their edges", async () => {
    const x = tensor([-100, 0, 100], { requiresGrad: true });
    for (const f of ["softplus", "elu", "mish", "logsigmoid", "selu", "silu", "celu"] as const) {
      x.grad = null;
      const y = x[f]();
      y.sum().backward();
      for (const v of [...(await values(y)), ...(await values(x.grad!))]) {
        expect(Number.isFinite(v), f).toBe(true);
      }
    }
    x.grad = null;
    x.sinh().sum().backward();
    expect((await values(x.grad!))[1]).toBe(1);
  });

  it("atan2 knows the quadrants", async () => {
    const y = tensor([0, 1, 1, -1, -1, 0]);
    const x = tensor([1, 1, -1, -1, 1, -1]);
    const angles = [0, Math.PI / 4, (3 * Math.PI) / 4, (-3 * Math.PI) / 4, -Math.PI / 4, Math.PI];
    expect(await values(y.atan2(x))).toEqual(angles.map((v) => Number(v.toPrecision(6))));
    expect(await values(tensor([0]).atan2(tensor([0])))).toEqual([0]);
  });

  it("activations at hand-computed points", async () => {
    expect(await values(tensor([-1, 2]).relu())).toEqual([0, 2]);
    expect(await values(tensor([-1, 2]).leakyRelu(0.1))).toEqual([-0.1, 2]);
    expect(await values(tensor([1]).gelu())).toEqual([0.841345]);
    expect(await values(tensor([1]).gelu({ approximate: "tanh" }))).toEqual([0.841192]);
    expect(await values(tensor([0]).sigmoid())).toEqual([0.5]);
    expect(await values(tensor([-4, -3, 0, 3, 4]).hardswish())).toEqual([0, 0, 0, 3, 4]);
    expect(await values(tensor([-1, 3, 9]).relu6())).toEqual([0, 3, 6]);
    expect(await values(tensor([0, 0]).softmax(0))).toEqual([0.5, 0.5]);
    const half = Number(Math.log(0.5).toPrecision(6));
    expect(await values(tensor([1000, 1000]).logSoftmax(0))).toEqual([half, half]);
  });

  it("casts as storage does", async () => {
    expect(await values(tensor([1.9, -1.9]).int())).toEqual([1, -1]);
    expect(await values(tensor([0, 0.5]).bool())).toEqual([0, 1]);
    expect(await values(ints(257).byte())).toEqual([1]);
    expect(await await full([2], true).array()).toEqual([true, true]);
  });
});
