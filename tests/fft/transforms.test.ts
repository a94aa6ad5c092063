// Fourier transforms against their definition, summed in plain JavaScript, for every kind of plan; their
// inverses, norms and gradients; and what bad arguments get.
import { beforeEach, describe, expect, it } from "vitest";
import * as f from "../../src/fft/index.ts";
import { planOf } from "../../src/fft/plan.ts";
import { compile, device, grad, scan, type Tensor, tensor, vjp, zeros } from "../../src/index.ts";
import { checkGradients, random } from "../linalg/check.ts";
import { stream } from "../ops/case.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";

type Pair = readonly [re: number, im: number];

/** Σ x(j) e^(sign·2πi·jk/n) for each k. */
function defined(x: readonly Pair[], sign: 1 | -1): Pair[] {
  const n = x.length;
  return x.map((_, k) => {
    let [re, im] = [0, 0];
    x.forEach(([a, b], j) => {
      const angle = (sign * 2 * Math.PI * ((j * k) % n)) / n;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      re += a * c - b * s;
      im += a * s + b * c;
    });
    return [re, im];
  });
}

function sample(n: number): Pair[] {
  const next = stream(n);
  return Array.from({ length: n }, () => [2 * next() - 1, 2 * next() - 1]);
}

type Float = "float32" | "float64";

const partOf = (x: readonly Pair[], part: 0 | 1, dtype: Float = "float64") =>
  tensor(Array.from(x, (pair) => pair[part]), { dtype }); // biome-ignore format: one line
const complexOf = (x: readonly Pair[], dtype?: Float): f.Complex => ({
  re: partOf(x, 0, dtype),
  im: partOf(x, 1, dtype),
});

/** The largest distance from what is expected, beside the largest element. */
async function distance(got: f.Complex | Tensor, wanted: readonly Pair[]): Promise<number> {
  const re = await f.real(got).data();
  const im = f.isComplex(got) ? await got.im.data() : re.map(() => 0);
  expect(re.length).toBe(wanted.length);
  const most = Math.max(1e-300, ...wanted.map(([a, b]) => Math.hypot(a, b)));
  return Math.max(0, ...wanted.map(([a, b], i) => Math.hypot(re[i]! - a, im[i]! - b) / most));
}

async function near(a: Tensor, b: Tensor, limit = 1e-13): Promise<void> {
  expect(a.shape).toEqual(b.shape);
  expect(await a.sub(b).abs().max().item()).toBeLessThan(limit);
}

// One matrix; splits once and twice, even and odd; primes; chirps, alone and inside splits.
const lengths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 31, 61, 64, 67, 81, 100, 127, 128, 210, 256,
  360, 509, 521, 625, 1000, 1009, 1024, 1042, 2048]; // biome-ignore format: a table

describe("plans", () => {
  it("have all kinds among the lengths that are tested", () => {
    const kinds = new Set(lengths.map((n) => planOf(n).kind));
    expect([...kinds].sort()).toEqual(["chirp", "matrix", "split"]);
    expect(planOf(64).kind).toBe("matrix");
    expect(planOf(1009)).toMatchObject({ kind: "chirp", padded: 2048 });
    expect(planOf(4096)).toMatchObject({ kind: "split", first: 16 });
  });
});

