// What the report of `molecules` shows: molecules that were told well and badly, drawn, and what was said
// against what was measured. Not here: the figures (../molecules.ts).

import { meter, rocCurve } from "anneal/metrics";
import { type Gallery, type GalleryDrawing, lineChart, percent } from "anneal/vis";
import type { MoleculeSet, Sample } from "./data.ts";
import type { Chemistry } from "./rdkit.ts";
import { oddsOf } from "./score.ts";

/** What a network says of test molecules. */
export interface Told {
  readonly set: MoleculeSet;
  readonly samples: readonly Sample[];
  /** Of each network, the molecules that it is tested on, and its answers (N, K). */
  readonly tests: readonly (readonly number[])[];
  readonly said: readonly ArrayLike<number>[];
}

/** How many molecules are drawn, good ones and bad ones each. */
const drawn = 8;

interface Answer {
  readonly sample: Sample;
  readonly task: string;
  readonly said: number;
  readonly truth: number;
  /** How far off it is. */
  readonly error: number;
}

/** What the first network was asked, the best told first. */
function answersOf({ set, samples, tests, said }: Told): Answer[] {
  const tasks = Object.keys(set.tasks);
  const answers = tests[0]!.flatMap((i, row) => {
    return tasks.map((task, t): Answer => {
      const raw = said[0]![row * tasks.length + t]!;
      const value = set.kind === "number" ? raw : oddsOf(raw);
      const truth = samples[i]!.labels[t]!;
      return { sample: samples[i]!, task, said: value, truth, error: Math.abs(value - truth) };
    });
  });
  return answers.filter(({ truth }) => !Number.isNaN(truth)).sort((a, b) => a.error - b.error);
}

/** Molecules that the first network tells worst, and best. */
export function galleries(chemistry: Chemistry, told: Told): Gallery[] {
  const answers = answersOf(told);
  const show = (list: readonly Answer[], tone: "right" | "wrong") => {
    return list.map((answer): GalleryDrawing => {
      const svg = chemistry.draw(answer.sample.molecule);
      return { svg, width: 220, height: 150, caption: captionOf(told.set, answer), tone };
    });
  };
  const note = "Of the first network; none of them was trained on.";
  // Among yes and no the best told are mostly no: both are shown.
  const best =
    told.set.kind === "number"
      ? answers.slice(0, drawn)
      : [1, 0].flatMap((truth) => {
          return answers.filter((answer) => answer.truth === truth).slice(0, drawn / 2);
        });
  const worst = answers.slice(-drawn).reverse();
  return [
    { title: "Told worst", note, pictures: show(worst, "wrong") },
    { title: "Told best", note, pictures: show(best, "right") },
  ];
}

/** An answer in words: a number with its unit, or how likely a yes is. */
export function answerText(
  { kind, unit, words = ["no", "yes"] }: MoleculeSet,
  task: string,
  said: number,
) {
  if (kind === "number") return `${task} ${said.toFixed(2)} ${unit ?? ""}`.trim();
  return `${task}: ${percent(oddsOf(said))} ${words[1]}`;
}

function captionOf({ kind, words = ["no", "yes"], tasks }: MoleculeSet, answer: Answer): string {
  const { said, truth, task, sample } = answer;
  const name = Object.keys(tasks).length > 1 ? `${task}: ` : "";
  const line = sample.name.length > 30 ? `${sample.name.slice(0, 29)}…` : sample.name;
  if (kind === "number") {
    return `measured ${truth.toFixed(2)}, said ${said.toFixed(2)}\n${line}`;
  }
  return `${name}${words[truth as 0 | 1]}, said ${percent(said)} ${words[1]}\n${line}`;
}

/** Said against measured; or, for yes and no, the ROC curves of the networks. */
export async function drawingsOf(told: Told): Promise<{ title: string; svg: string }[]> {
  const { set } = told;
  if (set.kind === "number") return [scatter(told)];
  return Object.keys(set.tasks).length === 1 ? [await rocChart(told)] : [];
}

function scatter({ set, samples, tests, said }: Told) {
  const clouds = tests.map((test, k) => ({
    label: `network ${k + 1}`,
    x: test.map((i) => samples[i]!.labels[0]!),
    y: Array.from(said[k]!),
    dots: true,
  }));
  const all = clouds.flatMap(({ x }) => x);
  const ends = [Math.min(...all), Math.max(...all)];
  const right = { label: "as it should be", x: ends, y: ends };
  const svg = lineChart([...clouds, right], {
    x: `measured, ${set.unit ?? ""}`,
    y: "said",
    height: 480,
  });
  return { title: "What the networks say of molecules that they were not trained on", svg };
}

async function rocChart({ samples, tests, said }: Told) {
  const lines = [];
  for (const [k, test] of tests.entries()) {
    const curve = meter(rocCurve());
    void curve.update(
      Array.from(said[k]!),
      test.map((i) => samples[i]!.labels[0]!),
    );
    const { falsePositiveRate: x, truePositiveRate: y } = await curve.compute();
    lines.push({ label: `network ${k + 1}`, x, y });
  }
  const svg = lineChart(lines, { x: "part of the noes called yes", y: "part of the yeses" });
  return { title: "Receiver operating characteristic", svg };
}
