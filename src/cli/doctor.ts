// anneal doctor: what this machine and runtime give, and how fast the kernels run here, measured.
// Not here: the probe that picks the kernels at start (backend/wasm/probe.ts).

import { availableParallelism, cpus, totalmem } from "node:os";
import { compile, type DeviceName, device, rand, type Tensor } from "../index.ts";
import { runtimeName } from "../util/env.ts";
import { AnnealError } from "../util/errors.ts";
import { facts } from "../vis/index.ts";
import type { Terminal } from "./terminal.ts";

type Facts = Record<string, string | number | boolean>;

/** What `doctor` finds: facts by name, numbers as numbers. */
export async function examine(name: DeviceName = "wasm"): Promise<Facts> {
  const processor = cpus()[0]?.model.trim() ?? "unknown";
  const found: Facts = {
    runtime: runtimeName(),
    system: `${process.platform} ${process.arch}`,
    processor,
    cores: availableParallelism(),
    systemMemoryBytes: totalmem(),
    device: name,
  };
  try {
    const engine = device(name);
    await engine.backend.init();
    Object.assign(found, await matmulSpeed(name === "wasm" ? 512 : 64), engine.backend.describe());
  } catch (error) {
    if (!(error instanceof AnnealError)) throw error;
    found.trouble = String(error);
  }
  return found;
}

/** A whole product through tensors, program and threads; the best of a few. */
async function matmulSpeed(size: number): Promise<Facts> {
  const product = compile((a: Tensor, b: Tensor) => a.matmul(b).sum());
  const [a, b] = [rand(size, size), rand(size, size)];
  let best = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 12; turn++) {
    const start = performance.now();
    await product(a, b).item();
    best = Math.min(best, performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 5)); // workers come up in the meantime
  }
  return { [`matmul ${size} GFLOP/s`]: Math.round((2 * size ** 3) / best / 1e5) / 10 };
}

/** Prints what `examine` finds. */
export async function doctor(
  terminal: Terminal,
  { json = false, device: name }: { json?: boolean; device?: DeviceName } = {},
): Promise<void> {
  const found = await examine(name);
  terminal.print(json ? JSON.stringify(found, null, 2) : spelled(found, terminal));
}

function spelled(found: Facts, { style }: Terminal): string {
  const known: Record<string, string> = {
    systemMemoryBytes: "memory",
    simd: "SIMD",
    strict: "strict mode",
    relaxed: "relaxed SIMD",
    revectorized: "256-bit revectorizer",
    tileRows: "rows of a tile",
    threadsReady: "threads ready",
    memoryBytes: "wasm memory",
    stateBytes: "of that, state",
  };
  const pairs = Object.entries(found).map(([name, value]): [string, string] => {
    const label = known[name] ?? name;
    if (typeof value === "boolean") return [label, value ? "yes" : "no"];
    if (name.endsWith("Bytes")) return [label, bytesText(Number(value))];
    if (!name.endsWith("GFLOP/s")) return [label, String(value)];
    return [label.replace(/ GFLOP\/s$/, ""), `${Number(value).toFixed(1)} GFLOP/s`];
  });
  return facts(pairs, style);
}

function bytesText(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return bytes >= 2 ** 20
    ? `${(bytes / 2 ** 20).toFixed(1)} MiB`
    : `${(bytes / 1024).toFixed(1)} KiB`;
}
