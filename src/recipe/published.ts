// Data in a folder: the one that --data names, else that of ANNEAL_DATA, else the one that was fetched before
// from where its authors publish it. Fetching wants --download; a checksum that is not known here is that of
// the first answer, written down beside the files. Not here: single files (sources.ts), or what is in them.

import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { cacheFolder, fetchBytes, gunzip, parseTar, parseZip, sha256 } from "../io/index.ts";
import { say } from "../util/env.ts";
import { LoadError } from "../util/errors.ts";
import { text, toggle } from "./settings.ts";
import { inDataFolder } from "./sources.ts";

/** A data set, and where its authors publish it. */
export interface Published {
  /** What it is called. */
  readonly name: string;
  /** Where it lies in the folder ANNEAL_DATA; the last part alone will do. */
  readonly place: string;
  readonly files: readonly PublishedFile[];
  /** What to read where there is no address, or besides. */
  readonly page?: string;
}

/** What one address gives. */
export interface PublishedFile {
  readonly from: string;
  /** SHA-256 in hex; without it the first answer is taken, and what it was is written down. */
  readonly sha256?: string;
  /** What the file is called in the folder. Without it the address gives an archive: tar, tar.gz or zip. */
  readonly name?: string;
  /** The folder within the archive that is meant; all of it without. */
  readonly inside?: string;
}

/** The settings of a recipe that reads a folder. */
export const folderSettings = {
  data: text("the folder of the data", "<folder>"),
  download: toggle("fetch the data from where its authors publish it"),
} as const;

export interface FolderConfig {
  readonly data: string | null;
  readonly download: boolean;
}

/** What is kept of a download, beside its files. */
const markName = ".download.json";

/**
 * The folder that a run reads. Throws LoadError that says what to fetch from where, for a checksum other than
 * the known one, and for an archive with paths that lead out of it.
 *
 * @example
 * const folder = await folderOf(config, { name: "FSDD", place: "speech/fsdd", files: [{ from, inside }] });
 */
export async function folderOf(
  { data, download }: FolderConfig,
  published: Published,
): Promise<string> {
  if (data !== null) {
    if (existsSync(data)) return data;
    throw new LoadError(data, "is not there", { hint: publishedAt(published) });
  }
  const found = inDataFolder(published.place);
  if (found !== undefined) return found;
  const cached = join(await cacheFolder(), "data", slugOf(published.name));
  if (await isFetched(cached, published)) return cached;
  if (download && published.files.length > 0) {
    await fetchAll(cached, published);
    return cached;
  }
  const lines = addressesOf(published).map((address) => `published at ${address}`);
  const named = "--data FOLDER, or ANNEAL_DATA, says where it lies";
  const hint = published.files.length > 0 ? `--download fetches it; ${named}` : named;
  throw new LoadError(published.name, "is not here", { lines, hint });
}

function addressesOf({ files, page }: Published): string[] {
  return [...files.map(({ from }) => from), ...(page === undefined ? [] : [page])];
}

/** A name as a folder can have it. */
function slugOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

/** Where a data set is to be had, as the hint of an error. */
export function publishedAt(published: Published): string {
  const told = `${published.name} is published at ${addressesOf(published).join(", ")}`;
  return published.files.length > 0 ? `${told}; without --data, --download fetches it` : told;
}

/** What was fetched: the addresses, and the SHA-256 of what they gave. */
interface Mark {
  readonly from: string;
  readonly sha256: string;
  /** Whether somebody knew the checksum before. */
  readonly known: boolean;
}

/** Whether all of a data set was fetched before, from these addresses, with the checksums that are known. */
async function isFetched(folder: string, { files }: Published): Promise<boolean> {
  const text = await readFile(join(folder, markName), "utf8").catch(() => "[]");
  const marks = JSON.parse(text) as readonly Mark[];
  return (
    marks.length > 0 &&
    files.every((file) => {
      const mark = marks.find(({ from }) => from === file.from);
      return mark !== undefined && mark.sha256 === (file.sha256 ?? mark.sha256);
    })
  );
}

/** Fetches into a folder beside, which takes the place of the cached one when all of it is there. */
async function fetchAll(folder: string, { files }: Published): Promise<void> {
  const making = `${folder}.${process.pid}`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  try {
    const marks: Mark[] = [];
    for (const file of files) marks.push(await fetchOne(making, file));
    await writeFile(join(making, markName), `${JSON.stringify(marks, null, 2)}\n`);
    await rm(folder, { recursive: true, force: true });
    await rename(making, folder);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  say(`the files lie in ${folder}`);
}

async function fetchOne(folder: string, file: PublishedFile): Promise<Mark> {
  const { from, sha256: wanted, name } = file;
  say(`fetching ${from}`);
  const bytes = await fetchBytes(from, { limit: 2 ** 31 });
  const found = await sha256(bytes);
  if (wanted !== undefined && wanted !== found) {
    const what = `has another checksum: ${bytes.length} bytes with SHA-256 ${found}`;
    throw new LoadError(from, what, { lines: [`expected ${wanted}`] });
  }
  if (wanted === undefined) {
    say(`  its checksum is not known here; SHA-256 ${found} is written down with the files`);
  }
  const parts = name === undefined ? await unpackedFiles(bytes, file) : [{ name, bytes }];
  for (const part of parts) {
    const path = join(folder, part.name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, part.bytes);
  }
  return { from, sha256: found, known: wanted !== undefined };
}

interface Part {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The files of an archive below its folder that is meant. */
async function unpackedFiles(
  bytes: Uint8Array<ArrayBuffer>,
  { from, inside = "" }: PublishedFile,
): Promise<Part[]> {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const all: readonly Part[] = isZip
    ? await parseZip(bytes, from)
    : parseTar(isGzip ? await gunzip(from, bytes, 2 ** 32) : bytes, from);
  const prefix = inside === "" ? "" : `${inside}/`;
  const meant = all.filter(({ name }) => name.startsWith(prefix));
  if (meant.length === 0) throw new LoadError(from, `has no files in ${inside}`);
  return meant.map((part) => {
    const name = posix.normalize(part.name.slice(prefix.length));
    if (!name.startsWith("../") && !posix.isAbsolute(name)) return { ...part, name };
    throw new LoadError(from, `has a file that would lie outside its folder: ${part.name}`);
  });
}
