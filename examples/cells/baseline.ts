// What the detector has to be better than: cells by their colour. What is blue is a white cell if it is
// large, a platelet if it is small; what is red is red cells, one wherever a box of the usual size is well
// filled. Thresholds and sizes are those of the training pictures. Not here: the network (model.ts).

import { type Detections, meanAveragePrecision } from "anneal/metrics";
import { connectedComponents, nms } from "anneal/vision";
import type { CellPicture } from "./data.ts";

type Box = Detections["boxes"][number];

const [red, white, platelet] = [0, 1, 2];

/** What of the colours is learned. */
interface Colours {
  /** How much bluer than green a stained pixel is, and how much redder than green a red cell's. */
  readonly blue: number;
  readonly red: number;
  /** Blue pixels of the smallest white cell and of the smallest platelet. */
  readonly large: number;
  readonly small: number;
  /** Width and height of the usual red cell. */
  readonly usual: readonly [number, number];
}

/** Chooses the thresholds by the mean average precision of the first 40 training pictures. */
export function fitColours(train: readonly CellPicture[]): (picture: CellPicture) => Detections {
  const sides = train.flatMap(({ boxes, labels }) => boxes.filter((_, i) => labels[i] === red));
  const middle = (lengths: number[]) => lengths.sort((a, b) => a - b)[lengths.length >> 1] ?? 50;
  const usual = [
    middle(sides.map((b) => b[2] - b[0])),
    middle(sides.map((b) => b[3] - b[1])),
  ] as const;
  const some = train.slice(0, 40);
  let best: { colours: Colours; map: number } | undefined;
  for (const blue of [12, 18, 25]) {
    for (const small of [60, 120]) {
      const colours = { blue, red: 12, large: 500, small, usual };
      const found = some.map((picture) => findByColour(picture, colours));
      const { map } = meanAveragePrecision(found, some, { iouThresholds: [0.5] });
      if (best === undefined || map > best.map) best = { colours, map };
    }
  }
  return (picture) => findByColour(picture, best!.colours);
}

function findByColour(
  { image }: CellPicture,
  { blue, red: warm, large, small, usual }: Colours,
): Detections {
  const [height, width] = image.shape as readonly [number, number, number]; // (H, W, 3)
  const [stained, reds] = [new Uint8Array(height * width), new Uint8Array(height * width)];
  for (let i = 0; i < stained.length; i++) {
    const [r, g, b] = image.data.subarray(3 * i, 3 * i + 3) as never as [number, number, number];
    stained[i] = Number(b - g > blue);
    reds[i] = Number(r - g > warm && b - g <= blue);
  }
  const found: { box: Box; score: number; label: number }[] = [];
  for (const { box, pixels } of piecesOf(stained, height, width)) {
    if (pixels < small) continue;
    const label = pixels < large ? platelet : white;
    const [l, t, r, b] = box;
    const margin = label === white ? 0 : 2; // a platelet's rim is pale
    const grown = [l - margin, t - margin, r + margin, b + margin] as const;
    found.push({ box: grown, score: Math.min(1, pixels / (label === white ? 4000 : 400)), label });
  }
  for (const piece of filled(reds, height, width, usual)) found.push({ ...piece, label: red });
  return {
    boxes: found.map(({ box }) => box),
    scores: found.map(({ score }) => score),
    labels: found.map(({ label }) => label),
  };
}

/** Connected pieces of a mask, each with the box around it and the number of its pixels. */
function piecesOf(data: Uint8Array, height: number, width: number) {
  const { labels, count } = connectedComponents({ data, shape: [height, width] });
  const none: Box = [width, height, 0, 0];
  const pieces = Array.from({ length: count }, () => ({ box: none, pixels: 0 }));
  labels.data.forEach((label, i) => {
    if (label === 0) return;
    const piece = pieces[label - 1]!;
    const [left, top, right, bottom] = piece.box;
    const [x, y] = [i % width, Math.floor(i / width)];
    const across = [Math.min(left, x), Math.max(right, x + 1)] as const;
    piece.box = [across[0], Math.min(top, y), across[1], Math.max(bottom, y + 1)];
    piece.pixels++;
  });
  return pieces;
}

/** Boxes of one size that a mask fills well, none far over another. */
function filled(
  mask: Uint8Array,
  height: number,
  width: number,
  [wide, high]: readonly [number, number],
) {
  const sums = new Float64Array((height + 1) * (width + 1)); // of all pixels above and left
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [above, at] = [y * (width + 1) + x, (y + 1) * (width + 1) + x];
      sums[at + 1] = mask[y * width + x]! + sums[at]! + sums[above + 1]! - sums[above]!;
    }
  }
  const [boxes, scores]: [Box[], number[]] = [[], []];
  const [w, h] = [Math.round(wide), Math.round(high)];
  for (let y = 0; y + h <= height; y += 4) {
    for (let x = 0; x + w <= width; x += 4) {
      const at = (row: number, col: number) => sums[row * (width + 1) + col]!;
      const within = (left: number, top: number, right: number, bottom: number) =>
        at(bottom, right) - at(bottom, left) - at(top, right) + at(top, left);
      const inner = within(x, y, x + w, y + h);
      const [left, right] = [Math.max(0, x - 5), Math.min(width, x + w + 5)];
      const [top, bottom] = [Math.max(0, y - 5), Math.min(height, y + h + 5)];
      const rim = within(left, top, right, bottom) - inner; // what spills over speaks against the box
      const area = (right - left) * (bottom - top) - w * h;
      const score = inner / (w * h) - rim / Math.max(1, area) / 2;
      if (score < 0.2) continue;
      boxes.push([x, y, x + w, y + h]);
      scores.push(score);
    }
  }
  return nms(boxes, scores, 0.3).map((i) => ({ box: boxes[i]!, score: scores[i]! }));
}
