// A picture of a digit, made into what MNIST's authors would have made of it: ink bright on black,
// its box scaled to 20 pixels, its centre of mass in the middle of 28×28.
// Not here: what the digit is (anneal predict).

import { readFile } from "node:fs/promises";
import { LoadError } from "anneal";
import { image, resizeTo } from "anneal/data";
import { PNG } from "pngjs";

/** Ink from 0 to 255, row by row. */
export interface Ink {
  readonly pixels: Uint8Array;
  readonly rows: number;
  readonly cols: number;
}

interface Rgba {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Decoded pixels take four bytes each; no picture of a digit needs more. */
const mostPixels = 50_000_000;
const side = 28;
const box = 20;

/** Reads a PNG of one digit, of any size and colour type, dark on light or light on dark, as 28×28 ink.
 *  Throws LoadError naming the file where it cannot be read, is no PNG or shows nothing. */
export async function readDigit(file: string): Promise<Ink> {
  return toMnist(inkOf(await readPng(file), file), file);
}

async function readPng(file: string): Promise<Rgba> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "is not there" : `cannot be read: ${cause.code}`;
    throw new LoadError(file, why, { cause });
  });
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  const wrong = signature.findIndex((byte, i) => bytes[i] !== byte);
  if (wrong >= 0) {
    const what = `is no PNG (byte ${wrong})`;
    throw new LoadError(file, what, { byte: wrong, hint: "convert the picture to PNG" });
  }
  if (bytes.length < 33) throw new LoadError(file, `ends at byte ${bytes.length}, in its header`);
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  if (width === 0 || height === 0 || width * height > mostPixels) {
    throw new LoadError(file, `says it has ${width}x${height} pixels (byte 16)`, { byte: 16 });
  }
  try {
    return PNG.sync.read(bytes);
  } catch (cause) {
    const why = (cause as Error).message.replace(/\.$/, "");
    throw new LoadError(file, `is a broken PNG: ${why}`, { cause });
  }
}

/** How far each pixel is from the ground, which is what lies along the border. */
export function inkOf({ width, height, data }: Rgba, file = "image"): Ink {
  const light = new Float32Array(width * height);
  const alpha = new Float32Array(width * height);
  for (let i = 0; i < light.length; i++) {
    const [r, g, b, a] = data.subarray(4 * i, 4 * i + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    alpha[i] = a;
    light[i] = 255 + (a / 255) * (0.299 * r + 0.587 * g + 0.114 * b - 255); // over white
  }
  // A transparent ground says nothing of its colour: there the ink is what is not transparent.
  const seeThrough = median(border(alpha, width, height)) < 128;
  const shown = seeThrough ? alpha : light;
  const ground = median(border(shown, width, height));
  const sign = ground > 127 ? -1 : 1;
  const ink = shown.map((value) => Math.max(0, sign * (value - ground)));
  const most = ink.reduce((a, b) => Math.max(a, b), 0);
  if (most < 24) {
    throw new LoadError(file, "shows nothing: all of it has about one colour", {
      hint: "draw one digit, dark on light or light on dark, with a border around it",
    });
  }
  // What is faint is paper, shadow or compression, not ink.
  const pixels = Uint8Array.from(ink, (value) => {
    const part = value / most;
    return part < 0.12 ? 0 : Math.round(255 * part);
  });
  return { pixels, rows: height, cols: width };
}

/** Cuts the ink out, scales its longer side to 20 pixels, and centres it by mass in 28×28. */
export function toMnist(ink: Ink, file = "image"): Ink {
  const found = boxOf(ink);
  if (found === undefined) throw new LoadError(file, "shows nothing");
  if (ink.rows === side && ink.cols === side && liesLikeMnist(ink, found)) return ink;
  const { top, left, height, width } = found;
  const cut = new Uint8Array(height * width);
  for (let row = 0; row < height; row++) {
    const from = (top + row) * ink.cols + left;
    cut.set(ink.pixels.subarray(from, from + width), row * width);
  }
  const scale = box / Math.max(height, width);
  const [rows, cols] = [height, width].map((n) => Math.max(1, Math.round(n * scale))) as [
    number,
    number,
  ];
  const small = resizeTo(image(cut, [height, width]), rows, cols);
  const most = Math.max(...small.data);
  const pixels = Uint8Array.from(small.data, (v) => Math.round((255 * v) / Math.max(1, most)));
  const { x, y } = centreOf({ pixels, rows, cols });
  const [down, right] = [Math.round(side / 2 - y), Math.round(side / 2 - x)];
  const digit = new Uint8Array(side * side);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const [toRow, toCol] = [row + down, col + right];
      const inside = toRow >= 0 && toRow < side && toCol >= 0 && toCol < side;
      if (inside) digit[toRow * side + toCol] = pixels[row * cols + col]!;
    }
  }
  return { pixels: digit, rows: side, cols: side };
}

interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

function boxOf({ pixels, rows, cols }: Ink): Box | undefined {
  let [top, left, bottom, right] = [rows, cols, -1, -1];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      if (pixels[row * cols + col]! < 64) continue;
      [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
      [left, right] = [Math.min(left, col), Math.max(right, col)];
    }
  }
  if (bottom < 0) return undefined;
  return { top, left, height: bottom - top + 1, width: right - left + 1 };
}

/** A picture that came from MNIST stays as it is, to the pixel. */
function liesLikeMnist(ink: Ink, { height, width }: Box): boolean {
  const { x, y } = centreOf(ink);
  const longer = Math.max(height, width);
  return Math.hypot(x - side / 2, y - side / 2) < 1 && longer <= box && longer >= box - 3;
}

function centreOf({ pixels, rows, cols }: Ink): { x: number; y: number } {
  let [sum, x, y] = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const mass = pixels[row * cols + col]!;
      sum += mass;
      x += mass * col;
      y += mass * row;
    }
  }
  return { x: x / sum, y: y / sum };
}

function border(values: Float32Array, width: number, height: number): number[] {
  const found: number[] = [];
  for (let col = 0; col < width; col++)
    found.push(values[col]!, values[(height - 1) * width + col]!);
  for (let row = 0; row < height; row++) {
    found.push(values[row * width]!, values[row * width + width - 1]!);
  }
  return found;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
