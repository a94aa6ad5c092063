// Reductions down the columns of heavy functions, in memory that threads share: the compiler of 256-bit
// code lost half of a pair of accumulators where registers ran short, and only there.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";

const rows = 17;
const backend = new WasmBackend({ threads: 2, revectorize: true });
const engine = new Engine(backend);
const reference = new Engine(new ReferenceBackend());

beforeAll(async () => {
  backend.init();
  await backend.ready();
});
afterAll(() => backend.dispose());

function input(width: number, seed: number): Node {
  const values = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(seed + i));
  const buffer = new Buffer("float32", values.length, null);
  buffer.host = values;
  return ir.bufferNode(buffer, [rows, width]);
}

const functions = ["erf", "tanh", "sigmoid", "exp", "sin", "atan", "expm1"] as const;

describe.each(functions)("of %s", (fn) => {
  it.each(["max", "min", "sum", "prod"] as const)("%s", async (reduce) => {
    for (const width of [16, 24, 45, 48, 80]) {
      const [x, y] = [input(width, 1), input(width, 2)];
      const wave = ir.unary(fn, x);
      const both = ir.binary("mul", wave, ir.unary("tanh", y));
      const nodes = [wave, both].map((v) => ir.reduce(reduce, v, [0]));
      const found = engine.evaluate(nodes).buffers;
      const wanted = reference.evaluate(nodes).buffers;
      for (const i of [0, 1]) {
        const [a, b] = [await engine.read(found[i]!), await reference.read(wanted[i]!)];
        const far = [...a].findIndex(
          (v, at) => Math.abs(v - b[at]!) > 1e-4 * (1 + Math.abs(b[at]!)),
        );
        expect([width, i, far, a[far]]).toEqual([width, i, -1, undefined]);
      }
    }
  });
});
