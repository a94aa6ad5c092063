// Complex numbers as pairs of tensors: arithmetic by hand, corners, gradients, and their way through
// compile, grad and scan.
import { beforeEach, describe, expect, it } from "vitest";
import * as f from "../../src/fft/index.ts";
import { compile, device, grad, scan, type Tensor, tensor, zeros } from "../../src/index.ts";
import { checkGradients, random } from "../linalg/check.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";

const z = f.complex(tensor([1, 0, -2, 3]), tensor([2, 1, 0, -4]));
const w = f.complex(tensor([3, 0, 1, 1]), tensor([-1, 2, 1, 1]));
const pi = Number(Math.PI.toPrecision(6));
const both = async ({ re, im }: f.Complex) => [await values(re), await values(im)];

describe.each(devices)("complex numbers on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it("add, subtract, multiply and divide", async () => {
    expect(await both(f.add(z, w))).toEqual([[4, 0, -1, 4], [1, 3, 1, -3]]); // biome-ignore format: pairs
    expect(await both(f.sub(z, w))).toEqual([[-2, 0, -3, 2], [3, -1, -1, -5]]); // biome-ignore format: pairs
    expect(await both(f.mul(z, w))).toEqual([[5, -2, -2, 7], [5, 0, -2, -1]]); // biome-ignore format: pairs
    expect(await both(f.div(z, w))).toEqual([[0.1, 0.5, -1, -0.5], [0.7, 0, 1, -3.5]]); // biome-ignore format: pairs
  });

  it("take numbers and tensors as real, and broadcast", async () => {
    expect(await both(f.add(1, z))).toEqual([[2, 1, -1, 4], [2, 1, 0, -4]]); // biome-ignore format: pairs
    expect(await both(f.sub(tensor([1]), z))).toEqual([[0, 1, 3, -2], [-2, -1, 0, 4]]); // biome-ignore format: pairs
    expect(await both(f.mul(z, 2))).toEqual([[2, 0, -4, 6], [4, 2, 0, -8]]); // biome-ignore format: pairs
    expect(await both(f.mul(tensor(2), z))).toEqual([[2, 0, -4, 6], [4, 2, 0, -8]]); // biome-ignore format: pairs
    expect(await both(f.div(z, 2))).toEqual([[0.5, 0, -1, 1.5], [1, 0.5, 0, -2]]); // biome-ignore format: pairs
    expect(await both(f.div(5, f.complex(tensor([3]), tensor([4]))))).toEqual([[0.6], [-0.8]]);
    const grown = f.add(z, zeros([2, 1]));
    expect([grown.re.shape, grown.im.shape]).toEqual([[2, 4], [2, 4]]); // biome-ignore format: pairs
    expect(await both(f.add(tensor([1]), 2))).toEqual([[3], [0]]);
  });

  it("have sizes, angles, conjugates and powers of e", async () => {
    expect(await values(f.abs(z))).toEqual([2.23607, 1, 2, 5]);
    expect(await values(f.angle(z))).toEqual([1.10715, 1.5708, pi, -0.927295]);
    expect(await both(f.conj(z))).toEqual([[1, 0, -2, 3], [-2, -1, 0, 4]]); // biome-ignore format: pairs
    expect(await both(f.sgn(z))).toEqual([[0.447214, 0, -1, 0.6], [0.894427, 1, 0, -0.8]]); // biome-ignore format: pairs
    const again = f.polar(f.abs(z), f.angle(z));
    expect(await f.abs(f.sub(again, z)).max().item()).toBeLessThan(1e-6);
    const turnOfE = f.exp(f.complex(tensor([0, 1]), tensor([Math.PI, 0])));
    expect(await values(turnOfE.re)).toEqual([-1, Number(Math.E.toPrecision(6))]);
    expect(await f.isreal(z).array()).toEqual([false, false, true, false]);
  });

  it("of real tensors are what they are", async () => {
    const x = tensor([-2, 0, 3, Number.NaN]);
    expect(await values(f.angle(x))).toEqual([pi, 0, 0, Number.NaN]);
    expect(await values(f.abs(x))).toEqual([2, 0, 3, Number.NaN]);
    expect(await values(f.sgn(tensor([-2, 0, 3])))).toEqual([-1, 0, 1]);
    expect(await f.isreal(x).array()).toEqual([true, true, true, true]);
    expect(f.conj(x)).toBe(x);
    expect(f.real(x)).toBe(x);
    expect(await values(f.imag(tensor([1, 2])))).toEqual([0, 0]);
  });

  it("neither overflow nor vanish on the way", async () => {
    const large = f.complex(tensor([3e30, 1e-30]), tensor([4e30, 1e-30]));
    expect(await values(f.abs(large))).toEqual([5e30, 1.41421e-30]);
    expect(await both(f.div(large, large))).toEqual([[1, 1], [0, 0]]); // biome-ignore format: pairs
    expect(await both(f.sgn(f.complex(tensor([0]), tensor([0]))))).toEqual([[0], [0]]);
  });

  it("lie as pairs on a last axis", async () => {
    const pairs = f.viewAsReal(z);
    expect(await pairs.array()).toEqual([[1, 2], [0, 1], [-2, 0], [3, -4]]); // biome-ignore format: pairs
    expect(await both(f.viewAsComplex(pairs))).toEqual(await both(z));
  });

  it("go through compile, grad and scan", async () => {
    const square = compile((v: f.Complex) => f.mul(v, v));
    expect(await both(square(z))).toEqual([[-3, -1, 4, -7], [4, 0, 0, -24]]); // biome-ignore format: pairs
    const slope = grad((v: f.Complex) => f.abs(v).sum())(z) as f.Complex;
    expect(await both(slope)).toEqual(await both(f.sgn(z)));
    // i^t by a loop whose carry is complex
    const one = f.complex(tensor([1]), tensor([0]));
    const i = f.complex(tensor([0]), tensor([1]));
    const [last] = scan((h: f.Complex) => [f.mul(h, i), null], one, null, { length: 3 });
    expect(await both(last)).toEqual([[0], [-1]]);
  });
});

