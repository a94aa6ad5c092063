// Learning the merges of byte-pair encoding: again and again the pair of neighbours that comes most
// often in all words becomes one token; of equals the pair whose tokens are older. Words are
// counted once, and a merge looks only at the words that have its pair.
// Not here: using the merges (bpe.ts).

import { byteCharacters, cutText } from "./bytes.ts";

interface Word {
  /** Numbers of tokens: bytes below 256, then merges. */
  ids: number[];
  readonly count: number;
}

interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  /** The words that have it, or once had it. */
  readonly words: Set<number>;
}

/** At most `count` merges of two tokens each, in the order in which they are learned. */
export function learnMerges(
  texts: Iterable<string>,
  { count, minCount }: { count: number; minCount: number },
): [string, string][] {
  const words = countWords(texts);
  const pairs = new Pairs(minCount);
  words.forEach((word, at) => void pairs.addWord(word, at, 1));
  pairs.rank();
  const tokens = [...byteCharacters];
  const merges: [string, string][] = [];
  const known = new Set(tokens);
  while (merges.length < count) {
    const best = pairs.takeBest();
    if (best === undefined) break;
    const text = tokens[best.left] + tokens[best.right];
    // Two ways to spell one token: its text is in the vocabulary once, so that the second way is
    // left.
    if (known.has(text)) continue;
    known.add(text);
    merges.push([tokens[best.left], tokens[best.right]]);
    const id = tokens.push(text) - 1;
    for (const at of best.words) {
      const word = words[at];
      pairs.addWord(word, at, -1);
      word.ids = mergeIn(word.ids, best, id);
      pairs.addWord(word, at, 1);
    }
    pairs.rank();
  }
  return merges;
}

function countWords(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const word of cutText(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const encoder = new TextEncoder();
  return Array.from(counts, ([word, count]) => ({ ids: [...encoder.encode(word)], count }));
}

function mergeIn(ids: readonly number[], { left, right }: Pair, id: number): number[] {
  const merged: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const here = ids[i] === left && ids[i + 1] === right;
    merged.push(here ? id : ids[i]);
    if (here) i++;
  }
  return merged;
}

/** An entry of the heap: what a pair's count was when it was put in. */
interface Entry {
  readonly pair: Pair;
  readonly count: number;
}

/** Counts of pairs with a heap over them, whose entries may be out of date. */
class Pairs {
  private readonly byKey = new Map<number, Pair>();
  private readonly heap: Entry[] = [];
  /** Those that words were added to since they were ranked. */
  private readonly risen = new Set<Pair>();
  private readonly minCount: number;

  constructor(minCount: number) {
    this.minCount = Math.max(1, minCount);
  }

  /** Adds the pairs of a word, or takes them away. */
  addWord({ ids, count }: Word, at: number, sign: 1 | -1): void {
    for (let i = 0; i + 1 < ids.length; i++) {
      const [left, right] = [ids[i], ids[i + 1]];
      const key = left * 2 ** 26 + right;
      let pair = this.byKey.get(key);
      if (pair === undefined) {
        pair = { left, right, count: 0, words: new Set() };
        this.byKey.set(key, pair);
      }
      pair.count += sign * count;
      if (sign < 0) continue;
      pair.words.add(at);
      this.risen.add(pair);
    }
  }

  /** Gives what has risen its new place; what has fallen finds its own when it comes up. */
  rank(): void {
    for (const pair of this.risen) this.push({ pair, count: pair.count });
    this.risen.clear();
  }

  /** The pair that comes most often now, or undefined when none comes often enough. */
  takeBest(): Pair | undefined {
    for (;;) {
      const entry = this.pop();
      if (entry === undefined) return undefined;
      const { pair, count } = entry;
      if (pair.count < this.minCount) continue;
      if (pair.count === count) return pair;
      if (pair.count < count) this.push({ pair, count: pair.count });
    }
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  private pop(): Entry | undefined {
    const { heap } = this;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Entry, b: Entry): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.pair.left !== b.pair.left ? a.pair.left < b.pair.left : a.pair.right < b.pair.right;
}
