// Small grey pictures as PNG in data URLs, so that a page needs no other file.
// Not here: pictures as text (digit.ts).

import { PNG } from "pngjs";
import type { Picture } from "./digit.ts";

/** A picture as a grey PNG in a data URL: ink white on black, or as `invert` says black on
 * white. */
export function pngDataUrl({ pixels, rows, cols }: Picture, { invert = false } = {}): string {
  const png = new PNG({ width: cols, height: rows });
  for (let i = 0; i < rows * cols; i++) {
    const ink = pixels[i] ?? 0;
    png.data.fill(invert ? 255 - ink : ink, 4 * i, 4 * i + 3);
    png.data[4 * i + 3] = 255;
  }
  const bytes = PNG.sync.write(png, { colorType: 0 });
  return `data:image/png;base64,${bytes.toString("base64")}`;
}
