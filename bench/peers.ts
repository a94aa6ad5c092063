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
  "torch",
  "torch-new",
  "torch-compile",
  "jax",
  "tfjs",
  "jax-js",
  "onnxruntime",
] as const;

/** A framework; a row's ratio takes the best process of one. */
export type Family = (typeof FAMILIES)[number];

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
const debianPython = process.env.BENCH_PYTHON ?? "/usr/bin/python3";
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
    ...counts.flatMap((n) => ["", "nhwc"].map((format) => torch(n, format))),
    ...counts.flatMap((n) => ["", "nhwc"].map((format) => newTorch(n, format))),
    ...counts.flatMap((n) => ["", "nhwc"].map((format) => compiledTorch(n, format))),
    ...counts.map(jax),
    nodePeer("tfjs", 1),
    ...counts.map((n) => nodePeer("jax-js", n)),
    ...counts.map(onnx),
  ];
}

function anneal(threads: number): Peer {
  return { ...nodePeer("anneal", threads), env: { ANNEAL_THREADS: String(threads) } };
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
    ...pythonPeer("torch", threads, debianPython, "torch_peer.py", format),
    missing: () =>
      lacks(debianPython, "torch")
        ? `PyTorch is not installed: apt-get install ${APT_PACKAGES.join(" ")}.`
        : undefined,
  };
}

function newTorch(threads: number, format: string): Peer {
  return pythonPeer("torch-new", threads, venvPython, "torch_peer.py", format);
}

function compiledTorch(threads: number, format: string): Peer {
  const peer = pythonPeer("torch-compile", threads, venvPython, "torch_peer.py", format, "compile");
  const compiler = ["c++", "g++", "clang++"].some(
    (name) => spawnSync(name, ["--version"]).status === 0,
  );
  return {
    ...peer,
    missing: () =>
      peer.missing() ??
      (compiler ? undefined : "torch.compile needs a C++ compiler, and here is none."),
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
