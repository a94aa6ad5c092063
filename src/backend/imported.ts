// ImportedBackend: stands for a backend whose code is imported when it is first wanted, so that pages
// which never ask for it do not load it. Until then it has nothing. Not here: the backend itself.

import type { Buffer } from "../ir/buffer.ts";
import type { DType, TypedArray } from "../ir/dtype.ts";
import type { Plan, Target } from "../schedule/plan.ts";
import { StateError } from "../util/errors.ts";
import type { Backend, Program } from "./backend.ts";

/** What is known of the backend before it is there: see Backend. */
type Known = Pick<Backend, "queues" | "lacks">;

export class ImportedBackend implements Backend {
  readonly name: string;
  readonly queues: boolean;
  readonly lacks: readonly DType[];
  private readonly load: () => Promise<Backend>;
  private inner: Backend | null = null;
  private ready: Promise<void> | null = null;

  constructor(name: string, load: () => Promise<Backend>, known: Known = {}) {
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
    const inner = await this.load();
    await inner.init();
    this.inner = inner;
  }

  private get up(): Backend {
    if (this.inner !== null) return this.inner;
    throw new StateError(this.name, "the device has not answered init yet");
  }

  get target(): Target | null {
    return this.up.target;
  }

  takesFrom(device: string): boolean {
    return this.inner?.takesFrom?.(device) ?? false;
  }

  compile(plan: Plan): Program | Promise<Program> {
    return this.up.compile(plan);
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
