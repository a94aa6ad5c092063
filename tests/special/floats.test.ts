// Functions of the parts of numbers, whole numbers and polynomials, against JavaScript's own bits and
// arithmetic by hand.
import { beforeEach, describe, expect, it } from "vitest";
import { compile, device, logspace, type Tensor, tensor, zeros } from "../../src/index.ts";
import * as special from "../../src/special/index.ts";
import { checkGradients } from "../linalg/check.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";

const inf = Number.POSITIVE_INFINITY;
const nan = Number.NaN;
const largest = 3.4028234663852886e38;
const least = 2 ** -149;

/** The next float32 after x towards y, by its bits. */
function neighbour(x: number, y: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return nan;
  if (x === y) return y;
  if (x === 0) return y > 0 ? least : -least;
  const bits = new Int32Array(new Float32Array([x]).buffer);
  bits[0] = bits[0]! + (y > x === x > 0 ? 1 : -1);
  return new Float32Array(bits.buffer)[0]!;
}

const numbers = [1, -1, 2, 0.5, 3.1, -7.25, 1e-30, 1e30, largest, -largest, least, -least, 0, inf, -inf,
  nan, 2 ** -126, 3 * least, 2 ** 64, 1e-40]; // biome-ignore format: a table

/** All pairs of the numbers, as two lists. */
const firsts = numbers.flatMap((x) => numbers.map(() => x));
const seconds = numbers.flatMap(() => numbers);

describe.each(devices)("the parts of numbers on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it("nextafter has the bits that count up or down", async () => {
    const got = await special.nextafter(tensor(firsts), tensor(seconds)).data();
    firsts.forEach((x, i) => {
      const [a, b] = [Math.fround(x), Math.fround(seconds[i]!)];
      const same = got[i] === neighbour(a, b) || Number.isNaN(neighbour(a, b));
      expect(same, `from ${a} to ${b}: ${got[i]}, not ${neighbour(a, b)}`).toBe(true);
    });
    const wide = tensor([1, 0, -(2 ** 60)], { dtype: "float64" });
    const next = [1 + 2 ** -52, 2 ** -1074, -(2 ** 60) + 2 ** 7];
    expect(await special.nextafter(wide, inf).array()).toEqual(next);
  });

  it("frexp takes numbers apart, and ldexp puts them together", async () => {
    const finite = numbers.filter((x) => Number.isFinite(x));
    const { mantissa, exponent } = special.frexp(tensor(finite));
    expect(exponent.dtype).toBe("int32");
    const [m, e] = [await mantissa.data(), await exponent.data()];
    finite.forEach((x, i) => {
      expect(m[i]! * 2 ** e[i]!, `${x}`).toBe(Math.fround(x));
      const size = Math.abs(m[i]!);
      expect(x === 0 ? size === 0 && e[i] === 0 : size >= 0.5 && size < 1, `${x}`).toBe(true);
    });
    expect(await special.ldexp(mantissa, exponent).data()).toEqual(Float32Array.from(finite));
    const other = special.frexp(tensor([inf, -inf, nan]));
    expect(await other.mantissa.array()).toEqual([inf, -inf, nan]);
    expect(await other.exponent.array()).toEqual([0, 0, 0]);
    const wide = special.frexp(tensor([2 ** 1023, 2 ** -1074], { dtype: "float64" }));
    expect(await wide.mantissa.array()).toEqual([0.5, 0.5]);
    expect(await wide.exponent.array()).toEqual([1024, -1073]);
  });

  it("ldexp reaches from the least number to the largest", async () => {
    expect(await special.ldexp(tensor([1, 0.75, 2 ** 127]), tensor([-149, 128, -276], { dtype: "int32" })).array())
      .toEqual([least, 0.75 * 2 ** 128, least]); // biome-ignore format: one line
    expect(await special.ldexp(1, tensor([300, -300, 0], { dtype: "int32" })).array()).toEqual([
      inf,
      0,
      1,
    ]);
    expect(await values(special.ldexp(tensor([3]), 0.5))).toEqual([4.24264]);
  });

  it("signbit and copysign see the sign of zero", async () => {
    const x = tensor([1, -1, 0, -0, inf, -inf]);
    expect(await special.signbit(x).array()).toEqual([false, true, false, true, false, true]);
    expect(await special.signbit(tensor([-1, 2], { dtype: "int32" })).array()).toEqual([
      true,
      false,
    ]);
    const signs = await special.copysign(tensor([-3]), x).data();
    expect(Array.from(signs)).toEqual([3, -3, 3, -3, 3, -3]);
    expect(await special.copysign(2, tensor([-1])).array()).toEqual([-2]);
  });

  it("hypot neither overflows nor loses what is small", async () => {
    const x = tensor([3e30, 3e-30, inf, nan, 0, nan]);
    const y = tensor([4e30, 4e-30, nan, inf, 0, 1]);
    expect(await values(special.hypot(x, y))).toEqual([5e30, 5e-30, inf, inf, 0, nan]);
  });

  it("heaviside steps at 0", async () => {
    const x = tensor([-2, 0, -0, 3, nan]);
    expect(await special.heaviside(x, 0.5).array()).toEqual([0, 0.5, 0.5, 1, nan]);
    const ints = special.heaviside(tensor([-2, 0, 5], { dtype: "int32" }), 7);
    expect([ints.dtype, await ints.array()]).toEqual(["int32", [0, 7, 1]]);
  });

  it("floatPower computes in float64", async () => {
    const y = special.floatPower(tensor([2, 9], { dtype: "int32" }), 0.5);
    expect([y.dtype, await y.array()]).toEqual(["float64", [Math.SQRT2, 3]]);
  });

  it("logspace goes from power to power", async () => {
    expect(await values(logspace(-1, 2, 4))).toEqual([0.1, 1, 10, 100]);
    expect(await logspace(0, 4, 5, { base: 2, dtype: "int32" }).array()).toEqual([1, 2, 4, 8, 16]);
    expect(logspace(0, 1, 0).shape).toEqual([0]);
  });
});

