// The recipe `cifar10`: what a small picture shows, an aeroplane, a frog, a ship … (CIFAR-10, Krizhevsky
// 2009), by a residual network of 20 layers (He et al. 2016). Not here: reading them
// (cifar10/data.ts), and the report on what was learned (cifar10/result.ts).

import { nn, optim, type Tensor, tensor } from "anneal";
import {
  ArrayDataset,
  compose,
  DataLoader,
  image,
  MapDataset,
  type NdArray,
  normalize,
  Rng,
  randomCrop,
  randomHorizontalFlip,
  resizeTo,
  type SceneTransform,
  toFloat,
  toLayout,
} from "anneal/data";
import { accuracy } from "anneal/metrics";
import {
  folderOf,
  folderSettings,
  limitTo,
  number,
  part,
  type Recipe,
  seeded,
  seedOf,
  skipBadOf,
  softmax,
  splitFile,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { bars, percent } from "anneal/vis";
import { decodePicture } from "anneal/vision";
import { classes, type Pictures, published, readCifar10, side } from "./cifar10/data.ts";
import { judge } from "./cifar10/result.ts";

const settings = {
  epochs: whole("times through the training pictures", 14),
  batch: whole("pictures in a step", 64),
  lr: number("the highest learning rate of the cycle", 0.1),
  width: whole("channels of the first stage", 16),
  blocks: whole("residual blocks in each of three stages: 6n + 2 layers", 3),
  smoothing: part("of each label's probability, spread over all classes", 0),
  seed: seedOf("weights, order, crops and flips"),
  limit: limitTo("training pictures", 20),
  skipBad: skipBadOf("pictures"),
  ...folderSettings,
} as const;

/** Two convolutions and the way past them; where sizes change, that way is a convolution of 1×1. */
class Block extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  past: nn.Sequential;

  constructor(from: number, to: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(to);
    this.conv2 = new nn.Conv2d(to, to, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(to);
    const projection = [
      new nn.Conv2d(from, to, 1, { stride, bias: false }),
      new nn.BatchNorm2d(to),
    ];
    this.past = new nn.Sequential(...(from === to ? [] : projection));
  }

  forward(x: Tensor): Tensor {
    const h = this.bn1.forward(this.conv1.forward(x)).relu(); // (B, to, H/stride, W/stride)
    return this.bn2.forward(this.conv2.forward(h)).add(this.past.forward(x)).relu();
  }
}

/** Three stages of blocks over (B, 3, 32, 32), each with twice the channels at half the size. */
class ResNet extends nn.Module {
  conv: nn.Conv2d;
  bn: nn.BatchNorm2d;
  stages: nn.Sequential;
  out: nn.Linear;

  constructor(width: number, blocks: number) {
    super();
    this.conv = new nn.Conv2d(3, width, 3, { padding: 1, bias: false });
    this.bn = new nn.BatchNorm2d(width);
    const stage = (from: number, to: number) =>
      Array.from({ length: blocks }, (_, i) =>
        i === 0 ? new Block(from, to, from === to ? 1 : 2) : new Block(to, to, 1),
      );
    this.stages = new nn.Sequential(
      ...stage(width, width),
      ...stage(width, 2 * width),
      ...stage(2 * width, 4 * width),
    );
    this.out = new nn.Linear(4 * width, classes.length);
  }

  forward(x: Tensor): Tensor {
    const h = this.bn.forward(this.conv.forward(x)).relu(); // (B, width, 32, 32)
    return this.out.forward(this.stages.forward(h).mean([2, 3])); // (B, 4·width, 8, 8) → (B, 10)
  }
}

/** Means and deviations of red, green and blue over CIFAR-10's training pictures. */
const asInput = compose(toFloat(), normalize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]));
const augmented = compose(randomHorizontalFlip(), randomCrop(side, { padding: 4 }), asInput);

export const recipe: Recipe<typeof settings> = {
  name: "cifar10",
  help: "tell which of ten things a picture of 32×32 shows (CIFAR-10)",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, width, blocks, smoothing, seed } = config;
    const { train, validation, test, source, split, bad } = await readCifar10(
      await folderOf(config, published),
      config,
    );
    const model = seeded(seed, () => new ResNet(width, blocks));
    const options = { lr, momentum: 0.9, nesterov: true, weightDecay: 5e-4 };
    const optimizer = new optim.SGD(model.parameters(), options);
    const batches = loader(train, augmented, { batchSize: batch, shuffle: true, seed });
    const [a, b, c] = [train, validation, test].map(({ count }) => count.toLocaleString("en"));
    const parts = `${a} to train, ${b} to validate, ${c} to test`;
    return {
      model,
      summary: nn.summary(model, [3, side, side]),
      data: `${source}: ${parts}`,
      method: `Nesterov's momentum, one cycle to ${lr}, batch ${batch}, seed ${seed}, crops and flips`,
      ...{ epochs, train: batches, validation: loader(validation, asInput), optimizer },
      loss: (logits, y) => nn.crossEntropy(logits as Tensor, y, { labelSmoothing: smoothing }),
      metrics: { accuracy: accuracy() },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps: epochs * batches.length }),
      files: splitFile({ validation: split }),
      skipped: bad,
      next: (folder) => `ask it: anneal predict ${folder} PICTURE.jpg`,
      test: async ({ style }) => {
        const logits = await predict(model, loader(test, asInput) as never); // (N, 10)
        const learned = { data: await model.conv.weight.data(), shape: model.conv.weight.shape };
        return judge(await logits.data(), { test, train, learned }, style);
      },
    };
  },
  predict: {
    help: "say what a picture shows",
    input: { option: "picture", takes: "<file>", help: "a PNG or JPEG; it is scaled to 32×32" },
    async run({ input, config, folder, load }, { style, print }) {
      const model = await load(new ResNet(config.width, config.blocks));
      const picture = toLayout(await decodePicture(input, { channels: 3 }), "chw");
      const { data } = asInput(resizeTo(picture, side, side), new Rng(0));
      const logits = await predict(model, tensor([...data]).reshape(1, 3, side, side));
      const odds = softmax(await logits.data()); // of 10 classes
      const rows = odds.map((value, i) => ({ label: classes[i]!, value }));
      const said = odds.indexOf(Math.max(...odds));
      print(`${bars(rows, style)}\n`);
      print(`${input} shows: ${classes[said]} (${percent(odds[said]!)}), says ${folder}`);
    },
  },
};

interface Sample {
  readonly x: NdArray;
  readonly y: NdArray;
}

/** Batches of pictures, each put through `transform` with a stream of its own. */
function loader(
  { images, labels, count }: Pictures,
  transform: SceneTransform,
  options: { batchSize: number; shuffle?: boolean; seed?: number } = { batchSize: 250 },
): DataLoader<Sample> {
  const size = 3 * side * side;
  const numbers = new ArrayDataset(Array.from({ length: count }, (_, i) => i));
  const samples = new MapDataset(numbers, (i, rng): Sample => {
    const picture = image(images.subarray(i * size, (i + 1) * size), [3, side, side]);
    const { data, shape } = transform(picture, rng);
    return { x: { data, shape }, y: { data: Int32Array.of(labels[i]!), shape: [] } };
  });
  return new DataLoader<Sample>(samples, options);
}
