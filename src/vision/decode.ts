// Pictures from files: PNG, JPEG and what else the optional package sharp decodes (WebP, GIF, TIFF,
// AVIF), as arrays of pixels. Not here: label maps, whose numbers are no colours (mask.ts), and
// whatever is done to pictures afterwards (anneal/data's transforms).
import { readFile } from "node:fs/promises";
import type { ImageArray } from "../data/index.ts";
import { LoadError } from "../util/errors.ts";

export interface DecodeOptions {
  /** Grey, RGB or RGB with alpha, whatever the file has; as many as the file has without it. */
  readonly channels?: 1 | 3 | 4 | undefined;
  /** 8: pixels of 16 bits come as the nearest of 8, so that all pictures are uint8. */
  readonly bits?: 8 | undefined;
  /** What errors call bytes; a path has its name. */
  readonly file?: string | undefined;
}

type Sharp = typeof import("sharp").default;

let loaded: Promise<Sharp> | undefined;

/** The package, loaded at first use. */
function sharp(): Promise<Sharp> {
  loaded ??= import("sharp").then(
    (module) => module.default,
    (cause: NodeJS.ErrnoException) => {
      loaded = undefined;
      const missing = cause.code === "ERR_MODULE_NOT_FOUND";
      const why = missing
        ? "is not installed"
        : `cannot be loaded: ${cause.message.split("\n")[0]}`;
      throw new LoadError("sharp", `${why}; pictures are decoded by it`, {
        hint: "npm install sharp",
        cause,
      });
    },
  );
  return loaded;
}

/**
 * The pixels of a picture, given as a path or as the bytes of a file, channels last: (H, W, C) with one
 * channel for grey, three for RGB, four where there is alpha. Pixels of 8 bits come as uint8,
 * those of 16 bits as float32 of 0 to 65535, exactly. Palettes become colours, and other colour
 * spaces RGB; what a camera says of its position (EXIF) is not looked at, as in torchvision.
 *
 * @throws LoadError for a file that is not there, is no picture or is cut off, and where the package sharp
 * is missing.
 *
 * @example
 * const { data, shape } = await decodePicture("cat.jpg", { channels: 3 }); // shape [480, 640, 3]
 */
export async function decodePicture(
  source: string | Uint8Array,
  { channels, bits, file = typeof source === "string" ? source : "picture" }: DecodeOptions = {},
): Promise<ImageArray> {
  const bytes = typeof source === "string" ? await bytesOf(source) : source;
  const open = await sharp();
  if (bytes.length === 0) throw new LoadError(file, "is empty, so no picture");
  try {
    const input = open(bytes, { failOn: "error" });
    // A JPEG of known channels needs no look at its header: it has 8 bits.
    const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
    const found = isJpeg && channels !== undefined ? undefined : await input.metadata();
    const wide = bits !== 8 && found?.depth === "ushort";
    const wanted = channels ?? ownChannels(found?.space, found?.hasAlpha);
    const grey = wanted === 1;
    let pipeline = wanted === 4 ? input.ensureAlpha() : input.removeAlpha();
    pipeline = pipeline.toColourspace(grey ? (wide ? "grey16" : "b-w") : wide ? "rgb16" : "srgb");
    const raw = pipeline.raw({ depth: wide ? "ushort" : "uchar" });
    const { data, info } = await raw.toBuffer({ resolveWithObject: true });
    return {
      data: wide ? fromWords(data) : new Uint8Array(data.buffer, data.byteOffset, data.length),
      shape: [info.height, info.width, info.channels],
      layout: "hwc",
    };
  } catch (cause) {
    const why = (cause as Error).message.split("\n")[0].replace(/^Input buffer /, "");
    throw new LoadError(file, `is no readable picture: ${why}`, { cause });
  }
}

function ownChannels(space: string | undefined, alpha = false): number {
  if (alpha) return 4;
  return space === "b-w" || space === "grey16" ? 1 : 3;
}

function fromWords(data: Uint8Array): Float32Array {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  return Float32Array.from({ length: data.length / 2 }, (_, i) =>
    view.getUint16(2 * i, littleEndian),
  );
}

/** A file's bytes. Throws LoadError. */
export async function bytesOf(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "is not there" : `cannot be read: ${cause.code}`;
    throw new LoadError(file, why, { cause });
  });
}
