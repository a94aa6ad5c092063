// Totals: sums over the batches of an epoch, kept on the device: the step adds to them inside its
// own program, and the loop reads them when it wants to know. Not here: what is summed
// (metrics.ts).

import { noGrad } from "../tensor/core.ts";
import { setState, snapshot, stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { untraced } from "../tensor/trace.ts";
import type { DType, TypedArray } from "./types.ts";

/** Running sums of tensors whose shapes are known when the first batch is traced. */
export class Totals {
  private sums: Tensor[] | null = null;

  /** Adds what one batch gives; called inside the step. */
  add(values: readonly Tensor[]): void {
    noGrad(() => {
      this.sums ??= values.map((value) => untraced(() => zerosLike(value)));
      this.sums.forEach((sum, i) => void sum.assign(sum.add(values[i].detach())));
    });
  }

  /** Back to zero, without running anything. */
  reset(): void {
    if (this.sums === null) return;
    setState(this.sums.map((sum) => [sum, makeZeros(sum.dtype, sum.numel)] as const));
  }

  /** The sums so far; null before the first batch. */
  async read(): Promise<TypedArray[] | null> {
    return this.sums && Promise.all(this.sums.map((sum) => sum.data()));
  }

  /** For a checkpoint. */
  state(): Tensor[] | null {
    return this.sums?.map(snapshot) ?? null;
  }

  loadState(state: readonly Tensor[] | null): void {
    if (state === null) {
      this.reset();
      return;
    }
    this.sums ??= state.map(zerosLike);
    setState(this.sums.map((sum, i) => [sum, state[i]] as const));
  }
}

function zerosLike({ dtype, shape, numel }: Tensor): Tensor {
  return stateTensor(makeZeros(dtype, numel), shape, dtype);
}

function makeZeros(dtype: DType, size: number): TypedArray {
  if (dtype === "float32") return new Float32Array(size);
  if (dtype === "float64") return new Float64Array(size);
  return dtype === "int32" ? new Int32Array(size) : new Uint8Array(size);
}
