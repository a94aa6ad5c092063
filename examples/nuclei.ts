// The recipe `nuclei`: where the nuclei of cells are in pictures of many kinds of microscopes (Data
// Science Bowl 2018), each one by itself, by a U-Net that tells insides from boundaries. Not here:
// reading and splitting (nuclei/data.ts), the network (unet.ts), from scores to nuclei
// (nuclei/instances.ts).

import { LoadError, nn, noGrad, optim, type Tensor, tensor } from "anneal";
import { instanceScores, meanIou } from "anneal/metrics";
import {
  folderOf,
  folderSettings,
  limitTo,
  number,
  type Recipe,
  seeded,
  seedOf,
  skipBadOf,
  splitFile,
  type Terminal,
  type Verdict,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { drawFigures, type Figure, pictureOf } from "anneal/vis";
import type { LabelMap } from "anneal/vision";
import {
  brightness,
  classes,
  cropLoader,
  middleLoader,
  type NucleiPicture,
  published,
  readNuclei,
} from "./nuclei/data.ts";
import { nucleiOf, pixelIou, simpleNuclei } from "./nuclei/instances.ts";
import { relit, UNet } from "./unet.ts";

const settings = {
  epochs: whole("crops of each training picture", 50),
  batch: whole("crops in a step", 16),
  lr: number("the highest learning rate of the cycle", 3e-3),
  width: whole("channels of the first level", 16),
  seed: seedOf("split, weights, order and crops"),
  limit: limitTo("pictures", 40),
  skipBad: skipBadOf("pictures"),
  ...folderSettings,
} as const;

/** A U-Net over pictures (B, 3, H, W). Training makes each lighter or darker, its colours one by one. */
class NucleiNet extends nn.Module {
  net: UNet;

  constructor(width: number) {
    super();
    this.net = new UNet(3, classes.length, { width, dropout: 0.1 });
  }

  forward(x: Tensor): Tensor {
    const spread = { light: 0.25, colour: 0.1, shift: 0.05 };
    return this.net.forward(this.training ? noGrad(() => relit(x, spread)) : x);
  }
}

export const recipe: Recipe<typeof settings> = {
  name: "nuclei",
  help: "outline the nuclei of cells (Data Science Bowl 2018)",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, width, seed, limit, skipBad } = config;
    const nuclei = await readNuclei(await folderOf(config, published), {
      seed,
      limit: limit ?? undefined,
      skipBad,
    });
    const { train, validation, test, bad } = nuclei;
    if (train.length < batch || validation.length === 0 || test.length === 0) {
      throw new LoadError("nuclei", `${train.length} pictures to train on are too few`);
    }
    const model = seeded(seed, () => new NucleiNet(width));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.01 });
    const batches = cropLoader(train, batch, seed);
    const weight = tensor([1, 1, 1.5]);
    const names = (part: readonly NucleiPicture[]) => part.map(({ name }) => name);
    return {
      model,
      summary: nn.summary(model, [3, 256, 256]),
      data: `${train.length} pictures to train, ${validation.length} to validate, ${test.length} to test`,
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}; crops zoomed, mirrored and relit`,
      ...{ epochs, train: batches, validation: middleLoader(validation, 64), optimizer },
      loss: (scores, truth) => nn.crossEntropy(scores, truth, { weight }),
      metrics: { meanIou: meanIou(classes.length) },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps: epochs * batches.length }),
      skipped: bad,
      files: splitFile({ train: names(train), validation: names(validation), test: names(test) }),
      test: (terminal) => judge(model, test, terminal),
    };
  },
  predict: {
    help: "count the nuclei in a picture, and leave a page with their outlines",
    input: { option: "picture", takes: "<file>", help: "a PNG or JPEG" },
    async run({ input, config, load }, { print }) {
      const { askAbout } = await import("./nuclei/ask.ts");
      const model = await load(new NucleiNet(config.width));
      await askAbout(input, (picture) => outlined(model, picture), print);
    },
  },
};

/** The nuclei that a network sees in a picture of any size. */
async function outlined(model: NucleiNet, picture: NucleiPicture): Promise<LabelMap> {
  const { data, shape } = brightness(picture);
  const scores = await predict(model, tensor(data).reshape(1, ...shape)); // (1, 3, H, W)
  const [height, width] = picture.mask.shape;
  return nucleiOf(await scores.softmax(1).data(), height, width);
}

async function judge(
  model: NucleiNet,
  test: readonly NucleiPicture[],
  { style }: Terminal,
): Promise<Verdict> {
  const found: LabelMap[] = [];
  for (const picture of test) found.push(await outlined(model, picture));
  const there = test.map(({ mask }) => mask);
  const simple = test.map(simpleNuclei);
  const [ours, others] = [pixelIou(found, there), pixelIou(simple, there)];
  const [scores, simpleScores] = [instanceScores(found, there), instanceScores(simple, there)];
  const strict = instanceScores(found, there, { iouThreshold: 0.75 });
  const figures: Figure[] = [
    {
      ...{ name: "pixel IoU, all test pixels", value: ours.all, baseline: others.all },
      published: "0.906",
      source: "U-Net of Zhou et al. 2018 (UNet++): another split, IoU as they count it",
    },
    { name: "pixel IoU, mean of pictures", value: ours.mean, baseline: others.mean },
    { name: "nuclei, F1 at IoU 0.5", value: scores.f1, baseline: simpleScores.f1 },
    {
      name: "nuclei, precision and recall at 0.5",
      value: pair(scores),
      baseline: pair(simpleScores),
    },
    { name: "nuclei, F1 at IoU 0.75", value: strict.f1 },
  ];
  return {
    value: ours.all.toFixed(4),
    label: "pixel IoU of the test pictures",
    shown: drawFigures(figures, style),
    result: {
      pixelIou: ours.all,
      meanPictureIou: ours.mean,
      instanceF1: scores.f1,
      instancePrecision: scores.precision,
      instanceRecall: scores.recall,
      instanceF1At75: strict.f1,
      baselinePixelIou: others.all,
      baselineInstanceF1: simpleScores.f1,
    },
    facts: [
      `F1 of nuclei ${scores.f1.toFixed(3)} at IoU 0.5`,
      `Otsu's threshold: IoU ${others.all.toFixed(3)}, F1 ${simpleScores.f1.toFixed(3)}`,
      "pictures of one experiment may train and test",
    ],
    report: { figures, pictures: galleries(test, found, ours.each) },
  };
}

