// Pictures with boxes and masks through the same geometry: values by hand, and the property that a
// rectangle that is drawn, boxed and masked stays one thing under every move.
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  centerCrop,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  randomVerticalFlip,
  resize,
} from "../../src/data/geometric.ts";
import { type ImageArray, image, type Layout, toLayout } from "../../src/data/image.ts";
import {
  onPixels,
  type Scene,
  type SceneBox,
  type SceneTransform,
  type Transform,
} from "../../src/data/scene.ts";
import { compose, grayscale, normalize, toFloat } from "../../src/data/transforms.ts";
import { ShapeError } from "../../src/util/errors.ts";
import { Rng } from "../../src/util/rng.ts";

/** A picture of zeros with one box in it, which is 200 in the picture and 7 in the mask. */
function boxed(height: number, width: number, box: SceneBox, layout: Layout = "hwc") {
  const [left, top, right, bottom] = box;
  const pixels = new Uint8Array(height * width * 3);
  const mask = new Uint16Array(height * width);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      mask[y * width + x] = 7;
      pixels.fill(200, (y * width + x) * 3, (y * width + x + 1) * 3);
    }
  }
  const picture = toLayout(image(pixels, [height, width, 3], "hwc"), layout);
  const shape: [number, number] = [height, width];
  return { image: picture, boxes: [box], labels: [4], mask: { data: mask, shape }, name: "a" };
}

/** The smallest box around what `inside` says of each place. */
function bounds([height, width]: readonly number[], inside: (y: number, x: number) => boolean) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let y = 0; y < height!; y++) {
    for (let x = 0; x < width!; x++) {
      if (!inside(y, x)) continue;
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
    }
  }
  return [left, top, right, bottom];
}

const moves: [string, SceneTransform][] = [
  ["centerCrop", centerCrop([30, 44])],
  ["randomCrop", randomCrop([36, 40], { padding: 6 })],
  ["randomHorizontalFlip", randomHorizontalFlip(1)],
  ["randomVerticalFlip", randomVerticalFlip(1)],
  ["resize to more", resize([80, 90])],
  ["resize to less", resize([20, 24])],
  ["randomResizedCrop", randomResizedCrop([40, 40], { scale: [0.5, 1] })],
  ["quarter turns", randomRotation([90, 90])],
  ["shifts and scales", randomAffine({ translate: [0.2, 0.2], scale: [0.7, 1.4] })],
  ["one after the other", compose(resize(64), randomHorizontalFlip(), randomCrop(48))],
];

describe.each(moves)("%s", (_, transform) => {
  it.each<Layout>(["hwc", "chw"])("moves picture, box and mask together (%s)", (layout) => {
    for (let seed = 0; seed < 8; seed++) {
      const scene = { ...boxed(40, 48, [14, 9, 33, 30], layout), leastVisible: 0 };
      const { image: moved, boxes, labels, mask, name } = transform(scene, new Rng(seed));
      const last = toLayout(moved, "hwc");
      expect([mask.shape, labels, name]).toEqual([last.shape.slice(0, 2), [4], "a"]);
      const width = mask.shape[1];
      const drawn = bounds(mask.shape, (y, x) => last.data[(y * width + x) * 3]! >= 100);
      const masked = bounds(mask.shape, (y, x) => mask.data[y * width + x] === 7);
      for (let side = 0; side < 4; side++) {
        expect(Math.abs(boxes[0]![side]! - masked[side]!)).toBeLessThanOrEqual(0.51);
        expect(Math.abs(boxes[0]![side]! - drawn[side]!)).toBeLessThanOrEqual(1);
      }
      expect(transform(scene.image, new Rng(seed))).toEqual(moved); // the same draws
    }
  });
});

const one = (box: SceneBox, rest: Partial<Scene> = {}): Scene => ({
  image: image(new Uint8Array(80), [8, 10]),
  boxes: [box],
  ...rest,
});
const moved = (transform: SceneTransform, scene: Scene) => transform(scene, new Rng(0));