describe.each(devices)("Fourier transforms on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it.each(lengths)("of %i elements are those of the definition", async (n) => {
    const x = sample(n);
    const [forward, inverse] = [defined(x, -1), defined(x, 1)];
    expect(await distance(f.fft(complexOf(x)), forward)).toBeLessThan(1e-13);
    const scaled = inverse.map(([a, b]): Pair => [a / n, b / n]);
    expect(await distance(f.ifft(complexOf(x)), scaled)).toBeLessThan(1e-13);
    const ofReal = defined(x.map(([re]) => [re, 0]), -1); // biome-ignore format: one line
    expect(await distance(f.fft(partOf(x, 0)), ofReal)).toBeLessThan(1e-13);
    const half = ofReal.slice(0, Math.floor(n / 2) + 1);
    expect(await distance(f.rfft(partOf(x, 0)), half)).toBeLessThan(1e-13);
    const back = f.irfft(complexOf(half), { n });
    expect(await distance(back, x.map(([re]) => [re, 0]))).toBeLessThan(1e-13); // biome-ignore format: one line
    expect(await distance(f.fft(complexOf(x, "float32")), forward)).toBeLessThan(2e-6);
  });

  it("irfft and hfft pass over the imaginary parts of a spectrum's ends", async () => {
    for (const n of [6, 7, 128, 130, 192]) {
      const half = sample(Math.floor(n / 2) + 1);
      const clean = half.map(([a, b], k): Pair => [a, k === 0 || 2 * k === n ? 0 : b]);
      const whole = Array.from({ length: n }, (_, k): Pair => {
        const [a, b] = clean[k < clean.length ? k : n - k]!;
        return [a, k < clean.length ? b : -b];
      });
      const inverse = defined(whole, 1).map(([re]): Pair => [re / n, 0]);
      expect(await distance(f.irfft(complexOf(half), { n }), inverse)).toBeLessThan(1e-13);
      const forward = defined(whole, -1).map(([re]): Pair => [re, 0]);
      expect(await distance(f.hfft(complexOf(half), { n }), forward)).toBeLessThan(1e-13);
    }
  });

  it("cut or fill, along any axis, with each norm", async () => {
    const x = random([3, 10, 2], 3);
    const first = f.fft(x, { axis: 1, n: 6, norm: "ortho" });
    expect(first.re.shape).toEqual([3, 6, 2]);
    const other = f.fft(x.narrow(1, 0, 6).permute(0, 2, 1));
    await near(first.im, other.im.permute(0, 2, 1).div(Math.sqrt(6)));
    const filled = f.rfft(x, { axis: 1, n: 13, norm: "forward" });
    const padded = f.rfft(x.pad([0, 0, 0, 3]), { axis: -2 });
    expect(filled.re.shape).toEqual([3, 7, 2]);
    await near(filled.im.mul(13), padded.im);
  });

  it("of several axes are those of one after the other, and their inverses undo them", async () => {
    const x = random([4, 3, 10], 4);
    const both = f.fft2(x);
    const steps = f.fft(f.fft(x, { axis: -1 }), { axis: -2 });
    await near(both.re, steps.re);
    await near(both.im, steps.im);
    for (const norm of ["backward", "ortho", "forward"] as const) {
      await near(f.irfftn(f.rfftn(x, { norm }), { norm }), x);
      await near(f.ifftn(f.fftn(x, { norm }), { norm }).re, x);
      await near(f.hfftn(f.ihfftn(x, { norm }), { norm }), x);
      await near(f.hfft2(f.ihfft2(x, { norm }), { norm }), x);
      await near(f.irfft2(f.rfft2(x, { norm }), { norm }), x);
      await near(f.ifft2(f.fft2(x, { norm }), { norm }).re, x);
      await near(f.hfft(f.ihfft(x, { norm, axis: 1 }), { norm, axis: 1, n: 3 }), x);
    }
    const odd = random([5, 7], 5);
    await near(f.irfftn(f.rfftn(odd), { s: [5, 7] }), odd);
    expect(f.fftn(x, { s: [8], axes: 0 }).re.shape).toEqual([8, 3, 10]);
    expect(f.fftn(x, { s: [2, -1] }).re.shape).toEqual([4, 2, 10]);
  });

  it("shift and name their frequencies as NumPy does", async () => {
    expect(await values(f.fftfreq(5))).toEqual([0, 0.2, 0.4, -0.4, -0.2]);
    expect(await values(f.fftfreq(4, { d: 0.5 }))).toEqual([0, 0.5, -1, -0.5]);
    expect(await values(f.rfftfreq(4))).toEqual([0, 0.25, 0.5]);
    const x = tensor([0, 1, 2, 3, 4]);
    expect(await f.fftshift(x).array()).toEqual([3, 4, 0, 1, 2]);
    expect(await f.ifftshift(f.fftshift(x)).array()).toEqual([0, 1, 2, 3, 4]);
    const z = f.fftshift({ re: x, im: x.neg() });
    expect(await values(z.im)).toEqual([-3, -4, 0, -1, -2]);
    const table = tensor([[1, 2], [3, 4], [5, 6]]); // biome-ignore format: a table
    expect(await values(f.fftshift(table, 0))).toEqual([5, 6, 1, 2, 3, 4]);
    expect(await values(f.fftshift(table))).toEqual([6, 5, 2, 1, 4, 3]);
  });

  it("take ints, and give float32", async () => {
    const z = f.fft(tensor([1, 2, 3], { dtype: "int32" }));
    expect(z.re.dtype).toBe("float32");
    expect(await values(z.re)).toEqual([6, -1.5, -1.5]);
  });

  it("compile, with new data at each call", async () => {
    const twice = compile((x: Tensor) => f.irfft(f.mul(f.rfft(x), 2), { n: 150 }));
    for (const seed of [1, 2]) {
      const x = random([150], seed).to("float32");
      await near(twice(x), x.mul(2), 2e-6);
    }
    const pair = compile((x: Tensor) => f.fft(x));
    expect(await values(pair(tensor([0, 1, 0, 0])).im)).toEqual([0, -1, 0, 1]);
  });
});

