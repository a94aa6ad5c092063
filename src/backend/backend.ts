// What a backend is: it makes programs of plans, runs them, and gives data back. It renders kernels;
// it knows no op of the graph by name (but the reference, which interprets graphs and no kernels).

import type { Buffer } from "../ir/buffer.ts";
import type { DType, TypedArray } from "../ir/dtype.ts";
import type { Plan, Target } from "../schedule/plan.ts";

/** A compiled plan. What else it holds is the backend's affair. */
export interface Program {
  readonly plan: Plan;
  /** Milliseconds that rendering and compiling took. */
  readonly compileMs: number;
}

export interface Backend {
  readonly name: string;
  /** What plans must look like; null for a backend that interprets `plan.graph` (its plans have no
   *  steps). */
  readonly target: Target | null;
  /** It takes runs before earlier ones have finished, and keeps their order itself: a run's promise then
   *  tells when the run counts, and a read gives the elements of the time when it was asked for. */
  readonly queues?: boolean;
  /** Dtypes that no program of it may have. */
  readonly lacks?: readonly DType[];
  /** Gets ready (memory, threads, probe). Idempotent. Sync where the device is in-process. */
  init(): void | Promise<void>;
  compile(plan: Plan): Program | Promise<Program>;
  /** Runs once. What the host has of the inputs is taken during the call. `outputs` are fresh Buffers
   *  (host and device null) to be given their data; where `plan.outputs[i].into` names an input, that
   *  input's memory becomes the output's, after the old elements were saved, to its `host` or on the
   *  device, if it is `shared`. Throws (or rejects with) a typed error on a fault, and then no input has
   *  changed. */
  run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void | Promise<void>;
  /** Whether it takes elements itself from another device that has them. */
  takesFrom?(device: string): boolean;
  /** Gives a fresh buffer a copy of the elements, straight on the device; false: it does not, and the
   *  caller gives it a host array. */
  place?(buffer: Buffer, elements: TypedArray): boolean;
  /** The elements, as a copy that the caller owns. */
  read(buffer: Buffer): TypedArray | Promise<TypedArray>;
  /** Gives back what a program holds. It will not be run again. */
  discard(program: Program): void;
  /** Forgets the device's copy. The host's must exist, or the data is lost. */
  free(buffer: Buffer): void;
  /** Facts for `anneal doctor` and the benchmark: threads, probe, memory. */
  describe(): Record<string, string | number | boolean>;
}
