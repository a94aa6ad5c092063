// Strict mode end to end: a training gives the same bits at 1, 2 and 3 threads, packed by V8 or not.
// tests/package runs the same program in other runtimes.
import { afterEach, expect, it } from "vitest";
import { WasmBackend, type WasmOptions } from "../../src/backend/wasm/backend.ts";
import { device } from "../../src/tensor/device.ts";

const program = "../package/consumer/strict.js";
const { trainStrictly } = (await import(/* @vite-ignore */ program)) as {
  trainStrictly: () => Promise<{ hash: string; losses: number[] }>;
};

afterEach(() => void device("wasm"));

async function train(options: WasmOptions) {
  const backend = new WasmBackend({ splitAll: true, ...options });
  device(backend);
  try {
    return await trainStrictly();
  } finally {
    device("wasm");
    backend.dispose();
  }
}

it("gives the same bits at any number of threads, packed or not", async () => {
  const first = await train({ strict: true, threads: 1, revectorize: true });
  expect(first.losses.every(Number.isFinite)).toBe(true);
  for (const options of [
    { threads: 1, revectorize: false },
    { threads: 2, revectorize: true },
    { threads: 3, revectorize: false },
    { threads: 2, splitAll: false },
  ]) {
    const other = await train({ ...options, strict: true });
    expect(other, JSON.stringify(options)).toEqual(first);
  }
});

it("is another sum than the quick one, which the hash sees", async () => {
  const strict = await train({ strict: true, threads: 1 });
  const quick = await train({ strict: false, threads: 1 });
  expect(quick.hash).not.toBe(strict.hash);
  quick.losses.forEach((loss, i) => {
    expect(loss).toBeCloseTo(strict.losses[i]!, 3);
  });
});