describe("gradients of Fourier transforms", () => {
  it("inside a compiled loop are those of the steps one by one", async () => {
    device("wasm");
    const body = (h: Tensor, v: Tensor) => f.abs(f.fft(h.add(v))).mul(0.1);
    const x = random([4, 150], 7);
    const zero = () => zeros([150], { dtype: "float64" });
    const loop = (v: Tensor) =>
      scan((h: Tensor, w: Tensor) => [body(h, w), null], zero(), v)[0].sum();
    const steps = (v: Tensor) => v.unbind(0).reduce(body, zero()).sum();
    const slope = compile((v: Tensor) => grad(loop)(v) as Tensor);
    await near(slope(x), grad(steps)(x) as Tensor);
  });

  it.each([6, 7, 130, 134])("of %i elements, to the second order", async (n) => {
    const x = random([2, n], n);
    const quadratic = (z: f.Complex) => z.re.mul(z.im);
    await checkGradients((v) => quadratic(f.fft(v!)), [x]);
    await checkGradients((v) => quadratic(f.rfft(v!.mul(v!))), [x]);
    const y = random([2, n], n + 1);
    await checkGradients((a, b) => f.irfft({ re: a!, im: b! }, { n: n + 3 }).square(), [x, y]);
    await checkGradients((a, b) => quadratic(f.ifft({ re: a!, im: b! }, { axis: 0 })), [x, y]);
  });

  it("are the adjoint: ⟨F x, y⟩ = ⟨x, F* y⟩", async () => {
    const [x, y] = [random([1009], 1), random([1009], 2)];
    const [, back] = vjp((v: Tensor) => f.fft(v).re, x);
    const left = await f.fft(x).re.mul(y).sum().item();
    const right = await (back(y)[0] as Tensor).mul(x).sum().item();
    expect(left).toBeCloseTo(right, 9);
    const slope = grad((v: Tensor) => f.abs(f.fft(v)).square().sum())(x) as Tensor;
    await near(slope, x.mul(2 * 1009), 1e-9); // Parseval
  });
});

describe("arguments of Fourier transforms", () => {
  const x = zeros([2, 8]);
  const rows: readonly (readonly [string, () => unknown])[] = [
    ["ArgumentError: fft: a transform needs at least one point, got 0", () => f.fft(x, { n: 0 })],
    ["ArgumentError: fft: a transform needs at least one point, got 0", () => f.fft(zeros([3, 0]))],
    [
      "ArgumentError: irfft: a transform needs at least one point, got 0",
      () => f.irfft(zeros([1])),
    ],
    ["ShapeError: fft: axis 2 is outside [2,8]: axes go from -2 to 1", () => f.fft(x, { axis: 2 })],
    ["ShapeError: fft: needs at least one axis, got a scalar", () => f.fft(tensor(1))],
    [
      "ArgumentError: fft: norm must be backward, ortho or forward, got both",
      () => f.fft(x, { norm: "both" as never }),
    ],
    [
      "ArgumentError: hfft: norm must be backward, ortho or forward, got both",
      () => f.hfft(x, { norm: "both" as never }),
    ],
    [
      "DtypeError: rfft: takes real data, got { re, im }\n  hint: use the transform of complex data",
      () => f.rfft({ re: x, im: x } as never),
    ],
    [
      "ShapeError: fft: re and im differ: float32 [2,8] and float32 [8]\n  hint: use complex(re, im)",
      () => f.fft({ re: x, im: zeros([8]) }),
    ],
    ["ArgumentError: fftn: got 1 lengths for 2 axes", () => f.fftn(x, { s: [2], axes: [0, 1] })],
    ["ShapeError: fftn: axis 1 of [2,8] is named twice", () => f.fftn(x, { axes: [1, 1] })],
    ["ShapeError: fft2: axis -2 is outside [3]: axes go from -1 to 0", () => f.fft2(zeros([3]))],
    [
      "ArgumentError: fft: options must be an object, got a number\n  hint: use { n: 8, axis: -1 }",
      () => f.fft(x, 8 as never),
    ],
    [
      "ArgumentError: fft: takes tensors, numbers and { re, im }, got a string",
      () => f.fft("x" as never),
    ],
  ];
  it.each(rows)("%s", (message, call) => {
    expect(messageOf(call)).toBe(message);
  });
});
