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
import { runtimeName } from "../util/env.ts";
import { AnnealError } from "../util/errors.ts";
import { facts } from "../vis/index.ts";
import type { Terminal } from "./terminal.ts";

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
    Object.assign(
      found,
      await matmulSpeed(name === "reference" ? 64 : 512),
      engine.backend.describe(),
    );
  } catch (error) {
    if (!(error instanceof AnnealError)) throw error;
    found.trouble = String(error);
  }
  return found;
}

/** A product is repeated for no longer, in milliseconds: software that plays a card is slow. */
const patience = 2000;

/** A whole product through tensors, program and threads; the best of a few. */
async function matmulSpeed(size: number): Promise<Facts> {
  const product = compile((a: Tensor, b: Tensor) => a.matmul(b).sum());
  const [a, b] = [rand(size, size), rand(size, size)];
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + patience;
  for (let turn = 0; turn < 12 && (turn < 2 || performance.now() < end); turn++) {
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
