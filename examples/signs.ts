// The recipe `signs`: which of 43 traffic signs a small photograph shows (German Traffic Sign
// Recognition Benchmark, Stallkamp et al. 2012), by a convolutional network.
// Not here: reading the photographs and cutting them by track (signs/data.ts).

import { nn, optim, type Tensor } from "anneal";
import { LabeledImages, toTensor } from "anneal/data";
import { accuracy } from "anneal/metrics";
import {
  answerPicture,
  classified,
  folderSettings,
  nearestMean,
  number,
  pictureVerdict,
  type Recipe,
  seeded,
  seedOf,
  skipBadOf,
  splitFile,
  type Terminal,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { filters, percent, pictureOf } from "anneal/vis";
import { decodePicture } from "anneal/vision";
import {
  evenlyLit,
  readSigns,
  type SignPart,
  type Signs,
  side,
  signBatches,
  sized,
} from "./signs/data.ts";
import { signNames } from "./signs/names.ts";

const settings = {
  epochs: whole("times through the training pictures", 24),
  batch: whole("pictures in a step", 64),
  lr: number("the highest learning rate of the cycle", 3e-3),
  width: whole("channels of the first layer", 32),
  seed: seedOf("weights, order and augmentation"),
  splitSeed: seedOf("which tracks test and validate"),
  skipBad: skipBadOf("pictures"),
  ...folderSettings,
} as const;

/** Four convolutions, each with batch norm and ReLU, over grey pictures; three halve them. */
export class SignNet extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  conv3: nn.Conv2d;
  conv4: nn.Conv2d;
  norm1: nn.BatchNorm2d;
  norm2: nn.BatchNorm2d;
  norm3: nn.BatchNorm2d;
  norm4: nn.BatchNorm2d;
  drop = new nn.Dropout(0.5);
  out: nn.Linear;

  constructor(width: number) {
    super();
    this.conv1 = new nn.Conv2d(1, width, 5, { padding: 2, bias: false });
    this.conv2 = new nn.Conv2d(width, 2 * width, 3, { padding: 1, bias: false });
    this.conv3 = new nn.Conv2d(2 * width, 4 * width, 3, { padding: 1, bias: false });
    this.conv4 = new nn.Conv2d(4 * width, 4 * width, 3, { padding: 1, bias: false });
    this.norm1 = new nn.BatchNorm2d(width);
    this.norm2 = new nn.BatchNorm2d(2 * width);
    this.norm3 = new nn.BatchNorm2d(4 * width);
    this.norm4 = new nn.BatchNorm2d(4 * width);
    this.out = new nn.Linear((4 * width * side * side) / 64, signNames.length);
  }

  forward(pictures: Tensor): Tensor {
    let x = this.norm1.forward(this.conv1.forward(pictures)).relu().maxPool2d(2); // (B, W, 16, 16)
    x = this.norm2.forward(this.conv2.forward(x)).relu().maxPool2d(2); // (B, 2W, 8, 8)
    x = this.norm3.forward(this.conv3.forward(x)).relu(); // (B, 4W, 8, 8)
    x = this.norm4.forward(this.conv4.forward(x)).relu().maxPool2d(2); // (B, 4W, 4, 4)
    return this.out.forward(this.drop.forward(x.flatten(1))); // (B, 43)
  }
}

export const recipe: Recipe<typeof settings> = {
  name: "signs",
  help: "tell which traffic sign a photograph shows (GTSRB, 43 signs)",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, width, seed } = config;
    const signs = await readSigns(config);
    const model = seeded(seed, () => new SignNet(width));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.02 });
    const train = signBatches(signs.train, { train: true, batch, seed });
    const totalSteps = epochs * train.length;
    const counted = ({ images, tracks }: SignPart) => `${images.length} (${tracks.length} tracks)`;
    const { train: t, validation: v, test } = signs;
    return {
      model,
      summary: nn.summary(model, [1, side, side]),
      data: [
        `${signs.source}: ${counted(t)} to train`,
        `${counted(v)} to validate`,
        `${counted(test)} to test`,
      ].join(", "),
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}, turned, moved, scaled`,
      ...{ epochs, train, optimizer },
      validation: signBatches(v, { train: false, batch, seed }),
      loss: nn.crossEntropy,
      metrics: { accuracy: accuracy() },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: 0.2 }),
      files: splitFile({ validation: v.tracks, test: test.tracks }),
      skipped: signs.bad,
      next: (folder) => `to ask it: anneal predict ${folder} PICTURE.png`,
      test: (terminal) => judge(model, signs, terminal),
    };
  },
  predict: {
    help: "say which traffic sign a photograph shows",
    input: { option: "image", takes: "<file>", help: "a photograph of one sign, cut out" },
    async run({ input, config, folder, load }, terminal) {
      const model = await load(new SignNet(config.width));
      const image = sized(await decodePicture(input, { channels: 3, bits: 8 }));
      const [seen] = await evenlyLit([image]);
      const { x } = new LabeledImages([seen!], [0]).get(0); // (1, 32, 32)
      const asked = {
        model,
        x: toTensor(x).unsqueeze(0),
        names: signNames,
        picture: pictureOf(image),
        input,
        folder,
      };
      await answerPicture(asked, terminal);
    },
  },
};

/** What the network says of tracks that it has never seen, beside the nearest mean picture. */
async function judge(model: SignNet, { train, test }: Signs, terminal: Terminal) {
  const rows = ({ images, labels }: SignPart) => ({ rows: images.map(({ data }) => data), labels });
  const baseline = nearestMean(rows(train), rows(test));
  const batches = signBatches(test, { train: false, batch: 250, seed: 0 });
  const logits = (await (await predict(model, batches)).data()) as Float32Array; // (N, 43)
  const judged = classified(logits, test.labels, signNames.length);
  const wrong = new Set(judged.mistakes.map(({ index }) => test.trackOf[index]));
  const { weight } = model.conv1; // (W, 1, 5, 5)
  return pictureVerdict(
    {
      ...{ judged, names: signNames, baseline },
      picture: (i) => pictureOf(test.images[i]!),
      beside: {
        baseline: `${baseline.toFixed(4)} (nearest mean picture)`,
        published: "0.9884 (people), 0.9946 (committee of networks)",
        source: "Stallkamp et al. 2012, on the benchmark's own test set of other tracks",
      },
      galleries: [filters({ data: await weight.data(), shape: weight.shape })],
      facts: [
        `mistakes in ${wrong.size} of ${test.tracks.length} tracks`,
        `nearest mean picture ${percent(baseline)}`,
      ],
    },
    terminal,
  );
}
