// The different elements of a tensor, where each element went and how often each occurs. How many there are
// depends on the values, so they are read first. Functions, not methods, so that they shake off; the method
// `unique` gives the values alone.

import { show } from "../../ir/build.ts";
import { fromArray } from "../create.ts";
import type { Tensor } from "../tensor.ts";
import { needTensor, shapeError } from "./common.ts";

export interface Unique {
  /** The different elements, (N). */
  readonly values: Tensor;
  /** For each element of the input its place among the values, int32, in the input's shape. */
  readonly inverse: Tensor;
  /** How often each occurs, (N) int32. */
  readonly counts: Tensor;
}

/** Runs of equal elements, in an order of places. */
async function runs(x: Tensor, sorted: boolean): Promise<Unique> {
  const data = await x.data();
  const order = Int32Array.from(data, (_, i) => i);
  // NaN is the largest, as in sorting.
  const before = (i: number, j: number) => {
    const [p, q] = [data[i]!, data[j]!];
    return Number.isNaN(p) || Number.isNaN(q)
      ? Number(Number.isNaN(p)) - Number(Number.isNaN(q))
      : p - q || 0; // of equal infinities the difference is NaN
  };
  if (sorted) order.sort(before);
  const firsts: number[] = [];
  const counts: number[] = [];
  const inverse = new Int32Array(data.length);
  for (const [k, place] of order.entries()) {
    // Every NaN is another one.
    if (k === 0 || data[place] !== data[order[k - 1]!]) {
      firsts.push(place);
      counts.push(0);
    }
    counts[counts.length - 1]!++;
    inverse[place] = firsts.length - 1;
  }
  const values = data.slice(0, firsts.length);
  for (const [i, place] of firsts.entries()) values[i] = data[place]!;
  return {
    values: fromArray(values, [firsts.length], { dtype: x.dtype }),
    inverse: fromArray(inverse, x.shape),
    counts: fromArray(Int32Array.from(counts)),
  };
}

/**
 * The different elements in increasing order (NaNs last, each by itself), where each element went, and how
 * often each occurs: torch.unique with all that it can return.
 *
 * @example
 * const { values, counts } = await unique(tensor([3, 1, 3])); // [1, 3], [1, 2]
 */
export async function unique(x: Tensor): Promise<Unique> {
  needTensor("unique", x);
  return runs(x, true);
}

/** The elements of a vector without repetitions, where each went, and how often it stands in a row. */
export async function uniqueConsecutive(x: Tensor): Promise<Unique> {
  needTensor("uniqueConsecutive", x);
  if (x.ndim !== 1) throw shapeError("uniqueConsecutive", `takes a vector, got ${show(x.shape)}`);
  return runs(x, false);
}
