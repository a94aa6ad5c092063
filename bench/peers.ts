// The contestants: how each is started, with which settings, and what it needs on this machine.
// Not here: what they do once started (peers/) and how they are timed (measure.ts).
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** One process of the benchmark: a framework at a number of threads. */
export interface Peer {
  /** As `--peers` and the JSON name it: `torch1` is PyTorch with one thread. */
  name: string;
  /** The framework; a row's ratio takes the best of a family. */
  family: "anneal" | "torch" | "tfjs" | "jax-js";
  threads: number;
  file: string;
  command: string;
  env: Record<string, string>;
  /** A sentence if the peer cannot be started here. */
  missing(): string | undefined;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Debian's own Python, for which Debian's PyTorch is built; BENCH_PYTHON names another. */
const python = process.env.BENCH_PYTHON ?? "/usr/bin/python3";

export const APT_PACKAGES = ["python3-torch", "libopenblas0-openmp"];

/** Every peer that could take part with the thread counts asked for. */
export function allPeers(threads: number[]): Peer[] {
  const most = Math.max(...threads);
  const upTo = most > 1 ? [1, most] : [1];
  return [
    ...threads.map(anneal),
    ...[...new Set([...threads, ...upTo])].sort((a, b) => a - b).map(torch),
    tfjs(),
    ...upTo.map(jax),
  ];
}

function anneal(threads: number): Peer {
  return {
    ...nodePeer("anneal", threads),
    env: { ANNEAL_THREADS: String(threads) },
    missing: () =>
      existsSync(here("../src/index.ts")) ? undefined : "its sources have no src/index.ts yet.",
  };
}

function torch(threads: number): Peer {
  const count = String(threads);
  return {
    name: `torch${threads}`,
    family: "torch",
    threads,
    file: here("peers/torch_peer.py"),
    command: python,
    env: {
      OMP_NUM_THREADS: count,
      OPENBLAS_NUM_THREADS: count,
      // Keep freed temporaries instead of returning them to the system at every step: faster.
      MALLOC_TRIM_THRESHOLD_: "268435456",
      MALLOC_MMAP_THRESHOLD_: "33554432",
    },
    missing: pythonLacksTorch,
  };
}

function tfjs(): Peer {
  return { ...nodePeer("tfjs", 1), name: "tfjs" };
}

function jax(threads: number): Peer {
  return { ...nodePeer("jax", threads), name: `jax-js${threads}`, family: "jax-js" };
}

function nodePeer(name: "anneal" | "tfjs" | "jax", threads: number): Peer {
  return {
    name: `${name}${threads}`,
    family: name === "jax" ? "jax-js" : name,
    threads,
    file: here(`peers/${name}.ts`),
    command: process.execPath,
    env: {},
    missing: () => undefined,
  };
}

function pythonLacksTorch(): string | undefined {
  const probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)";
  if (spawnSync(python, ["-c", probe]).status === 0) return undefined;
  return `PyTorch is not installed: apt-get install ${APT_PACKAGES.join(" ")}.`;
}