function pair({ precision, recall }: { precision: number; recall: number }): string {
  return `${precision.toFixed(3)}, ${recall.toFixed(3)}`;
}

/** The pictures with the worst and the best outlines: what is there beside what was found. */
function galleries(
  test: readonly NucleiPicture[],
  found: readonly LabelMap[],
  iou: readonly number[],
) {
  const order = [...test.keys()].sort((a, b) => iou[a]! - iou[b]!);
  const shown = (indices: readonly number[]) =>
    indices.flatMap((i) => {
      const { image, name, mask, dark, bright } = test[i]!;
      const picture = pictureOf(image, { low: dark, high: bright });
      const score = instanceScores([found[i]!], [mask]);
      const [right, all] = [score.hits, score.hits + score.misses];
      const words = `IoU ${iou[i]!.toFixed(3)}, ${right} of ${all} nuclei, ${score.alarms} more`;
      const truth = [{ labels: mask.data, color: "#18a0e0", name: "drawn" }];
      const said = [{ labels: found[i]!.data, color: "#ffd400", name: "found" }];
      return [
        { ...picture, caption: name },
        { ...picture, contours: truth, caption: "as a biologist drew them" },
        { ...picture, contours: said, caption: words },
      ];
    });
  const some = Math.min(3, order.length);
  const middle = order.slice(Math.floor(order.length / 2)).slice(0, some);
  return [
    { title: "Worst", width: 256, pictures: shown(order.slice(0, some)) },
    { title: "In between", width: 256, pictures: shown(middle) },
    { title: "Best", width: 256, pictures: shown(order.slice(-some).reverse()) },
  ];
}
