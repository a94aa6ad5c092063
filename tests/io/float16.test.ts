// Half and bfloat16: every bit pattern there and back, and rounding at every midpoint.
import { describe, expect, it } from "vitest";
import {
  bfloat16ToNumber,
  float16ToNumber,
  numberToBfloat16,
  numberToFloat16,
} from "../../src/io/float16.ts";

describe.each([
  ["float16", float16ToNumber, numberToFloat16, 0x7c00],
  ["bfloat16", bfloat16ToNumber, numberToBfloat16, 0x7f80],
] as const)("%s", (_, toNumber, toBits, infinity) => {
  it("comes back from every bit pattern", () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = toNumber(bits);
      if ((bits & 0x7fff) > infinity) {
        if (!Number.isNaN(value)) throw new Error(`${bits.toString(16)} is no NaN: ${value}`);
      } else if (toBits(value) !== bits) {
        throw new Error(`${bits.toString(16)} is ${value}, which is ${toBits(value).toString(16)}`);
      }
    }
    expect(Number.isNaN(toNumber(toBits(NaN)))).toBe(true);
  });

  it("grows with its bits, and rounds midpoints to even", () => {
    for (let bits = 0; bits + 1 < infinity; bits++) {
      const [low, high] = [toNumber(bits), toNumber(bits + 1)];
      const middle = low / 2 + high / 2;
      const above = middle + (high - low) / 64;
      const below = middle - (high - low) / 64;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const got = [low < high, toBits(middle), toBits(below), toBits(above), toBits(-middle)];
      const want = [true, even, bits, bits + 1, even | 0x8000];
      if (String(got) !== String(want)) throw new Error(`at ${bits}: ${got}, not ${want}`);
    }
  });

  it("overflows to infinity from half a step above the largest", () => {
    const largest = toNumber(infinity - 1);
    const half = (largest - toNumber(infinity - 2)) / 2;
    expect(toBits(largest + half)).toBe(infinity);
    expect(toBits(largest + half / 2)).toBe(infinity - 1);
    expect(toBits(-Infinity)).toBe(infinity | 0x8000);
    expect(Object.is(toNumber(toBits(-0)), -0)).toBe(true);
  });
});

it("knows values by name", () => {
  expect(float16ToNumber(0x3c00)).toBe(1);
  expect(float16ToNumber(0x0001)).toBe(2 ** -24);
  expect(float16ToNumber(0x7bff)).toBe(65504);
  expect(numberToFloat16(1 / 3)).toBe(0x3555);
  expect(bfloat16ToNumber(0x3f80)).toBe(1);
  expect(numberToBfloat16(Math.PI)).toBe(0x4049);
});