// torchvision.transforms.v2.functional: horizontal_flip, vertical_flip, resize, crop (and clamp) of
// BoundingBoxes in XYXY; `rotate` by 90 turns about (5, 4): (x, y) goes to (1 + y, 9 - x).
it.each<[string, SceneTransform, SceneBox, SceneBox[]]>([
  ["mirrored", randomHorizontalFlip(1), [1, 2, 3, 5], [[7, 2, 9, 5]]],
  ["upside down", randomVerticalFlip(1), [1, 2, 3, 5], [[1, 3, 3, 6]]],
  ["resized", resize([16, 5]), [1, 2, 3, 5], [[0.5, 4, 1.5, 10]]],
  ["cut", centerCrop([4, 4]), [1, 2, 5, 5], [[0, 0, 2, 3]]],
  ["padded", centerCrop([10, 14]), [1, 2, 3, 5], [[3, 3, 5, 6]]],
  ["turned", randomRotation([90, 90]), [3, 2, 4, 6], [[3, 5, 7, 6]]],
  ["turned off the picture", randomRotation([90, 90]), [9, 2, 10, 6], []],
  ["left in place", randomHorizontalFlip(0), [1, 2, 3, 5], [[1, 2, 3, 5]]],
])("a box %s", (_, transform, box, expected) => {
  const { boxes } = moved(transform, one(box));
  expect(boxes).toHaveLength(expected.length);
  expected.forEach((want, i) => {
    want.forEach((value, side) => expect(boxes?.[i]?.[side]).toBeCloseTo(value, 9));
  });
});

describe("boxes", () => {
  it("are dropped with their labels when too little of them is left", () => {
    const boxes: SceneBox[] = [
      [0, 0, 4, 4], // 1 of 16 stays
      [0, 2, 4, 6], // 4 of 16
      [3, 2, 7, 6],
      [0, 0, 2, 2], // nothing
    ];
    const scene = one([0, 0, 1, 1], { boxes, labels: [1, 2, 3, 4] });
    const cut = (leastVisible?: number) =>
      moved(centerCrop([4, 4]), leastVisible === undefined ? scene : { ...scene, leastVisible });
    expect(cut()).toMatchObject({
      labels: [2, 3],
      boxes: [
        [0, 0, 1, 4],
        [0, 0, 4, 4],
      ],
    });
    expect(cut(0.3)).toMatchObject({ labels: [3] });
    expect(cut(0)).toMatchObject({ labels: [1, 2, 3] });
    expect(scene.boxes).toBe(boxes);
  });
});

describe("masks", () => {
  const labels = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] as const };
  const scene: Scene = { image: image(new Float32Array(6), [2, 3]), mask: labels };
  const mask = (transform: SceneTransform, more: Partial<Scene> = {}) => [
    ...(moved(transform, { ...scene, ...more }).mask?.data ?? []),
  ];

  it("take the nearest label (PyTorch's nearest-exact), never one between two", () => {
    // torch.nn.functional.interpolate([[1, 2, 3], [4, 5, 6]], size, mode="nearest-exact")
    expect(mask(resize([2, 6]))).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
    expect(mask(resize([1, 2]))).toEqual([4, 6]);
    expect(mask(resize([3, 5]))).toEqual([1, 1, 2, 3, 3, 4, 4, 5, 6, 6, 4, 4, 5, 6, 6]);
  });

  it("are filled with the label that the scene has for outside", () => {
    expect(mask(centerCrop([2, 5]), { outside: 11 })).toEqual([11, 1, 2, 3, 11, 11, 4, 5, 6, 11]);
    expect(mask(centerCrop([2, 5]))).toEqual([0, 1, 2, 3, 0, 0, 4, 5, 6, 0]);
  });

  it("and boxes stay under changes of pixels", () => {
    const whole = boxed(6, 6, [1, 1, 3, 4]);
    const change = compose(grayscale(), toFloat(), normalize(0.5, 0.5));
    const result = change(whole, new Rng(0));
    expect([result.mask, result.boxes]).toEqual([whole.mask, whole.boxes]);
    expect(result.image.shape).toEqual([6, 6, 1]);
    const half = onPixels((picture) => ({ ...picture, data: picture.data.map((v) => v / 2) }));
    expect(half(whole, new Rng(0)).image.data).toContain(100);
  });
});

it("knows from its types which transforms take scenes", () => {
  const own: Transform = (picture) => picture;
  expectTypeOf(compose(resize(2), toFloat())).toEqualTypeOf<SceneTransform>();
  expectTypeOf(compose(resize(2), own)).toEqualTypeOf<Transform>();
  expectTypeOf(resize(2)(image(new Uint8Array(1), [1, 1]), new Rng(0))).toEqualTypeOf<ImageArray>();
});

it.each<[string, Partial<Scene>, RegExp]>([
  [
    "a mask of another size",
    { mask: { data: new Uint8Array(4), shape: [2, 2] } },
    /\[2,2\].*\[8, 10\]/,
  ],
  ["a mask with too few labels", { mask: { data: new Uint8Array(4), shape: [8, 10] } }, /4 labels/],
  ["boxes without labels", { labels: [1, 2] }, /1 boxes have 2 labels/],
])("refuses %s", (_, rest, message) => {
  const run = () => moved(resize(4), one([0, 0, 1, 1], rest));
  expect(run).toThrow(ShapeError);
  expect(run).toThrow(message);
});
