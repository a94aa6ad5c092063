// How text is dressed for a terminal: colours and block characters, or neither. Every drawing
// function takes a style and returns a string; who asks the terminal what it can is whoever prints.
// Not here: the drawings (table.ts, digit.ts, matrix.ts, series.ts).

import pico from "picocolors";

/** What the reader of a text can see. */
export interface TextStyle {
  /** ANSI colours; without them every drawing says the same in characters alone. */
  readonly color?: boolean | undefined;
  /** Block characters and lines; without it ASCII. */
  readonly unicode?: boolean | undefined;
}

/** The colours of a style: functions that leave text as it is where colour is off. */
export type Paint = ReturnType<typeof pico.createColors>;

export function paintOf({ color = false }: TextStyle): Paint {
  return pico.createColors(color);
}

const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** How many cells a text takes; colours take none. */
export function widthOf(text: string): number {
  return [...text.replace(escapes, "")].length;
}

/** The text with spaces before or after it up to a width. */
export function padTo(text: string, width: number, side: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, width - widthOf(text)));
  return side === "left" ? text + space : space + text;
}

/** Blocks of lines side by side, each block as wide as its widest line. */
export function beside(blocks: readonly string[], gap = 2): string {
  const columns = blocks.map((block) => block.split("\n"));
  const widths = columns.map((lines) => Math.max(...lines.map(widthOf)));
  const height = Math.max(0, ...columns.map((lines) => lines.length));
  return Array.from({ length: height }, (_, row) => {
    const cells = columns.map((lines, i) => padTo(lines[row] ?? "", widths[i]!));
    return cells.join(" ".repeat(gap)).trimEnd();
  }).join("\n");
}
