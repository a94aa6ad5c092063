// The backends that the op table runs on. The reference is what the others are compared with; a
// backend joins the list as soon as its file exists, webgpu where there is an adapter.
// ANNEAL_TEST_BACKENDS=reference,webgpu names those to try.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Backend } from "../../src/backend/backend.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import { WebgpuBackend } from "../../src/backend/webgpu/backend.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import type { TypedArray } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { PlanBackend } from "../schedule/plan-backend.ts";
import { missingAdapter, refused } from "../webgpu/adapter.ts";
import { canPack, compiledModules } from "./compiled.ts";

export interface UnderTest {
  readonly name: string;
  readonly backend: Backend;
  readonly engine: Engine;
}

export function lacksFloat64({ backend }: UnderTest): boolean {
  return backend.lacks?.includes("float64") ?? false;
}

interface WasmOptions {
  threads: number;
  splitAll?: boolean;
  revectorize?: boolean;
  strict?: boolean;
}

const root = join(import.meta.dirname, "..", "..", "src", "backend");

/** With several threads every kernel is split, however small. V8's revectorizer is forced on and off:
 *  where it is on, `prepare` fails unless every module was compiled with its flag. */
const wasmOptions: readonly WasmOptions[] = [
  { threads: 1, revectorize: true },
  { threads: 1, revectorize: false },
  { threads: 2, splitAll: true, revectorize: true },
  { threads: 2, splitAll: true, revectorize: false },
  { threads: 3, splitAll: true, strict: true },
];

/** Strict mode in all the ways that must give the same bits. */
export const strictOptions: readonly WasmOptions[] = [
  { threads: 1, revectorize: true, strict: true },
  { threads: 1, revectorize: false, strict: true },
  { threads: 2, splitAll: true, revectorize: true, strict: true },
  { threads: 3, splitAll: true, revectorize: false, strict: true },
];

export const reference: UnderTest = underTest("reference", new ReferenceBackend());

const asked = process.env.ANNEAL_TEST_BACKENDS?.split(",");
const wanted = asked ?? ["reference", "plan", "wasm", "webgpu"];

/** All backends, the reference first; "plan" runs the kernels of the lowering in plain JS. */
export async function backendsUnderTest(): Promise<UnderTest[]> {
  const found = [reference];
  if (wanted.includes("plan")) found.push(underTest("plan", new PlanBackend()));
  if (wanted.includes("wasm")) found.push(...(await wasmUnderTest(wasmOptions)));
  if (wanted.includes("webgpu")) {
    const why = await missingAdapter();
    if (why === null) found.push(underTest("webgpu", new WebgpuBackend()));
    else if (asked !== undefined) throw new Error(why);
  }
  return found;
}

/** The wasm backend, once for each of the options. */
export async function wasmUnderTest(list: readonly WasmOptions[]): Promise<UnderTest[]> {
  const wasm = join(root, "wasm", "backend.ts");
  if (!existsSync(wasm)) return [];
  const { WasmBackend } = (await import(pathToFileURL(wasm).href)) as {
    WasmBackend: new (options: WasmOptions) => Backend;
  };
  return list.map((options) => {
    const { threads, revectorize, strict = false } = options;
    const packed = { true: ", packed", false: ", not packed", undefined: "" }[`${revectorize}`];
    const name = `wasm${strict ? " strict" : ""}, threads ${threads}${packed}`;
    const on = underTest(name, new WasmBackend(options));
    if (revectorize !== undefined) packing.set(on.engine, revectorize && canPack);
    return on;
  });
}

/** Whether the modules of an engine must be packed. */
const packing = new WeakMap<Engine, boolean>();

/** Why a backend does not take a graph; null: it does. */
export function refusedBy(on: UnderTest, nodes: readonly Node[]): string | null {
  return lacksFloat64(on) ? refused(nodes) : null;
}

function underTest(name: string, backend: Backend): UnderTest {
  return { name, backend, engine: new Engine(backend) };
}

/** Compiles what will run, and waits until all threads have its code: until then one runs it alone. */
export async function prepare(
  on: UnderTest,
  nodes: readonly Node[],
  assign?: readonly (Buffer | null)[],
): Promise<void> {
  await on.backend.init();
  const { length } = compiledModules;
  await on.engine.prepare(makeGraph(nodes, assign)).entry.program;
  const wanted = packing.get(on.engine);
  const wrong = compiledModules.slice(length).filter((packed) => packed !== wanted);
  if (wanted !== undefined && wrong.length > 0) {
    throw new Error(`${on.name}: a module was compiled ${wanted ? "without" : "with"} packing`);
  }
  await (on.backend as { ready?: () => Promise<void> }).ready?.();
}

/** The elements of the nodes, computed by one program. */
export async function evaluate(on: UnderTest, nodes: readonly Node[]): Promise<TypedArray[]> {
  await prepare(on, nodes);
  const { buffers, done } = on.engine.evaluate(nodes);
  await done;
  return Promise.all(buffers.map((buffer) => on.engine.read(buffer)));
}
