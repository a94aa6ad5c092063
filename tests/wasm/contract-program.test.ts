// Contractions inside programs, where threads have scratch memory of their own: right, and the same
// bits at any number of threads.
import { afterAll, expect, it } from "vitest";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { noise } from "./contract-cases.ts";

const next = noise(3);
const data = (shape: [number, number]): Node => {
  const host = new Float32Array(shape[0] * shape[1]).map(next);
  return b.bufferNode(new Buffer("float32", host.length, host, false), shape);
};
const backends = [1, 2, 3].map((threads) => new WasmBackend({ threads, splitAll: true }));
afterAll(() => {
  for (const backend of backends) backend.dispose();
});

it("copies rows in scratch memory of each thread", async () => {
  const [K, M, N] = [700, 320, 272];
  const [x, y] = [data([K, M]), data([K, N])];
  const z = b.unary("relu", b.contract(x, y, { a: "km", b: "kn", out: "mn" }));
  const results: Float32Array[] = [];
  for (const backend of backends) {
    const engine = new Engine(backend);
    engine.evaluate([z]);
    await backend.ready();
    results.push(engine.read(engine.evaluate([z]).buffers[0]!) as Float32Array);
  }
  const [xs, ys] = [x.buffer!.host as Float32Array, y.buffer!.host as Float32Array];
  let worst = 0;
  for (let m = 0; m < M; m += 7)
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += xs[k * M + m]! * ys[k * N + n]!;
      worst = Math.max(worst, Math.abs(Math.max(0, sum) - results[0]![m * N + n]!));
    }
  expect(worst).toBeLessThan(1e-3);
  for (const result of results) expect(result).toEqual(results[0]);
});
