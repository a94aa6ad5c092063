// Checkpoints: folders of several files that belong together, consistent whatever kills the
// process.
//   checkpoint-120/   the files and, written last, manifest.json with their sizes and SHA-256
//   latest            the name of the newest, replaced atomically
// A checkpoint is built beside its place, flushed, and renamed into it, so that a folder of that
// name is whole from its first moment; older ones go only when `latest` names the new one. A reader
// proves the manifest and falls back to the next older. What the files mean is up to the caller.
import { ArgumentError, LoadError } from "../util/errors.ts";
import {
  isAbandoned,
  syncFolder,
  temporaryName,
  writeFileAtomic,
  writeFileDurable,
} from "./atomic.ts";
import { sha256 } from "./hash.ts";
import { node } from "./node.ts";

const MANIFEST = "manifest.json";
const LATEST = "latest";
const PREFIX = "checkpoint-";

/** A complete checkpoint on disk. */
export interface Checkpoint {
  readonly step: number;
  /** The path of its folder. */
  readonly folder: string;
  /** The files' sizes in bytes and SHA-256, by name. */
  readonly files: ReadonlyMap<string, { readonly bytes: number; readonly sha256: string }>;
}

/** The files of a checkpoint, by name. */
export type CheckpointFiles = Iterable<readonly [string, Uint8Array<ArrayBuffer> | string]>;

/**
 * Writes a checkpoint into the folder `root` (made if missing) and returns the path of its own
 * folder. Keeps the newest `keep` of them. Throws ArgumentError for names that are not plain file
 * names.
 *
 * @example
 * await writeCheckpoint("runs/1", 120, [["model.safetensors", bytes], ["state.json", text]]);
 */
export async function writeCheckpoint(
  root: string,
  step: number,
  files: CheckpointFiles,
  { keep = 3 }: { keep?: number } = {},
): Promise<string> {
  const content = checkedFiles(step, files, keep);
  const { fs } = await node();
  await makeFolder(root);
  await sweep(root);
  const temporary = `${root}/${temporaryName(`${PREFIX}${step}`)}`;
  let name: string;
  try {
    await fill(temporary, step, content);
    name = await moveIntoPlace(temporary, root, step);
  } catch (error) {
    await fs.rm(temporary, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(root);
  await writeFileAtomic(`${root}/${LATEST}`, `${name}\n`);
  await removeOlder(root, name, keep);
  return `${root}/${name}`;
}

/**
 * The newest complete checkpoint in `root`, or undefined where there is none: the one that `latest`
 * names if it is whole, else the whole one of the highest step. `verify: false` compares sizes
 * only.
 */
export async function findCheckpoint(
  root: string,
  { verify = true }: { verify?: boolean } = {},
): Promise<Checkpoint | undefined> {
  const { fs } = await node();
  const latest = await fs.readFile(`${root}/${LATEST}`, "utf8").catch(() => "");
  const names = (await checkpointNames(root)).reverse();
  const first = names.filter((name) => name === latest.trim());
  for (const name of [...first, ...names.filter((other) => other !== latest.trim())]) {
    try {
      return await openCheckpoint(`${root}/${name}`, { verify });
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
    }
  }
  return undefined;
}

/** Opens one checkpoint folder and proves its files. Throws LoadError that names what is wrong. */
export async function openCheckpoint(
  folder: string,
  { verify = true }: { verify?: boolean } = {},
): Promise<Checkpoint> {
  const { fs } = await node();
  const path = `${folder}/${MANIFEST}`;
  const text = await fs.readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new LoadError(folder, `is no complete checkpoint: no ${MANIFEST}`, { cause });
  });
  const checkpoint = parseManifest(text, folder, path);
  for (const name of checkpoint.files.keys()) await proveFile(checkpoint, name, verify);
  return checkpoint;
}

/** Reads one file of a checkpoint and proves its SHA-256. Throws LoadError. */
export async function readCheckpointFile(
  checkpoint: Checkpoint,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const { fs } = await node();
  const path = `${checkpoint.folder}/${name}`;
  const facts = checkpoint.files.get(name);
  if (facts === undefined) throw new LoadError(path, "is not a file of the checkpoint");
  const bytes = await fs.readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new LoadError(path, `cannot be read: ${cause.code ?? cause.message}`, { cause });
  });
  if ((await sha256(bytes)) !== facts.sha256)
    throw new LoadError(path, "does not match its checksum");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Makes a folder for checkpoints where there is none. Throws LoadError where that cannot be. */
export async function makeFolder(root: string): Promise<void> {
  const { fs } = await node();
  await fs.mkdir(root, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new LoadError(root, `cannot be a folder of checkpoints: ${cause.code}`, { cause });
  });
}

type Content = Map<string, Uint8Array<ArrayBuffer> | string>;