describe("gradients of complex numbers", () => {
  const parts = () => [random([5], 1), random([5], 2), random([5], 3), random([5], 4)];
  const rows: Record<string, (a: f.Complex, b: f.Complex) => f.Complex | Tensor> = {
    mul: f.mul,
    div: f.div,
    abs: (a) => f.abs(a),
    angle: (a) => f.angle(a),
    sgn: (a) => f.sgn(a),
    exp: (a) => f.exp(a),
    polar: (a) => f.polar(a.re, a.im),
    viewAsReal: (a) => f.viewAsReal(f.mul(a, a)),
  };
  it.each(Object.keys(rows))("of %s", async (which) => {
    await checkGradients((a, b, c, d) => {
      const out = rows[which]!({ re: a!, im: b! }, { re: c!, im: d! });
      return f.isComplex(out) ? [out.re, out.im] : out;
    }, parts());
  });

  it("of abs is 0 at 0", async () => {
    const zero = f.complex(tensor([0]), tensor([0]));
    const slope = grad((v: f.Complex) => f.abs(v).sum())(zero) as f.Complex;
    expect(await both(slope)).toEqual([[0], [0]]);
  });
});

describe("arguments of complex numbers", () => {
  it.each([
    [
      "DtypeError: complex: needs two floats of one dtype, got float32 and float64",
      () => f.complex(tensor([1]), tensor([1], { dtype: "float64" })),
    ],
    [
      "DtypeError: complex: needs two floats of one dtype, got int32 and int32",
      () => f.complex(tensor([1], { dtype: "int32" }), tensor([1], { dtype: "int32" })),
    ],
    [
      "ShapeError: viewAsComplex: the last axis must have size 2, got [3]",
      () => f.viewAsComplex(zeros([3])),
    ],
    [
      "ShapeError: viewAsComplex: the last axis must have size 2, got []",
      () => f.viewAsComplex(tensor(1)),
    ],
    [
      "ArgumentError: mul: takes tensors, numbers and { re, im }, got an array",
      () => f.mul(z, [1, 2] as never),
    ],
  ] as [string, () => unknown][])("%s", (message, call) => {
    expect(messageOf(call)).toBe(message);
  });
});
