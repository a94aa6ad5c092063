// How good a detector of `cells` is: mean average precision beside that of a simpler one, how quick it is,
// and what it finds and misses in pictures. Not here: how average precision is counted (anneal/metrics).

import { basename } from "node:path";
import { type Detections, detectionCurve, meanAveragePrecision } from "anneal/metrics";
import type { Terminal, Verdict } from "anneal/recipe";
import {
  drawFigures,
  type Figure,
  type Gallery,
  lineChart,
  type PictureBox,
  percent,
  pictureOf,
  type TextStyle,
  table,
} from "anneal/vis";
import { decodePicture } from "anneal/vision";
import { fitColours } from "./baseline.ts";
import { type CellPicture, type Cells, classes, small } from "./data.ts";

type Detect = (image: CellPicture["image"]) => Promise<Detections>;

/** What a run leaves: the least score of a box that is shown. */
export const thresholdFile = "threshold.json";

/** Average precision as Pascal VOC counts it since 2010, at an overlap of one half. */
const scoresOf = (found: readonly Detections[], pictures: readonly CellPicture[]) =>
  meanAveragePrecision(found, pictures, { iouThresholds: [0.5], interpolation: "voc" });

/** Judges a detector by the test pictures; which boxes are shown is chosen by the validation pictures. */
export async function judge(cells: Cells, detect: Detect, { style }: Terminal): Promise<Verdict> {
  const { train, validation, test } = cells;
  const known = await inTurn(validation, ({ image }) => detect(image));
  const threshold = bestThreshold(known.results, validation);
  const seen = await inTurn(test, ({ image }) => detect(image));
  const fromFiles = await inTurn(test, async ({ file }) => {
    return detect(small({ image: await decodePicture(file, { channels: 3 }) }).image);
  });
  const [own, simple] = [seen.results, test.map(fitColours(train))];
  const [scores, plain] = [scoresOf(own, test), scoresOf(simple, test)];
  const valid = scoresOf(known.results, validation);
  const apart = {
    published: "0.924",
    source: "YOLOv8n, pre-trained on COCO, another split (Chen et al. 2025)",
  };
  const figures: Figure[] = [
    { name: "test mAP@0.5", value: scores.map, baseline: plain.map, ...apart },
    ...classes.flatMap((name, label) => {
      const [value, baseline] = [scores.perClass.get(label), plain.perClass.get(label)];
      return value === undefined ? [] : [{ name, value, baseline }];
    }),
  ];
  const counted = test.map((picture, i) => tally([own[i]!], [picture], threshold));
  const all = tally(own, test, threshold);
  return {
    value: scores.map.toFixed(4),
    label: "test mAP@0.5",
    shown: drawFigures(figures, style),
    result: {
      testMap50: scores.map,
      baselineMap50: plain.map,
      validationMap50: valid.map,
      ...Object.fromEntries(
        classes.map((name, label) => [`test${name}`, scores.perClass.get(label) ?? Number.NaN]),
      ),
      threshold,
      picturesPerSecond: seen.perSecond,
      filesPerSecond: fromFiles.perSecond,
    },
    facts: [
      `validation mAP@0.5 ${valid.map.toFixed(3)}`,
      `${Math.round(seen.perSecond)} pictures/s, ${Math.round(fromFiles.perSecond)} with reading the file`,
      `${percent(all.right / all.there)} of ${all.there} cells found at a score of ${threshold}`,
      `${all.found - all.right} boxes without a cell`,
    ],
    files: { [thresholdFile]: String(threshold) },
    report: {
      figures,
      drawings: own.some(({ boxes }) => boxes.length > 0)
        ? [{ title: "Precision and recall", svg: curvesOf(own, test) }]
        : [],
      pictures: galleries(test, own, counted, threshold),
    },
  };
}

/** All results, one after another, and how many a second. */
async function inTurn<T>(
  pictures: readonly CellPicture[],
  f: (picture: CellPicture) => Promise<T>,
) {
  await f(pictures[0]!); // the first one compiles
  const begin = performance.now();
  const results: T[] = [];
  for (const picture of pictures) results.push(await f(picture));
  return { results, perSecond: (1000 * pictures.length) / (performance.now() - begin) };
}

