// What the report of `molecules` shows: molecules that were told well and badly, drawn, and what was said
// against what was measured. Not here: the figures (../molecules.ts).

import { Tensor } from "anneal";
import { meter, rocCurve } from "anneal/metrics";
import { predict } from "anneal/train";
import { type Gallery, type GalleryDrawing, lineChart, percent } from "anneal/vis";
import type { MoleculeSet, Sample } from "./data.ts";
import { atomWidth, batchOf, type Graph } from "./graph.ts";
import type { MoleculeNet } from "./model.ts";
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

/** Molecules that the first network tells worst, and best, and which atoms it went by. */
export async function galleries(
  chemistry: Chemistry,
  net: MoleculeNet,
  told: Told,
): Promise<Gallery[]> {
  const answers = answersOf(told);
  const show = async (list: readonly Answer[], tone: "right" | "wrong") => {
    const pictures: GalleryDrawing[] = [];
    for (const answer of list) {
      const { molecule, graph } = answer.sample;
      const weights = await sharesOf(net, graph, Object.keys(told.set.tasks).indexOf(answer.task));
      const svg = chemistry.draw(molecule, { weights });
      pictures.push({ svg, width: 220, height: 150, caption: captionOf(told.set, answer), tone });
    }
    return pictures;
  };
  const what = told.set.kind === "number" ? "the number" : "the odds";
  const note = [
    "Of the first network; none of them was trained on.",
    `Atoms on blue raise ${what} that it tells, those on red lower it: without them it tells another.`,
  ].join(" ");
  // Among yes and no the best told are mostly no: both are shown.
  const best =
    told.set.kind === "number"
      ? answers.slice(0, drawn)
      : [1, 0].flatMap((truth) => {
          return answers.filter((answer) => answer.truth === truth).slice(0, drawn / 2);
        });
  const worst = answers.slice(-drawn).reverse();
  return [
    { title: "Told worst", note, pictures: await show(worst, "wrong") },
    { title: "Told best", note, pictures: await show(best, "right") },
  ];
}

/** By how much each atom raises what a network tells: what it tells, less what it tells when the sum over
 *  the molecule leaves the atom out. */
export async function sharesOf(net: MoleculeNet, graph: Graph, task: number): Promise<number[]> {
  const count = graph.atoms.length / atomWidth;
  const copies = Array.from({ length: count + 1 }, () => graph);
  const batch = batchOf(copies);
  // In copy i the atom i belongs to no molecule; the last copy is whole.
  const molecule = new Int32Array(batch.molecule.shape[0]!).fill(copies.length);
  for (let copy = 0; copy <= count; copy++) {
    for (let atom = 0; atom < count; atom++) {
      if (atom !== copy) molecule[copy * count + atom] = copy;
    }
  }
  const x = { ...batch, molecule: Tensor.from(molecule, [molecule.length]) };
  const said = await (await predict(net, [{ x }])).select(1, task).data(); // (count + 1)
  return Array.from({ length: count }, (_, atom) => said[count]! - said[atom]!);
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
