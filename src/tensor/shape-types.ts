// What users may write where a shape, an axis or a list of numbers is wanted. Types only.
// Not here: shapes computed in the type system; they build on `Tensor<S>` later.

import type { TypedArray } from "../ir/dtype.ts";
import type { Shape } from "../ir/node.ts";
import type { Tensor } from "./tensor.ts";

/** What arithmetic takes: a tensor, or a number or boolean, which never changes a tensor's dtype within
 *  its kind (a float32 tensor stays float32). */
export type Operand = Tensor | number | boolean;

/** Nested arrays of numbers or booleans, all rows of one length. */
export type NestedArray = number | boolean | readonly NestedArray[];

/** What `tensor(…)` takes. */
export type TensorData = NestedArray | TypedArray;

/** One axis, or several. Negative ones count from the last. */
export type Axes = number | readonly number[];

/** `zeros(2, 3)` and `zeros([2, 3])` mean the same. */
export type SizeArgs = readonly number[] | readonly [Shape];

/** Options of reductions. */
export interface ReduceOptions {
  /** Keep reduced axes with size 1. */
  keepdim?: boolean | undefined;
}

/** Values and where they were found along the reduced axis. */
export interface ValuesAndIndices {
  readonly values: Tensor;
  readonly indices: Tensor;
}
