// What a run of `answers` tells: its figures beside TF-IDF's and the published ones, and passages.
// Not here: how each of them is measured (judging.ts).

import { squad } from "anneal/metrics";
import type { Terminal, Verdict } from "anneal/recipe";
import { drawFigures, drawPassage, type Figure } from "anneal/vis";
import type { Sample } from "./data.ts";
import { cosines, overlaps, type Rarity, stemOf } from "./features.ts";
import { byArticles, drawn, type Reply, reciprocalRank, spanOf } from "./judging.ts";

/** All that is told of the test questions, each answered by the fold that has not seen its article. */
export function judge(
  asked: readonly Sample[],
  told: readonly Reply[],
  rarity: Rarity,
  { style, columns }: Terminal,
): Verdict {
  const ranks = (scores: (sample: Sample, i: number) => readonly number[]) => {
    return asked.map((sample, i) => reciprocalRank(scores(sample, i), sample.sentence));
  };
  const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
  const own = ranks((_, i) => told[i]!.sentences);
  const cosine = ranks((sample) => cosines(sample, rarity));
  const overlap = ranks((sample) => overlaps(sample, rarity, stemOf));
  const articles = asked.map(({ article }) => article);
  const margin = (others: readonly number[]) => {
    return byArticles(
      own.map((rank, i) => rank - others[i]!),
      articles,
    );
  };
  const [above, aboveOverlap] = [margin(cosine), margin(overlap)];
  const said = asked.map((sample, i) => spanOf(sample, told[i]!).answer);
  const references = asked.map(({ answer }) => [answer]);
  const { exactMatch, f1 } = squad(said, references);
  // What the sentence that TF-IDF likes best would be as an answer.
  const sentences = asked.map((sample) => {
    const scores = cosines(sample, rarity);
    const { from, to } = sample.passage.sentences[scores.indexOf(Math.max(...scores))]!;
    return sample.passage.text.slice(from, to);
  });
  const whole = squad(sentences, references);
  const range = ({ mean, low, high }: typeof above) => {
    return `${mean < 0 ? "" : "+"}${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  };
  const source = "mBERT, pre-trained, SQuAD's 87,599 questions (Artetxe et al. 2020)";
  const figures: Figure[] = [
    {
      name: "mean reciprocal rank of the answer's sentence",
      value: mean(own),
      baseline: `${mean(cosine).toFixed(3)} (TF-IDF), ${mean(overlap).toFixed(3)} (rare stems shared)`,
    },
    { name: "above TF-IDF, 95 % of draws of articles", value: range(above) },
    { name: "above rare stems shared", value: range(aboveOverlap) },
    {
      name: "exact match of the answer",
      value: exactMatch,
      ...{
        baseline: `${whole.exactMatch.toFixed(3)} (TF-IDF's sentence)`,
        published: 0.722,
        source,
      },
    },
    { name: "F1 of the answer's words", value: f1, baseline: whole.f1, published: 0.835, source },
  ];
  const passages = asked.map((sample, i) => drawn(sample, told[i]!));
  const bySurety = [...passages.keys()].sort((a, b) => {
    return passages[b]!.probability - passages[a]!.probability;
  });
  const isRight = (i: number) => passages[i]!.said === passages[i]!.truth;
  const [right, wrong] = [bySurety.filter(isRight), bySurety.filter((i) => !isRight(i))];
  const shown = [...wrong.slice(0, 8), ...right.slice(0, 8)].map((i) => passages[i]!);
  return {
    value: mean(own).toFixed(4),
    label: "mean reciprocal rank of the answer's sentence",
    shown: [
      drawFigures(figures, style),
      ...[wrong[0], right[0]].flatMap((i) => {
        return i === undefined ? [] : [drawPassage(passages[i]!, { ...style, width: columns })];
      }),
    ].join("\n\n"),
    result: {
      sentenceRank: mean(own),
      tfidfRank: mean(cosine),
      overlapRank: mean(overlap),
      ...{ margin: above.mean, marginLow: above.low, marginHigh: above.high },
      ...{ exactMatch, f1 },
    },
    facts: [
      `${asked.length} questions, each answered by a reader that has not seen its article`,
      `TF-IDF ${mean(cosine).toFixed(3)}`,
      `exact match ${exactMatch.toFixed(3)}, F1 ${f1.toFixed(3)}`,
    ],
    report: { figures, passages: shown },
  };
}
