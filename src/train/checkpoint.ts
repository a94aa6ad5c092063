// Checkpoints of a run: the weights as a safetensors file that any tool reads, and beside it all
// that a resume needs to go on bit for bit. Weights that are no numbers are never saved.
// Not here: how folders are written so that nothing can break them (io/checkpoint.ts).

import {
  type Checkpoint,
  findCheckpoint,
  openCheckpoint,
  parseSafetensors,
  readCheckpointFile,
  type Safetensors,
  type WritableEntry,
  writeCheckpoint,
  writeSafetensors,
} from "../io/index.ts";
import { AnnealError, DeviceError, LoadError, NumericError } from "../util/errors.ts";
import { type Entries, pack, unpack } from "./pack.ts";
import type { SavedSession, Session } from "./session.ts";
import { tensorsOf, weightsOf } from "./weights.ts";

const weightsFile = "model.safetensors";
const tensorsFile = "training.safetensors";
const jsonFile = "training.json";

/** Saves a session and returns the checkpoint's folder. Throws NumericError, with nothing written,
 *  where the weights or the optimizer's state are no longer numbers. */
export async function saveSession(
  session: Session,
  { folder, keep }: { folder: string; keep?: number | undefined },
): Promise<string> {
  const saved = session.capture();
  const weights = await weightsOf(session.model);
  const tensors: Entries = new Map();
  const json = await pack({ format: 1, ...saved }, "training", tensors);
  refuseNaN(session, weights, tensors);
  const written = await writeCheckpoint(
    folder,
    session.step,
    [
      [weightsFile, writeSafetensors(weights)],
      [tensorsFile, writeSafetensors(tensors)],
      [jsonFile, `${JSON.stringify(json, null, 1)}\n`],
    ],
    keep === undefined ? {} : { keep },
  );
  session.checkpoint = written;
  return written;
}

// A buffer may hold infinities on purpose (a mask), but no NaN; a parameter or a moment neither.
function refuseNaN(session: Session, weights: Entries, tensors: Entries): void {
  const isNumber = (value: number) => !Number.isNaN(value);
  for (const [name] of session.model.namedParameters()) {
    refuse(session, `the weight ${name}`, weights.get(name), Number.isFinite);
  }
  for (const [name] of session.model.namedBuffers()) {
    refuse(session, `the buffer ${name}`, weights.get(name), isNumber);
  }
  const prefix = "training.optimizer.";
  for (const [name, entry] of tensors) {
    if (!name.startsWith(prefix)) continue;
    refuse(session, `the optimizer's ${name.slice(prefix.length)}`, entry, Number.isFinite);
  }
}

function refuse(
  session: Session,
  what: string,
  entry: WritableEntry | undefined,
  good: (value: number) => boolean,
): void {
  const data = entry?.data;
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return;
  const bad = data.find((value) => !good(value));
  if (bad === undefined) return;
  throw new NumericError("fit", `${what} holds ${bad} after step ${session.step}`, {
    hint: badHint(session),
  });
}

/** What to do about a NaN. */
export function badHint(session: Session): string {
  const good = session.checkpoint;
  const kept = good === undefined ? "" : `the last good checkpoint is ${good}; `;
  return `${kept}fit(model, { …, detectNaN: true }) names the op and the layer`;
}

/** The error of a device that broke training off, with what is left: the last checkpoint. */
export function brokenOff(error: DeviceError, { checkpoint }: Session): DeviceError {
  if (checkpoint === undefined) return error;
  const kept = `the last checkpoint is ${checkpoint}; resume: true goes on from it`;
  const hint = error.hint === undefined ? kept : `${error.hint}; ${kept}`;
  return new DeviceError(error.op, error.detail, { hint, in: error.in, cause: error });
}

/** Puts a session back to a checkpoint: the newest in `root`, or `root` itself. Undefined where
 *  `root` has none. Throws LoadError or StateError, with nothing changed, where it does not fit. */
export async function resumeSession(session: Session, root: string): Promise<string | undefined> {
  const checkpoint = await find(root);
  if (checkpoint === undefined) return undefined;
  const weights = await readTensors(checkpoint, weightsFile);
  const tensors = await readTensors(checkpoint, tensorsFile);
  const path = `${checkpoint.folder}/${jsonFile}`;
  const text = new TextDecoder().decode(await readCheckpointFile(checkpoint, jsonFile));
  const saved = parseSession(text, path, tensors);
  const before = session.capture();
  const dict = session.model.stateDict();
  const source = `${checkpoint.folder}/${weightsFile}`;
  session.model.loadStateDict(tensorsOf(weights, source), { source });
  try {
    session.restore(saved);
  } catch (error) {
    session.model.loadStateDict(dict);
    session.restore(before);
    if (error instanceof AnnealError) throw error;
    throw new LoadError(path, "does not describe a run like this one", { cause: error });
  }
  session.checkpoint = checkpoint.folder;
  return checkpoint.folder;
}

async function find(root: string): Promise<Checkpoint | undefined> {
  const found = await findCheckpoint(root);
  if (found !== undefined || !/checkpoint-\d+(-\d+)?[\\/]?$/.test(root)) return found;
  return openCheckpoint(root.replace(/[\\/]$/, ""));
}

async function readTensors(checkpoint: Checkpoint, name: string): Promise<Safetensors> {
  const bytes = await readCheckpointFile(checkpoint, name);
  return parseSafetensors(bytes, `${checkpoint.folder}/${name}`);
}

function parseSession(text: string, path: string, tensors: Safetensors): SavedSession {
  let json: { format?: unknown };
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new LoadError(path, "is not JSON", { cause });
  }
  if (json?.format !== 1) {
    throw new LoadError(path, `has format ${JSON.stringify(json?.format)}, this version reads 1`);
  }
  const saved = unpack(json, tensors, path) as SavedSession;
  checkPlace(saved, path);
  return saved;
}

/** Throws a LoadError unless the place in the run is one. */
function checkPlace({ place, history, callbacks }: SavedSession, path: string): void {
  const bad = (["step", "epoch", "batches", "samples"] as const).find((name) => {
    const value = place?.[name];
    return !Number.isSafeInteger(value) || (value as number) < (name === "epoch" ? 1 : 0);
  });
  if (bad !== undefined) throw new LoadError(path, `has no whole number as place.${bad}`);
  for (const [name, list] of Object.entries({ history, callbacks })) {
    if (!Array.isArray(list)) throw new LoadError(path, `has no list as ${name}`);
  }
}
