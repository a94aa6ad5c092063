// A folder or a tar archive as one thing: the names of files in it, and their bytes by name. A tar is
// read once and stays in memory. Not here: what the files hold.
import { readdir, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { parseTar } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";
import { bytesOf } from "./decode.ts";

/** Files below a folder or in an archive. */
export interface FileTree {
  /** The path of the folder or the archive. */
  readonly root: string;
  /** Paths within it, with `/`, in the order of their names. */
  readonly names: readonly string[];
  /** What errors call a file. */
  label(name: string): string;
  /** The bytes of a file. Rejects with LoadError. */
  read(name: string): Promise<Uint8Array>;
}

/**
 * The files of a folder, with those of all folders below, or of a tar archive. Throws LoadError where
 * there is neither.
 *
 * @example
 * const tree = await openFiles("cifar10/train.tar");
 * const bytes = await tree.read("airplane/0000.jpg");
 */
export async function openFiles(root: string): Promise<FileTree> {
  const found = await stat(root).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "is not there" : `cannot be read: ${cause.code}`;
    throw new LoadError(root, why, { cause });
  });
  return found.isDirectory() ? folder(root) : archive(root);
}

async function folder(root: string): Promise<FileTree> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, sep).length));
  return {
    root,
    names: names.map((name) => name.split(sep).join("/")).sort(byName),
    label: (name) => join(root, name),
    read: (name) => bytesOf(join(root, name)),
  };
}

async function archive(root: string): Promise<FileTree> {
  const files = parseTar(await bytesOf(root), root);
  const byPath = new Map(files.map(({ name, bytes }) => [name, bytes]));
  const label = (name: string) => `${root}:${name}`;
  return {
    root,
    names: [...byPath.keys()].sort(byName),
    label,
    read: async (name) => {
      const bytes = byPath.get(name);
      if (bytes === undefined) throw new LoadError(label(name), "is not in the archive");
      return bytes;
    },
  };
}

/** By code units, the same on every machine. */
function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
