// What the surroundings say: environment variables, Node's own modules where there are any, and
// where messages to the developer go. Works in Node, Deno, Bun and browsers; nothing is read at
// import. Not here: what the variables mean to those who ask.

/** The parts of `process` that are used here. Other runtimes have some of them. */
interface ProcessLike {
  readonly env?: Record<string, string | undefined>;
  readonly stderr?: { write(text: string): unknown };
  readonly versions?: Record<string, string | undefined>;
  getBuiltinModule?(name: string): unknown;
}

function runningProcess(): ProcessLike | undefined {
  return (globalThis as { process?: ProcessLike }).process;
}

/** An environment variable; undefined where there is no environment, or none may be read. */
export function env(name: string): string | undefined {
  try {
    return runningProcess()?.env?.[name];
  } catch {
    return undefined; // Deno without the permission.
  }
}

/** A built-in module such as `node:os`, without importing it; null where the runtime has none. */
export function builtin<T>(name: string): T | null {
  try {
    return (runningProcess()?.getBuiltinModule?.(name) as T | undefined) ?? null;
  } catch {
    return null;
  }
}

/** The runtime and its version: `node 24.1.0`, `bun …`, `deno …` or `browser`. */
export function runtimeName(): string {
  const versions = runningProcess()?.versions;
  for (const name of ["bun", "deno", "node"]) {
    if (versions?.[name]) return `${name} ${versions[name]}`;
  }
  return "browser";
}

/** The major version of Node (not of what imitates it), or 0. */
export function nodeMajor(): number {
  const [name, version = "0"] = runtimeName().split(" ");
  return name === "node" ? Number.parseInt(version, 10) : 0;
}

/** Whether strict mode is on: what the caller says, else ANNEAL_STRICT=1. */
export function strictMode(asked?: boolean): boolean {
  return asked ?? env("ANNEAL_STRICT") === "1";
}

/** ANNEAL_DEBUG: 0 says nothing; 1 programs; 2 also timings of kernels; 3 also kernels; 4 also the
 *  generated code; 5 also graphs. In a page: `globalThis.ANNEAL_DEBUG = 1`. */
export function debugLevel(): number {
  const text = env("ANNEAL_DEBUG") ?? (globalThis as { ANNEAL_DEBUG?: unknown }).ANNEAL_DEBUG;
  const level = Number(text ?? 0);
  return Number.isFinite(level) ? level : 0;
}

/** Writes a line for the developer: to stderr, or to a page's console. */
export function say(text: string): void {
  const stderr = runningProcess()?.stderr;
  if (stderr) stderr.write(`${text}\n`);
  else console.warn(text);
}
