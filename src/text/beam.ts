// Beam search: the likeliest text as far as the k likeliest beginnings of each length lead to it,
// for any model behind the interface of decoding.ts, and for many sources at once. A text's score
// is the sum of its tokens' log probabilities, its end included, over the number of its tokens to
// the power of the length penalty (Wu et al. 2016 without their constant, as Hugging Face has it).
// Not here: drawing at random (generate.ts).

import { ArgumentError } from "../util/errors.ts";
import { checkTokens, type LanguageModel } from "./decoding.ts";
import { argmax, logSumExp } from "./sampling.ts";

export interface BeamOptions {
  /** The token that begins every text; it is not given out. */
  begin: number;
  /** The token that ends a text; it is not given out. */
  end: number;
  /** How many tokens a text has at most. */
  maxTokens: number;
  /** How many beginnings are followed at once. */
  beams?: number | undefined;
  /** How many sources the model has read; each is searched for on its own. */
  sources?: number | undefined;
  /** 0 prefers short texts, 1 compares by the mean over tokens, more prefers long ones. */
  lengthPenalty?: number | undefined;
  /** Tokens that never come. */
  forbid?: readonly number[] | undefined;
}

/** A text that was found. */
export interface Hypothesis {
  readonly tokens: readonly number[];
  /** The higher, the better. */
  readonly score: number;
  /** Of the tokens and the end together. */
  readonly logProbability: number;
  /** Whether it ended by itself, not at `maxTokens`. */
  readonly ended: boolean;
}

/** A beginning that is followed, and the row that the model has it in. */
interface Beam {
  readonly tokens: readonly number[];
  readonly logProbability: number;
  readonly row: number;
}

/** What one source has so far. */
interface Search {
  live: readonly Beam[];
  readonly ended: Hypothesis[];
}

/**
 * The best texts of each source, the best first, at most `beams` of them.
 *
 * @example
 * const [[best]] = await beamSearch(model, { begin: 1, end: 2, maxTokens: 50, beams: 4 });
 */
export async function beamSearch(
  model: LanguageModel,
  options: BeamOptions,
): Promise<Hypothesis[][]> {
  const { begin, end, maxTokens, beams = 4, sources = 1, lengthPenalty = 1, forbid = [] } = options;
  for (const [name, value] of Object.entries({ maxTokens, beams, sources })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ArgumentError("beamSearch", `${name} must be an integer from 1, got ${value}`);
  }
  checkTokens("beamSearch", [begin, end, ...forbid], model.vocabularySize);
  const limit = Math.min(maxTokens, model.contextLength ?? Number.POSITIVE_INFINITY);
  const rows = sources * beams;
  const decoding = await model.begin(rows);
  if (decoding.select === undefined)
    throw new ArgumentError("beamSearch", "the model has no select");
  const scoreOf = (logProbability: number, length: number) =>
    logProbability / length ** lengthPenalty;
  const searches = Array.from({ length: sources }, (_, source): Search => {
    return { live: [{ tokens: [], logProbability: 0, row: source * beams }], ended: [] };
  });
  const { vocabularySize: size, normalized = false } = model;
  const rules: Rules = { beams, end, forbid, size, normalized, scoreOf };
  let tokens = new Int32Array(rows).fill(begin);
  for (let length = 1; length <= limit; length++) {
    const logits = await decoding.feed(tokens);
    for (const search of searches) {
      if (search.live.length === 0) continue;
      advance(search, logits, rules);
      const last = length === limit;
      if (!last && mayImprove(search, beams, limit, scoreOf)) continue;
      if (last) search.ended.push(...search.live.map((beam) => unended(beam, scoreOf)));
      search.live = [];
    }
    if (searches.every(({ live }) => live.length === 0)) break;
    const places = placesOf(searches, beams);
    await decoding.select(Int32Array.from(places, ({ row }) => row));
    tokens = Int32Array.from(places, ({ token }) => token ?? end);
    searches.forEach((search, source) => {
      search.live = search.live.map((beam, i) => ({ ...beam, row: source * beams + i }));
    });
  }
  return searches.map(({ ended }) => ended.sort((a, b) => b.score - a.score).slice(0, beams));
}

interface Rules {
  readonly beams: number;
  readonly end: number;
  readonly forbid: readonly number[];
  /** V */
  readonly size: number;
  readonly normalized: boolean;
  readonly scoreOf: (logProbability: number, length: number) => number;
}

/** One token more: of all continuations of all live beams the best, ends set apart. */
function advance(search: Search, logits: Float32Array, rules: Rules): void {
  const { beams, end, forbid, size, scoreOf } = rules;
  const found: Beam[] = [];
  for (const beam of search.live) {
    const next = logits.subarray(beam.row * size, (beam.row + 1) * size);
    const shift = shiftOf(next, rules.normalized);
    for (const token of best(next, 2 * beams, forbid)) {
      const logProbability = beam.logProbability + next[token] - shift;
      if (logProbability === Number.NEGATIVE_INFINITY) continue;
      found.push({ tokens: [...beam.tokens, token], logProbability, row: beam.row });
    }
  }
  // Stable, so that of equals the earlier beam and the lower token comes first.
  found.sort((a, b) => b.logProbability - a.logProbability);
  const live: Beam[] = [];
  found.slice(0, 2 * beams).forEach((beam, place) => {
    if (beam.tokens.at(-1) !== end) {
      if (live.length < beams) live.push(beam);
    } else if (place < beams) {
      const { logProbability } = beam;
      const score = scoreOf(logProbability, beam.tokens.length);
      search.ended.push({ tokens: beam.tokens.slice(0, -1), score, logProbability, ended: true });
    }
  });
  search.live = live;
}

/** Whether a live beam can still beat the worst of those that are kept, at the best length left
 * to it. */
function mayImprove(
  { live, ended }: Search,
  beams: number,
  limit: number,
  scoreOf: Rules["scoreOf"],
): boolean {
  if (live.length === 0) return false;
  if (ended.length < beams) return true;
  const kept = ended.map(({ score }) => score).sort((a, b) => b - a)[beams - 1];
  const { logProbability, tokens } = live[0];
  const most = Math.max(scoreOf(logProbability, limit), scoreOf(logProbability, tokens.length + 1));
  return most > kept;
}

function unended({ tokens, logProbability }: Beam, scoreOf: Rules["scoreOf"]): Hypothesis {
  return { tokens, score: scoreOf(logProbability, tokens.length), logProbability, ended: false };
}

/** For each row of the model: where it goes on from, and the token that it reads next. */
function placesOf(searches: readonly Search[], beams: number): { row: number; token?: number }[] {
  return searches.flatMap(({ live }, source) =>
    Array.from({ length: beams }, (_, i) => {
      const beam = live[i];
      return beam === undefined
        ? { row: source * beams }
        : { row: beam.row, token: beam.tokens.at(-1) };
    }),
  );
}

/** What a row's logits are above logarithms of probabilities. Throws NumericError for a NaN. */
function shiftOf(logits: Float32Array, normalized: boolean): number {
  if (!normalized) return logSumExp(logits);
  argmax(logits);
  return 0;
}

/** The places of the `count` largest values, the largest first, of equals the lower place first. */
function best(values: Float32Array, count: number, forbid: readonly number[]): number[] {
  const kept: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (kept.length === count && !(values[i] > values[kept[count - 1]])) continue;
    if (forbid.includes(i)) continue;
    let at = kept.length;
    while (at > 0 && values[kept[at - 1]] < values[i]) at--;
    kept.splice(at, 0, i);
    if (kept.length > count) kept.pop();
  }
  return kept;
}
