// ImportedBackend: stands for a backend whose code is imported when it is first wanted, so that pages
// which never ask for it do not load it, nor the lowering that it needs. Until then it has nothing.
// Not here: the backend itself.

import type { Buffer } from "../ir/buffer.ts";
import type { DType, TypedArray } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import type { Plan, Target } from "../schedule/plan.ts";
import { StateError } from "../util/errors.ts";
import type { Backend, Program } from "./backend.ts";

/** What is known of the backend before it is there: see Backend. */
type Known = Pick<Backend, "queues" | "lacks">;

/** What is imported. */
export interface Imports {
  readonly backend: Backend;
  readonly lower: (graph: Graph, target: Target | null) => Plan;
}

export class ImportedBackend implements Backend {
  readonly name: string;
  readonly queues: boolean;
  readonly lacks: readonly DType[];
  /** Graphs come as they are: how they are lowered is imported too. */
  readonly target = null;
  private readonly load: () => Promise<Imports>;
  private inner: Backend | null = null;
  private lower: Imports["lower"] | null = null;
  private ready: Promise<void> | null = null;

  constructor(name: string, load: () => Promise<Imports>, known: Known = {}) {
    this.name = name;
    this.load = load;
    this.queues = known.queues ?? false;
    this.lacks = known.lacks ?? [];
  }

  /** Rejects with what the import or the backend's own init throws; the next call tries again. */
  init(): Promise<void> {
    this.ready ??= this.start().catch((error) => {
      this.ready = null;
      throw error;
    });
    return this.ready;
  }

  private async start(): Promise<void> {
    const { backend, lower } = await this.load();
    await backend.init();
    this.lower = lower;
    this.inner = backend;
  }

  private get up(): Backend {
    if (this.inner !== null) return this.inner;
    throw new StateError(this.name, "the device has not answered init yet");
  }

  takesFrom(device: string): boolean {
    return this.inner?.takesFrom?.(device) ?? false;
  }

  compile({ graph }: Plan): Program | Promise<Program> {
    const { up, lower } = this;
    return up.compile(lower!(graph, up.target));
  }

  run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void | Promise<void> {
    return this.up.run(program, inputs, scalars, outputs);
  }

  place(buffer: Buffer, elements: TypedArray): boolean {
    return this.inner?.place?.(buffer, elements) ?? false;
  }

  /** Before it has answered, all that it can be asked for is what lies on the host. */
  read(buffer: Buffer): TypedArray | Promise<TypedArray> {
    if (this.inner === null && buffer.host !== null) return buffer.host.slice();
    return this.up.read(buffer);
  }

  discard(program: Program): void {
    this.inner?.discard(program);
  }

  free(buffer: Buffer): void {
    this.inner?.free(buffer);
  }

  describe(): Record<string, string | number | boolean> {
    return this.inner?.describe() ?? {};
  }
}
