// Questions about passages (XQuAD) as a network reads them: words with their places, sentences, which of
// them has the answer; and the articles dealt out to development and test folds.
// Not here: what is told of each word (features.ts), or batches (batches.ts).

import { existsSync } from "node:fs";
import { join } from "node:path";
import { LoadError } from "anneal";
import { Rng } from "anneal/data";
import { type Published, publishedAt } from "anneal/recipe";
import { cutSentences, cutWords, readSquad, type TextSpan } from "anneal/text";

export const languages = ["en", "de", "es"] as const;
export type Language = (typeof languages)[number];

/** A text in words and signs, with their places. */
export interface Words {
  readonly text: string;
  readonly words: readonly (TextSpan & { readonly word: string })[];
}

export interface Passage extends Words {
  readonly sentences: readonly TextSpan[];
  /** The sentence of each word. */
  readonly sentenceOf: readonly number[];
}

/** A question with its passage. */
export interface Asked {
  readonly id: string;
  /** The article's number. */
  readonly article: number;
  readonly question: Words;
  readonly passage: Passage;
}

/** One whose answer is known. */
export interface Sample extends Asked {
  readonly answer: string;
  /** The first and the last word of the answer, and its sentence. */
  readonly first: number;
  readonly last: number;
  readonly sentence: number;
}

/** The words of a text and where they stand. */
export function wordsOf(text: string): Words {
  let at = 0;
  const words = cutWords(text).map((piece) => {
    const word = piece.trim();
    const from = text.indexOf(word, at);
    at = from + word.length;
    return { word, from, to: at };
  });
  return { text, words };
}

/** A passage in words and sentences. */
export function passageOf(text: string, language: Language): Passage {
  const { words } = wordsOf(text);
  const sentences = cutSentences(text, { language });
  let at = 0;
  const sentenceOf = words.map(({ from }) => {
    while (at + 1 < sentences.length && sentences[at + 1]!.from <= from) at++;
    return at;
  });
  return { text, words, sentences, sentenceOf };
}

/** XQuAD (Artetxe et al. 2020): SQuAD's questions of 240 paragraphs in eleven languages, CC BY-SA 4.0. */
export const published: Published = {
  name: "XQuAD",
  place: "qa",
  files: languages.map((language) => ({
    from: `https://raw.githubusercontent.com/google-deepmind/xquad/master/xquad.${language}.json`,
    name: `xquad.${language}.json`,
  })),
};

/** All questions of a language, and the titles of the articles. */
export async function readQuestions(
  language: Language,
  folder: string,
): Promise<{ samples: Sample[]; titles: string[] }> {
  const from = join(folder, `xquad.${language}.json`);
  if (!existsSync(from))
    throw new LoadError(from, "is not there", { hint: publishedAt(published) });
  const articles = await readSquad({ from });
  const samples = articles.flatMap(({ paragraphs }, article) => {
    return paragraphs.flatMap(({ context, questions }) => {
      const passage = passageOf(context, language);
      return questions.flatMap(({ id, question, answers }): Sample[] => {
        const [answer] = answers;
        if (answer === undefined) return []; // SQuAD 2: not answered here
        const place = placeOf(passage, answer.start, answer.text.length);
        return [
          { id, article, question: wordsOf(question), passage, answer: answer.text, ...place },
        ];
      });
    });
  });
  return { samples, titles: articles.map(({ title }) => title) };
}

/** The words that an answer has a part in. */
function placeOf({ words, sentenceOf }: Passage, start: number, length: number) {
  const first = words.findIndex(({ to }) => to > start);
  const after = words.findIndex(({ from }) => from >= start + length);
  const last = Math.max(first, (after < 0 ? words.length : after) - 1);
  return { first, last, sentence: sentenceOf[first]! };
}

/** Which articles choose settings, and which a fold tests. No fold trains on the former. */
export interface Split {
  readonly development: readonly number[];
  readonly folds: readonly (readonly number[])[];
}

/** Articles, not questions, are dealt out: questions about one passage share its words. */
export function splitOf(articles: number, folds: number, seed: number): Split {
  const order = [...new Rng(seed).permutation(articles)];
  const held = Math.round(articles / 8);
  const rest = order.slice(held);
  return {
    development: order.slice(0, held),
    folds: Array.from({ length: folds }, (_, f) => rest.filter((_, i) => i % folds === f)),
  };
}