/** How many boxes are shown, are right, and are there. */
function tally(found: readonly Detections[], pictures: readonly CellPicture[], threshold: number) {
  const sum = { found: 0, right: 0, there: pictures.reduce((n, { boxes }) => n + boxes.length, 0) };
  for (const label of classes.keys()) {
    const { scores, precision } = detectionCurve(found, pictures, label);
    const shown = scores.findLastIndex((score) => score >= threshold) + 1;
    sum.found += shown;
    sum.right += shown === 0 ? 0 : Math.round(shown * precision[shown - 1]!);
  }
  return sum;
}

/** The score from which on boxes are shown: where precision and recall are best in the harmonic mean. */
function bestThreshold(found: readonly Detections[], pictures: readonly CellPicture[]): number {
  const tried = Array.from({ length: 15 }, (_, i) => (i + 2) / 20).map((threshold) => {
    const { found: shown, right, there } = tally(found, pictures, threshold);
    return { threshold, f1: (2 * right) / Math.max(1, shown + there) };
  });
  return tried.reduce((best, one) => (one.f1 > best.f1 ? one : best)).threshold;
}

/** The detections of at least a score. */
export function surest({ boxes, scores, labels }: Detections, threshold: number): Detections {
  const pick = <T>(list: readonly T[]) => list.filter((_, i) => scores[i]! >= threshold);
  return { boxes: pick(boxes), scores: pick(scores), labels: pick(labels) };
}

function curvesOf(found: readonly Detections[], pictures: readonly CellPicture[]): string {
  const lines = classes.map((label, i) => {
    const { precision, recall } = detectionCurve(found, pictures, i);
    return { label, x: recall, y: precision };
  });
  const title = "Precision against recall, test pictures";
  return lineChart(lines, { title, x: "recall", y: "precision" });
}

/** Boxes as a picture shows them, a colour for each class. */
export function marksOf({ boxes, scores, labels }: Detections): PictureBox[] {
  return boxes.map(([left, top, right, bottom], i) => {
    const place = { x: left, y: top, width: right - left, height: bottom - top };
    return { ...place, score: scores[i]!, kind: classes[labels[i]!]! };
  });
}

type Counted = ReturnType<typeof tally>;

/** The test pictures with the fewest mistakes, and those with the most. */
function galleries(
  pictures: readonly CellPicture[],
  found: readonly Detections[],
  counted: readonly Counted[],
  threshold: number,
): Gallery[] {
  const wrong = counted.map(({ found: shown, right, there }) => shown + there - 2 * right);
  const order = [...pictures.keys()].sort((a, b) => {
    return wrong[a]! - wrong[b]! || pictures[b]!.boxes.length - pictures[a]!.boxes.length;
  });
  const card = (i: number) => {
    const { image, boxes, file } = pictures[i]!;
    const truth = boxes.map(([x, y, right, bottom]) => {
      return { x, y, width: right - x, height: bottom - y, kind: "truth" };
    });
    const { found: shown, right, there } = counted[i]!;
    const extra = shown - right;
    const said = `${right} of ${there} found, ${extra} ${extra === 1 ? "box" : "boxes"} without a cell`;
    const caption = `${basename(file)}\n${said}`;
    return {
      ...pictureOf(image),
      caption,
      boxes: [...truth, ...marksOf(surest(found[i]!, threshold))],
    };
  };
  const note = `Boxes with a score of at least ${threshold}; dashed is what the annotation says.`;
  return [
    { title: "Fewest mistakes", note, pictures: order.slice(0, 6).map(card) },
    {
      title: "Most mistakes",
      note: `${note} Annotations lack cells too: what counts as a box without one may well be a cell.`,
      pictures: order.slice(-6).reverse().map(card),
    },
  ];
}

/** Boxes as a table of text. */
export function drawDetections({ boxes, scores, labels }: Detections, style: TextStyle): string {
  const rows = boxes.map((box, i) => [
    classes[labels[i]!]!,
    percent(scores[i]!),
    ...box.map((side) => String(Math.round(side))),
  ]);
  const numbers = ["score", "left", "top", "right", "bottom"];
  const columns = numbers.map((title) => ({ title, align: "right" as const }));
  return table([{ title: "cell" }, ...columns], rows, style);
}
