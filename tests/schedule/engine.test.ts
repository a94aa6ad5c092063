// The engine's cache of programs: bounded, and what was thrown out is made again when it is needed.
import { expect, it } from "vitest";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as b from "../../src/ir/build.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { Engine } from "../../src/schedule/engine.ts";

const leaf = (n: number) =>
  b.bufferNode(new Buffer("float32", n, new Float32Array(n).fill(2)), [n]);

it("keeps a bounded number of programs and gives their memory back", async () => {
  const backend = new WasmBackend({ threads: 1 });
  const engine = new Engine(backend, 16);
  const square = (x: ReturnType<typeof leaf>) => b.binary("mul", x, x);
  const first = makeGraph([square(leaf(3))]);
  const kept = engine.prepare(first);
  let grown = 0;
  for (let n = 4; n < 400; n++) {
    const { buffers } = engine.evaluate([square(leaf(n))]);
    expect((await engine.read(buffers[0]!))[n - 1]).toBe(4);
    if (n === 60) grown = backend.memoryBytes();
  }
  expect(backend.memoryBytes()).toBe(grown);
  const compiled = engine.compiled;
  const inputs = first.inputs.map((n) => n.buffer as Buffer);
  const { buffers } = engine.execute(kept, inputs, []);
  expect([...(await engine.read(buffers[0]!))]).toEqual([4, 4, 4]);
  expect(engine.compiled).toBe(compiled + 1);
  backend.dispose();
});
