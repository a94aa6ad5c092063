// The workloads in a page: what chromium.ts calls by name, and Anneal's steps behind it.
import type { Header } from "../weights.ts";
import { prepare } from "./anneal-work.ts";
import { device } from "./library.ts";
import { dataOf, type Prepared, type Taken, takeSteps } from "./protocol.ts";

const active = new Map<string, { prepared: Prepared; done: number }>();

/** Takes `steps` steps of a workload, whose data file is at `url`. */
async function take(work: string, url: string, steps: number): Promise<Taken> {
  let runner = active.get(work);
  if (!runner) {
    const file = await (await fetch(url)).arrayBuffer();
    const end = new Uint8Array(file).indexOf(10) + 1; // the header is a line
    const header = JSON.parse(new TextDecoder().decode(file.slice(0, end))) as Header;
    runner = { prepared: prepare(dataOf(header, file.slice(end))), done: 0 };
    active.set(work, runner);
  }
  const taken = await takeSteps(runner.prepared, runner.done, steps);
  runner.done += steps;
  return taken;
}

const { threads } = device().backend.describe();
Object.assign(globalThis, {
  take,
  note: `${crossOriginIsolated ? "isolated, " : ""}${threads} threads`,
});
document.title = "ready";
