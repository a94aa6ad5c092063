// Label maps and masks: PNG pictures whose pixels are numbers of classes or of things, not colours. The
// numbers are read as they lie in the file (palette indices, grey of 1 to 16 bits), where a decoder of
// pictures would give colours. Not here: pictures (decode.ts), or colours that stand for classes.
import { inflateSync } from "node:zlib";
import type { Mask } from "../data/index.ts";
import { LoadError } from "../util/errors.ts";
import { bytesOf } from "./decode.ts";

export interface MaskOptions {
  /** How many classes there are: numbers go from 0 to `classes - 1`. Without it any number does. */
  readonly classes?: number | undefined;
  /** Numbers besides these that may stand there, for pixels that nobody judges; VOC's is 255. */
  readonly ignore?: number | readonly number[] | undefined;
  /** The height and width that it must have: those of its picture. */
  readonly size?: readonly [height: number, width: number] | undefined;
  /** What errors call bytes; a path has its name. */
  readonly file?: string | undefined;
}

/**
 * The numbers of a label map in PNG, row by row: (H, W). Those of a file of 16 bits come as uint16, others
 * as uint8.
 *
 * @throws LoadError for what is no PNG of numbers, for another size than its picture's, and for a number
 * that is no class, with the pixel where it first stands.
 *
 * @example
 * const mask = await readMask("labels/0001.png", { classes: 11, ignore: 11, size: [180, 240] });
 */
export async function readMask(
  source: string | Uint8Array,
  options: MaskOptions = {},
): Promise<Mask> {
  const { file = typeof source === "string" ? source : "mask" } = options;
  const png = parsePng(typeof source === "string" ? await bytesOf(source) : source, file);
  const data = samplesOf(png, file);
  const { height, width } = png;
  const { size = [height, width] } = options;
  if (size[0] !== height || size[1] !== width) {
    const wanted = `its picture has ${size[1]} × ${size[0]}`;
    throw new LoadError(file, `has ${width} × ${height} pixels (width × height), ${wanted}`);
  }
  checkNumbers(data, width, file, options);
  return { data, shape: [height, width] };
}

function checkNumbers(
  data: Uint8Array | Uint16Array,
  width: number,
  file: string,
  { classes, ignore = [] }: MaskOptions,
): void {
  if (classes === undefined) return;
  const others = [ignore].flat();
  const at = data.findIndex((value: number) => value >= classes && !others.includes(value));
  if (at < 0) return;
  const where = `row ${Math.floor(at / width)}, column ${at % width}`;
  const besides = others.length > 0 ? ` or ${others.join(", ")}` : "";
  throw new LoadError(
    file,
    `has the number ${data[at]} at ${where}, not 0 to ${classes - 1}${besides}`,
  );
}

interface Png {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly packed: Uint8Array[];
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Colour types of PNG whose pixels are one number: grey, and an index into a palette. */
const oneNumber = [0, 3];

/** The header and the compressed parts of a PNG of numbers (W3C, PNG, 2003, 11.2). */
function parsePng(bytes: Uint8Array, file: string): Png {
  if (signature.some((byte, i) => bytes[i] !== byte)) throw new LoadError(file, "is no PNG");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let head: Omit<Png, "packed"> | undefined;
  const packed: Uint8Array[] = [];
  for (let at = 8; ; ) {
    const length = at + 12 <= bytes.length ? view.getUint32(at) : Number.POSITIVE_INFINITY;
    if (at + 12 + length > bytes.length) {
      throw new LoadError(file, `ends within its pixels (byte ${bytes.length})`);
    }
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") head = headOf(view, at + 8, file);
    else if (kind === "IDAT") packed.push(content);
    else if (kind === "IEND") break;
    at += 12 + length;
  }
  if (head === undefined) throw new LoadError(file, "has no PNG header");
  return { ...head, packed };
}

function headOf(view: DataView, at: number, file: string): Omit<Png, "packed"> {
  const [bits, colour, interlaced] = [8, 9, 12].map((i) => view.getUint8(at + i));
  if (!oneNumber.includes(colour)) {
    const hint = "a label map is grey or has a palette: one number a pixel";
    throw new LoadError(file, "has colours, not one number a pixel", { hint });
  }
  if (interlaced !== 0) {
    throw new LoadError(file, "is interlaced", { hint: "save it without interlacing" });
  }
  return { width: view.getUint32(at), height: view.getUint32(at + 4), bits };
}

/** The numbers of all pixels, row by row. */
function samplesOf({ width, height, bits, packed }: Png, file: string): Uint8Array | Uint16Array {
  const rowBytes = Math.ceil((width * bits) / 8);
  const needed = height * (rowBytes + 1);
  let lines: Uint8Array;
  try {
    lines = inflateSync(Buffer.concat(packed), { maxOutputLength: needed });
  } catch (cause) {
    throw new LoadError(file, "has damaged pixels", { cause });
  }
  if (lines.length !== needed || needed === 0) {
    throw new LoadError(file, `has ${lines.length} bytes of pixels, not ${needed}`);
  }
  unfilter(lines, height, rowBytes, Math.max(1, bits / 8), file);
  const data = bits === 16 ? new Uint16Array(width * height) : new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = lines.subarray(y * (rowBytes + 1) + 1, (y + 1) * (rowBytes + 1));
    for (let x = 0; x < width; x++) data[y * width + x] = sampleAt(row, x, bits);
  }
  return data;
}

function sampleAt(row: Uint8Array, x: number, bits: number): number {
  if (bits === 8) return row[x];
  if (bits === 16) return row[2 * x] * 256 + row[2 * x + 1];
  const bit = x * bits;
  return (row[bit >> 3] >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
}

type Filter = (left: number, up: number, upLeft: number) => number;

/** What each kind of line adds to its bytes, by the bytes beside and above (PNG, 9.2). */
const filters: readonly Filter[] = [
  () => 0,
  (left) => left,
  (_, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
];

function paeth(left: number, up: number, upLeft: number): number {
  const guess = left + up - upLeft;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - upLeft)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : upLeft;
}

function unfilter(lines: Uint8Array, height: number, rowBytes: number, step: number, file: string) {
  const stride = rowBytes + 1;
  for (let y = 0; y < height; y++) {
    const start = y * stride + 1;
    const filter = filters[lines[start - 1]];
    if (filter === undefined) throw new LoadError(file, `has a damaged line of pixels, ${y}`);
    if (lines[start - 1] === 0) continue;
    for (let i = 0; i < rowBytes; i++) {
      const at = start + i;
      const left = i >= step ? lines[at - step] : 0;
      const up = y > 0 ? lines[at - stride] : 0;
      const upLeft = i >= step && y > 0 ? lines[at - stride - step] : 0;
      lines[at] += filter(left, up, upLeft); // modulo 256, as bytes are
    }
  }
}
