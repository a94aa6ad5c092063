// Downloads that are checked before anybody sees them: SHA-256 first, then kept in a cache folder
// under that hash, written atomically. In a page there is no cache but the browser's.
import { LoadError } from "../util/errors.ts";
import { writeFileAtomic } from "./atomic.ts";
import { sha256 } from "./hash.ts";
import { hasFiles, node } from "./node.ts";

export interface DownloadOptions {
  /** SHA-256 of the file, in hex; of a compressed one, of what is in it. */
  checksum: string;
  /** The file is compressed; the cache keeps what is in it. */
  gzip?: boolean | undefined;
  /** The cache folder; ANNEAL_CACHE or ~/.cache/anneal without it. */
  cache?: string | undefined;
  /** More bytes than this are refused; 1 GiB without it. */
  limit?: number;
  /** Milliseconds without a byte after which the transfer is given up; a minute without it. */
  timeout?: number;
}

/** Where downloads are kept: the environment's ANNEAL_CACHE, or ~/.cache/anneal. */
export async function cacheFolder(): Promise<string> {
  const { os, path } = await node();
  return process.env.ANNEAL_CACHE || path.join(os.homedir(), ".cache", "anneal");
}

/**
 * The content of `url`, from the cache where it is there and whole. Throws LoadError for an answer
 * other than 200, a broken transfer, or a wrong checksum; nothing of such a file is kept.
 */
export async function download(
  url: string,
  { checksum, gzip = false, cache, limit = 2 ** 30, timeout = 60_000 }: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const wanted = checksum.toLowerCase();
  const kept = hasFiles() ? await cachePath(url, wanted, cache) : undefined;
  if (kept !== undefined) {
    const bytes = await readIfThere(kept);
    if (bytes !== undefined && (await sha256(bytes)) === wanted) return bytes;
  }
  const sent = await fetchBytes(url, { limit, timeout });
  const bytes = gzip ? await unpack(url, sent, limit) : sent;
  const found = await sha256(bytes);
  if (found !== wanted) {
    throw new LoadError(url, `has another checksum: ${bytes.length} bytes with SHA-256 ${found}`, {
      lines: [`expected ${wanted}`],
    });
  }
  if (kept !== undefined) {
    const { fs, path } = await node();
    await fs.mkdir(path.dirname(kept), { recursive: true });
    await writeFileAtomic(kept, bytes);
  }
  return bytes;
}

async function cachePath(url: string, hash: string, cache: string | undefined): Promise<string> {
  const { path } = await node();
  const last = new URL(url).pathname.split("/").at(-1) ?? "";
  const name = `${hash.slice(0, 16)}-${last.replace(/[^A-Za-z0-9_.-]/g, "_")}`;
  return path.join(cache ?? (await cacheFolder()), name);
}

async function readIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { fs } = await node();
  return fs.readFile(path).then(
    (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length),
    () => undefined,
  );
}

/**
 * What an address gives, unchecked: prefer `download` where the checksum is known. Throws LoadError for an
 * answer other than 200 and for a broken transfer.
 */
export async function fetchBytes(
  url: string,
  { limit = 2 ** 30, timeout = 60_000 }: Pick<DownloadOptions, "limit" | "timeout"> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const control = new AbortController();
  const giveUp = () => control.abort(new Error(`no byte in ${timeout} ms`));
  let timer = setTimeout(giveUp, timeout);
  try {
    const response = await fetch(url, { signal: control.signal }).catch((cause: Error) => {
      throw new LoadError(url, `cannot be fetched: ${reasonOf(cause)}`, { cause });
    });
    if (response.status !== 200) {
      const answer = `${response.status} ${response.statusText}`.trim();
      throw new LoadError(url, `cannot be fetched: the server says ${answer}`);
    }
    return await receive(url, response, limit, () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, timeout);
    });
  } finally {
    clearTimeout(timer);
    control.abort(); // nothing goes on behind an error
  }
}

function receive(
  url: string,
  response: Response,
  limit: number,
  alive: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const broken = (total: number, cause: Error) => {
    const announced = response.headers.get("content-length") ?? "unknown";
    const what = `broke off after ${total} of ${announced} bytes: ${reasonOf(cause)}`;
    return new LoadError(url, `${what} (byte ${total})`, { cause, byte: total });
  };
  return collect(url, response.body?.getReader(), { limit, alive, broken });
}

/** What is in a gzip file. What is packed small may be large: the limit holds for both. */
export function unpack(
  url: string,
  bytes: Uint8Array<ArrayBuffer>,
  limit = 2 ** 30,
): Promise<Uint8Array<ArrayBuffer>> {
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const broken = (_: number, cause: Error) => {
    return new LoadError(url, `is no gzip file: ${reasonOf(cause)}`, { cause });
  };
  return collect(url, unpacked.getReader(), { limit, alive: () => {}, broken });
}

interface Collecting {
  readonly limit: number;
  readonly alive: () => void;
  readonly broken: (total: number, cause: Error) => LoadError;
}

async function collect(
  url: string,
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined,
  { limit, alive, broken }: Collecting,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  while (reader !== undefined) {
    const { done, value } = await reader.read().catch((cause: Error) => {
      throw broken(total, cause);
    });
    if (done) break;
    alive();
    chunks.push(value);
    total += value.length;
    if (total > limit) throw new LoadError(url, `is larger than ${limit} bytes`);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

// fetch says only "fetch failed"; why is in its cause.
function reasonOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
