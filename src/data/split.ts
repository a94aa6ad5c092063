// Cutting samples into parts by groups: what belongs together (a speaker, a patient, the frames of one
// track) goes into one part whole, so that no part knows the others'. Not here: random splits of
// single samples (dataset.ts).
import { ArgumentError } from "../util/errors.ts";
import { Rng } from "../util/rng.ts";

export interface GroupSplitOptions {
  readonly seed?: number | undefined;
  /** The class of each sample: each class's groups are then cut by themselves. */
  readonly classes?: ArrayLike<number> | undefined;
}

/**
 * The samples of each part, as numbers in rising order. Parts are fractions of the groups that sum
 * to 1; with `classes`, of each class's groups, of which every part gets one where there are enough.
 * Groups are shuffled by the seed alone, whatever order the samples have. Throws ArgumentError for
 * other fractions, and for a group with samples of two classes.
 *
 * @example
 * const [train, test] = groupSplit(clips.map((clip) => clip.speaker), [0.8, 0.2], { seed: 1 });
 * const loader = new DataLoader(new Subset(clips, train), { batchSize: 32 });
 */
export function groupSplit(
  groups: ArrayLike<string | number>,
  parts: readonly number[],
  { seed = 0, classes }: GroupSplitOptions = {},
): number[][] {
  const sum = parts.reduce((a, b) => a + b, 0);
  if (parts.length === 0 || !parts.every((part) => part > 0) || Math.abs(sum - 1) > 1e-6) {
    throw new ArgumentError("groupSplit", `parts must be above 0 and sum to 1, got [${parts}]`);
  }
  if (classes !== undefined && classes.length !== groups.length) {
    const what = `${classes.length} classes for ${groups.length} samples`;
    throw new ArgumentError("groupSplit", what);
  }
  const partOf = new Map<string | number, number>();
  for (const [kind, names] of groupsByClass(groups, classes)) {
    const order = new Rng(seed, kind).permutation(names.length);
    const ends = endsOf(names.length, parts);
    order.forEach((group, place) => {
      partOf.set(
        names[group] as string | number,
        ends.findIndex((end) => place < end),
      );
    });
  }
  const found: number[][] = parts.map(() => []);
  for (let i = 0; i < groups.length; i++) found[partOf.get(groups[i]) as number].push(i);
  return found;
}

/** The names of the groups of each class, sorted. */
function groupsByClass(
  groups: ArrayLike<string | number>,
  classes: ArrayLike<number> | undefined,
): Map<number, (string | number)[]> {
  const classOf = new Map<string | number, number>();
  for (let i = 0; i < groups.length; i++) {
    const [group, kind] = [groups[i], classes?.[i] ?? 0];
    const known = classOf.get(group) ?? kind;
    if (known !== kind) {
      throw new ArgumentError("groupSplit", `group ${group} has the classes ${known} and ${kind}`);
    }
    classOf.set(group, kind);
  }
  const byClass = new Map<number, (string | number)[]>();
  for (const [group, kind] of classOf) byClass.set(kind, [...(byClass.get(kind) ?? []), group]);
  for (const names of byClass.values()) {
    names.sort((a, b) => (a < b ? -1 : 1));
  }
  return byClass;
}

/** Where each part ends in a list of so many groups; none is empty where there are enough. */
function endsOf(count: number, parts: readonly number[]): number[] {
  const ends: number[] = [];
  let sum = 0;
  parts.forEach((part, i) => {
    sum += part;
    const least = (ends[i - 1] ?? 0) + 1;
    const most = count - (parts.length - 1 - i);
    ends.push(Math.min(Math.max(Math.round(sum * count), least), Math.max(most, 0)));
  });
  ends[parts.length - 1] = count;
  return ends;
}
