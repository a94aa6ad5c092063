// splitFile: what of the data trained, validated and tested, kept with the run. Not here: how data is split
// (anneal/data).

/** Names or places of samples, by the part that they are in. */
export type Split = Readonly<Record<string, ArrayLike<string | number>>>;

/**
 * The file `split.json` of a run, for `Prepared.files`. What is left out of `parts` is the rest.
 *
 * @example
 * files: splitFile({ train: names(train), validation: names(validation), test: names(test) });
 */
export function splitFile(parts: Split): Readonly<Record<string, string>> {
  const lists = Object.entries(parts).map(([part, list]) => [part, Array.from(list)] as const);
  return { "split.json": `${JSON.stringify(Object.fromEntries(lists), null, 1)}\n` };
}
