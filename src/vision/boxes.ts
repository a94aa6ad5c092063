// What the readers of boxes share: the annotation of a picture, and the checks of a box. Not here: the
// formats (voc.ts, coco.ts), or what becomes of boxes when pictures move (anneal/data's scenes).
import { type BadItem, badItem, type SceneBox } from "../data/index.ts";
import { LoadError } from "../util/errors.ts";

/** What is in one picture. */
export interface Annotation {
  /** The picture's file, as the annotation names it. */
  readonly picture: string;
  readonly width: number;
  readonly height: number;
  /** Left, top, right and bottom in pixels. */
  readonly boxes: readonly SceneBox[];
  /** The class of each box, a number into the list of classes. */
  readonly labels: readonly number[];
  /** Of each box whether it is marked as one that nobody need find (VOC's difficult, COCO's crowds). */
  readonly difficult: readonly boolean[];
}

export interface BoxOptions {
  /** The classes in the order of their numbers. */
  readonly classes?: readonly string[] | undefined;
  /** Where a box that cannot be used is listed and left out; without it, it is thrown. */
  readonly bad?: BadItem[] | undefined;
  /** What errors call a text; a path has its name. */
  readonly file?: string | undefined;
}

/** Throws an error, or lists it. */
export function refuse(error: LoadError, bad: BadItem[] | undefined): void {
  if (bad === undefined) throw error;
  bad.push(badItem(error));
}

/** Half a pixel beyond an edge is rounding and cut off. */
const slack = 0.5;

/** The box within its picture, or what is wrong with it, to follow "the box […]". */
export function boxWithin(box: SceneBox, width: number, height: number): SceneBox | string {
  const [left, top, right, bottom] = box;
  if (!box.every(Number.isFinite)) return "is not made of numbers";
  if (!(right > left && bottom > top)) return "is empty";
  if (left < -slack || top < -slack || right > width + slack || bottom > height + slack) {
    return `lies outside of its picture of ${width} × ${height}`;
  }
  return [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)];
}

/** The number of a class, or an error that names those there are. */
export function labelOf(
  name: string,
  classes: readonly string[],
  file: string,
  place: string,
): number | LoadError {
  const label = classes.indexOf(name);
  if (label >= 0) return label;
  const known = classes.length > 12 ? `${classes.length} classes` : classes.join(", ");
  return new LoadError(file, `has the class ${JSON.stringify(name)} ${place}, not one of ${known}`);
}

/** The line of a place in a text, from 1. */
export function lineAt(text: string, at: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < at; i = text.indexOf("\n", i + 1)) line++;
  return line;
}
