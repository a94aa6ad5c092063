// The backends that the op table runs on. The reference is what the others are compared with; a
// backend joins the list as soon as its file exists. ANNEAL_TEST_BACKENDS=reference,wasm names those to
// try, all of them if it is not set.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Backend } from "../../src/backend/backend.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import type { TypedArray } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { PlanBackend } from "../schedule/plan-backend.ts";

export interface UnderTest {
  readonly name: string;
  readonly backend: Backend;
  readonly engine: Engine;
}

interface WasmOptions {
  threads: number;
  splitAll?: boolean;
}

const root = join(import.meta.dirname, "..", "..", "src", "backend");

/** With several threads every kernel is split, however small. */
const wasmOptions: readonly WasmOptions[] = [
  { threads: 1 },
  { threads: 2, splitAll: true },
  { threads: 3, splitAll: true },
];

export const reference: UnderTest = underTest("reference", new ReferenceBackend());

const wanted = process.env.ANNEAL_TEST_BACKENDS?.split(",") ?? ["reference", "plan", "wasm"];

/** All backends, the reference first; "plan" runs the kernels of the lowering in plain JS. */
export async function backendsUnderTest(): Promise<UnderTest[]> {
  const found = [reference];
  if (wanted.includes("plan")) found.push(underTest("plan", new PlanBackend()));
  const wasm = join(root, "wasm", "backend.ts");
  if (wanted.includes("wasm") && existsSync(wasm)) {
    const { WasmBackend } = (await import(pathToFileURL(wasm).href)) as {
      WasmBackend: new (options: WasmOptions) => Backend;
    };
    for (const options of wasmOptions) {
      found.push(underTest(`wasm, threads ${options.threads}`, new WasmBackend(options)));
    }
  }
  return found;
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
  await on.engine.prepare(makeGraph(nodes, assign)).entry.program;
  await (on.backend as { ready?: () => Promise<void> }).ready?.();
}

/** The elements of the nodes, computed by one program. */
export async function evaluate(on: UnderTest, nodes: readonly Node[]): Promise<TypedArray[]> {
  await prepare(on, nodes);
  const { buffers, done } = on.engine.evaluate(nodes);
  await done;
  return Promise.all(buffers.map((buffer) => on.engine.read(buffer)));
}
