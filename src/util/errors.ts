// The typed errors of Anneal. Every message reads `op: one sentence`, then at most a `hint:` with
// the fix as code and an `in:` with the module path. The class name is `error.name`, so that
// String(error) prints `ShapeError: matmul: [32,784] @ [128,784]: inner sizes 784 and 128 differ`.
// Nothing here formats shapes or knows about tensors: whoever throws writes the sentence.

/** What may follow the sentence of an error. */
export interface ErrorNotes {
  /** The fix, as code where possible. */
  hint?: string | undefined;
  /** The module path, for example `model.fc1 (Linear 784 -> 128)`. */
  in?: string | undefined;
  /** The error that led to this one. */
  cause?: unknown;
}

/** What may follow the sentence of a {@link LoadError}. */
export interface LoadErrorNotes extends ErrorNotes {
  /** Findings, one a line, printed between the sentence and the hint. */
  lines?: readonly string[] | undefined;
  /** Where in the file the fault lies, where one byte can be named. */
  byte?: number | undefined;
}

/** The base of every error that Anneal throws on purpose. */
export class AnnealError extends Error {
  /** The operation that the user wrote, for example `matmul`; for a {@link LoadError}, the file. */
  declare readonly op: string;
  /** The sentence after the operation. */
  declare readonly detail: string;
  declare readonly hint: string | undefined;
  declare readonly in: string | undefined;

  constructor(op: string, detail: string, notes: ErrorNotes = {}) {
    super(withNotes(`${op}: ${detail}`, notes), causeOf(notes));
    hide(this, { op, detail, hint: notes.hint, in: notes.in });
  }

  override get name(): string {
    return "AnnealError";
  }
}

/** Shapes that do not fit each other or the operation. */
export class ShapeError extends AnnealError {
  override get name(): string {
    return "ShapeError";
  }
}

/** A dtype that the operation does not take. */
export class DtypeError extends AnnealError {
  override get name(): string {
    return "DtypeError";
  }
}

/** An argument outside of what the operation allows. */
export class ArgumentError extends AnnealError {
  override get name(): string {
    return "ArgumentError";
  }
}

/** A device that is missing, lost, or cannot do what was asked. */
export class DeviceError extends AnnealError {
  override get name(): string {
    return "DeviceError";
  }
}

/** A NaN or an infinity where a number was needed. */
export class NumericError extends AnnealError {
  override get name(): string {
    return "NumericError";
  }
}

/** A module, optimizer or trace used at the wrong time. */
export class StateError extends AnnealError {
  override get name(): string {
    return "StateError";
  }
}

/**
 * A file that cannot be read or does not fit. The detail continues the file's name to one sentence:
 * `new LoadError("gpt2.safetensors", "does not fit GPT: 1 missing")` prints
 * `LoadError: gpt2.safetensors does not fit GPT: 1 missing`.
 */
export class LoadError extends AnnealError {
  declare readonly file: string;
  declare readonly lines: readonly string[];
  declare readonly byte: number | undefined;

  constructor(file: string, detail: string, notes: LoadErrorNotes = {}) {
    super(file, detail, notes);
    const lines = notes.lines ?? [];
    const sentence = [`${file} ${detail}`, ...lines.map((line) => `  ${line}`)].join("\n");
    hide(this, { file, lines, byte: notes.byte, message: withNotes(sentence, notes) });
    Error.captureStackTrace?.(this, LoadError);
  }

  override get name(): string {
    return "LoadError";
  }
}

function withNotes(sentence: string, { hint, in: path }: ErrorNotes): string {
  let text = sentence;
  if (hint !== undefined) text += `\n  hint: ${hint}`;
  if (path !== undefined) text += `\n  in: ${path}`;
  return text;
}

function causeOf(notes: ErrorNotes): ErrorOptions | undefined {
  return notes.cause === undefined ? undefined : { cause: notes.cause };
}

// Not enumerable, so that a console prints the message once and not its parts again.
function hide(error: AnnealError, fields: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(fields)) {
    Object.defineProperty(error, key, { value, enumerable: false, configurable: true });
  }
}
