// The Node side of the protocol that a peer speaks: JSON lines on stdin and stdout.
//   → { "work": "mlp_mnist", "data": FILE, "steps": 5 }   (the first one sets the workload up)
//   ← { "ms": [...], "losses": [...], "firstStepAt": epoch ms, "peakMb": n, "extra": {...} }
//   ← { "why": "one sentence" } if this peer cannot run it, { "error": "..." } if it failed.
// The first line a peer writes is { "hello": { name, version, note } }.
// Not a peer itself: anneal.ts, tfjs.ts and jax.ts give it a `prepare` function.
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Header } from "../weights.ts";
import type { Spec } from "../workloads.ts";

/** One array of a workload's data, as a host array. */
export interface HostArray {
  shape: number[];
  data: Float32Array | Int32Array;
}

/** A workload's description and arrays, as read from its file. */
export interface WorkData {
  spec: Spec;
  pool: number;
  arrays: Map<string, HostArray>;
}

/** Step `i` of a prepared workload. For training it returns the loss before the update. */
export interface Prepared {
  step(i: number): Promise<number> | number;
  /** For a bare operation: a figure of its first result to compare, read outside the timing. */
  check?(): Promise<number> | number;
  /** What only this peer can tell, such as the time its compiler took. */
  extra?(): Record<string, number>;
}

/** Thrown by a `prepare` whose framework cannot run the workload; the message is one sentence. */
export class CannotRun extends Error {
  override name = "CannotRun";
}

export interface Hello {
  name: string;
  version: string;
  note?: string;
}

/** Longest header line of a data file, in bytes. */
const HEADER_LIMIT = 1 << 16;

/** Reads a data file whole; the arrays are views of one buffer. */
export function readData(path: string): WorkData {
  const file = openSync(path, "r");
  const head = Buffer.alloc(HEADER_LIMIT);
  const end = head.subarray(0, readSync(file, head)).indexOf("\n") + 1;
  const header = JSON.parse(head.toString("latin1", 0, end)) as Header;
  const body = new ArrayBuffer(fstatSync(file).size - end);
  readSync(file, new Uint8Array(body), 0, body.byteLength, end);
  closeSync(file);
  const arrays = new Map<string, HostArray>();
  for (const { name, dtype, shape, offset } of header.entries) {
    const count = shape.reduce((a, b) => a * b, 1);
    const View = dtype === "int32" ? Int32Array : Float32Array;
    arrays.set(name, { shape, data: new View(body, offset, count) });
  }
  return { spec: header.spec, pool: header.pool, arrays };
}

/** The arrays of batch or input set `i`: `get("x", i)` is `x0`, `x1`, … in turn. */
export function get(data: WorkData, name: string, i: number): HostArray {
  return data.arrays.get(`${name}${i % data.pool}`)!;
}

/** Every array that is neither a batch nor an operand: the initial weights, in file order. */
export function weightsOf(data: WorkData): [string, HostArray][] {
  return [...data.arrays].filter(([name]) => name.includes("."));
}

/**
 * The figure by which results of bare operations are compared: the mean of the squares, each
 * weighted by 1 to 7 in turn, so that a misplaced element shows too.
 */
export function checkFigure(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]! * ((i % 7) + 1);
  return sum / values.length;
}

/** Answers requests until stdin ends. `prepare` is called once a workload. */
export async function serve(
  hello: Hello,
  prepare: (data: WorkData) => Promise<Prepared> | Prepared,
): Promise<void> {
  const send = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
  console.log = console.info = console.warn = console.error;
  send({ hello });
  const active = new Map<string, Runner>();
  for await (const line of createInterface({ input: process.stdin })) {
    const { work, data, steps } = JSON.parse(line) as Request;
    try {
      let runner = active.get(work);
      if (!runner) {
        const loaded = readData(data);
        const base = restMemory();
        runner = { prepared: await prepare(loaded), done: 0, base };
        active.set(work, runner);
      }
      send(await runSteps(runner, steps));
    } catch (error) {
      if (error instanceof CannotRun) send({ why: error.message });
      else send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  process.stdout.write("", () => process.exit(0)); // worker threads would keep the process alive
}

interface Request {
  work: string;
  data: string;
  steps: number;
}

interface Runner {
  prepared: Prepared;
  done: number;
  base: number;
}

async function runSteps(runner: Runner, steps: number): Promise<object> {
  const { prepared } = runner;
  const ms: number[] = [];
  const losses: number[] = [];
  let firstStepAt: number | undefined;
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    const result = prepared.step(runner.done);
    const loss = typeof result === "number" ? result : await result;
    ms.push(performance.now() - start);
    if (runner.done === 0) firstStepAt = Date.now();
    runner.done++;
    if (!prepared.check) losses.push(loss);
  }
  if (prepared.check && firstStepAt) losses.push(await prepared.check());
  const extra = prepared.extra?.();
  return { ms, losses, firstStepAt, peakMb: peakMemory() - runner.base, extra };
}

/** Resets the peak the kernel keeps (Linux), and returns the memory held now, in MB. */
function restMemory(): number {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Not Linux, or not allowed: the peak then includes what importing took for a moment.
  }
  return process.memoryUsage.rss() / 2 ** 20;
}

function peakMemory(): number {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}
