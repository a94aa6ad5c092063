// The recipe `digits-spoken`: which digit somebody says (FSDD, six speakers), by a convolutional network over
// log-mel spectrograms. Not here: reading the recordings (digits-spoken/data.ts).

import { nn, noGrad, optim, Tensor } from "anneal";
import { frequencyMask, timeMask } from "anneal/audio";
import { ArrayDataset, DataLoader, MapDataset, type NdArray } from "anneal/data";
import { accuracy } from "anneal/metrics";
import {
  choice,
  classified,
  folderOf,
  folderSettings,
  number,
  type Recipe,
  type Setting,
  seeded,
  seedOf,
  skipBadOf,
  softmax,
  type Terminal,
  toggle,
  type Verdict,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { bars, drawMatrix, percent } from "anneal/vis";
import {
  type Clip,
  frames,
  heardOf,
  mels,
  published,
  readSound,
  readSpoken,
  type Spoken,
} from "./digits-spoken/data.ts";

const settings = {
  model: choice<"conv">("", ["conv"], "conv"),
  epochs: whole("times through the training recordings", 16),
  batch: whole("recordings in a step", 64),
  lr: number("the highest learning rate of the cycle", 4e-3),
  width: whole("channels of the first layer", 24),
  seed: seedOf("weights, order, dropout and masks"),
  skipBad: skipBadOf("recordings"),
  ...folderSettings,
} as const;

/** What spectrograms are scaled by. */
const scaleFile = "scale.json";

/** Three blocks of convolutions over (B, 1, mels, frames). Training covers a band and a span. */
class SpokenNet extends nn.Module {
  blocks: nn.Sequential;
  dropout = new nn.Dropout(0.3);
  out: nn.Linear;

  constructor(width: number) {
    super();
    const block = (inputs: number, outputs: number) => [
      new nn.Conv2d(inputs, outputs, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(outputs),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
    ];
    const wide = 2 * width;
    this.blocks = new nn.Sequential(
      ...block(1, width),
      ...block(width, wide),
      ...block(wide, wide),
    );
    this.out = new nn.Linear((wide * mels * frames) / 64, 10);
  }

  forward(x: Tensor): Tensor {
    const seen = this.training ? noGrad(() => timeMask(frequencyMask(x, 5), 8)) : x;
    const found = this.blocks.forward(seen).flatten(1); // (B, 2·width · mels/8 · frames/8)
    return this.out.forward(this.dropout.forward(found));
  }
}

export const recipe: Recipe<typeof settings, { resample: Setting<boolean> }> = {
  name: "digits-spoken",
  help: "tell which digit is said (FSDD: six speakers, recordings 0 to 4 of each test)",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, width, seed } = config;
    const spoken = await readSpoken(await folderOf(config, published), config);
    const { train, validation, test, skipped } = spoken;
    const loader = (clips: readonly Clip[], shuffle: boolean) => {
      const samples = new ArrayDataset(
        clips.map((clip) => ({ x: clip.heard, y: labelOf(clip.digit) })),
      );
      if (!shuffle) return new DataLoader<Sample>(samples, { batchSize: 256 });
      const moved = new MapDataset(samples, ({ x, y }, rng) => ({
        x: shifted(x, rng.int(17) - 8),
        y,
      }));
      return new DataLoader<Sample>(moved, { batchSize: batch, shuffle, seed });
    };
    const model = seeded(seed, () => new SpokenNet(width));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.02 });
    const batches = loader(train, true);
    return {
      model,
      summary: nn.summary(model, [1, mels, frames]),
      data: `${train.length} recordings to train, ${validation.length} to validate, ${test.length} to test`,
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}, moved, bands and spans covered`,
      ...{ epochs, train: batches, validation: loader(validation, false), optimizer },
      loss: nn.crossEntropy,
      metrics: { accuracy: accuracy() },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps: epochs * batches.length }),
      skipped,
      files: { [scaleFile]: JSON.stringify(spoken.scale) },
      next: (folder) => `ask it: anneal predict ${folder} FILE.wav`,
      test: (terminal) => judge(model, loader(test, false), spoken, terminal),
    };
  },
  predict: {
    help: "say which digit is said",
    input: { option: "sound", takes: "<file>", help: "a WAV file of one digit" },
    settings: { resample: toggle("take a file of another rate than 8 kHz") },
    async run({ input, options, config, load, read }, { style, print }) {
      const model = await load(new SpokenNet(config.width));
      const wave = await readSound(input, { resampled: options.resample });
      const { data, shape } = await heardOf(wave, JSON.parse(await read(scaleFile)));
      const x = Tensor.from(data, [1, ...shape]);
      const odds = softmax(await (await predict(model, x)).data()); // of 10 digits
      const said = odds.indexOf(Math.max(...odds));
      print(
        `${bars(
          odds.map((value, digit) => ({ label: String(digit), value })),
          style,
        )}\n`,
      );
      print(`${input} says ${said} (${percent(odds[said]!)})`);
    },
  },
};

interface Sample {
  readonly x: NdArray;
  readonly y: NdArray;
}

/** A spectrogram so many frames later; what comes in at its end is as quiet as its quietest. */
function shifted({ data, shape }: NdArray, by: number): NdArray {
  const least = Math.min(...data);
  const moved = Float32Array.from(data, (_, i) => {
    const from = (i % frames) - by;
    return from >= 0 && from < frames ? data[i - by]! : least;
  });
  return { data: moved, shape };
}

function labelOf(digit: number): NdArray {
  return { data: Int32Array.of(digit), shape: [] };
}

async function judge(
  model: SpokenNet,
  batches: DataLoader<Sample>,
  { test, baseline }: Spoken,
  { style }: Terminal,
): Promise<Verdict> {
  const logits = (await (await predict(model, batches as never)).data()) as Float32Array; // (N, 10)
  const truths = test.map(({ digit }) => digit);
  const { accuracy: right, answers, matrix, mistakes } = classified(logits, truths, 10);
  const speakers = [...new Set(test.map(({ speaker }) => speaker))].sort();
  const bySpeaker = speakers.map((speaker) => {
    const own = answers.filter(({ index }) => test[index]!.speaker === speaker);
    return `${speaker} ${percent(own.filter(({ truth, said }) => truth === said).length / own.length)}`;
  });
  return {
    value: right.toFixed(4),
    label: "test accuracy",
    shown: [
      drawMatrix(matrix, style),
      ...mistakes.map(({ index, said }) => `${test[index]!.file}: says ${said}`),
    ].join("\n"),
    result: { testAccuracy: right, baselineAccuracy: baseline },
    facts: [
      `${mistakes.length} of ${answers.length} wrong`,
      `nearest mean spectrogram ${percent(baseline)}`,
      ...bySpeaker,
      "the same six speakers train and test",
    ],
    report: {
      confusion: { matrix },
      mistakes: mistakes.slice(0, 40).map(({ index, said, probability }) => {
        const clip = test[index]!;
        return { picture: pictureOf(clip), truth: clip.file, said: String(said), probability };
      }),
    },
  };
}

/** A spectrogram as a picture: low frequencies below, loud is bright. */
function pictureOf({ heard }: Clip) {
  const pixels = new Uint8Array(mels * frames);
  const least = heard.data.reduce((a: number, b: number) => Math.min(a, b), Infinity);
  const most = heard.data.reduce((a: number, b: number) => Math.max(a, b), -Infinity);
  for (let m = 0; m < mels; m++) {
    for (let t = 0; t < frames; t++) {
      const value = heard.data[(mels - 1 - m) * frames + t]!;
      pixels[m * frames + t] = Math.round((255 * (value - least)) / Math.max(1e-9, most - least));
    }
  }
  return { pixels, rows: mels, cols: frames };
}
