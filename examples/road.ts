// The recipe `road`: what each pixel of a street shows, seen from a car (CamVid, eleven classes), by a
// U-Net. Not here: reading and cutting pictures (road/data.ts), the network (unet.ts), how good
// an answer is (road/scores.ts).

import { LoadError, nn, noGrad, optim, type Tensor, tensor } from "anneal";
import { meanIou } from "anneal/metrics";
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
import { drawFigures, type Figure } from "anneal/vis";
import type { SegmentedPicture } from "anneal/vision";
import {
  classes,
  countsOf,
  cropLoader,
  published,
  type Road,
  readRoad,
  unknown,
  usualClasses,
  wholeLoader,
} from "./road/data.ts";
import { confusion, galleries, scoresOf, summed } from "./road/scores.ts";
import { relit, UNet } from "./unet.ts";

const settings = {
  epochs: whole("windows of each training picture", 80),
  batch: whole("windows in a step", 8),
  lr: number("the highest learning rate of the cycle", 2e-3),
  width: whole("channels of the first level", 32),
  seed: seedOf("weights, order and windows"),
  limit: limitTo("pictures of each part", 8),
  skipBad: skipBadOf("pictures"),
  ...folderSettings,
} as const;

/** A U-Net over pixels of 0 to 255, (B, 3, H, W), at half the resolution inside. */
class RoadNet extends nn.Module {
  net: UNet;

  constructor(width: number) {
    super();
    this.net = new UNet(3, classes.length, { width, fold: 2, dropout: 0.1 });
  }

  forward(x: Tensor): Tensor {
    const light = x.float().div(64).sub(2); // from -2 to 2
    const spread = { light: 0.2, colour: 0.1, shift: 0.2 };
    return this.net.forward(this.training ? noGrad(() => relit(light, spread)) : light);
  }
}

/** The class of each pixel, (B, H, W), by a picture and its mirror image together. */
class Answer extends nn.Module {
  net: RoadNet;

  constructor(net: RoadNet) {
    super();
    this.net = net;
  }

  forward(x: Tensor): Tensor {
    const mirrored = this.net.forward(x.flip(3)).softmax(1).flip(3);
    return this.net.forward(x).softmax(1).add(mirrored).argmax(1).int();
  }
}

export const recipe: Recipe<typeof settings> = {
  name: "road",
  help: "tell what each pixel of a street shows (CamVid, 11 classes)",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, width, seed, limit, skipBad } = config;
    const road = await readRoad(await folderOf(config, published), {
      limit: limit ?? undefined,
      skipBad,
    });
    const { train, validation, test, bad } = road;
    if (train.length < batch) {
      throw new LoadError("road", `${train.length} pictures to train on are fewer than a batch`);
    }
    const model = seeded(seed, () => new RoadNet(width));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.02 });
    const batches = cropLoader(train, batch, seed);
    const weight = tensor(weightsOf(train));
    const names = (part: readonly SegmentedPicture[]) => part.map(({ name }) => name);
    return {
      model,
      summary: nn.summary(model, [3, ...train[0]!.mask.shape]),
      data: `${train.length} pictures to train, ${validation.length} to validate, ${test.length} to test`,
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}; windows zoomed, mirrored and relit`,
      ...{ epochs, train: batches, validation: wholeLoader(validation), optimizer },
      loss: (scores, truth) => nn.crossEntropy(scores, truth, { weight, ignoreIndex: unknown }),
      metrics: { meanIou: meanIou(classes.length) },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps: epochs * batches.length }),
      skipped: bad,
      files: splitFile({ train: names(train), validation: names(validation), test: names(test) }),
      test: (terminal) => judge(model, road, terminal),
    };
  },
  predict: {
    help: "colour what a street's picture shows, in a page",
    input: { option: "picture", takes: "<file>", help: "a PNG or JPEG, best of 240 × 180 pixels" },
    async run({ input, config, load }, { print }) {
      const { askAbout } = await import("./road/ask.ts");
      const model = new Answer(await load(new RoadNet(config.width)));
      await askAbout(input, (x) => predict(model, x), print);
    },
  },
};

/** A class counts the more the rarer it is: the root of the middle class's frequency over its own. */
function weightsOf(pictures: readonly SegmentedPicture[]): number[] {
  const counts = countsOf(pictures);
  const found = counts.filter((count) => count > 0).sort((a, b) => a - b);
  const middle = found[Math.floor(found.length / 2)]!;
  return counts.map((count) => (count > 0 ? Math.sqrt(middle / count) : 1));
}

async function judge(model: RoadNet, { train, test }: Road, { style }: Terminal): Promise<Verdict> {
  const answers = await predict(new Answer(model), wholeLoader(test) as never); // (N, H, W)
  const all = await answers.data();
  const size = test[0]!.mask.data.length;
  const said = test.map((_, i) => all.subarray(i * size, (i + 1) * size));
  const each = said.map((answer, i) => confusion(answer, test[i]!));
  const usual = usualClasses(train);
  const ours = scoresOf(summed(each));
  const others = scoresOf(summed(test.map((picture) => confusion(usual, picture))));
  const figures: Figure[] = [
    {
      ...{ name: "mean IoU of 11 classes", value: ours.mean, baseline: others.mean },
      published: "0.513, 0.556",
      source: "ENet, SegNet at 480 × 360 (Paszke et al. 2016)",
    },
    { name: "pixels right", value: ours.accuracy, baseline: others.accuracy },
    ...classes.map(({ name }, i) => {
      return { name: `IoU of ${name}`, value: ours.iou[i]!, baseline: others.iou[i]! };
    }),
  ];
  const byClass = classes.map(({ name }, i) => [`iou.${name}`, ours.iou[i]!]);
  return {
    value: ours.mean.toFixed(4),
    label: "mean IoU of the test pictures",
    shown: drawFigures(figures, style),
    result: {
      meanIou: ours.mean,
      accuracy: ours.accuracy,
      baselineMeanIou: others.mean,
      ...Object.fromEntries(byClass),
    },
    facts: [
      `${(100 * ours.accuracy).toFixed(1)} % of pixels right`,
      `the most frequent class at each place: mean IoU ${others.mean.toFixed(3)}`,
      "one camera, one city, dry roads",
    ],
    report: {
      figures,
      confusion: { matrix: summed(each), labels: classes.map(({ name }) => name) },
      pictures: galleries(
        test,
        said,
        each.map((matrix) => scoresOf(matrix).accuracy),
      ),
    },
  };
}
