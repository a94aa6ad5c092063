// What a network has learned of CIFAR-10: figures, confusions, the surest answers, the first filters.
// Not here: asking the network (../cifar10.ts).

import { type Answer, classified, nearestMean, type Verdict } from "anneal/recipe";
import { drawMatrix, filters, percent, type TextStyle } from "anneal/vis";
import { classes, type Pictures, pixelsOf, rowsOf, side } from "./data.ts";

export interface Judged {
  readonly test: Pictures;
  /** For the baseline. */
  readonly train: Pictures;
  /** The weights of the first convolution. */
  readonly learned: Parameters<typeof filters>[0];
}

/** The verdict on the logits (N, 10) of N test pictures. */
export function judge(
  logits: ArrayLike<number>,
  { test, train, learned }: Judged,
  style: TextStyle,
): Verdict {
  const { accuracy, loss, matrix, answers, mistakes } = classified(
    Array.from(logits),
    test.labels,
    classes.length,
  );
  const baseline = nearestMean(rowsOf(train), rowsOf(test));
  const surest = classes.flatMap((_, label) => {
    const right = answers.filter(({ truth, said }) => truth === label && said === label);
    return right.sort((a, b) => b.probability - a.probability).slice(0, 2);
  });
  const shown = (some: readonly Answer[]) => some.map((answer) => pictureOf(answer, test));
  return {
    value: accuracy.toFixed(4),
    label: "test accuracy",
    shown: drawMatrix(matrix, style),
    result: { testAccuracy: accuracy, testLoss: loss, baselineAccuracy: baseline },
    facts: [`${mistakes.length} of ${answers.length} wrong`, `test loss ${loss.toFixed(4)}`],
    report: {
      figures: [
        {
          name: "test accuracy",
          value: accuracy,
          baseline: `${baseline.toFixed(3)} (nearest mean picture)`,
          published: "0.9125",
          source: "He et al. 2016, ResNet-20: the original pictures, 164 epochs",
        },
      ],
      confusion: { matrix, labels: classes },
      pictures: [
        { title: "The surest mistakes", pictures: shown(mistakes.slice(0, 30)) },
        { title: "The surest right answers of each class", pictures: shown(surest) },
        filters(learned),
      ],
    },
  };
}

function pictureOf({ index, truth, said, probability }: Answer, test: Pictures) {
  const isRight = truth === said;
  const says = isRight ? "" : `says ${classes[said]}\n`;
  return {
    pixels: pixelsOf(test, index),
    ...{ rows: side, cols: side, channels: 3 as const },
    caption: `${classes[truth]}\n${says}${percent(probability)}`,
    tone: isRight ? ("right" as const) : ("wrong" as const),
  };
}
