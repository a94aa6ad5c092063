// Small pictures as text: two pixels a cell by half blocks where the terminal has them, one
// character for two pixels where it has only ASCII. Not here: pictures in reports (picture.ts).

import type { TextStyle } from "./style.ts";

/** Pixels of 0 to 255, row by row: grey (0 is background, 255 ink), or red, green and blue of each. */
export interface Picture {
  readonly pixels: ArrayLike<number>;
  readonly rows: number;
  readonly cols: number;
  /** 1 (grey) without it. */
  readonly channels?: 1 | 3 | undefined;
}

export interface DigitStyle extends TextStyle {
  /** Rows and columns left out on every side: MNIST's digits keep four free. */
  readonly margin?: number | undefined;
}

const shades = " .:-=+*#%@";
const esc = String.fromCharCode(27);

/**
 * A picture as lines of text. In colour every pixel has its grey or its colour, ink bright on dark;
 * without, blocks where there is more than half of full ink; in ASCII a character for the mean of
 * two pixels.
 *
 * @example
 * console.log(drawDigit({ pixels, rows: 28, cols: 28 }, { unicode: true, margin: 3 }));
 */
export function drawDigit(picture: Picture, style: DigitStyle = {}): string {
  const { margin = 0, color = false, unicode = false } = style;
  const { pixels, rows, cols, channels = 1 } = picture;
  const inks = channels === 3 ? [0, 1, 2] : [0];
  const rgb = (row: number, col: number) =>
    inks.map((c) => {
      const value = row < rows - margin ? pixels[(row * cols + col) * channels + c] : 0;
      return Math.round(Math.min(255, Math.max(0, value ?? 0)));
    });
  const at = (row: number, col: number) => rgb(row, col).reduce((a, b) => a + b, 0) / inks.length;
  const lines: string[] = [];
  for (let row = margin; row < rows - margin; row += 2) {
    let line = "";
    for (let col = margin; col < cols - margin; col++) {
      const [top, bottom] = [at(row, col), at(row + 1, col)];
      if (!unicode) line += shades[Math.round(((top + bottom) / 510) * (shades.length - 1))];
      else if (color && channels === 3) {
        const [ink, paper] = [rgb(row, col).join(";"), rgb(row + 1, col).join(";")];
        line += `${esc}[38;2;${ink};48;2;${paper}m▀`;
      } else if (color) line += `${esc}[38;5;${grey(top)};48;5;${grey(bottom)}m▀`;
      else line += block(top > 127, bottom > 127);
    }
    lines.push(unicode && color ? `${line}${esc}[0m` : line);
  }
  return lines.join("\n");
}

function block(top: boolean, bottom: boolean): string {
  if (top) return bottom ? "█" : "▀";
  return bottom ? "▄" : " ";
}

/** The nearest of the terminal's 24 greys; 232 is nearly black, 255 nearly white. */
function grey(value: number): number {
  return 232 + Math.round((value / 255) * 23);
}
