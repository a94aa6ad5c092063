// The contestants: how each is started, with which settings, and what it needs on this machine.
// Not here: what they do once started (peers/) and how they are timed (measure.ts).
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILT } from "./build.ts";
import type { Spec } from "./workloads.ts";

export const FAMILIES = [
  "anneal",
  "anneal-strict",
  "torch",
  "torch-new",
  "torch-compile",
  "jax",
  "tfjs",
  "jax-js",
  "onnxruntime",
] as const;

/** Runtimes other than this Node in which Anneal's side of a workload can be run. */
export const RUNTIMES = ["node20", "node22", "bun", "deno", "chromium"] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** A framework, or Anneal in a runtime; a row's ratio takes the best process of one. */
export type Family = (typeof FAMILIES)[number] | Runtime;

/** Anneal itself, however it is run: no peer to compare with. */
export function isAnneal(family: Family): boolean {
  return /^anneal/.test(family) || (RUNTIMES as readonly string[]).includes(family);
}

/** One process of the benchmark: a framework at a number of threads. */
export interface Peer {
  /** As `--peers` and the JSON name it: `torch1` is PyTorch with one thread. */
  name: string;
  family: Family;
  threads: number;
  command: string;
  args: string[];
  env: Record<string, string>;
  /** Whether it has something to say to a workload; one that has not is passed over in silence. */
  takes(spec: Spec): boolean;
  /** A sentence if the peer cannot be started here. */
  missing(): string | undefined;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Debian's own Python, for which Debian's PyTorch is built; BENCH_PYTHON names another. */
export const DEBIAN_PYTHON = process.env.BENCH_PYTHON ?? "/usr/bin/python3";
/** The virtual environment that `--setup` makes. */
export const VENV = here(".venv");
const venvPython = join(VENV, "bin", "python");

export const APT_PACKAGES = ["python3-torch", "libopenblas0-openmp"];
export const PIP_PACKAGES = ["numpy", "torch", "jax[cpu]"];

/** Every peer that could take part with the thread counts asked for. */
export function allPeers(threads: number[]): Peer[] {
  const most = Math.max(...threads);
  const counts = [...new Set([...threads, 1, most])].sort((a, b) => a - b);
  return [
    ...threads.map(anneal),
    ...threads.map(strict),
    ...counts.flatMap((n) => ["", "nhwc"].map((format) => torch(n, format))),
    ...counts.flatMap((n) => ["", "nhwc"].map((format) => newTorch(n, format))),
    ...counts.map(compiledTorch),
    ...counts.map(jax),
    nodePeer("tfjs", 1),
    ...counts.map((n) => nodePeer("jax-js", n)),
    ...counts.map(onnx),
  ];
}

function anneal(threads: number): Peer {
  return { ...nodePeer("anneal", threads), env: { ANNEAL_THREADS: String(threads) } };
}

/** No relaxed instructions, sums in a fixed order: the same bits everywhere. */
function strict(threads: number): Peer {
  const peer = anneal(threads);
  return {
    ...peer,
    name: `anneal-strict${threads}`,
    family: "anneal-strict",
    env: { ...peer.env, ANNEAL_STRICT: "1" },
  };
}

/** Anneal in another runtime. */
export function runtimePeer(runtime: Runtime, threads: number): Peer {
  const peer = { ...anneal(threads), name: `${runtime}-t${threads}`, family: runtime };
  if (runtime === "chromium") {
    return { ...peer, args: [join(BUILT, "chromium.js"), String(threads)] };
  }
  const command = runtimeCommand(runtime);
  return {
    ...peer,
    command,
    args: runtime === "deno" ? ["run", "-A", ...peer.args] : peer.args,
    missing: () =>
      existsSync(command) ? undefined : "it is not installed: npm run bench -- --setup fetches it.",
  };
}

/** Bun and Deno are in the root's packages; older Nodes are fetched by `--setup`. */
function runtimeCommand(runtime: Runtime): string {
  if (runtime === "bun" || runtime === "deno") return here(`../node_modules/.bin/${runtime}`);
  return here(`.runtimes/${runtime}/node_modules/node/bin/node`);
}

function nodePeer(family: Family, threads: number): Peer {
  return {
    name: `${family}${threads}`,
    family,
    threads,
    command: process.execPath,
    args: [join(BUILT, `${family}.js`), String(threads)],
    env: {},
    takes: () => true,
    missing: () => undefined,
  };
}

function onnx(threads: number): Peer {
  return { ...nodePeer("onnxruntime", threads), takes: ({ kind }) => kind === "infer" };
}

/** Debian's PyTorch 1.13, to which `ratio` compares. */
function torch(threads: number, format: string): Peer {
  return {
    ...pythonPeer("torch", threads, DEBIAN_PYTHON, "torch_peer.py", format),
    missing: () =>
      lacks(DEBIAN_PYTHON, "torch")
        ? `PyTorch is not installed: apt-get install ${APT_PACKAGES.join(" ")}.`
        : undefined,
  };
}

function newTorch(threads: number, format: string): Peer {
  return pythonPeer("torch-new", threads, venvPython, "torch_peer.py", format);
}

/** Inductor chooses the memory format itself: channels last, tried, was nowhere faster. */
function compiledTorch(threads: number): Peer {
  const peer = pythonPeer("torch-compile", threads, venvPython, "torch_peer.py", "compile");
  return {
    ...peer,
    missing: () => {
      const compilers = [process.env.CXX ?? "c++", "g++", "clang++"];
      const found = compilers.some((name) => spawnSync(name, ["--version"]).status === 0);
      const need = "torch.compile needs a C++ compiler, and here is none.";
      return peer.missing() ?? (found ? undefined : need);
    },
  };
}

function jax(threads: number): Peer {
  return pythonPeer("jax", threads, venvPython, "jax_peer.py");
}

function pythonPeer(
  family: Family,
  threads: number,
  python: string,
  file: string,
  ...options: string[]
): Peer {
  const count = String(threads);
  const words = options.filter((option) => option !== "");
  const variant = words.includes("nhwc") ? "-nhwc" : "";
  return {
    name: `${family}${variant}${threads}`,
    family,
    threads,
    command: python,
    args: [here(`peers/${file}`), count, ...words],
    env: {
      OMP_NUM_THREADS: count,
      OPENBLAS_NUM_THREADS: count,
      // Keep freed temporaries instead of returning them to the system at every step: faster.
      MALLOC_TRIM_THRESHOLD_: "268435456",
      MALLOC_MMAP_THRESHOLD_: "33554432",
      TORCHINDUCTOR_CACHE_DIR: here(".cache/inductor"),
    },
    takes: (spec) => variant === "" || ("input" in spec && spec.input.length === 3),
    missing: () =>
      existsSync(python) ? undefined : "it is not installed: npm run bench -- --setup fetches it.",
  };
}

function lacks(python: string, module: string): boolean {
  const probe = `import importlib.util, sys; sys.exit(importlib.util.find_spec("${module}") is None)`;
  return spawnSync(python, ["-c", probe]).status !== 0;
}
