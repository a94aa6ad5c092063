// The device that computes: one engine for each backend, one of them current.
// Not here: tensors, or backends (backend/).

import type { Backend } from "../backend/backend.ts";
import { ReferenceBackend } from "../backend/reference/backend.ts";
import { Buffer } from "../ir/buffer.ts";
import { copyArray, type DType, isFloat, type TypedArray } from "../ir/dtype.ts";
import { Engine } from "../schedule/engine.ts";
import { env, strictMode } from "../util/env.ts";
import { ArgumentError, DeviceError } from "../util/errors.ts";
import { makeWasm } from "./makers.ts";
import { activeTrace, bumpGeneration, refuseInTrace } from "./trace.ts";

export type DeviceName = "wasm" | "reference";

/** What a device is asked for. */
export interface DeviceOptions {
  /** Only for "wasm": the same bits at any number of threads, in every runtime and on every machine, at
   *  some cost in speed. Without it, ANNEAL_STRICT=1 says so. */
  readonly strict?: boolean | undefined;
}

const makers: { [K in DeviceName]: (options: DeviceOptions) => Backend } = {
  wasm: makeWasm,
  reference: () => new ReferenceBackend(),
};

const engines: Engine[] = [];
let current: Engine | null = null;

/** The engine in use. The first use picks what ANNEAL_DEVICE names, else wasm, else (said once, where
 *  wasm has no SIMD) the slow reference. */
export function engine(): Engine {
  return current ?? pick();
}

function pick(): Engine {
  const wanted = env("ANNEAL_DEVICE");
  if (wanted !== undefined && wanted !== "") return device(wanted as DeviceName);
  try {
    return device("wasm");
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    console.warn(`anneal: ${error.message.split("\n")[0]}; using the slow reference backend`);
    return device("reference");
  }
}

/**
 * Makes a device current, by name or as a Backend of your own, and returns its engine. Tensors move by
 * themselves when they are next used. Without an argument: the engine in use.
 *
 * A strict device is one of its own, beside the quick one: it has no relaxed instructions, sums in a
 * fixed order and leaves out algorithms that round otherwise, so that the same program gives the same
 * bits wherever it runs.
 *
 * @throws ArgumentError for an unknown name, DeviceError where the runtime cannot have the device.
 *
 * @example
 * device("reference"); // slow, exact: to compare with
 *
 * @example
 * device("wasm", { strict: true }); // the same bits everywhere
 */
export function device(which?: DeviceName | Backend, options: DeviceOptions = {}): Engine {
  if (which === undefined) return engine();
  refuseInTrace("device");
  if (typeof which !== "string" && typeof which?.run !== "function") {
    throw new ArgumentError("device", "takes a name or a Backend", { hint: 'device("wasm")' });
  }
  if (options.strict !== undefined && which !== "wasm") {
    throw new ArgumentError("device", 'only "wasm" is strict or not by an option', {
      hint: 'device("wasm", { strict: true })',
    });
  }
  const name = which === "wasm" && strictMode(options.strict) ? "wasm strict" : which;
  let found = engines.find((e) => (typeof name === "string" ? e.backend.name : e.backend) === name);
  if (found === undefined) {
    found = new Engine(typeof which === "string" ? make(which, options) : which);
    engines.push(found);
  }
  if (current !== found) bumpGeneration();
  current = found;
  return found;
}

function make(name: DeviceName, options: DeviceOptions): Backend {
  if (Object.hasOwn(makers, name)) return makers[name](options);
  const names = Object.keys(makers).map((n) => `"${n}"`);
  throw new ArgumentError("device", `no device "${name}"`, { hint: `use ${names.join(" or ")}` });
}

/** The engine that can read a buffer: the current one, unless another device alone has the elements. */
export function engineOf(buffer: Buffer): Engine {
  const here = engine();
  if (buffer.host !== null || buffer.owner === null) return here;
  if (engines.length === 1 || buffer.owner === here.backend.name) return here;
  return engines.find((e) => e.backend.name === buffer.owner) ?? here;
}

/** A buffer with a copy of the user's elements: on the device that is at work, where that saves a copy,
 *  else on the host. Numbers that name places (classes, rows) stay where they can be checked. */
export function bufferOf(elements: TypedArray, dtype: DType): Buffer {
  const buffer = new Buffer(dtype, elements.length, null);
  const here = isFloat(dtype) && current !== null && activeTrace() === null;
  if (!here || !current!.place(buffer, elements)) buffer.host = copyArray(elements);
  return buffer;
}

/** Moves buffers that only another device has to the host, where the current one finds them. */
export function bring(buffers: readonly Buffer[]): void {
  if (engines.length === 1) return;
  const here = engine();
  for (const buffer of buffers) {
    const there = engineOf(buffer);
    if (there === here) continue;
    const elements = there.read(buffer);
    if (elements instanceof Promise) throw notHereYet(there, here);
    buffer.host = elements as TypedArray;
  }
}

function notHereYet(there: Engine, here: Engine): DeviceError {
  const names = `"${there.backend.name}" and is wanted on "${here.backend.name}"`;
  return new DeviceError("device", `a tensor lies on ${names}, but cannot be read at once`, {
    hint: "read it with await t.data() and make a new tensor of the elements",
  });
}