function checkedFiles(step: number, files: CheckpointFiles, keep: number): Content {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new ArgumentError("writeCheckpoint", `step must be an integer from 0, got ${step}`);
  }
  if (!(keep >= 1))
    throw new ArgumentError("writeCheckpoint", `keep must be at least 1, got ${keep}`);
  const content = new Map(files);
  for (const name of content.keys()) {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name) || name === MANIFEST) {
      throw new ArgumentError("writeCheckpoint", `${JSON.stringify(name)} cannot be a file name`);
    }
  }
  return content;
}

async function fill(folder: string, step: number, content: Content): Promise<void> {
  const { fs } = await node();
  await fs.mkdir(folder);
  const files: Record<string, { bytes: number; sha256: string }> = {};
  for (const [name, data] of content) {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    await writeFileDurable(`${folder}/${name}`, bytes);
    files[name] = { bytes: bytes.length, sha256: await sha256(bytes) };
  }
  const manifest = JSON.stringify({ format: 1, step, files }, null, 2);
  await writeFileDurable(`${folder}/${MANIFEST}`, `${manifest}\n`);
  await syncFolder(folder);
}

// A step that was saved before keeps its folder until the new one counts: the new one is `-1`,
// `-2`, …
async function moveIntoPlace(temporary: string, root: string, step: number): Promise<string> {
  const { fs } = await node();
  for (let revision = 0; ; revision++) {
    const name = revision === 0 ? `${PREFIX}${step}` : `${PREFIX}${step}-${revision}`;
    if (await exists(`${root}/${name}`)) continue;
    await fs.rename(temporary, `${root}/${name}`);
    return name;
  }
}

// Hidden first, so that a kill in the middle of a removal leaves nothing that looks like a
// checkpoint.
async function removeOlder(root: string, current: string, keep: number): Promise<void> {
  const { fs } = await node();
  const names = (await checkpointNames(root)).reverse();
  const at = names.indexOf(current);
  // After a run was taken back to an earlier step, what lies ahead of it is the oldest.
  const byAge = [...names.slice(at), ...names.slice(0, at)];
  for (const name of byAge.slice(keep)) {
    const hidden = `${root}/${temporaryName(name)}`;
    await fs.rename(`${root}/${name}`, hidden);
    await fs.rm(hidden, { recursive: true, force: true });
  }
}

/** Removes what a killed process left unfinished. */
async function sweep(root: string): Promise<void> {
  const { fs } = await node();
  for (const name of await fs.readdir(root)) {
    if (isAbandoned(name, PREFIX) || isAbandoned(name, LATEST)) {
      await fs.rm(`${root}/${name}`, { recursive: true, force: true });
    }
  }
}

/** The names of checkpoint folders, oldest step first. */
async function checkpointNames(root: string): Promise<string[]> {
  const { fs } = await node();
  const found: { name: string; step: number; revision: number }[] = [];
  for (const name of await fs.readdir(root).catch(() => [])) {
    const match = /^checkpoint-([0-9]+)(?:-([0-9]+))?$/.exec(name);
    if (match) found.push({ name, step: Number(match[1]), revision: Number(match[2] ?? 0) });
  }
  found.sort((a, b) => a.step - b.step || a.revision - b.revision);
  return found.map(({ name }) => name);
}

function parseManifest(text: string, folder: string, path: string): Checkpoint {
  const files = new Map<string, { bytes: number; sha256: string }>();
  try {
    const manifest = JSON.parse(text);
    if (manifest.format !== 1 || !Number.isSafeInteger(manifest.step)) throw new Error("format");
    for (const [name, facts] of Object.entries<Record<string, unknown>>(manifest.files)) {
      const { bytes, sha256: hash } = facts;
      const plain = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name);
      if (!plain || !Number.isSafeInteger(bytes) || typeof hash !== "string") throw new Error(name);
      files.set(name, { bytes: bytes as number, sha256: hash });
    }
    return { step: manifest.step, folder, files };
  } catch (cause) {
    throw new LoadError(path, "is not a manifest of a checkpoint", { cause });
  }
}

async function proveFile(checkpoint: Checkpoint, name: string, verify: boolean): Promise<void> {
  const { fs } = await node();
  const path = `${checkpoint.folder}/${name}`;
  const size = await fs.stat(path).then(
    (found) => found.size,
    () => undefined,
  );
  if (size === undefined) throw new LoadError(path, "is missing from its checkpoint");
  const expected = checkpoint.files.get(name)?.bytes;
  if (size !== expected) {
    throw new LoadError(path, `has ${size} bytes where its checkpoint had ${expected}`);
  }
  if (verify) await readCheckpointFile(checkpoint, name);
}

async function exists(path: string): Promise<boolean> {
  const { fs } = await node();
  return fs.stat(path).then(
    () => true,
    () => false,
  );
}
