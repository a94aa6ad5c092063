// How good the classes said of road scenes are: the confusion matrix of pixels, intersection over union,
// and the pictures that a report shows. Not here: who says them (../road.ts).

import { classReport } from "anneal/metrics";
import { pictureOf } from "anneal/vis";
import type { SegmentedPicture } from "anneal/vision";
import { classes, unknown } from "./data.ts";

export type Matrix = number[][];

/** Rows: what is there. Columns: what is said. */
export function confusion(said: ArrayLike<number>, { mask }: SegmentedPicture): Matrix {
  const matrix = classes.map(() => classes.map(() => 0));
  for (let i = 0; i < said.length; i++) {
    if (mask.data[i] !== unknown) matrix[mask.data[i]!]![said[i]!]!++;
  }
  return matrix;
}

export function summed(all: readonly Matrix[]): Matrix {
  return classes.map((_, is) => classes.map((_, as) => all.reduce((n, m) => n + m[is]![as]!, 0)));
}

/** Intersection over union is F1 / (2 - F1). */
export function scoresOf(matrix: Matrix) {
  const { f1, accuracy } = classReport(matrix);
  const iou = f1.map((score) => score / (2 - score));
  return { iou, accuracy, mean: iou.reduce((a, b) => a + b, 0) / iou.length };
}

/** The pictures with the fewest and the most pixels right: what is there beside what is said. */
export function galleries(
  test: readonly SegmentedPicture[],
  said: readonly ArrayLike<number>[],
  right: readonly number[],
) {
  const order = [...test.keys()].sort((a, b) => right[a]! - right[b]!);
  const names = classes.map(({ name }) => name);
  const colors = classes.map(({ color }) => color);
  const shown = (indices: readonly number[]) =>
    indices.flatMap((i) => {
      const { image, name, mask } = test[i]!;
      const laid = (labels: ArrayLike<number>) => ({
        classes: labels,
        names,
        colors,
        opacity: 0.6,
      });
      const caption = `${(100 * right[i]!).toFixed(1)} % of pixels right`;
      return [
        { ...pictureOf(image), caption: name },
        { ...pictureOf(image), mask: laid(mask.data), caption: "what is there" },
        { ...pictureOf(image), mask: laid(said[i]!), caption },
      ];
    });
  const some = Math.min(3, order.length);
  const middle = order.slice(Math.floor(order.length / 2)).slice(0, some);
  return [
    { title: "Worst", width: 240, pictures: shown(order.slice(0, some)) },
    { title: "In between", width: 240, pictures: shown(middle) },
    { title: "Best", width: 240, pictures: shown(order.slice(-some).reverse()) },
  ];
}
