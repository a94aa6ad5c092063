// Plan: a lowered graph: kernels in order, the buffers that they work on, and where temporaries lie
// in the arena. What a backend turns into its Program. Not here: how it is made (pipeline.ts).

import { type DType, itemSize } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import { type Fault, sizeOf } from "../ir/node.ts";
import type { Kernel } from "./kernel.ts";

export interface PlanBuffer {
  readonly dtype: DType;
  /** Elements, padding of the physical layout included. */
  readonly size: number;
  /** An input's memory belongs to whoever owns the data; the rest lies in the arena. */
  readonly input: number;
  /** Bytes from the start of the arena (for input < 0) or of the input, which is 0 but for parts. Each
   *  buffer may be read up to 64 bytes past its end; kernels write none of what lies there. */
  offset: number;
  /** For a buffer that is a stretch of another one, which is none itself: that one, and the bytes before
   *  the stretch. Its `input` is the other's. */
  readonly part?: { readonly of: number; readonly start: number };
}

/** The buffer in which a buffer lies: itself, unless it is a part. */
export function wholeOf(buffers: readonly PlanBuffer[], buffer: number): number {
  return buffers[buffer]!.part?.of ?? buffer;
}

export interface Step {
  readonly kernel: Kernel;
  /** Plan buffers, one an operand of the kernel. */
  readonly buffers: readonly number[];
  /** Scalars of the graph, one a scalar of the kernel. */
  readonly scalars: readonly number[];
  /** The ops and the module it comes from, for profiles and errors. */
  readonly label: string;
  /** What the kernel's fault number i means, as an error. */
  readonly faults: readonly Fault[];
}

export interface PlanOutput {
  readonly dtype: DType;
  readonly size: number;
  /** Holds the result, row-major. May be an input's buffer (the result is that input). */
  readonly buffer: number;
  /** The input whose memory holds the new value after the run (buffer is that input's), or -1. */
  readonly into: number;
}

export interface Plan {
  /** The graph as the user wrote it: what the reference runs. */
  readonly graph: Graph;
  readonly buffers: readonly PlanBuffer[];
  readonly steps: readonly Step[];
  readonly outputs: readonly PlanOutput[];
  readonly arenaBytes: number;
  /** Steps from here on write into inputs' memory; those before do not. Faults are tested here, so that
   *  a program that fails has changed nothing. */
  readonly commit: number;
}

/** What a backend wants from the lowering. */
export interface Target {
  /** Columns of a contraction's panel. */
  readonly columns: number;
  /** Elements in a vector: grains are multiples of four vectors. */
  readonly lanes: number;
  /** Results must be the same on every machine and near to what plain sums give: no algorithm that
   *  rounds otherwise than the definition of its op (a convolution by transforms, say). */
  readonly strict?: boolean;
  /** The backend has kernels for convolutions by transforms (winograd.ts). */
  readonly winograd?: boolean;
  /** Every element takes a word of 4 bytes, whatever its dtype. */
  readonly words?: boolean;
  /** Both operands of a contraction are read with any strides: only what is no plain load is laid in
   *  panels. */
  readonly strided?: boolean;
}

/** Bytes of an element where a target keeps its data. */
export function bytesOf(dtype: DType, { words = false }: Pick<Target, "words">): number {
  return words ? 4 : itemSize[dtype];
}

/** The steps, in order, that read nothing but fixed inputs and what others of them make. */
export function stepsAlone(plan: Plan, fixed: (input: number) => boolean): Step[] {
  const { buffers, steps, outputs } = plan;
  const writers = new Int32Array(buffers.length);
  for (const { kernel, buffers: used } of steps) {
    for (let k = 0; k < used.length; k++) {
      if (kernel.operands[k]!.write) writers[wholeOf(buffers, used[k]!)]!++;
    }
  }
  const given = new Set(outputs.map(({ buffer }) => (buffer < 0 ? -1 : wholeOf(buffers, buffer))));
  const isOwn = (b: number) => {
    const { input, part } = buffers[b]!;
    return input < 0 && part === undefined && writers[b] === 1 && !given.has(b);
  };
  const made = new Set<number>();
  const isKnown = (b: number) => {
    const { input } = buffers[b]!;
    return input >= 0 ? fixed(input) : made.has(wholeOf(buffers, b));
  };
  return steps.filter(({ kernel, buffers: used, scalars, faults }) => {
    if (scalars.length > 0 || faults.length > 0) return false;
    for (let k = 0; k < used.length; k++) {
      if (!(kernel.operands[k]!.write ? isOwn(used[k]!) : isKnown(used[k]!))) return false;
    }
    for (let k = 0; k < used.length; k++) if (kernel.operands[k]!.write) made.add(used[k]!);
    return true;
  });
}

/** The buffers that a step writes. */
export function writesOf({ buffers, kernel }: Step): number[] {
  return buffers.filter((_, k) => kernel.operands[k]!.write);
}

/** The plan of a backend that interprets graphs, or lowers them where it lives. */
export function withoutSteps(graph: Graph): Plan {
  const outputs = graph.outputs.map((o, i) => ({
    dtype: o.dtype,
    size: sizeOf(o.shape),
    buffer: -1,
    into: graph.into[i],
  }));
  return { graph, buffers: [], steps: [], outputs, arenaBytes: 0, commit: 0 };
}
