// LateBackend: any backend, as if it were far away. It answers init, compile, run and read only after a
// timer and in order, like a GPU's queue, so that tests find code that takes results for granted.
// Not here: computing; the backend inside does that.

import type { Buffer } from "../ir/buffer.ts";
import type { TypedArray } from "../ir/dtype.ts";
import type { Plan, Target } from "../schedule/plan.ts";
import { StateError } from "../util/errors.ts";
import type { Backend, Program } from "./backend.ts";

export interface LateOptions {
  /** No answer takes longer, in milliseconds. */
  maxDelay?: number;
  /** Numbers in [0, 1): how late each answer is, as a part of `maxDelay`. */
  random?: () => number;
}

export class LateBackend implements Backend {
  readonly name: string;
  readonly inner: Backend;
  private readonly maxDelay: number;
  private readonly random: () => number;
  /** What was asked last, whether it went well or not. */
  private last: Promise<unknown> = Promise.resolve();
  private ready: Promise<void> | null = null;
  private isReady = false;

  constructor(inner: Backend, { maxDelay = 3, random = Math.random }: LateOptions = {}) {
    this.inner = inner;
    this.name = `late ${inner.name}`;
    this.maxDelay = maxDelay;
    this.random = random;
  }

  get target(): Target | null {
    return this.inner.target;
  }

  init(): Promise<void> {
    this.ready ??= this.later(async () => {
      await this.inner.init();
      this.isReady = true;
    });
    return this.ready;
  }

  compile(plan: Plan): Promise<Program> {
    this.check("compile");
    return this.later(() => this.inner.compile(plan));
  }

  run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): Promise<void> {
    this.check("run");
    // The call's values are those of now, as a queue would have copied them.
    const [mine, values, results] = [[...inputs], [...scalars], [...outputs]];
    return this.later(() => this.inner.run(program, mine, values, results));
  }

  read(buffer: Buffer): Promise<TypedArray> {
    return this.later(() => this.inner.read(buffer));
  }

  discard(program: Program): void {
    void this.later(() => this.inner.discard(program));
  }

  free(buffer: Buffer): void {
    void this.later(() => this.inner.free(buffer));
  }

  describe(): Record<string, string | number | boolean> {
    return { ...this.inner.describe(), maxDelay: this.maxDelay };
  }

  private check(what: string): void {
    if (this.isReady) return;
    throw new StateError(what, `the device "${this.name}" has not answered init yet`);
  }

  /** Does it once everything asked before is done and a timer has run out. */
  private later<T>(work: () => T | Promise<T>): Promise<T> {
    const delay = this.maxDelay * this.random();
    const answer = this.last.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, delay));
      return work();
    });
    this.last = answer.catch(() => {});
    return answer;
  }
}
