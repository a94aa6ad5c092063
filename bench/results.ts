// From what the peers did to the figures of the report: the best of each framework, ratios, and
// whether everybody computed the same losses. Not here: how any of it is printed (report.ts).
import { cpus, totalmem } from "node:os";
import { type Measured, median, type Outcome, type Timing } from "./measure.ts";
import { isAnneal, RUNTIMES } from "./peers.ts";
import { workloads } from "./workloads.ts";

/** A peer's entry in the JSON: a timing, or a sentence why there is none. */
export type Entry = (Timing & { threads: number } & Details) | ({ why: string } & Details);

/** An entry's timing, if it has one. */
export function timed(entry: Entry | null | undefined): (Timing & Details) | undefined {
  return entry && "median" in entry ? entry : undefined;
}

interface Details {
  firstStepMs?: number;
  first20Ms?: number;
  peakMb?: number;
  compileMs?: number;
  ofTile?: number;
  busyMs?: number;
  /** Largest relative difference of the losses (or the check figure) from the reference's. */
  lossDifference?: number;
  /** Steps whose losses were compared. */
  lossSteps?: number;
}

/** One row of the JSON: a workload, with Anneal at `threads` threads and peers at no more. */
export interface Row {
  work: string;
  threads: number;
  anneal: Entry | null;
  /** By peer (`torch1`, `torch2`, …), and by framework the best of its peers (`torch`). */
  peers: Record<string, Entry>;
  /** Anneal in strict mode, and in other runtimes (with the most threads), by name. */
  variants: Record<string, Entry>;
  /** Anneal's median ÷ the best median of PyTorch. */
  ratio: number | null;
  /** Anneal's median ÷ the best median of any peer. */
  ratioBest: number | null;
  firstStepMs: number | null;
  peakMb: number | null;
  compileMs: number | null;
  /** Speed of a matmul over the register tile's, on one thread. */
  ofTile: number | null;
  /** One thread's median ÷ this one's, and the same of the calibration kernel with two threads. */
  scaling: number | null;
  machineScaling: number | null;
  /** Median beside a busy process ÷ one thread's median without. */
  busy: number | null;
  /** Whether all who ran computed the same losses; null if only one did. */
  lossesAgree: boolean | null;
}

export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  platform: string;
  node: string;
  date: string;
  /** Calibration bursts over the run, GFLOP/s: how steady the machine was. */
  calibration: { median: number; min: number; max: number };
  versions: Record<string, string>;
  /** Runs of which the results are made, where there is more than one. */
  runs?: number;
}

export interface Results {
  machine: Machine;
  results: Row[];
  /** The page's scripts as Vite builds them for the package tests' page, compressed, in kB. */
  bundleKb: number | null;
}

/**
 * How far losses may differ: training steps compute the same rounding errors in another order;
 * the sum over a million values of both signs loses some digits of its own.
 */
const TOLERANCE = {
  train: 1e-4,
  infer: 1e-4,
  generate: 1e-4,
  attention: 1e-4,
  matmul: 1e-4,
  rows: 1e-4,
  eltwise: 2e-3,
};
/**
 * Where training amplifies rounding, the later steps have a limit of their own; the first are held to
 * that of the others. resnet20_cifar: after a few of its batch norms PyTorch itself differs so much
 * between one thread and two. cnn_mnist: a convolution by transforms rounds to 8e-7 of the rms of
 * its results rather than 4e-7, and in float64 with noise of that size on the second convolution and
 * its gradients PyTorch's own losses move by 1.3e-4 within 20 steps of Adam, but by 8e-7 within five.
 */
const LATER_TOLERANCE: Record<string, number> = { resnet20_cifar: 2e-3, cnn_mnist: 1e-3 };
const FIRST_STEPS = 5;

/** The rows of one workload, one for each thread count. */
export function rowsOf(work: string, threads: number[], measured: Measured): Row[] {
  const { outcomes } = measured;
  const reference = referenceLosses(outcomes);
  const single = ownOf(outcomes, 1)?.timing?.median;
  return threads.map((count) => {
    const own = ownOf(outcomes, count);
    const others = outcomes.filter((o) => !isAnneal(o.peer.family) && o.peer.threads <= count);
    const kin = outcomes.filter((o) => isVariant(o, count, threads));
    const mine = own?.timing?.median;
    const over = (rivals: Outcome[]) => {
      const best = fastest(rivals)?.timing?.median;
      return mine && best ? mine / best : null;
    };
    return {
      work,
      threads: count,
      anneal: own ? entry(own, reference) : null,
      peers: entriesOf(others, reference),
      variants: Object.fromEntries(kin.map((o) => [o.peer.name, entry(o, reference)])),
      ratio: over(others.filter((o) => o.peer.family === "torch")),
      ratioBest: over(others),
      firstStepMs: own?.firstStepMs ?? null,
      peakMb: own?.peakMb ?? null,
      compileMs: own?.compileMs ?? null,
      ofTile: count === 1 ? (own?.ofTile ?? null) : null,
      scaling: count > 1 && mine && single ? single / mine : null,
      machineScaling: count > 1 ? (measured.scaling ?? null) : null,
      busy: own?.busyMs && single ? own.busyMs / single : null,
      lossesAgree: agree(work, [...(own ? [own] : []), ...others, ...kin], reference),
    };
  });
}

