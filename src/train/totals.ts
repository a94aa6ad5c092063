// What the batches of an epoch add: sums kept on the device, to which the step adds inside its own
// program, and, for metrics that need every sample, the values themselves. The loop reads them when
// it wants to know. Not here: what is measured (metrics/).

import { endToEnd } from "../metrics/meter.ts";
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
      this.sums.forEach((sum, i) => void sum.assign(sum.add(values[i])));
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

/** The values of every batch, as results of its step. */
export class Kept {
  private batches: (readonly Tensor[])[] = [];
  /** Those of the first batches, read already. */
  private known: TypedArray[][] = [];

  add(values: readonly Tensor[]): void {
    this.batches.push(values);
  }

  reset(): void {
    this.batches = [];
    this.known = [];
  }

  /** The values so far, end to end; null before the first batch. */
  async read(): Promise<TypedArray[] | null> {
    const { batches, known } = this;
    for (let i = known.length; i < batches.length; i++) {
      known[i] = await Promise.all(batches[i].map((value) => value.data()));
    }
    return endToEnd(known);
  }

  /** For a checkpoint. */
  state(): Tensor[][] {
    return this.batches.map((values) => [...values]);
  }

  loadState(state: readonly (readonly Tensor[])[]): void {
    this.reset();
    this.batches.push(...state);
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
