// The recipe `cells`: find red cells, white cells and platelets in photographs of blood (BCCD), each with a
// box, by a network that says for every place whether an object's centre is there, and how far its sides
// are. Not here: reading the photographs (cells/data.ts), the network (cells/model.ts), what it learns
// and how boxes come of it (cells/detector.ts), how good it is (cells/result.ts).

import { nn, optim } from "anneal";
import {
  ArrayDataset,
  compose,
  DataLoader,
  MapDataset,
  type NdArray,
  type Rng,
  randomAffine,
  randomHorizontalFlip,
  randomVerticalFlip,
  toLayout,
} from "anneal/data";
import { writeFileAtomic } from "anneal/io";
import {
  folderOf,
  folderSettings,
  limitTo,
  number,
  type Recipe,
  type RunConfig,
  seeded,
  seedOf,
  skipBadOf,
  splitFile,
  whole,
  word,
} from "anneal/recipe";
import { boxedPicture, pictureOf } from "anneal/vis";
import { decodePicture } from "anneal/vision";
import {
  type CellPicture,
  classes,
  enlarged,
  height,
  namesOf,
  published,
  readCells,
  small,
  width,
} from "./cells/data.ts";
import { detectionLoss, detectorOf, targetOf } from "./cells/detector.ts";
import { CellNet } from "./cells/model.ts";
import { drawDetections, judge, marksOf, surest, thresholdFile } from "./cells/result.ts";

const settings = {
  epochs: whole("times through the training pictures", 40),
  batch: whole("pictures in a step", 8),
  lr: number("the highest learning rate of the cycle", 2e-3),
  width: whole("channels of the first layer", 16, 2),
  seed: seedOf("weights, order, flips and moves"),
  limit: limitTo("pictures of each part", 1),
  skipBad: skipBadOf("boxes and pictures"),
  ...folderSettings,
} as const;

/** Blood has no up and no left, and cells come in sizes. What is moved in is as light as the background. */
const augment = compose(
  randomHorizontalFlip(),
  randomVerticalFlip(),
  randomAffine({ scale: [0.8, 1.2], translate: [0.1, 0.1], fill: 200 }),
);

interface Sample {
  readonly x: NdArray;
  readonly y: NdArray;
}

/** A picture, channels first, and what the network shall say of it. */
function sampleOf(picture: CellPicture): Sample {
  const { data, shape } = toLayout(picture.image, "chw");
  return { x: { data, shape }, y: targetOf(picture, classes.length, height, width) };
}

function batches(pictures: readonly CellPicture[], { batch, seed }: RunConfig<typeof settings>) {
  const drawn = (picture: CellPicture, rng: Rng) => sampleOf(augment(picture, rng));
  const samples = new MapDataset(new ArrayDataset(pictures), drawn);
  const dropLast = pictures.length > batch; // few pictures make a poor batch norm
  return new DataLoader<Sample>(samples, { batchSize: batch, shuffle: true, seed, dropLast });
}

const inOrder = (pictures: readonly CellPicture[]) =>
  new DataLoader<Sample>(new MapDataset(new ArrayDataset(pictures), sampleOf), { batchSize: 8 });

const predictSettings = {
  picture: word("the photograph with its boxes, as SVG", "<file>", "cells.svg"),
} as const;

export const recipe: Recipe<typeof settings, typeof predictSettings> = {
  name: "cells",
  help: "find blood cells in photographs, each with a box (BCCD: red, white, platelets)",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, seed } = config;
    const cells = await readCells(await folderOf(config, published), config);
    const { train, validation, test, bad } = cells;
    const model = seeded(seed, () => new CellNet(classes.length, config.width));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.02 });
    const loader = batches(train, config);
    const totalSteps = epochs * loader.length;
    const parts = `${train.length} photographs to train, ${validation.length} to validate`;
    const changed = "flipped, moved, scaled";
    return {
      model,
      summary: nn.summary(model, [3, height, width]),
      data: `${parts}, ${test.length} to test`,
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}, ${changed}`,
      ...{ epochs, train: loader, validation: inOrder(validation), optimizer, clipNorm: 10 },
      loss: detectionLoss,
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps }),
      skipped: bad,
      files: splitFile(namesOf(cells)),
      next: (folder) => `ask it: anneal predict cells PICTURE.jpg --run ${folder}`,
      test: (terminal) => judge(cells, detectorOf(model), terminal),
    };
  },
  predict: {
    help: "find the cells in a photograph, and draw their boxes",
    input: { option: "image", takes: "<file>", help: "a JPEG or PNG" },
    settings: predictSettings,
    async run({ input, options, config, folder, load, read }, { style, print }) {
      const model = await load(new CellNet(classes.length, config.width));
      const image = await decodePicture(input, { channels: 3 });
      const threshold = Number(await read(thresholdFile));
      const seen = surest(await detectorOf(model)(small({ image }).image), threshold);
      const found = { ...seen, boxes: seen.boxes.map((box) => enlarged(box, image)) };
      print(drawDetections(found, style));
      const boxes = marksOf(found).map((mark) => ({ ...mark, label: mark.kind }));
      await writeFileAtomic(options.picture, boxedPicture({ ...pictureOf(image), boxes }));
      print(`${options.picture} shows ${found.boxes.length} boxes, says ${folder}`);
    },
  },
};
