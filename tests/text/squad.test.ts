// Questions about passages: SQuAD's JSON and what is wrong in it, sentences, and how answers are judged.
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { squad } from "../../src/metrics/index.ts";
import { cutSentences, parseSquad, readSquad } from "../../src/text/index.ts";

/** One article with one question, some of it otherwise. */
function file(question: object, context = "The 𐍈 stands here, and here.") {
  const qa = { id: "q1", question: "Where?", answers: [{ text: "here", answer_start: 13 }] };
  const paragraphs = [{ context, qas: [{ ...qa, ...question }] }];
  return JSON.stringify({ data: [{ title: "Goths", paragraphs }] });
}

describe("SQuAD's format", () => {
  it("counts characters where JavaScript counts units", () => {
    const [article] = parseSquad(file({}));
    expect(article!.title).toBe("Goths");
    const { context, questions } = article!.paragraphs[0]!;
    expect(questions[0]!.answers).toEqual([{ text: "here", start: 14 }]);
    expect(context.slice(14, 18)).toBe("here");
  });

  const answer = (text: string, answer_start: unknown) => ({ answers: [{ text, answer_start }] });
  it.each([
    ["is not JSON", "{"],
    ['it has no list "data"', "{}"],
    ['it has no list "data"', "null"],
    ['article 1 has no text "title"', '{"data":[{}]}'],
    ['article "A" has no list "paragraphs"', '{"data":[{"title":"A"}]}'],
    [
      'article "A", paragraph 1 has no text "context"',
      '{"data":[{"title":"A","paragraphs":[{}]}]}',
    ],
    ['article "Goths", question q1 has no text "question"', file({ question: "" })],
    ['article "Goths", question q1 has no list "answers"', file({ answers: "here" })],
    ['article "Goths", question q1 has no answer\n', file({ answers: [] })],
    ['question q1: the answer "here" is not at 12 in its passage', file(answer("here", 12))],
    ["hint: it stands at 13", file(answer("here", 14))],
    ['the answer "there" is not at 14 in its passage', file(answer("there", 14))],
    ["is not at -1 in its passage", file(answer("here", -1))],
    ["is not at 99 in its passage", file(answer("here", 99))],
    ["question q1 has no answer_start", file(answer("here", "13"))],
  ])("says: %s", (message, text) => {
    expect(() => parseSquad(text, "q.json")).toThrow(message);
    expect(() => parseSquad(text, "q.json")).toThrow(/^q\.json /);
  });

  it("refuses a question that is there twice, and takes one that has no answer", () => {
    const [data] = JSON.parse(file({ answers: [], is_impossible: true })).data;
    expect(parseSquad(JSON.stringify({ data: [data] }))[0]!.paragraphs[0]!.questions).toEqual([
      { id: "q1", question: "Where?", answers: [] },
    ]);
    const twice = () => parseSquad(JSON.stringify({ data: [data, data] }), "q.json");
    expect(twice).toThrow('q.json article "Goths", question q1 is there twice');
  });

  it("comes from files too, with or without a byte order mark", async () => {
    const folder = await mkdtemp(join(tmpdir(), "anneal-squad-"));
    const path = join(folder, "q.json");
    await writeFile(path, `\uFEFF${file({})}`);
    expect((await readSquad({ from: path })).length).toBe(1);
    await expect(readSquad({ from: join(folder, "no.json") })).rejects.toThrow("is not there");
    await rm(folder, { recursive: true });
  });

  const root = join(process.env.ANNEAL_DATA ?? "../shared/data", "qa");
  it.skipIf(!existsSync(root))("reads XQuAD whole (skipped where ../shared is not)", async () => {
    for (const language of ["en", "de", "es"]) {
      const articles = await readSquad({ from: join(root, `xquad.${language}.json`) });
      const paragraphs = articles.flatMap((article) => article.paragraphs);
      const questions = paragraphs.flatMap((p) => p.questions);
      expect([articles.length, paragraphs.length, questions.length]).toEqual([48, 240, 1190]);
    }
  });
});

describe("sentences", () => {
  const cut = (text: string, language?: string) =>
    cutSentences(text, { language }).map(({ from, to }) => text.slice(from, to));

  it("end with what ends them, not with an abbreviation", () => {
    expect(cut(" One. Two?\n\n“Three!” 3.5 is four… ")).toEqual([
      "One.",
      "Two?",
      "“Three!”",
      "3.5 is four…",
    ]);
    expect(cut("J. R. R. Tolkien met Mr. Smith in the U.S. Army. He left.")).toEqual([
      "J. R. R. Tolkien met Mr. Smith in the U.S. Army.",
      "He left.",
    ]);
    expect(cut("Am 7. Februar 2016 war es so. Dann nicht.", "de")).toEqual([
      "Am 7. Februar 2016 war es so.",
      "Dann nicht.",
    ]);
    expect(cut("")).toEqual([]);
    expect(cut("no end")).toEqual(["no end"]);
  });
});

describe("answers", () => {
  it("are the same without articles, signs, capitals and spare space", () => {
    const refs = [["Denver Broncos"], ["theory of the anode"], ["3.14"], ["Müller"]];
    const said = ["  the Denver  broncos!", "Theory, of an Anode", "314", "müller"];
    expect(squad(said, refs)).toEqual({ exactMatch: 1, f1: 1 });
    // An article is a word of its own, also beside letters that are not ASCII.
    expect(squad(["éthe"], [["é"]]).exactMatch).toBe(0);
  });

  it("overlap by words, each as often as it is there, with the nearest reference", () => {
    // One of two words of each: 2·1/(2+2); then both of "1066", "the year 1066": 2·1/(2+1).
    expect(squad(["big dog"], [["dog house"]]).f1).toBe(0.5);
    expect(squad(["in 1066"], [["year of 1066 AD", "1066"]]).f1).toBeCloseTo(2 / 3, 12);
    expect(squad(["dog dog"], [["dog"]]).f1).toBeCloseTo(2 / 3, 12);
    expect(squad(["", "x", ""], [["x"], [], []])).toEqual({ exactMatch: 1 / 3, f1: 1 / 3 });
  });

  it("must be as many as there are questions", () => {
    expect(() => squad(["a"], [])).toThrow("squad: 1 answers for 0 questions");
    expect(() => squad([], [])).toThrow("squad: 0 answers for 0 questions");
  });
});
