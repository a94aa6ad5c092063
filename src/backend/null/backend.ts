// The null backend: programs are planned and "run" without computing anything; every result is zeros.
// For measuring what tracing, lowering and planning cost, and for tests that want no device.
// Not here: any arithmetic (see reference/ and wasm/).

import type { Buffer } from "../../ir/buffer.ts";
import { makeArray, type TypedArray } from "../../ir/dtype.ts";
import type { Plan, Target } from "../../schedule/plan.ts";
import type { Backend, Program } from "../backend.ts";

export class NullBackend implements Backend {
  readonly name = "null";
  readonly target: Target = { columns: 16, lanes: 4 };
  private programs = 0;
  private runs = 0;

  init(): void {}

  compile(plan: Plan): Program {
    this.programs++;
    return { plan, compileMs: 0 };
  }

  run(
    _program: Program,
    _inputs: readonly Buffer[],
    _scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void {
    this.runs++;
    for (const output of outputs) output.host = makeArray(output.dtype, output.size);
  }

  read(buffer: Buffer): TypedArray {
    return buffer.host?.slice() ?? makeArray(buffer.dtype, buffer.size);
  }

  discard(): void {}

  free(_buffer: Buffer): void {}

  /** How much was asked of it. */
  describe(): Record<string, string | number | boolean> {
    return { programs: this.programs, runs: this.runs };
  }
}
