// How well readers answer: the rank of the answer's sentence beside TF-IDF's, the words of the answer, and
// how sure the difference is. Not here: the readers (reader.ts).

import { noGrad } from "anneal";
import { Rng } from "anneal/data";
import type { Model } from "anneal/train";
import type { Passage as DrawnPassage } from "anneal/vis";
import { batchOf, type Encoded } from "./batches.ts";
import type { Asked, Sample } from "./data.ts";

/** What a reader says of a question. */
export interface Reply {
  /** How likely each sentence has the answer. */
  readonly sentences: readonly number[];
  /** How likely each word is the answer's first, and its last. */
  readonly first: readonly number[];
  readonly last: readonly number[];
}

const batch = 16;

/** Asks each fold's reader its own questions. */
export async function replies(
  model: Model,
  folds: readonly (readonly Encoded[])[],
): Promise<Reply[][]> {
  model.eval();
  const orders = folds.map((own) => {
    return [...own.keys()].sort((a, b) => own[a]!.words.length - own[b]!.words.length);
  });
  const found = folds.map((own) => new Array<Reply>(own.length));
  const count = Math.max(...folds.map((own) => own.length));
  for (let from = 0; from < count; from += batch) {
    // Folds with fewer questions are asked their last ones once more.
    const places = orders.map((order) => {
      const rows = Math.min(batch, count - from);
      return Array.from({ length: rows }, (_, i) => order[Math.min(from + i, order.length - 1)]!);
    });
    const { x } = batchOf(
      places.flatMap((own, f) => own.map((i) => folds[f]![i]!)),
      folds.length,
    );
    const output = noGrad(() => model.forward(x as never)); // (F, B, 3, T)
    const [, B, , T] = output.shape as [number, number, number, number];
    const values = (await output.data()) as Float32Array;
    places.forEach((own, f) => {
      own.forEach((i, row) => {
        const at = (f * B + row) * 3 * T;
        const { words, sentenceOf } = folds[f]![i]!;
        const odds = (part: number, length: number) => {
          return Array.from(values.subarray(at + part * T, at + part * T + length), Math.exp);
        };
        found[f]![i] = {
          sentences: odds(0, sentenceOf.at(-1)! + 1),
          first: odds(1, words.length),
          last: odds(2, words.length),
        };
      });
    });
  }
  return found;
}

/** What several readers say together: the means of their probabilities. */
export function together(all: readonly Reply[]): Reply {
  const mean = (of: (reply: Reply) => readonly number[]) => {
    return of(all[0]!).map(
      (_, i) => all.reduce((sum, reply) => sum + of(reply)[i]!, 0) / all.length,
    );
  };
  return {
    sentences: mean((r) => r.sentences),
    first: mean((r) => r.first),
    last: mean((r) => r.last),
  };
}

/** Answers have at most so many words. */
const longest = 12;

/** The likeliest answer within one sentence. */
export function spanOf({ passage }: Asked, { first, last }: Reply) {
  let best = { first: 0, last: 0, probability: 0 };
  first.forEach((begin, i) => {
    for (let k = i; k < Math.min(first.length, i + longest); k++) {
      if (passage.sentenceOf[k] !== passage.sentenceOf[i]) break;
      const probability = begin * last[k]!;
      if (probability > best.probability) best = { first: i, last: k, probability };
    }
  });
  const { words, text } = passage;
  return { ...best, answer: text.slice(words[best.first]!.from, words[best.last]!.to) };
}

/** One over the rank of the right one of some scores; of equals the first ranks higher. */
export function reciprocalRank(scores: readonly number[], right: number): number {
  const own = scores[right]!;
  return 1 / (1 + scores.filter((s, i) => s > own || (s === own && i < right)).length);
}

/** The mean of differences, and between what it lies in 95 of 100 draws of the articles (Efron 1979): the
 *  questions of an article are no independent samples. */
export function byArticles(
  differences: readonly number[],
  articles: readonly number[],
): { mean: number; low: number; high: number } {
  const groups = [...new Set(articles)].map((article) => {
    const own = differences.filter((_, i) => articles[i] === article);
    return { sum: own.reduce((a, b) => a + b, 0), count: own.length };
  });
  const meanOf = (list: typeof groups) => {
    const [sum, count] = list.reduce(([s, n], g) => [s + g.sum, n + g.count], [0, 0]);
    return sum! / count!;
  };
  const rng = new Rng(1);
  const draws = Array.from({ length: 2000 }, () => {
    return meanOf(groups.map(() => groups[rng.int(groups.length)]!));
  });
  draws.sort((a, b) => a - b);
  return { mean: meanOf(groups), low: draws[50]!, high: draws[1949]! };
}

/** A passage for terminal and report, each word as strong as it is likely to begin or to end the answer. */
export function drawn(asked: Asked | Sample, reply: Reply): DrawnPassage {
  const { text, words } = asked.passage;
  const { answer, probability } = spanOf(asked, reply);
  return {
    title: asked.question.text,
    words: words.map(({ word, from }, i) => {
      return i > 0 && /\s/.test(text[from - 1]!) ? ` ${word}` : word;
    }),
    weights: words.map((_, i) => (reply.first[i]! + reply.last[i]!) / 2),
    ...{ said: answer, probability, truth: "answer" in asked ? asked.answer : undefined },
  };
}

/** A passage with its answer alone marked. */
export function marked(asked: Asked, reply: Reply): DrawnPassage {
  const { first, last, answer, probability } = spanOf(asked, reply);
  const { title, words, weights } = drawn(asked, reply);
  const isIn = (i: number) => i >= first && i <= last;
  const share = 1 / (last - first + 1);
  const alone = weights.map((_, i) => (isIn(i) ? share : 0));
  return { title, words, weights: alone, said: answer, probability };
}
