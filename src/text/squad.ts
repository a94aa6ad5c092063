// Questions about passages, with their answers as places in them: JSON in the format of SQuAD (Rajpurkar et
// al. 2016, 2018), which XQuAD and many others share. Every answer is checked to stand where it is said to.
// Not here: how answers are judged (squad in anneal/metrics).

import { type TextSource, textFrom } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";

/** A part of a passage. */
export interface SquadAnswer {
  readonly text: string;
  /** Where it begins, as JavaScript counts: `context.slice(start, start + text.length)` is the text. */
  readonly start: number;
}

export interface SquadQuestion {
  readonly id: string;
  readonly question: string;
  /** What different people answered; none where the passage does not say (SQuAD 2). */
  readonly answers: readonly SquadAnswer[];
}

export interface SquadParagraph {
  readonly context: string;
  readonly questions: readonly SquadQuestion[];
}

export interface SquadArticle {
  readonly title: string;
  readonly paragraphs: readonly SquadParagraph[];
}

/**
 * The articles of a file in SQuAD's format. Throws LoadError that names article and question: for what is
 * missing, for an answer that is not in its passage at its place, and for a question that is there twice.
 *
 * @example
 * const articles = await readSquad({ from: "xquad.en.json" });
 */
export async function readSquad(source: TextSource): Promise<SquadArticle[]> {
  return parseSquad(await textFrom(source), source.from);
}

/**
 * The articles of a text in SQuAD's format, which errors call `file`. Throws as {@link readSquad}.
 *
 * @example
 * const answers = [{ text: "here", answer_start: 3 }];
 * const paragraphs = [{ context: "Is here.", qas: [{ id: "q1", question: "Where?", answers }] }];
 * const [article] = parseSquad(JSON.stringify({ data: [{ title: "Places", paragraphs }] }));
 * article.paragraphs[0].questions[0].answers; // [{ text: "here", start: 3 }]
 */
export function parseSquad(text: string, file = "squad"): SquadArticle[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new LoadError(file, "is not JSON", { cause });
  }
  const ids = new Set<string>();
  return listOf(json, "data", file, "").map((article, i) => {
    const title = textOf(article, "title", file, `article ${i + 1}`);
    const paragraphs = listOf(article, "paragraphs", file, `article "${title}"`);
    return { title, paragraphs: paragraphs.map((p, k) => paragraphOf(p, { file, title, k, ids })) };
  });
}

interface Place {
  readonly file: string;
  readonly title: string;
  /** The paragraph's number, from 0. */
  readonly k: number;
  /** Of the questions so far. */
  readonly ids: Set<string>;
}

function paragraphOf(paragraph: unknown, { file, title, k, ids }: Place): SquadParagraph {
  const where = `article "${title}", paragraph ${k + 1}`;
  const context = textOf(paragraph, "context", file, where);
  const questions = listOf(paragraph, "qas", file, where).map((qa): SquadQuestion => {
    const id = textOf(qa, "id", file, where);
    const named = `article "${title}", question ${id}`;
    if (ids.has(id)) throw new LoadError(file, `${named} is there twice`);
    ids.add(id);
    const question = textOf(qa, "question", file, named);
    const answers = listOf(qa, "answers", file, named);
    if (answers.length === 0 && field(qa, "is_impossible") !== true) {
      const hint = "a question without an answer says is_impossible: true";
      throw new LoadError(file, `${named} has no answer`, { hint });
    }
    return { id, question, answers: answers.map((a) => answerOf(a, context, file, named)) };
  });
  return { context, questions };
}

/** SQuAD counts characters (code points), JavaScript units of 16 bits. */
function answerOf(answer: unknown, context: string, file: string, where: string): SquadAnswer {
  const text = textOf(answer, "text", file, where);
  const place = field(answer, "answer_start");
  if (!Number.isSafeInteger(place)) throw new LoadError(file, `${where} has no answer_start`);
  const start = unitsBefore(context, place as number);
  if (start !== null && context.startsWith(text, start)) return { text, start };
  const found = context.indexOf(text);
  const hint = found < 0 ? undefined : `it stands at ${[...context.slice(0, found)].length}`;
  const what = `${where}: the answer ${JSON.stringify(text)} is not at ${place} in its passage`;
  throw new LoadError(file, what, { hint });
}

/** The units of so many characters, or null where there are fewer. */
function unitsBefore(text: string, characters: number): number | null {
  if (characters < 0) return null;
  let units = 0;
  for (let i = 0; i < characters; i++) {
    const code = text.codePointAt(units);
    if (code === undefined) return null;
    units += code > 0xffff ? 2 : 1;
  }
  return units;
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

function listOf(value: unknown, name: string, file: string, where: string): unknown[] {
  const list = field(value, name);
  if (Array.isArray(list)) return list;
  throw new LoadError(file, `${where === "" ? "it" : where} has no list "${name}"`, {
    hint: "the format is SQuAD's: { data: [{ title, paragraphs: [{ context, qas: […] }] }] }",
  });
}

function textOf(value: unknown, name: string, file: string, where: string): string {
  const text = field(value, name);
  if (typeof text === "string" && text.trim() !== "") return text;
  throw new LoadError(file, `${where} has no text "${name}"`);
}
