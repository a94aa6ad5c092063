// Galleries: pictures of a report side by side under a title, with captions, boxes drawn above
// them, masks, outlines and heat laid over them, and a legend of what the colours mean.
// Not here: pixels and what lies over them (picture.ts), how it looks (report-style.ts).

import { ArgumentError } from "../util/errors.ts";
import type { Picture } from "./digit.ts";
import { classColors, type Layers, pngDataUrl, rgbOf } from "./picture.ts";
import { escapeHtml } from "./report-parts.ts";
import { percent } from "./table.ts";

/** A rectangle on a picture, in the picture's pixels from its top left corner. */
export interface PictureBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Words at its top: a class, say. */
  readonly label?: string | undefined;
  /** How sure the model is, from 0 to 1. */
  readonly score?: number | undefined;
  /** Boxes of a kind have a colour, which the legend names; `truth` is dashed. */
  readonly kind?: string | undefined;
}

/** A picture with all that is said of it. Pixels of colour are red, green, blue, pixel by pixel. */
export interface GalleryPicture extends Picture, Layers {
  /** Words below it; a line feed begins a new line. */
  readonly caption?: string | undefined;
  readonly boxes?: readonly PictureBox[] | undefined;
  /** Blue or red at its edge. */
  readonly tone?: "right" | "wrong" | undefined;
}

/** A picture that is drawn of lines, as a whole SVG: a molecule, a chart. */
export interface GalleryDrawing extends Pick<GalleryPicture, "caption" | "tone"> {
  readonly svg: string;
  /** How wide and how high it is, in pixels of the page. */
  readonly width: number;
  readonly height: number;
}

/** Pictures side by side. */
export interface Gallery<P = GalleryPicture | GalleryDrawing> {
  readonly title: string;
  readonly note?: string | undefined;
  readonly pictures: readonly P[];
  /** How wide pictures are shown, in pixels of the page; without it by their own size. */
  readonly width?: number | undefined;
}

/** A gallery as HTML: pictures in data URLs, boxes as SVG above them. */
export function gallerySection({ title, note, pictures, width }: Gallery): string {
  const painted = pictures.filter((picture): picture is GalleryPicture => !("svg" in picture));
  const kinds = kindsOf(painted);
  const cards = pictures.map((picture) => {
    if ("svg" in picture) return drawingCard(picture);
    return card(picture, width ?? usualWidth(picture), kinds);
  });
  const said = note ? `<p class="note">${escapeHtml(note)}</p>` : "";
  const shown = `<ul class="gallery">${cards.join("")}</ul>`;
  const empty = pictures.length === 0 ? "<p>None.</p>" : shown;
  const key = legend(painted, kinds);
  return `<section><h2>${escapeHtml(title)}</h2>${said}${key}${empty}</section>`;
}

/**
 * The filters of a first convolution as a gallery, each from its least to its greatest weight:
 * weights (O, C, height, width) with 1 channel (grey: 0 is in the middle) or 3 (colour). Throws
 * ArgumentError for others.
 *
 * @example
 * const { weight } = model.conv1; // (16, 3, 5, 5)
 * const seen = filters({ data: await weight.data(), shape: weight.shape });
 */
export function filters(
  weight: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
  { title = "What the first layer learned", note = filterNote, width = 56 } = {},
): Gallery<GalleryPicture> {
  const { data, shape } = weight;
  const [count = 0, channels = 0, rows = 0, cols = 0] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    const detail = `weights of a first convolution are [O, 1 or 3, height, width], not [${shape}]`;
    throw new ArgumentError("filters", detail);
  }
  const area = rows * cols;
  const pictures = Array.from({ length: count }, (_, o): GalleryPicture => {
    const own = Array.from({ length: channels * area }, (_, i) => data[o * channels * area + i]!);
    const most = own.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    const pixels = own.map((_, i) => {
      const [place, channel] = [Math.floor(i / channels), i % channels];
      return 127.5 + (127.5 * own[channel * area + place]!) / most;
    });
    return { pixels, rows, cols, channels };
  });
  return { title, note, width, pictures };
}

const filterNote =
  "Each square is a filter, laid on every place of a picture: bright weights add, dark ones subtract.";

/** Small pictures grow by a whole factor, so that every pixel is as large as the others. */
function usualWidth({ rows, cols }: Picture): number {
  const longer = Math.max(rows, cols);
  if (longer <= 96) return cols * Math.max(1, Math.floor(108 / longer));
  return Math.round(cols * Math.min(1, 320 / longer));
}

