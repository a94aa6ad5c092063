// What the two sides of a WorkerDataset say to each other: requests for samples, samples that can
// leave their thread, errors that keep their type. Not here: who starts the threads (workers.ts), or
// what one does (data-worker.ts).
import {
  AnnealError,
  ArgumentError,
  DeviceError,
  DtypeError,
  LoadError,
  NumericError,
  ShapeError,
  StateError,
} from "../util/errors.ts";
import type { RngState } from "../util/rng.ts";
import type { Dataset } from "./dataset.ts";

/** What a worker begins with. */
export interface WorkerStart {
  readonly module: string;
  readonly options: unknown;
}

/** Samples that are wanted, each with the state of its random stream. */
export interface Request {
  readonly id: number;
  readonly wanted: readonly { readonly index: number; readonly state: RngState }[];
}

/** First the number of samples, or why there are none; then an answer for each request. */
export type Reply =
  | { readonly length: number }
  | { readonly refused: SentError }
  | { readonly id: number; readonly results: readonly Result[] };

export type Result = { readonly sample: unknown } | { readonly error: SentError };

/** An error as plain data. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** The fields of an AnnealError; undefined for others. */
  readonly fields?: Readonly<Record<"op" | "detail", string>> & {
    readonly hint: string | undefined;
    readonly in: string | undefined;
    readonly lines: readonly string[] | undefined;
    readonly byte: number | undefined;
  };
}

/** The dataset that a module's default export makes of the options. */
export async function openModule({ module, options }: WorkerStart): Promise<Dataset<unknown>> {
  const { default: make } = (await import(/* @vite-ignore */ module)) as { default?: unknown };
  if (typeof make !== "function") {
    const hint = "export default (options) => new MapDataset(…)";
    throw new ArgumentError("WorkerDataset", `${module} exports no default function`, { hint });
  }
  const dataset = (await make(options)) as Dataset<unknown> | undefined;
  if (typeof dataset?.get === "function" && Number.isSafeInteger(dataset.length)) return dataset;
  throw new ArgumentError("WorkerDataset", `the default function of ${module} gives no dataset`);
}

/** Values that errors may be made of again. */
const classes = {
  ShapeError,
  DtypeError,
  ArgumentError,
  DeviceError,
  NumericError,
  StateError,
} as const;

export function sendError(error: unknown): SentError {
  if (!(error instanceof Error)) {
    return { name: "Error", message: String(error), stack: undefined };
  }
  const { name, message, stack } = error;
  // Not `instanceof`: a worker's module may have another copy of the classes.
  const { op, detail, hint, in: path, lines, byte } = error as Partial<LoadError>;
  if (op === undefined || detail === undefined) return { name, message, stack };
  return { name, message, stack, fields: { op, detail, hint, in: path, lines, byte } };
}

/** The error that was sent, of its own type, with the sample that it is about. */
export function receiveError({ name, message, stack, fields }: SentError, sample?: string): Error {
  const cause = new Error(message);
  Object.assign(cause, { name, stack });
  const where = sample === undefined ? "" : `${sample}: `;
  if (fields === undefined) {
    return new AnnealError("WorkerDataset", `${where}${name}: ${message}`, { cause });
  }
  const { op, detail, lines, byte, hint } = fields;
  const notes = { hint, in: fields.in ?? sample, cause };
  if (name === "LoadError") return new LoadError(op, detail, { ...notes, lines, byte });
  return new (classes[name as keyof typeof classes] ?? AnnealError)(op, detail, notes);
}

/**
 * The bytes of a sample's typed arrays, each from a multiple of 8 on. Throws ArgumentError for values of
 * classes, a Tensor say, which cannot leave their thread.
 */
export function bytesIn(value: unknown, path = ""): number {
  if (isArray(value)) return Math.ceil(value.byteLength / 8) * 8;
  const isOther = typeof value === "function" || typeof value === "symbol";
  if (isOther || (typeof value === "object" && !isPlain(value))) {
    const kind = isOther ? typeof value : value!.constructor.name;
    const hint = "give plain objects, arrays and typed arrays; the loader makes the tensors";
    const what = `sample${path} is a ${kind}, which cannot leave its thread`;
    throw new ArgumentError("WorkerDataset", what, { hint });
  }
  if (typeof value !== "object" || value === null) return 0;
  const isList = Array.isArray(value);
  return Object.entries(value).reduce((sum, [key, v]) => {
    return sum + bytesIn(v, isList ? `${path}[${key}]` : `${path}.${key}`);
  }, 0);
}

/** Room for the typed arrays of a message: one buffer is handed over sooner than many. */
export interface Room {
  readonly buffer: ArrayBuffer;
  used: number;
}

/** The sample with its typed arrays copied into the room; they may be views of a whole data set. */
export function packSample(value: unknown, room: Room): unknown {
  if (isArray(value)) {
    const Type = value.constructor as Uint8ArrayConstructor;
    const copy = new Type(room.buffer, room.used, value.length);
    copy.set(value);
    room.used += Math.ceil(value.byteLength / 8) * 8;
    return copy;
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((v) => packSample(v, room));
  const parts = Object.entries(value).map(([key, v]) => [key, packSample(v, room)]);
  return Object.fromEntries(parts);
}

function isArray(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && "BYTES_PER_ELEMENT" in value;
}

function isPlain(value: object | null): boolean {
  if (value === null || Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
