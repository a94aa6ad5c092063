// The recipe `fashion`: which of ten kinds of clothes a small grey picture shows (Fashion-MNIST, Xiao,
// Rasul and Vollgraf 2017), by a convolutional network with batch norm.
// Not here: reading the pictures and cutting them into batches (fashion/data.ts).

import { nn, optim, type Tensor } from "anneal";
import { LabeledImages, toTensor } from "anneal/data";
import { accuracy } from "anneal/metrics";
import {
  answerPicture,
  classified,
  limitTo,
  nearestMean,
  number,
  pictureVerdict,
  type Recipe,
  seeded,
  seedOf,
  splitFile,
  type Terminal,
  text,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { filters, percent, pictureOf } from "anneal/vis";
import { decodePicture } from "anneal/vision";
import { classes, type Fashion, likeTheirs, plain, readFashion } from "./fashion/data.ts";

const settings = {
  epochs: whole("times through the training pictures", 10),
  batch: whole("pictures in a step", 64),
  lr: number("the highest learning rate of the cycle", 4e-3),
  width: whole("channels of the first layer", 32),
  seed: seedOf("weights, order, validation part and augmentation"),
  limit: limitTo("pictures", 12),
  data: text("the four IDX files (Debian's package, else fetched)", "<folder>"),
} as const;

/** Three blocks of convolution, batch norm and ReLU; the first two halve the picture. */
export class FashionNet extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  conv3: nn.Conv2d;
  norm1: nn.BatchNorm2d;
  norm2: nn.BatchNorm2d;
  norm3: nn.BatchNorm2d;
  drop = new nn.Dropout(0.4);
  out: nn.Linear;

  constructor(width: number) {
    super();
    this.conv1 = new nn.Conv2d(1, width, 5, { padding: 2, bias: false });
    this.conv2 = new nn.Conv2d(width, 2 * width, 3, { padding: 1, bias: false });
    this.conv3 = new nn.Conv2d(2 * width, 4 * width, 3, { padding: 1, bias: false });
    this.norm1 = new nn.BatchNorm2d(width);
    this.norm2 = new nn.BatchNorm2d(2 * width);
    this.norm3 = new nn.BatchNorm2d(4 * width);
    this.out = new nn.Linear(4 * width * 7 * 7, classes.length);
  }

  forward(pictures: Tensor): Tensor {
    let x = this.norm1.forward(this.conv1.forward(pictures)).relu().maxPool2d(2); // (B, W, 14, 14)
    x = this.norm2.forward(this.conv2.forward(x)).relu().maxPool2d(2); // (B, 2W, 7, 7)
    x = this.norm3.forward(this.conv3.forward(x)).relu(); // (B, 4W, 7, 7)
    return this.out.forward(this.drop.forward(x.flatten(1))); // (B, 10)
  }
}

export const recipe: Recipe<typeof settings> = {
  name: "fashion",
  help: "tell which of ten kinds of clothes a picture shows (Fashion-MNIST)",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, width, seed } = config;
    const data = await readFashion(config);
    const { train, validation, trainImages, testImages, validationIndices } = data;
    const model = seeded(seed, () => new FashionNet(width));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.02 });
    const totalSteps = epochs * train.length;
    const count = (n: number) => n.toLocaleString("en");
    const parts = [
      `${count(trainImages.images.length)} to train`,
      `${count(validationIndices.length)} to validate`,
      `${count(testImages.images.length)} to test`,
    ];
    return {
      model,
      summary: nn.summary(model, [1, 28, 28]),
      data: `${data.source}: ${parts.join(", ")}`,
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}, mirrored and moved by up to 2 pixels`,
      ...{ epochs, train, validation, optimizer },
      loss: nn.crossEntropy,
      metrics: { accuracy: accuracy() },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: 0.2 }),
      files: splitFile({ validation: validationIndices }),
      next: (folder) => `to ask it: anneal predict ${folder} PICTURE.png`,
      test: (terminal) => judge(model, data, terminal),
    };
  },
  predict: {
    help: "say which of ten kinds of clothes a picture shows",
    input: { option: "image", takes: "<file>", help: "a picture of one piece on an even ground" },
    async run({ input, config, folder, load }, terminal) {
      const model = await load(new FashionNet(config.width));
      const image = likeTheirs(await decodePicture(input, { channels: 1, bits: 8 }));
      const { x } = new LabeledImages([image], [0], plain).get(0); // (1, 28, 28)
      const picture = pictureOf(image);
      const asked = { model, x: toTensor(x).unsqueeze(0), names: classes, picture, input, folder };
      await answerPicture(asked, terminal);
    },
  },
};

/** What the network says of the test pictures, beside the class whose mean picture is nearest. */
async function judge(
  model: FashionNet,
  { test, trainImages, testImages }: Fashion,
  terminal: Terminal,
) {
  const rows = ({ images, labels }: Fashion["testImages"]) => {
    return { rows: images.map(({ data }) => data), labels };
  };
  const baseline = nearestMean(rows(trainImages), rows(testImages));
  const logits = await (await predict(model, test)).data(); // (N, 10)
  const { weight } = model.conv1; // (W, 1, 5, 5)
  return pictureVerdict(
    {
      judged: classified(logits as Float32Array, testImages.labels, classes.length),
      names: classes,
      picture: (i) => pictureOf(testImages.images[i]!),
      baseline,
      beside: {
        baseline: `${baseline.toFixed(4)} (nearest mean picture)`,
        published: "0.916 to 0.939 (two convolutions)",
        source: "as submitted to the benchmark list of Xiao et al. 2017",
      },
      galleries: [filters({ data: await weight.data(), shape: weight.shape })],
      facts: [`nearest mean picture ${percent(baseline)}`],
    },
    terminal,
  );
}