function ownOf(outcomes: Outcome[], threads: number): Outcome | undefined {
  return outcomes.find((o) => o.peer.family === "anneal" && o.peer.threads === threads);
}

/** Strict mode at this thread count; other runtimes stand with the largest. */
function isVariant({ peer }: Outcome, count: number, threads: number[]): boolean {
  if (peer.family === "anneal-strict") return peer.threads === count;
  const runtime = (RUNTIMES as readonly string[]).includes(peer.family);
  return runtime && count === Math.max(...threads);
}

/** Every peer by its name, and under a framework's name the best of its peers. */
function entriesOf(outcomes: Outcome[], reference: number[] | undefined): Record<string, Entry> {
  const peers: Record<string, Entry> = {};
  for (const outcome of outcomes) peers[outcome.peer.name] = entry(outcome, reference);
  for (const family of new Set(outcomes.map((o) => o.peer.family))) {
    const best = fastest(outcomes.filter((o) => o.peer.family === family));
    if (best) peers[family] = entry(best, reference);
  }
  return peers;
}

function fastest(outcomes: Outcome[]): Outcome | undefined {
  return outcomes.filter((o) => o.timing).sort((a, b) => a.timing!.median - b.timing!.median)[0];
}

/** PyTorch's losses where it ran, else those of the first peer that did. */
function referenceLosses(outcomes: Outcome[]): number[] | undefined {
  const ran = outcomes.filter((o) => o.losses.length > 0);
  return (ran.find((o) => o.peer.family === "torch") ?? ran[0])?.losses;
}

function entry(outcome: Outcome, reference: number[] | undefined): Entry {
  const { firstStepMs, first20Ms, peakMb, compileMs, ofTile, busyMs } = outcome;
  const lossDifference = difference(outcome.losses, reference);
  const lossSteps = Math.min(outcome.losses.length, reference?.length ?? 0);
  const compared = { lossDifference, lossSteps };
  const details = { firstStepMs, first20Ms, peakMb, compileMs, ofTile, busyMs, ...compared };
  if (outcome.timing) return { ...outcome.timing, threads: outcome.peer.threads, ...details };
  return { why: outcome.why ?? "it was not measured.", ...details };
}

/** Largest relative difference over the steps both took; a NaN on one side is infinite. */
export function difference(losses: number[], reference: number[] | undefined): number | undefined {
  if (!reference || losses.length === 0) return undefined;
  const steps = Math.min(losses.length, reference.length);
  let worst = 0;
  for (let i = 0; i < steps; i++) {
    const gap = Math.abs(losses[i]! - reference[i]!) / Math.max(Math.abs(reference[i]!), 1e-9);
    worst = Math.max(worst, Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap);
  }
  return worst;
}

function agree(work: string, outcomes: Outcome[], reference: number[] | undefined): boolean | null {
  const ran = outcomes.filter((o) => o.losses.length > 0);
  if (ran.length < 2) return null;
  const limit = TOLERANCE[workloads[work]!.kind];
  const later = LATER_TOLERANCE[work] ?? limit;
  return ran.every(
    ({ losses }) =>
      difference(losses.slice(0, FIRST_STEPS), reference)! <= limit &&
      difference(losses, reference)! <= later,
  );
}

/** What the results were measured on; no name of the machine, no path. */
export function machineOf(outcomes: Outcome[], speeds: number[]): Machine {
  const versions: Record<string, string> = {};
  for (const { peer, hello } of outcomes) {
    if (hello) {
      const note = hello.note ? ` (${hello.note})` : "";
      versions[peer.name] = `${hello.name} ${hello.version}${note}`;
    }
  }
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    calibration: {
      median: speeds.length ? median(speeds) : 0,
      min: speeds.length ? Math.min(...speeds) : 0,
      max: speeds.length ? Math.max(...speeds) : 0,
    },
    versions,
  };
}

/**
 * One report of two runs on one machine: what the later one measured replaces the earlier's. Rows
 * without a peer, of Anneal alone, only add strict mode and runtimes to the earlier ones.
 */
export function merge(earlier: Results, later: Results): Results {
  const key = ({ work, threads }: Row) => `${work} ${threads}`;
  const rows = new Map(earlier.results.map((row) => [key(row), row]));
  for (const row of later.results) {
    const old = rows.get(key(row));
    const alone = old && Object.keys(row.peers).length === 0;
    const joined = alone && { ...old, variants: { ...old.variants, ...row.variants } };
    rows.set(key(row), joined || row);
  }
  const order = Object.keys(workloads);
  const place = (row: Row) => order.indexOf(row.work) * 1000 + row.threads;
  const speeds = [earlier.machine.calibration, later.machine.calibration];
  return {
    machine: {
      ...later.machine,
      runs: (earlier.machine.runs ?? 1) + (later.machine.runs ?? 1),
      versions: { ...earlier.machine.versions, ...later.machine.versions },
      calibration: {
        median: median(speeds.map((c) => c.median)),
        min: Math.min(...speeds.map((c) => c.min)),
        max: Math.max(...speeds.map((c) => c.max)),
      },
    },
    results: [...rows.values()].sort((a, b) => place(a) - place(b)),
    bundleKb: later.bundleKb ?? earlier.bundleKb,
  };
}
