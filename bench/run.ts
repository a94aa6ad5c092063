// `npm run bench`: Anneal beside its peers. Prepares data, lets measure.ts time each workload, prints
// tables and writes what was asked for. Needs only Node until the peers start.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAll } from "./build.ts";
import { bundleKb } from "./bundle.ts";
import { makeNeighbour } from "./busy.ts";
import { makeBurst } from "./calibrate.ts";
import { type Gauges, measure, type Outcome } from "./measure.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { barsText, machineText, rowText } from "./report.ts";
import { pageText } from "./report-page.ts";
import { machineOf, merge, type Results, type Row, rowsOf } from "./results.ts";
import { makePair } from "./scaling.ts";
import { installPeers, setUp } from "./setup.ts";
import { writeData } from "./weights.ts";
import { workloads } from "./workloads.ts";

/** A turn's length, the seconds that a peer may spend on warm-up and on turns, starts of a network. */
const TURN_MS = 100;
const PATIENCE_S = 15;
const STARTS = 3;

/** Measures all workloads, printing each as it is done. */
async function runAll(options: Options): Promise<{ report: Results; failed: boolean }> {
  const folder = mkdtempSync(join(tmpdir(), "anneal-bench-"));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  const gauges = await makeGauges(options);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      clean();
      gauges.neighbour?.close();
      process.exit(130);
    });
  }
  const settings = {
    rounds: options.rounds,
    turnMs: TURN_MS,
    patience: PATIENCE_S,
    starts: STARTS,
  };
  const rows: Row[] = [];
  const all: Outcome[] = [];
  try {
    for (const work of options.works) {
      if (process.stderr.isTTY) process.stderr.write(`${work} …\r`);
      const data = join(folder, `${work}.bin`);
      writeData(data, workloads[work]!);
      const peers = options.peers.filter((peer) => peer.takes(workloads[work]!));
      const measured = await measure(work, data, peers, gauges, settings);
      rmSync(data);
      const workRows = rowsOf(work, options.threads, measured);
      for (const row of workRows) console.log(rowText(row));
      rows.push(...workRows);
      all.push(...measured.outcomes);
    }
  } finally {
    clean();
    gauges.neighbour?.close();
    await gauges.pair?.close();
  }
  const failed = all.some((o) => o.failed) || rows.some((row) => row.lossesAgree === false);
  const machine = machineOf(all, gauges.speeds);
  return { report: { machine, results: rows, bundleKb: await bundleKb() }, failed };
}

async function makeGauges({ threads, busy }: Options): Promise<Gauges> {
  const burst = makeBurst();
  return {
    burst,
    speeds: [],
    pair: Math.max(...threads) > 1 ? await makePair(burst) : undefined,
    neighbour: busy ? makeNeighbour() : undefined,
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  if (!options) return console.log(USAGE);
  installPeers();
  if (options.setup) return setUp();
  buildAll();
  const now = await runAll(options);
  const { failed } = now;
  const earlier = options.from && (JSON.parse(readFileSync(options.from, "utf8")) as Results);
  const report = earlier ? merge(earlier, now.report) : now.report;
  console.log(machineText(report.machine));
  console.log(barsText(report));
  if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.writeDocs) {
    writeFileSync(new URL("../docs/benchmarks.md", import.meta.url), pageText(report));
  }
  if (failed) {
    console.error("A peer failed or computed other losses than the rest: see above.");
    process.exitCode = 1;
  }
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
});
