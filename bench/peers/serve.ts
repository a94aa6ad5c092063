// The Node side of the protocol that a peer speaks: JSON lines on stdin and stdout.
//   → { "work": "mlp_mnist", "data": FILE, "steps": 5 }   (the first one sets the workload up)
//   ← { "ms": [...], "losses": [...], "firstStepAt": epoch ms, "peakMb": n, "extra": {...} }
//   ← { "why": "one sentence" } if this peer cannot run it, { "error": "..." } if it failed.
// The first line a peer writes is { "hello": { name, version, note } }.
// Not a peer itself: anneal.ts, tfjs.ts and the others give it a `prepare` function.
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Header } from "../weights.ts";
import {
  CannotRun,
  dataOf,
  HEADER_LIMIT,
  type Hello,
  type Prepared,
  takeSteps,
  type WorkData,
} from "./protocol.ts";

/** Reads a data file whole; the arrays are views of one buffer. */
export function readData(path: string): WorkData {
  const file = openSync(path, "r");
  const head = Buffer.alloc(HEADER_LIMIT);
  const end = head.subarray(0, readSync(file, head)).indexOf("\n") + 1;
  const header = JSON.parse(head.toString("latin1", 0, end)) as Header;
  const body = new ArrayBuffer(fstatSync(file).size - end);
  readSync(file, new Uint8Array(body), 0, body.byteLength, end);
  closeSync(file);
  return dataOf(header, body);
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
      const taken = await takeSteps(runner.prepared, runner.done, steps);
      runner.done += steps;
      send({ ...taken, peakMb: peakMemory() - runner.base });
    } catch (error) {
      if (error instanceof CannotRun) send({ why: error.message });
      else send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  process.stdout.write("", () => process.exit(0)); // worker threads would keep the process alive
}

/** Resets the peak the kernel keeps (Linux), and returns the memory held now, in MB. */
function restMemory(): number {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Not Linux, or not allowed: the peak then includes what importing took for a moment.
  }
  return process.memoryUsage().rss / 2 ** 20;
}

function peakMemory(): number {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}
