// How sure a measured part is: an interval for what it would be over more of the same. Plain numbers.
// Not here: what is measured, or intervals of areas and means.

import { ArgumentError } from "../util/errors.ts";

/**
 * The 95 % confidence interval of a part, `right` of `count`, by Wilson's score (1927); `z` is the normal
 * quantile of another confidence. Throws ArgumentError where `right` is not among `count`.
 *
 * @example
 * const [low, high] = wilsonInterval(170, 205); // 0.772 and 0.875
 */
export function wilsonInterval(
  right: number,
  count: number,
  { z = 1.959964 }: { readonly z?: number } = {},
): [low: number, high: number] {
  if (!(count > 0 && right >= 0 && right <= count)) {
    throw new ArgumentError("wilsonInterval", `${right} is not a part of ${count}`);
  }
  const part = right / count;
  const square = (z * z) / count;
  const middle = (part + square / 2) / (1 + square);
  const reach = (z * Math.sqrt((part * (1 - part)) / count + square / (4 * count))) / (1 + square);
  return [Math.max(0, middle - reach), Math.min(1, middle + reach)];
}
