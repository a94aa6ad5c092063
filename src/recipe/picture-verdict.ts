// The verdict on a classifier of pictures: its accuracy beside what to hold it against, the confusion
// matrix, the worst mistakes and the surest right answers as pictures. Not here: asking the model
// (anneal/train), reading its answers (classified.ts), or the parts of a report (anneal/vis).

import {
  beside,
  confusions,
  drawDigit,
  drawFigures,
  drawMatrix,
  type Figure,
  type Gallery,
  type Picture,
  percent,
  table,
} from "../vis/index.ts";
import type { Answer, Classified } from "./classified.ts";
import type { Verdict } from "./recipe.ts";
import type { Terminal } from "./terminal.ts";

/** What a classifier said of its test pictures. */
export interface PictureTest {
  readonly judged: Classified;
  /** Names of the classes. */
  readonly names: readonly string[];
  /** Test picture i. */
  readonly picture: (index: number) => Picture;
  /** What the accuracy is held against. */
  readonly beside: Omit<Figure, "name" | "value">;
  /** The accuracy of the baseline, for result.json. */
  readonly baseline: number;
  /** Galleries besides: what the first layer learned, say. */
  readonly galleries?: readonly Gallery[] | undefined;
  /** A few words more. */
  readonly facts?: readonly string[] | undefined;
}

/** More mistakes than these tell no more. */
const mostMistakes = 40;

/**
 * The verdict on a classifier of pictures.
 *
 * @example
 * const judged = classified(await (await predict(model, test)).data(), labels, names.length);
 * return pictureVerdict({ judged, names, picture, baseline, beside: { baseline } }, terminal);
 */
export function pictureVerdict(test: PictureTest, terminal: Terminal): Verdict {
  const { judged, names, picture, baseline, galleries = [], facts = [] } = test;
  const { accuracy, loss, matrix, answers, mistakes } = judged;
  const figures = [{ name: "test accuracy", value: accuracy.toFixed(4), ...test.beside }];
  const count = (n: number) => n.toLocaleString("en");
  return {
    value: accuracy.toFixed(4),
    label: "test accuracy",
    shown: [
      confusionText(judged, names, terminal),
      mistakeRow(test, terminal),
      drawFigures(
        figures.map((figure) => ({ ...figure, source: undefined })),
        terminal.style,
      ),
    ]
      .filter(Boolean)
      .join("\n\n"),
    result: { testAccuracy: accuracy, testLoss: loss, baselineAccuracy: baseline },
    facts: [
      `${count(mistakes.length)} of ${count(answers.length)} wrong`,
      `test loss ${loss.toFixed(4)}`,
      ...facts,
    ],
    report: {
      figures,
      confusion: { matrix, labels: names },
      mistakes: mistakes.slice(0, mostMistakes).map(({ index, truth, said, probability }) => {
        return { picture: picture(index), truth: names[truth]!, said: names[said]!, probability };
      }),
      pictures: [surest(test), ...galleries],
    },
  };
}

/** The right answer of each class that the model was surest of. */
function surest({ judged, names, picture }: PictureTest): Gallery {
  const best = names.flatMap((_, truth) => {
    const right = judged.answers.filter(
      (answer) => answer.truth === truth && answer.said === truth,
    );
    const most = right.reduce<Answer | undefined>((a, b) => {
      return a === undefined || b.probability > a.probability ? b : a;
    }, undefined);
    return most === undefined ? [] : [most];
  });
  return {
    title: "Surest and right",
    note: "Of each class the picture that the model was surest of.",
    pictures: best.map(({ index, truth, probability }) => {
      return { ...picture(index), caption: `${names[truth]}\n${percent(probability)}` };
    }),
  };
}

/** The matrix where it has room, else the pairs that are mixed up most often. */
function confusionText(
  { matrix }: Classified,
  names: readonly string[],
  { style, columns }: Terminal,
): string {
  const drawn = drawMatrix(matrix, { ...style, labels: names });
  const width = drawn.split("\n")[1]?.length ?? 0;
  if (names.length <= 10 && width <= columns + 20) return drawn;
  const rows = confusions(matrix, 8).map(({ is, said, times }) => {
    return [names[is]!, names[said]!, String(times)];
  });
  if (rows.length === 0) return "";
  return table(
    [{ title: "what it is" }, { title: "taken for" }, { title: "times", align: "right" }],
    rows,
    style,
  );
}

/** A few of the worst mistakes side by side, as far as the terminal has room. */
function mistakeRow({ judged, names, picture }: PictureTest, terminal: Terminal): string {
  const { style, columns } = terminal;
  const blocks: string[] = [];
  let used = 0;
  for (const { index, truth, said, probability } of judged.mistakes) {
    const shown = picture(index);
    const words = [`${names[said]} ${percent(probability)}`, `is ${names[truth]}`];
    used += 2 + Math.max(shown.cols, ...words.map((line) => line.length));
    if (used > Math.min(columns, 120)) break;
    blocks.push([drawDigit(shown, style), ...words].join("\n"));
  }
  return beside(blocks);
}
