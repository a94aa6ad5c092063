// Sounds from WAV files: PCM of 8, 16, 24 and 32 bits, and floats of 32 and 64.
// Not here: compressed WAV, which is refused by name, or what is made of sounds (anneal/audio).

import { node } from "../io/node.ts";
import { LoadError } from "../util/errors.ts";

export interface Wav {
  /** Samples a second. */
  readonly sampleRate: number;
  readonly channels: number;
  /** From -1 to 1, channel by channel, (C, N). */
  readonly samples: Float32Array;
}

type Read = (view: DataView, at: number) => number;

/** How a sample is read, by format and bits. */
const readers: Readonly<Record<string, Read>> = {
  "1 8": (view, at) => (view.getUint8(at) - 128) / 128,
  "1 16": (view, at) => view.getInt16(at, true) / 2 ** 15,
  "1 24": (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23,
  "1 32": (view, at) => view.getInt32(at, true) / 2 ** 31,
  "3 32": (view, at) => view.getFloat32(at, true),
  "3 64": (view, at) => view.getFloat64(at, true),
};

/** Of an extensible header, the format stands in its first two bytes of a longer number. */
const extensible = 0xfffe;

/**
 * The sound of a WAV file's bytes. Throws LoadError for what is no WAV, for a compressed one, and for one
 * that ends before its samples do.
 *
 * @example
 * const { sampleRate, samples } = parseWav(await readFile("three.wav"), { file: "three.wav" });
 */
export function parseWav(bytes: Uint8Array, { file = "wav" }: { file?: string } = {}): Wav {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || name(0) !== "RIFF" || name(8) !== "WAVE") {
    throw new LoadError(file, "is no WAV file");
  }
  let format: { read: Read; bytes: number; channels: number; sampleRate: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (name(at) === "fmt ") format = formatOf(view, start, size, file);
    if (name(at) === "data") {
      if (format === undefined) throw new LoadError(file, "has samples before their format");
      if (start + size > bytes.length) {
        const left = bytes.length - start;
        throw new LoadError(file, `ends after ${left} of ${size} bytes of samples`);
      }
      return samplesOf(view, start, size, format);
    }
    at = start + size + (size % 2); // chunks begin at even places
  }
  throw new LoadError(file, "has no samples");
}

/** The sound of a WAV file. */
export async function readWav(path: string): Promise<Wav> {
  const { fs } = await node();
  const bytes = await fs.readFile(path).catch((cause: Error) => {
    throw new LoadError(path, "cannot be read", { cause });
  });
  return parseWav(bytes, { file: path });
}

function formatOf(view: DataView, at: number, size: number, file: string) {
  if (size < 16 || at + size > view.byteLength) throw new LoadError(file, "has a broken header");
  const kind = view.getUint16(at, true);
  const code = kind === extensible && size >= 26 ? view.getUint16(at + 24, true) : kind;
  const [channels, sampleRate] = [view.getUint16(at + 2, true), view.getUint32(at + 4, true)];
  const bits = view.getUint16(at + 14, true);
  const read = readers[`${code} ${bits}`];
  if (read === undefined || channels === 0 || sampleRate === 0) {
    const what = `is of format ${code} with ${bits} bits in ${channels} channels, which is not read`;
    throw new LoadError(file, what, { hint: "convert it to PCM of 16 bits" });
  }
  return { read, bytes: bits / 8, channels, sampleRate };
}

function samplesOf(
  view: DataView,
  start: number,
  size: number,
  {
    read,
    bytes,
    channels,
    sampleRate,
  }: { read: Read; bytes: number; channels: number; sampleRate: number },
): Wav {
  const count = Math.floor(size / (bytes * channels));
  const samples = new Float32Array(count * channels);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < channels; c++) {
      samples[c * count + i] = read(view, start + (i * channels + c) * bytes);
    }
  }
  return { sampleRate, channels, samples };
}