const gcdOf = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcdOf(b, a % b));

describe.each(devices)("whole numbers on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  const a = [12, -18, 0, 7, 0, 1836311903, 2147483647, -6, 1];
  const b = [18, 12, 5, 0, 0, 1134903170, 2147483646, -4, -9];
  const int = (x: number[]) => tensor(x, { dtype: "int32" });

  it("gcd is Euclid's, in the worst case too", async () => {
    expect(await special.gcd(int(a), int(b)).array()).toEqual(a.map((x, i) => gcdOf(x, b[i]!)));
    const bytes = tensor([144, 0, 255], { dtype: "uint8" });
    expect(await special.gcd(bytes, tensor([233, 9, 85], { dtype: "uint8" })).array()).toEqual([
      1, 9, 85,
    ]);
  });

  it("lcm is the product over the gcd", async () => {
    expect(await special.lcm(int([4, -3, 0, 7, 0]), int([6, 5, 3, 0, 0])).array()).toEqual([
      12, 15, 0, 0, 0,
    ]);
    expect(await special.lcm(int([4]), 10).array()).toEqual([20]);
  });

  it("floats and bools are refused", () => {
    expect(messageOf(() => special.gcd(zeros([2]), 3))).toBe(
      "DtypeError: gcd: needs ints, got float32\n  hint: use x.int()",
    );
    expect(messageOf(() => special.lcm(zeros([2], { dtype: "bool" }), tensor(true)))).toContain(
      "got bool",
    );
  });
});

