// The reference backend: the truth that the others are compared with. It interprets a plan's graph in
// plain JavaScript, float64 rounded per op; data lies on the host, everything is synchronous.
// Not fast, on purpose: what it computes should be readable (compute.ts, scalar.ts).

import type { Buffer } from "../../ir/buffer.ts";
import type { TypedArray } from "../../ir/dtype.ts";
import type { Plan } from "../../schedule/plan.ts";
import { StateError } from "../../util/errors.ts";
import type { Backend, Program } from "../backend.ts";
import { interpret } from "./interpret.ts";

export class ReferenceBackend implements Backend {
  readonly name = "reference";
  readonly target = null;

  init(): void {}

  compile(plan: Plan): Program {
    return { plan, compileMs: 0 };
  }

  run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void {
    const arrays = inputs.map(hostOf);
    const results = interpret(program.plan.graph, arrays, scalars);
    // From here on nothing throws: a run that fails has changed no buffer.
    const taken = new Set<TypedArray>(arrays);
    outputs.forEach((buffer, i) => {
      const own = taken.has(results[i]!) ? results[i]!.slice() : results[i]!;
      taken.add(own);
      buffer.host = own;
    });
    for (const { into } of program.plan.outputs) {
      if (into >= 0 && !inputs[into]!.shared) inputs[into]!.host = null;
    }
  }

  read(buffer: Buffer): TypedArray {
    return hostOf(buffer).slice();
  }

  discard(): void {}

  /** There is no device's copy. */
  free(_buffer: Buffer): void {}

  describe(): Record<string, string | number | boolean> {
    return { threads: 1, arithmetic: "float64, rounded per op" };
  }
}

function hostOf(buffer: Buffer): TypedArray {
  if (buffer.host !== null) return buffer.host;
  throw new StateError("read", "this version of the data was replaced by an update in place");
}
