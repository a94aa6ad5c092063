// V8's flags around the compilation of our modules: everything by the optimizing compiler at once, and
// pairs of 128-bit operations packed into 256-bit ones. Flags are process-wide and read when a function
// is compiled; so they are set, the module is made, and they are put back to what the command line says.
// Outside Node nothing is set. Not here: whether it helped (probe.ts).

import { builtin, env, nodeMajor } from "../../util/env.ts";

interface V8Module {
  setFlagsFromString(flags: string): void;
}

interface Flag {
  readonly name: string;
  /** What the engine does when nobody says otherwise. */
  readonly usual: boolean;
  readonly wanted: boolean;
}

const eager: readonly Flag[] = [
  { name: "liftoff", usual: true, wanted: false },
  { name: "wasm-lazy-compilation", usual: true, wanted: false },
];
const packing: Flag = { name: "experimental-wasm-revectorize", usual: false, wanted: true };
const relaxed: Flag = { name: "experimental-wasm-relaxed-simd", usual: false, wanted: true };

/** True where V8's revectorizer exists, works, and is not turned off by ANNEAL_REVECTORIZE=0. */
export function canRevectorize(): boolean {
  return nodeMajor() >= 24 && v8() !== null && env("ANNEAL_REVECTORIZE") !== "0";
}

/** Runs `compile` with the flags set, and restores them. Calls do not nest. */
export function withFlags<T>(revectorize: boolean, compile: () => T): T {
  const engine = v8();
  if (engine === null) return compile();
  const flags = flagsOf(nodeMajor(), revectorize);
  const given = givenFlags();
  for (const { name, wanted } of flags) engine.setFlagsFromString(flagText(name, wanted));
  try {
    return compile();
  } finally {
    for (const { name, usual } of flags) {
      engine.setFlagsFromString(flagText(name, given.get(name) ?? usual));
    }
  }
}

function v8(): V8Module | null {
  return nodeMajor() >= 20 ? builtin<V8Module>("node:v8") : null;
}

/** Only flags that the version knows: V8 prints a complaint about others. */
function flagsOf(major: number, revectorize: boolean): readonly Flag[] {
  if (major < 22) return [...eager, relaxed];
  return revectorize && major >= 24 ? [...eager, packing] : eager;
}

function flagText(name: string, on: boolean): string {
  return on ? `--${name}` : `--no-${name}`;
}

/** What the command line and NODE_OPTIONS say of V8's flags; the command line comes last and wins. */
function givenFlags(): Map<string, boolean> {
  const { execArgv = [] } = (globalThis as { process?: { execArgv?: string[] } }).process ?? {};
  return parseFlags([...(env("NODE_OPTIONS") ?? "").split(/\s+/), ...execArgv]);
}

/** The boolean flags among command-line words, by their names with dashes. */
export function parseFlags(words: readonly string[]): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const word of words) {
    const match = /^--(no[-_]?)?([a-z][\w-]*?)(?:=(true|false))?$/.exec(word);
    if (match === null) continue;
    const on = (match[1] === undefined) === (match[3] !== "false");
    found.set(match[2]!.replaceAll("_", "-"), on);
  }
  return found;
}
