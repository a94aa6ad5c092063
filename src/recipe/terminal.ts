// Where a recipe writes, and what its reader can see. Not here: which terminal that is (the command
// line's), or the drawings (anneal/vis).

import type { TextStyle } from "../vis/index.ts";

/** Where a command writes, and what its reader can see. */
export interface Terminal {
  readonly style: TextStyle;
  /** Cells in a line. */
  readonly columns: number;
  /** Writes text and ends the line. */
  print(text?: string): void;
  /** Writes text as it is. */
  write(text: string): void;
}
