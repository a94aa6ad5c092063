// Boxes in Pascal VOC's XML (Everingham et al. 2010), one file a picture, as labelImg writes them too, and
// VOC's lists of names (ImageSets). Not here: COCO's JSON (coco.ts), or segmentations (mask.ts).
import { XMLParser, XMLValidator } from "fast-xml-parser";
import type { SceneBox } from "../data/index.ts";
import { linesOf, readText } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";
import { type Annotation, type BoxOptions, boxWithin, labelOf, lineAt, refuse } from "./boxes.ts";

/** Options of {@link parseVoc}, which needs to know the classes. */
export interface VocOptions extends BoxOptions {
  readonly classes: readonly string[];
}

/**
 * The boxes of a file. See {@link parseVoc}.
 *
 * @example
 * const { boxes, labels } = await readVoc("Annotations/0001.xml", { classes: ["RBC", "WBC"] });
 */
export async function readVoc(file: string, options: VocOptions): Promise<Annotation> {
  return parseVoc(await readText(file), { ...options, file });
}

/**
 * The boxes of an annotation, as they stand: VOC counts pixels from 1, which is not undone, since labelImg
 * and torchvision leave it be.
 *
 * @throws LoadError that names file and line for what is no XML or no annotation, has no size, and for a
 * box of an unknown class, an empty one, and one outside of its picture; with `bad`, boxes are left
 * out and listed there.
 */
export function parseVoc(
  text: string,
  { classes, bad, file = "annotation" }: VocOptions,
): Annotation {
  const valid = XMLValidator.validate(text);
  if (valid !== true) {
    throw new LoadError(file, `is no XML (line ${valid.err.line}): ${valid.err.msg}`);
  }
  const root = elementsOf(parser.parse(text).annotation)[0];
  if (root === undefined) throw new LoadError(file, "has no <annotation>");
  const [width, height] = sizeOf(root, text, file);
  const kept: { box: SceneBox; label: number; difficult: boolean }[] = [];
  for (const object of elementsOf(root.object)) {
    const place = `(line ${lineAt(text, startOf(object))})`;
    const label = labelOf(String(object.name ?? ""), classes, file, place);
    const given = boxOf(object);
    const box = boxWithin(given, width, height);
    if (label instanceof LoadError) refuse(label, bad);
    else if (typeof box === "string") {
      refuse(new LoadError(file, `has a box that cannot be: [${given}] ${box} ${place}`), bad);
    } else kept.push({ box, label, difficult: Number(object.difficult) === 1 });
  }
  return {
    picture: String(root.filename ?? ""),
    width,
    height,
    boxes: kept.map(({ box }) => box),
    labels: kept.map(({ label }) => label),
    difficult: kept.map(({ difficult }) => difficult),
  };
}

type Element = Readonly<Record<string | symbol, unknown>>;

// Values stay text: a class may be called 007. Objects know where they begin.
const parser = new XMLParser({ parseTagValue: false, captureMetaData: true });
const metadata = XMLParser.getMetaDataSymbol() as unknown as symbol;

function startOf(element: Element): number {
  return (element[metadata] as { startIndex?: number } | undefined)?.startIndex ?? 0;
}

/** One element, several, or none, as a list. */
function elementsOf(found: unknown): Element[] {
  return [found].flat().filter((one): one is Element => typeof one === "object" && one !== null);
}

function sizeOf(root: Element, text: string, file: string): [number, number] {
  const size = elementsOf(root.size)[0];
  const [width, height] = [Number(size?.width), Number(size?.height)];
  if (width > 0 && height > 0) return [width, height];
  const line = lineAt(text, startOf(size ?? root));
  throw new LoadError(file, `has no size of its picture (line ${line})`);
}

function boxOf(object: Element): SceneBox {
  const box = elementsOf(object.bndbox)[0] ?? {};
  const number = (name: string) => {
    const value = String(box[name] ?? "").trim();
    return value === "" ? Number.NaN : Number(value);
  };
  return [number("xmin"), number("ymin"), number("xmax"), number("ymax")];
}

/**
 * The names in a list of names, one a line, as in VOC's ImageSets: a name may be followed by 1, 0 or -1,
 * of which -1 says that the class of the list is not in the picture, and leaves it out. Throws
 * LoadError for an empty list, and for a name given twice with its line.
 *
 * @example
 * const names = await readNames("ImageSets/Main/train.txt"); // ["BloodImage_00001", …]
 */
export async function readNames(file: string): Promise<string[]> {
  const lineOf = new Map<string, number>();
  for (const [index, line] of linesOf(await readText(file)).entries()) {
    const [, name = "", flag] = /^\s*(.*?)(?:\s+(-1|0|1))?\s*$/.exec(line) ?? [];
    if (name === "" || flag === "-1") continue;
    const before = lineOf.get(name);
    if (before !== undefined) {
      throw new LoadError(file, `has ${name} in line ${index + 1} that line ${before} has`);
    }
    lineOf.set(name, index + 1);
  }
  if (lineOf.size === 0) throw new LoadError(file, "has no names");
  return [...lineOf.keys()];
}
