// What commander complains of, as one of Anneal's typed errors. Not here: which options there are
// (main.ts), or the checks of their values (anneal/recipe).

import { UsageError } from "../recipe/index.ts";
import type { ErrorNotes } from "../util/errors.ts";

/** What commander complains of, in the form of Anneal's errors. */
export function usageOf(message: string, command: string): UsageError {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(rest.join(" ").trim())?.[1];
  const hint = suggestion === undefined ? `${command} --help` : `did you mean ${suggestion}?`;
  const notes: ErrorNotes = { hint };
  return new UsageError(command, first.replace(/\.$/, ""), notes);
}
