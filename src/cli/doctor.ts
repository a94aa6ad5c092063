// anneal doctor: what this machine and runtime give, its devices, and how fast the kernels run here,
// measured.
// Not here: the probe that picks the kernels at start (backend/wasm/probe.ts).

import { availableParallelism, cpus, totalmem } from "node:os";
import {
  compile,
  type DeviceChoice,
  type DeviceInfo,
  device,
  devices,
  rand,
  type Tensor,
} from "../index.ts";
import type { Terminal } from "../recipe/index.ts";
import { runtimeName } from "../util/env.ts";
import { AnnealError } from "../util/errors.ts";
import { facts } from "../vis/index.ts";

type Facts = Record<string, string | number | boolean>;

/** What `doctor` finds: facts by name, numbers as numbers. */
export async function examine(name: DeviceChoice = "wasm"): Promise<Facts> {
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
    Object.assign(found, await productSpeed(sizes[name]), engine.backend.describe());
  } catch (error) {
    if (!(error instanceof AnnealError)) throw error;
    found.trouble = String(error);
  }
  return found;
}

/** Sizes of products to try, one after the other as long as they are quick. */
const sizes: Readonly<Record<DeviceChoice, readonly number[]>> = {
  wasm: [512],
  webgpu: [128, 512, 2048],
  auto: [128, 512, 2048],
  reference: [64],
};

/** Software that plays a card takes more milliseconds for the smallest product. */
const quick = 10;

/** The speed of the largest product that is tried. */
async function productSpeed(tried: readonly number[]): Promise<Facts> {
  let found: Facts = {};
  for (const size of tried) {
    const best = await productTime(size);
    found = { [`matmul ${size} GFLOP/s`]: Math.round((2 * size ** 3) / best / 1e5) / 10 };
    if (best > quick) break;
  }
  return found;
}

/** A whole product through tensors, program and threads, in milliseconds; the best of a few. */
async function productTime(size: number): Promise<number> {
  const product = compile((a: Tensor, b: Tensor) => a.matmul(b).sum());
  const [a, b] = [rand(size, size), rand(size, size)];
  let best = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 12; turn++) {
    const start = performance.now();
    await product(a, b).item();
    best = Math.min(best, performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 5)); // workers come up in the meantime
  }
  return best;
}

/** Prints what `examine` finds. */
export async function doctor(
  terminal: Terminal,
  { json = false, device: name }: { json?: boolean; device?: DeviceChoice } = {},
): Promise<void> {
  const found = await examine(name);
  const all = await devices();
  if (json) {
    terminal.print(JSON.stringify({ ...found, devices: all }, null, 2));
    return;
  }
  terminal.print(spelled(found, terminal));
  terminal.print();
  terminal.print(facts(all.flatMap(rowsOf), terminal.style));
}

/** A device in rows: its name, features and limits, or in one sentence why there is none. */
function rowsOf({ name, reason, description, features, limits }: DeviceInfo): [string, string][] {
  if (reason !== undefined) {
    const [sentence = "", hint] = reason.replace(/^webgpu: /, "").split("\n  hint: ");
    return [[name, `not here: ${[sentence, hint].filter(Boolean).join("; ")}`]];
  }
  const rows: [string, string][] = [[name, [description, ...features].join(", ")]];
  for (const [limit, value] of Object.entries(limits)) {
    const large = /Size$|Bytes$/.test(limit) && value >= 2 ** 20;
    rows.push([`  ${limit}`, large ? bytesText(value) : value.toLocaleString("en")]);
  }
  return rows;
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
    memoryBytes: "device memory",
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
