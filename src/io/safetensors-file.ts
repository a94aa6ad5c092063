// Safetensors files on disk: the header is read and proved first, then tensors by their range of
// bytes, so that one tensor of a large file costs one tensor of memory. Node, Deno and Bun; a page
// fetches the bytes and uses safetensors.ts.
import type { FileHandle } from "node:fs/promises";
import { ArgumentError, LoadError } from "../util/errors.ts";
import { writeFileAtomic } from "./atomic.ts";
import { node } from "./node.ts";
import {
  decodeTensor,
  type ReadOptions,
  type Safetensors,
  type SafetensorsEntry,
  type WritableEntry,
  writeSafetensors,
} from "./safetensors.ts";
import { headerLength, type Layout, parseLayout, type TensorInfo } from "./safetensors-header.ts";

/** Reads a whole file. Throws LoadError with file and byte, and then nothing is loaded. */
export async function readSafetensorsFile(
  path: string,
  options: ReadOptions = {},
): Promise<Safetensors> {
  const file = await SafetensorsFile.open(path);
  try {
    const tensors = new Map<string, SafetensorsEntry>();
    for (const name of file.infos.keys()) tensors.set(name, await file.read(name, options));
    return { tensors, metadata: new Map(file.metadata) };
  } finally {
    await file.close();
  }
}

/** Writes a file atomically: the old content stays until the new one is whole and on the disk. */
export async function writeSafetensorsFile(
  path: string,
  entries: Iterable<readonly [string, WritableEntry]>,
  metadata?: Iterable<readonly [string, string]> | Record<string, string>,
): Promise<void> {
  await writeFileAtomic(path, writeSafetensors(entries, metadata));
}

/**
 * An open file whose tensors are read one by one.
 *
 * @example
 * const file = await SafetensorsFile.open("model.safetensors");
 * const { data, shape } = await file.read("conv1.weight");
 * await file.close();
 */
export class SafetensorsFile {
  readonly path: string;
  readonly infos: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
  private readonly handle: FileHandle;

  private constructor(path: string, handle: FileHandle, layout: Layout) {
    this.path = path;
    this.handle = handle;
    this.infos = layout.infos;
    this.metadata = layout.metadata;
  }

  /** Opens a file and reads its header. Throws LoadError. */
  static async open(path: string): Promise<SafetensorsFile> {
    const { fs } = await node();
    const handle = await fs.open(path, "r").catch((cause: NodeJS.ErrnoException) => {
      throw new LoadError(path, `cannot be opened: ${cause.code ?? cause.message}`, { cause });
    });
    try {
      return new SafetensorsFile(path, handle, await readLayout(handle, path));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Reads one tensor. Throws ArgumentError for a name that is not there, LoadError for a bad file.
   */
  async read(name: string, options: ReadOptions = {}): Promise<SafetensorsEntry> {
    const info = this.infos.get(name);
    if (info === undefined) {
      const what = `${this.path} has no tensor ${JSON.stringify(name)}`;
      throw new ArgumentError("SafetensorsFile.read", what);
    }
    const bytes = await readRange(this.handle, info.begin, info.end, this.path);
    return decodeTensor(info, bytes, this.path, options);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function readLayout(handle: FileHandle, path: string): Promise<Layout> {
  const { size } = await handle.stat().catch((cause: NodeJS.ErrnoException) => {
    throw new LoadError(path, `cannot be read: ${cause.code ?? cause.message}`, { cause });
  });
  const first = await readRange(handle, 0, Math.min(8, size), path);
  const length = headerLength(first, size, path);
  return parseLayout(await readRange(handle, 0, 8 + length, path), size, path);
}

async function readRange(
  handle: FileHandle,
  begin: number,
  end: number,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle
      .read(bytes, done, bytes.length - done, begin + done)
      .catch((cause: NodeJS.ErrnoException) => {
        throw new LoadError(path, `cannot be read: ${cause.code ?? cause.message}`, { cause });
      });
    if (bytesRead === 0) {
      const byte = begin + done;
      throw new LoadError(path, `became shorter while it was read (byte ${byte})`, { byte });
    }
    done += bytesRead;
  }
  return bytes;
}
