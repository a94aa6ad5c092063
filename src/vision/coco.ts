// Boxes in COCO's JSON (Lin et al. 2014): one file for all pictures, boxes as left, top, width, height.
// Not here: COCO's segmentations and key points, or VOC's XML (voc.ts).
import type { SceneBox } from "../data/index.ts";
import { readText } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";
import { type Annotation, type BoxOptions, boxWithin, labelOf, lineAt, refuse } from "./boxes.ts";

/** The boxes of all pictures. */
export interface Coco {
  /** The names of the classes in the order of their numbers: COCO's by their id, or those given. */
  readonly classes: readonly string[];
  /** One for each picture, in the order of the file, also for those without a box. */
  readonly pictures: readonly Annotation[];
}

/**
 * The boxes of a file. See {@link parseCoco}.
 *
 * @example
 * const { classes, pictures } = await readCoco("annotations/instances_val2017.json");
 */
export async function readCoco(file: string, options: BoxOptions = {}): Promise<Coco> {
  return parseCoco(await readText(file), { ...options, file });
}

/**
 * The boxes of a COCO file's text, as left, top, right and bottom.
 *
 * @throws LoadError that names file and line for what is no JSON or lacks pictures, annotations or
 * categories, and for a box of an unknown picture or class, an empty one, and one outside of its
 * picture; with `bad`, boxes are left out and listed there.
 */
export function parseCoco(
  text: string,
  { classes: given, bad, file = "annotations" }: BoxOptions = {},
): Coco {
  const json = parse(text, file);
  const [images, annotations, categories] = ["images", "annotations", "categories"].map((key) =>
    listOf(json, key, file),
  );
  const byId = [...categories].sort((a, b) => Number(a.id) - Number(b.id));
  const classes = given ?? byId.map(({ name }) => String(name));
  const nameOf = new Map(categories.map(({ id, name }) => [id, String(name)]));
  const pictures = new Map(images.map((found, i) => [found.id, pictureOf(found, i, text, file)]));
  for (const [i, found] of annotations.entries()) {
    // Lines are counted for errors alone.
    const complain = (what: (place: string) => LoadError) => {
      refuse(what(`(annotation ${found.id}, line ${lineOfItem(text, "annotations", i)})`), bad);
    };
    const picture = pictures.get(found.image_id);
    if (picture === undefined) {
      complain((at) => new LoadError(file, `has a box in no picture, ${found.image_id} ${at}`));
      continue;
    }
    const name = nameOf.get(found.category_id) ?? `category ${found.category_id}`;
    const label = labelOf(name, classes, file, "");
    const box = boxWithin(cornersOf(found.bbox), picture.width, picture.height);
    if (label instanceof LoadError) {
      complain((at) => labelOf(name, classes, file, at) as LoadError);
    } else if (typeof box === "string") {
      const shown = `[${found.bbox}] ${box}`;
      complain((at) => new LoadError(file, `has a box that cannot be: ${shown} ${at}`));
    } else {
      picture.boxes.push(box);
      picture.labels.push(label);
      picture.difficult.push(found.iscrowd === 1);
    }
  }
  return { classes, pictures: [...pictures.values()] };
}

type Item = Readonly<Record<string, unknown>>;

function parse(text: string, file: string): Item {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new LoadError(file, `is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Item;
  throw new LoadError(file, "is no COCO file: it holds no object");
}

function listOf(json: Item, key: string, file: string): Item[] {
  const list = json[key];
  const isList = Array.isArray(list) && list.every((item) => typeof item === "object" && item);
  if (!isList) throw new LoadError(file, `is no COCO file: it has no list "${key}"`);
  return list;
}

function pictureOf({ file_name, width, height }: Item, index: number, text: string, file: string) {
  if (typeof width !== "number" || typeof height !== "number" || !(width > 0 && height > 0)) {
    const line = lineOfItem(text, "images", index);
    throw new LoadError(file, `has no size of ${file_name} (line ${line})`);
  }
  const [boxes, labels, difficult]: [SceneBox[], number[], boolean[]] = [[], [], []];
  return { picture: String(file_name), width, height, boxes, labels, difficult };
}

function cornersOf(bbox: unknown): SceneBox {
  const list = Array.isArray(bbox) && bbox.length === 4 ? bbox : [];
  const [x, y, width, height] = list.map((value) =>
    typeof value === "number" ? value : Number.NaN,
  );
  return [x ?? Number.NaN, y, x + width, y + height];
}

/** The line on which an item of a list of the outermost object begins. */
function lineOfItem(text: string, key: string, index: number): number {
  let depth = 0;
  let last = ""; // the last string at depth 1, which is a key where a list begins
  let items = -1; // how many items of the list have begun; below 0 outside of it
  for (const { 0: token, index: at } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token[0] === '"') {
      if (depth === 1) last = token.slice(1, -1);
    } else if (token === "{" || token === "[") {
      if (items >= 0 && depth === 2 && items++ === index) return lineAt(text, at);
      depth++;
      if (token === "[" && depth === 2 && last === key) items = 0;
    } else {
      depth--;
      if (depth === 1) items = -1;
    }
  }
  return 1;
}
