// `npm run bench`: Anneal beside its peers. Reads the options, prepares data, lets measure.ts time
// each workload, prints tables and writes what was asked for. Needs only Node until the peers start.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildAll } from "./build.ts";
import { makeBurst } from "./calibrate.ts";
import { measure, type Outcome } from "./measure.ts";
import { APT_PACKAGES, allPeers, FAMILIES, type Peer } from "./peers.ts";
import { machineText, pageText, rowText } from "./report.ts";
import { machineOf, type Results, type Row, rowsOf } from "./results.ts";
import { writeData } from "./weights.ts";
import { workloads } from "./workloads.ts";

const USAGE = `npm run bench -- [--only NAME,…] [--peers NAME,…] [--threads N,…] [--rounds N]
                 [--json FILE] [--setup] [--write-docs]
workloads: ${Object.keys(workloads).join(", ")}
peers:     ${FAMILIES.join(", ")}, or one process such as torch1`;

/** A turn's length, and the seconds that a peer may spend on warm-up and on turns. */
const TURN_MS = 100;
const PATIENCE_S = 15;

interface Options {
  works: string[];
  peers: Peer[];
  threads: number[];
  rounds: number;
  json?: string;
  setup: boolean;
  writeDocs: boolean;
}

/** Reads the command line; a mistake ends the program with a sentence and the usage. */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      peers: { type: "string", multiple: true },
      threads: { type: "string" },
      rounds: { type: "string", default: "9" },
      json: { type: "string" },
      setup: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const names = (list: string[] | undefined) => list?.flatMap((text) => text.split(","));
  const defaultThreads = availableParallelism() > 1 ? "1,2" : "1";
  const threads = (values.threads ?? defaultThreads).split(",").map((n) => count("threads", n));
  return {
    works: chooseWorks(names(values.only)),
    peers: choosePeers(names(values.peers), threads),
    threads,
    rounds: count("rounds", values.rounds),
    json: values.json,
    setup: values.setup,
    writeDocs: values["write-docs"],
  };
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`--${option} takes whole numbers from 1, got "${text}"`);
  }
  return value;
}

function chooseWorks(only: string[] | undefined): string[] {
  const unknown = only?.find((name) => !Object.hasOwn(workloads, name));
  if (unknown !== undefined) throw new Error(`--only: there is no workload "${unknown}"`);
  return only ?? Object.keys(workloads);
}

function choosePeers(wanted: string[] | undefined, threads: number[]): Peer[] {
  const all = allPeers(threads);
  const unknown = wanted?.find((name) => !all.some((p) => p.name === name || p.family === name));
  if (unknown !== undefined) throw new Error(`--peers: there is no peer "${unknown}"`);
  return wanted ? all.filter((p) => wanted.includes(p.name) || wanted.includes(p.family)) : all;
}

/** Installs the JavaScript peers from bench's lock file, if that has not been done. */
function installPeers(): void {
  const here = fileURLToPath(new URL(".", import.meta.url));
  if (existsSync(join(here, "node_modules", ".package-lock.json"))) return;
  console.error("Installing the benchmark's JavaScript peers (once) …");
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: here,
    stdio: "inherit",
    shell: process.platform === "win32", // there npm is a script
  });
}

/** Fetches what the peers need beyond npm: Debian's PyTorch, where that is possible. */
function setUp(peers: Peer[]): void {
  const torch = peers.find((peer) => peer.family === "torch");
  if (torch?.missing()) {
    if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
      console.error(`PyTorch is left out: as root, apt-get install ${APT_PACKAGES.join(" ")}.`);
      return;
    }
    execFileSync("apt-get", ["update"], { stdio: "inherit" });
    const install = ["install", "-y", "--no-install-recommends", ...APT_PACKAGES];
    execFileSync("apt-get", install, { stdio: "inherit" });
  }
  console.log("The benchmark's peers are installed.");
}

/** Measures all workloads, printing each as it is done. */
async function runAll(options: Options): Promise<{ report: Results; failed: boolean }> {
  const folder = mkdtempSync(join(tmpdir(), "anneal-bench-"));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  process.once("SIGINT", () => {
    clean();
    process.exit(130);
  });
  const burst = makeBurst();
  const speeds: number[] = [];
  const rows: Row[] = [];
  const all: Outcome[] = [];
  try {
    for (const work of options.works) {
      if (process.stderr.isTTY) process.stderr.write(`${work} …\r`);
      const data = join(folder, `${work}.bin`);
      writeData(data, workloads[work]!);
      const settings = { rounds: options.rounds, turnMs: TURN_MS, patience: PATIENCE_S };
      const peers = options.peers.filter((peer) => peer.takes(workloads[work]!));
      const outcomes = await measure(work, data, peers, burst, speeds, settings);
      rmSync(data);
      const workRows = rowsOf(work, options.threads, outcomes);
      for (const row of workRows) console.log(rowText(row));
      rows.push(...workRows);
      all.push(...outcomes);
    }
  } finally {
    clean();
  }
  const failed = all.some((o) => o.failed) || rows.some((row) => row.lossesAgree === false);
  return { report: { machine: machineOf(all, speeds), results: rows }, failed };
}

async function main(): Promise<void> {
  const options = readOptions();
  installPeers();
  if (options.setup) return setUp(options.peers);
  buildAll();
  const { report, failed } = await runAll(options);
  console.log(machineText(report.machine));
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
