// What a RemoteBackend and the host in its worker say to each other. Messages arrive in the order in which
// they were sent, and are done in that order; only what carries a number is answered.
// Not here: who sends what when (backend.ts), or what the host makes of it (host.ts).

import type { DType, TypedArray } from "../../ir/dtype.ts";
import type { FlatGraph } from "../../ir/flat.ts";
import {
  AnnealError,
  ArgumentError,
  DeviceError,
  DtypeError,
  NumericError,
  ShapeError,
  StateError,
} from "../../util/errors.ts";

/** Elements that the host does not have yet. */
export interface Sent {
  readonly id: number;
  readonly dtype: DType;
  readonly elements: TypedArray;
  readonly state: boolean;
  /** False: for this run alone. */
  readonly keep: boolean;
}

export interface RunRequest {
  readonly do: "run";
  readonly number: number;
  readonly program: number;
  readonly sent: readonly Sent[];
  /** The names of the inputs, each. */
  readonly inputs: readonly number[];
  readonly scalars: readonly number[];
  /** The name of the first output; the others follow. */
  readonly outputs: number;
  /** Which outputs are state. */
  readonly states: readonly number[];
  /** Inputs whose old elements somebody may still want. */
  readonly shared: readonly number[];
}

export type Request =
  | {
      readonly do: "start";
      readonly number: number;
      readonly options: object;
      readonly debug: number;
    }
  | { readonly do: "compile"; readonly program: number; readonly graph: FlatGraph }
  | RunRequest
  | { readonly do: "read"; readonly number: number; readonly id: number }
  | { readonly do: "free"; readonly ids: readonly number[] }
  | { readonly do: "discard"; readonly program: number }
  | { readonly do: "describe"; readonly number: number };

export interface Answer {
  readonly to: number;
  /** Of a run: for each output its elements, where the host's backend has them at hand, else null. Of
   *  a read: the elements. Of a description: the facts. */
  readonly value?: unknown;
  readonly error?: FlatError;
  /** Milliseconds of lowering, rendering and compiling so far, with the answer of a run. */
  readonly compileMs?: number;
}

/** An error as plain data. */
export interface FlatError {
  readonly name: string;
  readonly message: string;
  readonly op: string;
  readonly detail: string;
  readonly hint: string | undefined;
  readonly in: string | undefined;
  /** Where it was thrown, in the worker. */
  readonly stack: string | undefined;
}

const kinds = {
  AnnealError,
  ArgumentError,
  DeviceError,
  DtypeError,
  NumericError,
  ShapeError,
  StateError,
};

export function flattenError(error: unknown): FlatError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const { op = "", detail = "", hint, in: path } = (error ?? {}) as Partial<AnnealError>;
  return { name, message, op, detail, hint, in: path, stack };
}

/** The error that was made flat: of its class, with its message. */
export function unflattenError({ name, message, op, detail, stack, ...notes }: FlatError): Error {
  const cause = stack === undefined ? {} : { cause: stack };
  if (Object.hasOwn(kinds, name)) {
    return new kinds[name as keyof typeof kinds](op, detail, { ...notes, ...cause });
  }
  const error = new Error(message, cause);
  error.name = name;
  return error;
}
