// Files that are there wholly or not at all, whatever kills the process: written beside their
// place, flushed to the disk, renamed over it, and the rename flushed too. Node, Deno and Bun; not
// for pages.
import type { FileHandle } from "node:fs/promises";
import { node } from "./node.ts";

let counter = 0;

/**
 * Replaces the file at `path` by `content` in one step: a reader finds the old content or the new,
 * and after the promise settles a power cut cannot undo it. Rejects with the file system's error,
 * and leaves the old file, when the disk is full or the folder is missing.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const { fs, path: paths } = await node();
  const folder = paths.dirname(path);
  const temporary = paths.join(folder, temporaryName(paths.basename(path)));
  try {
    await writeFileDurable(temporary, content);
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

/** Writes a new file and flushes it to the disk. Rejects when it is there already. */
export async function writeFileDurable(path: string, content: Uint8Array | string): Promise<void> {
  const { fs } = await node();
  const file = await fs.open(path, "wx");
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Flushes the names in a folder to the disk; a system that cannot (Windows) is left alone. */
export async function syncFolder(path: string): Promise<void> {
  const { fs } = await node();
  let folder: FileHandle | undefined;
  try {
    folder = await fs.open(path, "r");
    await folder.sync();
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  } finally {
    await folder?.close();
  }
}

/**
 * A name for unfinished work on `name`; tells which process is at work, see {@link isAbandoned}.
 */
export function temporaryName(name: string): string {
  return `.${name}.${process.pid}.${counter++}.tmp`;
}

/**
 * Whether `name` is unfinished work on a name beginning with `prefix`, of a process that is gone.
 */
export function isAbandoned(name: string, prefix: string): boolean {
  const match = /^\.(.*)\.([0-9]+)\.[0-9]+\.tmp$/.exec(name);
  if (match === null || !match[1]?.startsWith(prefix)) return false;
  try {
    process.kill(Number(match[2]), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function isUnsupported(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (process.platform === "win32") return ["EPERM", "EISDIR", "EACCES"].includes(code);
  return code === "EINVAL" || code === "ENOTSUP";
}