function card(picture: GalleryPicture, width: number, kinds: Kinds): string {
  const { rows, cols, caption = "", tone, boxes = [] } = picture;
  const alt = escapeHtml(caption.replaceAll("\n", ", "));
  const size = `width="${width}" height="${Math.round((width * rows) / cols)}"`;
  const crisp = width >= cols ? "" : ' class="smooth"';
  const image = `<img src="${pngDataUrl(picture)}" alt="${alt}" ${size}${crisp}>`;
  const unit = cols / width; // a pixel of the page, in pixels of the picture
  const marks = boxes.map((box) => boxMark(box, unit, colorOf(kinds, box)));
  const over = marks.length > 0 ? `<svg viewBox="0 0 ${cols} ${rows}">${marks.join("")}</svg>` : "";
  const words = caption ? `<span>${escapeHtml(caption)}</span>` : "";
  const kind = tone ? ` class="${tone}"` : "";
  const frame = `<div class="picture">${image}${over}</div>`;
  return `<li${kind} style="width:${width}px">${frame}${words}</li>`;
}

/**
 * A picture with its boxes as one SVG in the picture's own size, which needs no other file.
 *
 * @example
 * await writeFile("found.svg", boxedPicture({ ...pictureOf(image), boxes }));
 */
export function boxedPicture(picture: GalleryPicture): string {
  const { rows, cols, boxes = [] } = picture;
  const kinds = kindsOf([picture]);
  const marks = boxes.map((box) => boxMark(box, 1, colorOf(kinds, box)));
  const size = `width="${cols}" height="${rows}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${cols} ${rows}" ${size}>
<style>
rect { fill: none; stroke-width: 2; }
.halo { stroke: #000; stroke-opacity: .55; stroke-width: 4; }
.dashed { stroke-dasharray: 5 4; }
text { font-family: system-ui, sans-serif; font-weight: 600; }
text { paint-order: stroke; stroke: #000; stroke-width: .25em; }
</style>
<image href="${pngDataUrl(picture)}" ${size}/>
${marks.join("\n")}
</svg>
`;
}

/** In a data URL: its names and styles stay its own, and no script in it runs. */
function drawingCard({ svg, width, height, caption = "", tone }: GalleryDrawing): string {
  const url = `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
  const alt = escapeHtml(caption.replaceAll("\n", ", "));
  const image = `<img src="${url}" alt="${alt}" width="${width}" height="${height}" class="smooth">`;
  const words = caption ? `<span>${escapeHtml(caption)}</span>` : "";
  const kind = tone ? ` class="${tone}"` : "";
  return `<li${kind} style="width:${width}px"><div class="picture">${image}</div>${words}</li>`;
}

function boxMark(box: PictureBox, unit: number, color: string): string {
  const { x, y, width, height, label = "", score, kind } = box;
  const place = [x, y, width, height].map((value) => Math.round(100 * value) / 100);
  const [left, top, wide, high] = place as [number, number, number, number];
  const size = `x="${left}" y="${top}" width="${wide}" height="${high}"`;
  const dashes = kind === "truth" ? ' class="dashed"' : "";
  const words = [label, score === undefined ? "" : percent(score)].filter(Boolean).join(" ");
  const font = Math.round(1100 * unit) / 100;
  const above = top > 1.3 * font ? top - 0.3 * font : top + font;
  const at = `x="${left + 2 * unit}" y="${Math.round(100 * above) / 100}" font-size="${font}"`;
  const text = label && `<text ${at} fill="${color}">${escapeHtml(words)}</text>`;
  const tip = words ? `<title>${escapeHtml(words)}</title>` : "";
  const halo = `<rect ${size} class="halo"/>`;
  return `${halo}<rect ${size} stroke="${color}"${dashes}>${tip}</rect>${text}`;
}

/** The colour of each kind of box. */
type Kinds = ReadonlyMap<string, string>;

function kindsOf(pictures: readonly GalleryPicture[]): Kinds {
  const kinds = new Map<string, string>();
  for (const { kind } of pictures.flatMap(({ boxes = [] }) => boxes)) {
    if (kind === undefined || kinds.has(kind)) continue;
    const others = kinds.size - (kinds.has("truth") ? 1 : 0);
    kinds.set(kind, kind === "truth" ? "#ffffff" : classColors[others % classColors.length]!);
  }
  return kinds;
}

function colorOf(kinds: Kinds, { kind }: PictureBox): string {
  return (kind === undefined ? undefined : kinds.get(kind)) ?? classColors[0]!;
}

/** What colours mean: kinds of boxes, classes of masks, outlines. */
function legend(pictures: readonly GalleryPicture[], kinds: Kinds): string {
  const items = new Map<string, string>(kinds);
  for (const { mask, contours = [] } of pictures) {
    const { names = [], colors = classColors } = mask ?? {};
    names.forEach((name, i) => {
      const color = colors[i];
      if (color) items.set(name, color);
    });
    for (const { name, color = classColors[4]! } of contours) if (name) items.set(name, color);
  }
  if (items.size === 0) return "";
  const shown = [...items].map(([name, color]) => {
    rgbOf(color); // nothing but a colour goes into the style
    return `<li><i style="background:${color}"></i>${escapeHtml(name)}</li>`;
  });
  return `<ul class="key">${shown.join("")}</ul>`;
}
