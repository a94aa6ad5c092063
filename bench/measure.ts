// One workload on all its peers: first steps and warm-up one peer after the other, then rounds in
// which every peer has a short turn (A B A B …), with a calibration burst between turns.
// Not here: which peers and workloads (run.ts), or how results are compared and shown (report.ts).
import { setTimeout as sleep } from "node:timers/promises";
import type { Neighbour } from "./busy.ts";
import type { Burst } from "./calibrate.ts";
import { Child, Declined } from "./child.ts";
import type { Hello } from "./peers/protocol.ts";
import type { Peer } from "./peers.ts";
import type { Pair } from "./scaling.ts";
import { flopsOf, workloads } from "./workloads.ts";

/** The time a peer took for the steps of its turns. Times in ms, memory in MB. */
export interface Timing {
  median: number;
  min: number;
  /** Quartiles of the step times: the spread. */
  q1: number;
  q3: number;
  steps: number;
  /** Turns between two fast calibration bursts, of all turns. */
  quietTurns: number;
  turns: number;
}

/** What one peer did on one workload: a timing, or a sentence why there is none. */
export interface Outcome {
  peer: Peer;
  hello?: Hello;
  why?: string;
  failed?: boolean;
  timing?: Timing;
  /** From the start of the process to the end of the first step; the median of a few starts. */
  firstStepMs?: number;
  /** The first 20 steps, tracing and compiling included, starting and loading not. */
  first20Ms?: number;
  /** Peak memory less what the process held after its imports and the loading of the data. */
  peakMb?: number;
  compileMs?: number;
  /** Of a matmul: its speed over that of the register tile measured beside it. */
  ofTile?: number;
  /** Median step while another process keeps one core busy. */
  busyMs?: number;
  /** Of the first 20 steps (or fewer, from a slow peer); of a bare operation, one check figure. */
  losses: number[];
}

export interface MeasureOptions {
  rounds: number;
  /** Length of a turn, in ms; a slow peer's turn is one step. */
  turnMs: number;
  /** Seconds that a peer may take for a workload, warm-up and turns each. */
  patience: number;
  /** Processes started for the time to the first step of a network, where that is short. */
  starts: number;
}

/** What is measured beside the peers. */
export interface Gauges {
  burst: Burst;
  /** Every burst of the run so far, in GFLOP/s. */
  speeds: number[];
  /** With two threads: how the machine itself scales. */
  pair?: Pair;
  /** With `--busy`: a process that takes one core. */
  neighbour?: Neighbour;
}

export interface Measured {
  outcomes: Outcome[];
  /** Two threads' speed over one's of the calibration kernel, between the turns. */
  scaling?: number;
}

/** Steps of the warm-up, whose losses are compared. */
export const WARM_UP = 20;
/** A turn is quiet if both bursts beside it reach this share of the run's best. */
const QUIET = 0.85;

/** The second core is somebody else's in a round whose two threads scaled by less. */
const TWO_FREE_CORES = 1.7;
/** A first step later than this is not taken again. */
const QUICK_START_MS = 1000;
/** Turns beside the busy process, each three times as long as one among peers. */
const BUSY_TURNS = 3;

interface Turn {
  ms: number[];
  speed: number;
  /** How the machine's two threads scaled at the end of the round. */
  pair?: number;
  tile?: number;
}

interface Contestant {
  outcome: Outcome;
  child: Child;
  stepMs: number;
  turns: Turn[];
}

/** Measures one workload. */
export async function measure(
  work: string,
  data: string,
  peers: Peer[],
  gauges: Gauges,
  options: MeasureOptions,
): Promise<Measured> {
  const outcomes: Outcome[] = [];
  const contestants: Contestant[] = [];
  const scalings: number[] = [];
  try {
    for (const peer of peers) {
      const outcome: Outcome = { peer, losses: [] };
      outcomes.push(outcome);
      const missing = peer.missing();
      if (missing) outcome.why = missing;
      else await enter(work, data, outcome, contestants, options);
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const contestant of contestants) {
        await takeTurn(work, data, contestant, round, gauges, options);
      }
      if (!gauges.pair) continue;
      const pair = await gauges.pair.measure();
      scalings.push(pair);
      for (const { turns } of contestants) if (turns[round]) turns[round].pair = pair;
    }
    if (gauges.neighbour) await besideNeighbour(work, data, contestants, gauges.neighbour, options);
  } finally {
    for (const { child } of contestants) await child.close();
  }
  const best = Math.max(...gauges.speeds);
  for (const { outcome, turns } of contestants) {
    outcome.timing = timingOf(turns, best);
    outcome.ofTile = shareOfTile(work, turns);
  }
  return { outcomes, scaling: scalings.length ? median(scalings) : undefined };
}