/** p₀ … p₄ as coefficients from the constant on (DLMF 18.5, tables of Abramowitz and Stegun 22). */
const written: Record<string, number[][]> = {
  chebyshevPolynomialT: [[1], [0, 1], [-1, 0, 2], [0, -3, 0, 4], [1, 0, -8, 0, 8]],
  chebyshevPolynomialU: [[1], [0, 2], [-1, 0, 4], [0, -4, 0, 8], [1, 0, -12, 0, 16]],
  chebyshevPolynomialV: [[1], [-1, 2], [-1, -2, 4], [1, -4, -4, 8]],
  chebyshevPolynomialW: [[1], [1, 2], [-1, 2, 4], [-1, -4, 4, 8]],
  hermitePolynomialH: [[1], [0, 2], [-2, 0, 4], [0, -12, 0, 8], [12, 0, -48, 0, 16]],
  hermitePolynomialHe: [[1], [0, 1], [-1, 0, 1], [0, -3, 0, 1], [3, 0, -6, 0, 1]],
  laguerrePolynomialL: [[1], [1, -1], [1, -2, 0.5], [1, -3, 1.5, -1 / 6]],
  legendrePolynomialP: [
    [1],
    [0, 1],
    [-0.5, 0, 1.5],
    [0, -1.5, 0, 2.5],
    [0.375, 0, -3.75, 0, 4.375],
  ],
  shiftedChebyshevPolynomialT: [[1], [-1, 2], [1, -8, 8]],
  shiftedChebyshevPolynomialU: [[1], [-2, 4], [3, -16, 16]],
  shiftedChebyshevPolynomialV: [[1], [-3, 4], [5, -20, 16]],
  shiftedChebyshevPolynomialW: [[1], [-1, 4], [1, -12, 16]],
};
const polynomials = special as unknown as Record<string, special.Polynomial>;
const at = [-1.5, -1, -0.3, 0, 0.7, 1, 2];
const evaluate = (c: number[], x: number) => c.reduceRight((sum, v) => sum * x + v, 0);

describe.each(devices)("orthogonal polynomials on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it.each(Object.keys(written))("%s has the coefficients of the tables", async (which) => {
    const f = polynomials[which]!;
    const all = written[which]!;
    const x = tensor(at, { dtype: "float64" });
    for (const [degree, c] of all.entries()) {
      const got = await f(x, degree).data();
      at.forEach((v, i) => void expect(got[i]).toBeCloseTo(evaluate(c, v), 10));
    }
    // Degrees as a tensor: one an element, and broadcast; fractions are cut, what is below 0 gives 0.
    const degrees = tensor([[0], [1.9], [2], [-0.5], [-1], [65]], { dtype: "float64" });
    const got = await f(x, degrees).data();
    const expected = [all[0]!, all[1]!, all[2]!, all[0]!, [0], [nan]];
    expected.forEach((c, row) => {
      at.forEach((v, i) => {
        const wanted = Number.isNaN(c[0]) ? nan : evaluate(c, v);
        if (Number.isNaN(wanted)) expect(got[row * at.length + i]).toBeNaN();
        else expect(got[row * at.length + i]).toBeCloseTo(wanted, 10);
      });
    });
  });

  it("high degrees are a loop, with the same results", async () => {
    const x = tensor([-0.9, 0.2, 0.99], { dtype: "float64" });
    const t = await special.chebyshevPolynomialT(x, 40).data();
    [-0.9, 0.2, 0.99].forEach(
      (v, i) => void expect(t[i]).toBeCloseTo(Math.cos(40 * Math.acos(v)), 10),
    );
    const degrees = tensor([40, 80, 12]);
    const many = special.chebyshevPolynomialT(x, degrees, { maxDegree: 80 });
    const wanted = [-0.9, 0.2, 0.99].map((v, i) => Math.cos([40, 80, 12][i]! * Math.acos(v)));
    (await many.data()).forEach((v, i) => void expect(v).toBeCloseTo(wanted[i]!, 6));
  });

  it("compiles, with degrees as an argument", async () => {
    const f = compile((x: Tensor, n: Tensor) => special.legendrePolynomialP(x, n));
    const x = tensor([0.5, -0.5]);
    expect(await values(f(x, tensor([2, 3])))).toEqual([-0.125, 0.4375]);
    expect(await values(f(x, tensor([0, 1])))).toEqual([1, -0.5]);
  });
});

describe("gradients of polynomials", () => {
  it.each(Object.keys(written))("of %s", async (which) => {
    const f = polynomials[which]!;
    const x = tensor([-0.8, 0.3, 1.4], { dtype: "float64" });
    await checkGradients((v) => f(v!, 4), [x]);
    await checkGradients((v) => f(v!, tensor([1, 3, 5])), [x]);
  });

  it("degrees must be few enough to be a number", () => {
    expect(
      messageOf(() => special.hermitePolynomialH(zeros([1]), zeros([1]), { maxDegree: -1 })),
    ).toBe("ArgumentError: hermitePolynomialH: maxDegree must be whole and not negative, got -1");
  });
});
