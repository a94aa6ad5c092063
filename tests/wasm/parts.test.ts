// Buffers that are parts of others, as the slots of stacked values are: of inputs, temporaries, results
// with blocks of their own and what is kept of state. Every slot ends where the next begins, and no
// kernel may write past its end.
import { afterEach, describe, expect, it } from "vitest";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import type { Plan } from "../../src/schedule/plan.ts";
import { PlanBuilder } from "./runtime-plan.ts";

let backends: WasmBackend[] = [];

afterEach(() => {
  for (const backend of backends) backend.dispose();
  backends = [];
});

async function start(threads: number): Promise<WasmBackend> {
  const backend = new WasmBackend({ threads, splitAll: threads > 1 });
  backends.push(backend);
  await backend.ready();
  return backend;
}

function outputsOf(plan: Plan): Buffer[] {
  return plan.outputs.map(({ dtype, size }) => new Buffer(dtype, size, null));
}

/** h = x[t] + 2·h (1 before the first), stacked; by a temporary where `stacked` is none of the results. */
function recurrence(length: number, size: number, { reverse = false, inner = false } = {}): Plan {
  const p = new PlanBuilder();
  const x = p.input(length * size);
  const ys = p.temporary(length * size);
  const first = p.temporary(size);
  p.step(first, (e) => e.value(1));
  let h = first;
  for (let k = 0; k < length; k++) {
    const t = reverse ? length - 1 - k : k;
    const [slot, now, last] = [p.part(x, t * size, size), p.part(ys, t * size, size), h];
    p.step(now, (e) => e.add(e.load(slot), e.mul(e.load(last), e.value(2))), { grain: 16 });
    h = now;
  }
  if (inner) {
    const copy = p.temporary(length * size);
    p.step(copy, (e) => e.load(ys));
    p.output(copy);
  } else p.output(ys);
  return p.plan();
}

function expected(x: Float32Array, length: number, size: number, reverse: boolean): Float32Array {
  const ys = new Float32Array(x.length);
  for (let i = 0; i < size; i++) {
    let h = 1;
    for (let k = 0; k < length; k++) {
      const at = (reverse ? length - 1 - k : k) * size + i;
      h = Math.fround(x[at]! + Math.fround(2 * h));
      ys[at] = h;
    }
  }
  return ys;
}

describe.each([1, 2])("slots on %i threads", (threads) => {
  for (const size of [1, 3, 7, 16, 33, 130, 1031]) {
    for (const reverse of [false, true]) {
      it(`of ${size} elements are filled ${reverse ? "from the last" : "from the first"} on`, async () => {
        const backend = await start(threads);
        const length = 9;
        const x = Float32Array.from({ length: length * size }, (_, i) => ((i * 37) % 101) / 64);
        const want = expected(x, length, size, reverse);
        for (const inner of [false, true]) {
          const plan = recurrence(length, size, { reverse, inner });
          const program = backend.compile(plan);
          for (let run = 0; run < 3; run++) {
            const outputs = outputsOf(plan);
            backend.run(program, [new Buffer("float32", x.length, x)], [], outputs);
            expect(backend.read(outputs[0]!)).toEqual(want);
          }
        }
      });
    }
  }
});

describe("parts", () => {
  it("of what is kept of state are read where it is kept", async () => {
    const backend = await start(1);
    const p = new PlanBuilder();
    const size = 3000;
    const [x, w] = [p.input(size), p.input(2 * size)];
    const twice = p.temporary(2 * size);
    const y = p.temporary(size);
    p.step(twice, (e) => e.mul(e.load(w), e.value(2)));
    const second = p.part(twice, size, size);
    p.step(y, (e) => e.add(e.load(x), e.load(second)));
    p.output(y);
    const plan = p.plan();
    const program = backend.compile(plan);
    const state = new Buffer("float32", 2 * size, new Float32Array(2 * size).fill(5, size), true);
    for (let run = 0; run < 4; run++) {
      const outputs = outputsOf(plan);
      const input = new Buffer("float32", size, new Float32Array(size).fill(run));
      backend.run(program, [input, state], [], outputs);
      expect(new Set(backend.read(outputs[0]!))).toEqual(new Set([run + 10]));
      backend.free(outputs[0]!);
    }
    expect(backend.describe().resultBytes).toBe(4 * 2 * size);
  });
});