/** Turns of Anneal and of Debian's PyTorch while another process keeps one core busy. */
async function besideNeighbour(
  work: string,
  data: string,
  contestants: Contestant[],
  neighbour: Neighbour,
  options: MeasureOptions,
): Promise<void> {
  for (const { outcome, child, stepMs } of contestants) {
    if (outcome.why || !["anneal", "torch"].includes(outcome.peer.family)) continue;
    const steps = Math.max(3, Math.min(5000, Math.round((3 * options.turnMs) / stepMs)));
    const ms: number[] = [];
    await neighbour.start();
    try {
      for (let turn = 0; turn < BUSY_TURNS; turn++) {
        ms.push(...(await child.request(work, data, steps, 4000 * options.patience)).ms);
        await sleep(10);
      }
      outcome.busyMs = median(ms);
    } catch (error) {
      refuse(outcome, error);
      await child.close();
    } finally {
      neighbour.stop();
    }
  }
}

/** The median over turns of the speed of the turn over the tile's just after it. */
function shareOfTile(work: string, turns: Turn[]): number | undefined {
  const flops = flopsOf(workloads[work]!);
  const shares = turns.flatMap(({ ms, tile }) =>
    tile && flops ? [flops / median(ms) / 1e6 / tile] : [],
  );
  return shares.length ? median(shares) : undefined;
}

/** Starts a peer, takes its first step and its warm-up. */
async function enter(
  work: string,
  data: string,
  outcome: Outcome,
  contestants: Contestant[],
  options: MeasureOptions,
): Promise<void> {
  const limit = 4000 * options.patience;
  const child = new Child(outcome.peer);
  const ms: number[] = [];
  const take = async (steps: number) => {
    const reply = await child.request(work, data, steps, limit);
    ms.push(...reply.ms);
    outcome.losses.push(...reply.losses);
    outcome.firstStepMs ??= reply.firstStepAt ? reply.firstStepAt - child.startedAt : undefined;
    outcome.peakMb = reply.peakMb;
    outcome.compileMs = reply.extra?.compileMs;
  };
  try {
    await take(1);
    outcome.hello = child.hello;
    await take(1);
    const rest = Math.min(WARM_UP - 2, Math.floor((1000 * options.patience) / ms[1]!));
    if (rest > 0) await take(rest);
    if (ms.length >= WARM_UP) outcome.first20Ms = ms.reduce((a, b) => a + b, 0);
    await startAgain(work, data, outcome, options);
    contestants.push({ outcome, child, stepMs: median(ms.slice(1)), turns: [] });
  } catch (error) {
    refuse(outcome, error);
    await child.close();
  }
}

/** More starts of a network's process: the first step's time is the median. */
async function startAgain(
  work: string,
  data: string,
  outcome: Outcome,
  { starts, patience }: MeasureOptions,
): Promise<void> {
  const first = outcome.firstStepMs;
  if (!("net" in workloads[work]!) || !first || first > QUICK_START_MS) return;
  const times = [first];
  while (times.length < starts) {
    const child = new Child(outcome.peer);
    const { firstStepAt } = await child.request(work, data, 1, 4000 * patience);
    times.push(firstStepAt! - child.startedAt);
    await child.close();
  }
  outcome.firstStepMs = median(times);
}

async function takeTurn(
  work: string,
  data: string,
  contestant: Contestant,
  round: number,
  { burst, speeds }: Gauges,
  options: MeasureOptions,
): Promise<void> {
  const { outcome, child, stepMs, turns } = contestant;
  const affordable = Math.max(1, Math.floor((1000 * options.patience) / stepMs));
  if (outcome.why || round >= affordable) return;
  const steps = Math.max(1, Math.min(5000, Math.round(options.turnMs / stepMs)));
  const before = burst();
  try {
    const reply = await child.request(work, data, steps, 4000 * options.patience);
    const after = burst();
    speeds.push(before, after);
    turns.push({ ms: reply.ms, speed: Math.min(before, after), tile: reply.extra?.tileGflops });
    outcome.peakMb = reply.peakMb;
    outcome.compileMs = reply.extra?.compileMs;
  } catch (error) {
    refuse(outcome, error);
    await child.close();
  }
}

function refuse(outcome: Outcome, error: unknown): void {
  outcome.failed = !(error instanceof Declined);
  const text = error instanceof Error ? error.message : String(error);
  outcome.why = outcome.failed ? `it failed: ${text.split("\n")[0]}` : text;
}

/** Medians over quiet turns if there are at least three of them, else over all. */
function timingOf(turns: Turn[], best: number): Timing | undefined {
  if (turns.length === 0) return undefined;
  const quiet = turns.filter(
    ({ speed, pair }) => speed >= QUIET * best && (pair ?? TWO_FREE_CORES) >= TWO_FREE_CORES,
  );
  const used = quiet.length >= 3 ? quiet : turns;
  const ms = used.flatMap((turn) => turn.ms).sort((a, b) => a - b);
  return {
    median: quantile(ms, 0.5),
    min: ms[0]!,
    q1: quantile(ms, 0.25),
    q3: quantile(ms, 0.75),
    steps: ms.length,
    quietTurns: quiet.length,
    turns: turns.length,
  };
}

export function median(values: number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

/** Linear interpolation between the sorted values. */
function quantile(sorted: number[], q: number): number {
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  const high = sorted[Math.ceil(at)]!;
  return low + (high - low) * (at - Math.floor(at));
}
