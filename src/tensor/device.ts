// The device that computes: one engine for each backend, one of them current. A program runs where its
// operands were placed, else on the current one. Not here: placing tensors and moving their elements
// (place.ts, run.ts), or backends (backend/).

import type { Backend } from "../backend/backend.ts";
import { ImportedBackend, type Imports } from "../backend/imported.ts";
import { ReferenceBackend } from "../backend/reference/backend.ts";
import { Buffer } from "../ir/buffer.ts";
import { copyArray, type DType, isFloat, type TypedArray } from "../ir/dtype.ts";
import { type Node, type Place, twoPlaces } from "../ir/node.ts";
import { Engine } from "../schedule/engine.ts";
import { lower } from "../schedule/lowering.ts";
import { env, strictMode } from "../util/env.ts";
import { ArgumentError, DeviceError } from "../util/errors.ts";
import { makeWasm, makeWebgpu } from "./makers.ts";
import { activeTrace, bumpGeneration, refuseInTrace } from "./trace.ts";

/** A device that this library knows. */
export type DeviceName = "wasm" | "webgpu" | "reference";

/** What is chosen: a device, or "auto", which chooses between wasm and webgpu for each program. */
export type DeviceChoice = DeviceName | "auto";

/** A device for tensors to lie on: its name, or a Backend of your own. */
export type DeviceLike = DeviceName | Backend;

/** What a device is asked for. */
export interface DeviceOptions {
  /** Only for "wasm": the same bits at any number of threads, in every runtime and on every machine, at
   *  some cost in speed. Without it, ANNEAL_STRICT=1 says so. */
  readonly strict?: boolean | undefined;
  /** Only for "webgpu": factors of products are rounded to float16 where the card can (`shader-f16`);
   *  sums, and all else, stay float32. A device of its own, beside the exact one. */
  readonly f16?: boolean | undefined;
}

const makers: { [K in DeviceChoice]: (options: DeviceOptions) => Backend } = {
  wasm: makeWasm,
  webgpu: makeWebgpu,
  reference: () => new ReferenceBackend(),
  auto: () => new ImportedBackend("auto", loadAuto, { queues: true }),
};

async function loadAuto(): Promise<Imports> {
  const { AutoBackend } = await import("./auto.ts");
  return { backend: new AutoBackend(engineOn("wasm"), engineOn("webgpu")), lower };
}

const engines: Engine[] = [];
let current: Engine | null = null;

/** The engine in use. The first use picks what ANNEAL_DEVICE names, else wasm, else (said once, where
 *  wasm has no SIMD) the slow reference. */
export function engine(): Engine {
  return current ?? pick();
}

function pick(): Engine {
  const wanted = env("ANNEAL_DEVICE");
  if (wanted !== undefined && wanted !== "") return device(wanted as DeviceChoice);
  try {
    return device("wasm");
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    console.warn(`anneal: ${error.message.split("\n")[0]}; using the slow reference backend`);
    return device("reference");
  }
}

/**
 * Makes a device current, by name or as a Backend of your own, and returns its engine. Tensors that
 * nobody placed (`x.to("webgpu")`) move by themselves when they are next used. Without an argument: the
 * engine in use.
 *
 * "webgpu" answers later, so values are read with `await`; that there is no adapter shows at the first
 * read, or in `await devices()`. "auto" measures a graphics card against wasm, once, and then chooses
 * for each program by its size; it answers later too, and is wasm where there is no card.
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
export function device(which?: DeviceChoice | Backend, options: DeviceOptions = {}): Engine {
  if (which === undefined) return engine();
  refuseInTrace("device");
  const found = engineOn(which, options);
  if (current !== found) bumpGeneration();
  current = found;
  return found;
}

/** The engine of a device, which need not be current. */
export function engineOn(which: DeviceChoice | Backend, options: DeviceOptions = {}): Engine {
  if (typeof which !== "string" && typeof which?.run !== "function") {
    throw new ArgumentError("device", "takes a name or a Backend", { hint: 'device("wasm")' });
  }
  if (options.strict !== undefined && which !== "wasm") {
    throw new ArgumentError("device", 'only "wasm" is strict or not by an option', {
      hint: 'device("wasm", { strict: true })',
    });
  }
  if (options.f16 !== undefined && which !== "webgpu") {
    throw new ArgumentError("device", 'only "webgpu" takes f16 as an option', {
      hint: 'device("webgpu", { f16: true })',
    });
  }
  const name = nameOf(which, options);
  let found = engines.find((e) => (typeof name === "string" ? e.name : e.backend) === name);
  if (found === undefined) {
    found = new Engine(typeof which === "string" ? make(which, options) : which);
    engines.push(found);
  }
  return found;
}

function nameOf(which: DeviceChoice | Backend, { strict, f16 }: DeviceOptions) {
  if (which === "wasm" && strictMode(strict)) return "wasm strict";
  return which === "webgpu" && f16 ? "webgpu f16" : which;
}

/** Whether a string is the name of a device. */
export function isDeviceName(name: string): name is DeviceName {
  return name !== "auto" && Object.hasOwn(makers, name);
}

function make(name: DeviceChoice, options: DeviceOptions): Backend {
  if (Object.hasOwn(makers, name)) return makers[name](options);
  const names = Object.keys(makers).map((n) => `"${n}"`);
  throw new ArgumentError("device", `no device "${name}"`, { hint: `use ${names.join(" or ")}` });
}

/** The engine of a place; the current one for what may go anywhere. */
export function engineAt(place: Place | null): Engine {
  return (place as Engine | null) ?? engine();
}

/** The engine on which nodes are to be computed: where one of them was placed, else the current one. */
export function engineFor(nodes: readonly Node[]): Engine {
  return engineAt(placeOf(nodes));
}

/** Where nodes were placed; null: anywhere. Throws where that is more than one device. */
export function placeOf(nodes: readonly Node[], op = "compile"): Place | null {
  let place: Place | null = null;
  for (const { placed } of nodes) {
    if (placed === null || placed === place) continue;
    if (place !== null) throw twoPlaces(op, place, placed);
    place = placed;
  }
  return place;
}

/** The engine that can read a buffer: the current one, unless another device alone has the elements. */
export function engineOf(buffer: Buffer): Engine {
  return ownerOf(buffer) ?? engine();
}

/** The engine of the device that alone has the elements; null where the host has them too, or nobody
 *  knows that device. */
export function ownerOf(buffer: Buffer): Engine | null {
  return buffer.host === null ? engineNamed(buffer.owner) : null;
}

/** The engine of a device by its name; null where nobody knows it. */
export function engineNamed(name: string | null): Engine | null {
  if (name === null) return null;
  return name === current?.name ? current : (engines.find((e) => e.name === name) ?? null);
}

/** Whether there is more than one device that data could lie on. */
export function hasSeveral(): boolean {
  return engines.length > 1;
}

/** A buffer with a copy of the user's elements: on the device that is at work, where that saves a copy,
 *  else on the host. Numbers that name places (classes, rows) stay where they can be checked. */
export function bufferOf(elements: TypedArray, dtype: DType): Buffer {
  const buffer = new Buffer(dtype, elements.length, null);
  const here = isFloat(dtype) && current !== null && activeTrace() === null;
  if (!here || !current!.place(buffer, elements)) buffer.host = copyArray(elements);
  return buffer;
}
