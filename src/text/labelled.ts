// Texts with a class each, one a line: the class as a number, a space, the text (as SST-2, MR and TREC
// are published). Not here: texts without classes (corpora.ts).

import type { TextSource } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";
import { readLines } from "./corpora.ts";

/** A text and its class. */
export interface Labelled {
  readonly label: number;
  readonly text: string;
}

/**
 * The texts of a file of `label text` lines. Throws LoadError that names the line for one without a
 * label from 0 to below `classes`, and for one without a text.
 *
 * @example
 * const [{ label, text }] = await readLabelled({ from: "sst2.dev.txt" }, { classes: 2 });
 */
export async function readLabelled(
  source: TextSource,
  { classes }: { classes: number },
): Promise<Labelled[]> {
  const lines = await readLines(source);
  return lines.map((line, i) => {
    const parts = /^(\d+)\s+(\S.*)$/u.exec(line);
    const label = Number(parts?.[1]);
    if (parts !== null && label < classes) return { label, text: parts[2]! };
    const shown = line.length > 40 ? `${line.slice(0, 40)}…` : line;
    throw new LoadError(
      source.from,
      `line ${i + 1} is no class and text: ${JSON.stringify(shown)}`,
      {
        hint: `each line is a class from 0 to ${classes - 1}, a space, and the text`,
      },
    );
  });
}
