// Many files read one by one, a few at a time: the first bad one stops all, or bad ones are left out
// and listed. Not here: what is in the files.
import { LoadError } from "../util/errors.ts";

/** What could not be read, and why. */
export interface BadItem {
  readonly file: string;
  /** The rest of the sentence that begins with the file's name. */
  readonly reason: string;
}

export interface ReadAllOptions {
  /** Leaves out what cannot be read and lists it, instead of throwing. */
  readonly skipBad?: boolean | undefined;
  /** How many are read at the same time. */
  readonly parallel?: number | undefined;
}

/** What was read, in the order of the list, and what was not. */
export interface ReadAll<T> {
  readonly items: T[];
  readonly bad: BadItem[];
}

/**
 * Reads every item of a list. With `skipBad`, a LoadError leaves its item out; all other errors, and
 * without it every error, reject: the earliest in the list, after what had begun has ended.
 *
 * @example
 * const { items, bad } = await readAll(files, (file) => decodePicture(file), { skipBad: true });
 * if (bad.length > 0) console.log(`${bad.length} left out, first ${bad[0].file}: ${bad[0].reason}`);
 */
export async function readAll<S, T>(
  sources: readonly S[],
  read: (source: S, index: number) => T | Promise<T>,
  { skipBad = false, parallel = 8 }: ReadAllOptions = {},
): Promise<ReadAll<T>> {
  const results = new Array<{ item: T } | { error: unknown }>(sources.length);
  let next = 0;
  let failed = false;
  const work = async () => {
    while (next < sources.length && !failed) {
      const index = next++;
      try {
        results[index] = { item: await read(sources[index], index) };
      } catch (error) {
        results[index] = { error };
        failed ||= !(skipBad && error instanceof LoadError);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, parallel) }, work));
  const items: T[] = [];
  const bad: BadItem[] = [];
  for (const result of results) {
    if (result === undefined) continue;
    if ("item" in result) items.push(result.item);
    else if (skipBad && result.error instanceof LoadError) bad.push(badItem(result.error));
    else throw result.error;
  }
  return { items, bad };
}

/** A LoadError as an item of a list. */
export function badItem({ file, detail }: LoadError): BadItem {
  return { file, reason: detail };
}
