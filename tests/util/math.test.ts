// Our own elementary functions beside the engine's, whose last bits may differ, and a hash of their bits,
// which must be the same in every engine (tests/package runs them in others).
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  atan,
  cos,
  exp,
  expm1,
  log,
  log1p,
  pow,
  shortPow,
  sin,
  tanh,
} from "../../src/util/math.ts";
import { stream } from "../ops/case.ts";

const double = new Float64Array(1);
const word = new BigInt64Array(double.buffer);

/** Units in the last place between two numbers; 0 where both are NaN. */
function ulps(a: number, b: number): number {
  if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  const at = (x: number) => {
    double[0] = x;
    return word[0]!;
  };
  return Math.abs(Number(at(a) - at(b)));
}

const next = stream(7);
const between = (low: number, high: number) => low + (high - low) * next();
const any = () => between(-1, 1) * 2 ** between(-300, 300);
const series = (draw: () => number) => Array.from({ length: 20_000 }, draw);

const ours = { exp, expm1, log, log1p, sin, cos, atan, tanh };

type Name = keyof typeof ours;

// Both sides may be one unit off.
const rows: [name: Name, range: string, xs: number[], limit: number][] = [
  ["exp", "all", series(() => between(-746, 710)), 2],
  ["exp", "near 0", series(() => between(-1, 1)), 2],
  ["expm1", "wide", series(() => between(-45, 720)), 2],
  ["expm1", "near 0", series(() => between(-1, 1)), 2],
  ["expm1", "tiny", series(any), 2],
  ["log", "all", series(() => Math.abs(any())), 2],
  ["log", "near 1", series(() => between(0.5, 2)), 2],
  ["log1p", "wide", series(() => between(-1, 30)), 2],
  ["log1p", "tiny", series(() => between(-1, 1) * 2 ** between(-60, 0)), 2],
  ["sin", "near", series(() => between(-10, 10)), 2],
  ["sin", "to 2e6", series(() => between(-2e6, 2e6)), 2],
  ["sin", "all", series(any), 2],
  ["cos", "near", series(() => between(-10, 10)), 2],
  ["cos", "to 2e6", series(() => between(-2e6, 2e6)), 2],
  ["cos", "all", series(any), 2],
  ["atan", "near", series(() => between(-3, 3)), 3],
  ["atan", "all", series(any), 3],
  ["tanh", "near", series(() => between(-3, 3)), 4],
  ["tanh", "wide", series(() => between(-25, 25)), 4],
]; // biome-ignore format: a table

const special = [0, -0, 1, -1, 2, 0.5, -0.5, 5e-324, -5e-324, 1e-310, 1e22, -1e300, 709.78, 709.79, -744.5, -746, Infinity, -Infinity, NaN]; // biome-ignore format: a table

describe("functions of one float64", () => {
  it.each(rows)("%s, %s, is as near as the engine's", (name, _, xs, limit) => {
    const worst = xs.reduce((most, x) => Math.max(most, ulps(ours[name](x), Math[name](x))), 0);
    expect(worst).toBeLessThanOrEqual(limit);
  });

  it.each([...new Set(rows.map(([name]) => name))])("%s of special values", (name) => {
    for (const x of special) {
      expect(ulps(ours[name](x), Math[name](x)), `${name}(${x})`).toBeLessThanOrEqual(2);
    }
  });

  it("knows π far out: sin 10^22 to the last place", () => {
    expect(sin(1e22)).toBe(-0.8522008497671888);
  });
});

describe("powers", () => {
  it("are as near as the engine's", () => {
    const draws: (() => [number, number])[] = [
      () => [between(0, 10), between(-300, 300)],
      () => [between(0.9, 1.1), between(-6000, 6000)],
      () => [any(), Math.floor(between(-4, 5))],
    ];
    for (const draw of draws) {
      for (let i = 0; i < 20_000; i++) {
        const [x, y] = draw();
        expect(ulps(pow(x, y), x ** y), `${x} ** ${y}`).toBeLessThanOrEqual(2);
        const [short, long] = [shortPow(x, y), x ** y].map(Math.fround) as [number, number];
        if (Number.isFinite(long) && long !== 0) {
          expect(Math.abs(short - long), `${x} ** ${y}`).toBeLessThanOrEqual(
            1.2e-7 * Math.abs(long),
          );
        }
      }
    }
  });

  it("are C's for special values", () => {
    for (const x of [...special, 3, -3, -2.5]) {
      for (const y of [...special, 3, -3, 2.5]) {
        const one = x === 1 || (x === -1 && Math.abs(y) === Infinity);
        const expected = one ? 1 : x ** y;
        expect(ulps(pow(x, y), expected), `${x} ** ${y}`).toBeLessThanOrEqual(1);
      }
    }
  });

  it("are exact where the result is a whole number", () => {
    for (let x = 2; x < 40; x++) {
      for (let y = 0, power = 1; power < 2 ** 53; y++, power *= x) {
        expect(pow(x, y), `${x} ** ${y}`).toBe(power);
        expect(pow(-x, y)).toBe(y % 2 ? -power : power);
      }
    }
  });
});

it("has these bits in every engine", () => {
  const hash = createHash("sha256");
  for (const [name, , xs] of rows) hash.update(Float64Array.from(xs, (x) => ours[name](x)));
  expect(hash.digest("hex").slice(0, 16)).toBe("43d271804c0744b8");
});
