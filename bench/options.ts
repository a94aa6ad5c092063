// The command line of `npm run bench`: what is measured, by whom, and what is written.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { allPeers, FAMILIES, type Peer, RUNTIMES, type Runtime, runtimePeer } from "./peers.ts";
import { workloads } from "./workloads.ts";

export const USAGE = `npm run bench -- [--only NAME,…] [--peers NAME,…] [--threads N,…] [--runtimes NAME,…]
                 [--rounds N] [--busy] [--json FILE] [--from FILE] [--setup] [--write-docs]
workloads: ${Object.keys(workloads).join(", ")}
peers:     ${FAMILIES.join(", ")}, or one process such as torch1
runtimes:  ${RUNTIMES.join(", ")}`;

export interface Options {
  works: string[];
  peers: Peer[];
  threads: number[];
  rounds: number;
  busy: boolean;
  json?: string;
  from?: string;
  setup: boolean;
  writeDocs: boolean;
}

/** Reads the command line; undefined where only the usage was asked for. */
export function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      peers: { type: "string", multiple: true },
      runtimes: { type: "string", multiple: true },
      threads: { type: "string" },
      rounds: { type: "string", default: "9" },
      busy: { type: "boolean", default: false },
      json: { type: "string" },
      from: { type: "string" },
      setup: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const names = (list: string[] | undefined) => list?.flatMap((text) => text.split(","));
  const defaultThreads = availableParallelism() > 1 ? "1,2" : "1";
  const threads = (values.threads ?? defaultThreads).split(",").map((n) => count("threads", n));
  const runtimes = chooseRuntimes(names(values.runtimes) ?? []);
  const most = Math.max(...threads);
  return {
    works: chooseWorks(names(values.only)),
    peers: [
      ...choosePeers(names(values.peers), threads),
      ...runtimes.map((runtime) => runtimePeer(runtime, most)),
    ],
    threads,
    rounds: count("rounds", values.rounds),
    busy: values.busy,
    json: values.json,
    from: values.from,
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

function chooseRuntimes(wanted: string[]): Runtime[] {
  const unknown = wanted.find((name) => !(RUNTIMES as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`--runtimes: there is no runtime "${unknown}"`);
  return wanted as Runtime[];
}
