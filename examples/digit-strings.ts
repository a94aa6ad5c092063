// The recipe `digit-strings`: which digits somebody says, one after another, without being told where they
// begin and end (FSDD): a bidirectional LSTM over log-mel frames, trained by CTC.
// Not here: how strings are made (digit-strings/data.ts), or cutting at silence (digit-strings/baseline.ts).

import { arange, full, nn, noGrad, optim, type Tensor, where } from "anneal";
import { frequencyMask, timeMask } from "anneal/audio";
import { DataLoader } from "anneal/data";
import { characterErrorRate, ctcErrorRate } from "anneal/metrics";
import {
  folderOf,
  folderSettings,
  number,
  type Recipe,
  type Setting,
  seeded,
  seedOf,
  skipBadOf,
  type Terminal,
  toggle,
  type Verdict,
  whole,
} from "anneal/recipe";
import { BucketSampler } from "anneal/text";
import type { Batch } from "anneal/train";
import { drawFigures, type Figure, percent } from "anneal/vis";
import { cutAtSilence } from "./digit-strings/baseline.ts";
import {
  batchOf,
  countOf,
  samplesOfStep,
  type Utterance,
  Utterances,
} from "./digit-strings/data.ts";
import { type Heard, hear, picturesOf } from "./digit-strings/hearing.ts";
import {
  logMel,
  mels,
  partsOf,
  published,
  readRecordings,
  readSound,
  sampleRate,
} from "./digits-spoken/data.ts";

const settings = {
  epochs: whole("times through the strings of an epoch", 24),
  strings: whole("strings of an epoch, others in each", 1280, 20),
  batch: whole("strings in a step", 32),
  lr: number("the highest learning rate of the cycle", 4e-3),
  width: whole("units of the LSTM in each direction", 96),
  seed: seedOf("strings, weights, dropout and masks"),
  skipBad: skipBadOf("recordings"),
  ...folderSettings,
} as const;

/** Classes: the blank of CTC, and the digits from 1 on. */
const classes = 11;

/** Sounds (B, N), 0 behind their end → log probabilities (B, T, classes), a step each 40 ms. */
class StringNet extends nn.Module {
  ears: nn.Sequential;
  lstm: nn.LSTM;
  dropout = new nn.Dropout(0.3);
  out: nn.Linear;

  constructor(width: number) {
    super();
    const halved = (inputs: number, outputs: number) => [
      new nn.Conv2d(inputs, outputs, 3, { stride: 2, padding: 1, bias: false }),
      new nn.BatchNorm2d(outputs),
      new nn.ReLU(),
    ];
    this.ears = new nn.Sequential(...halved(1, 16), ...halved(16, 32));
    this.lstm = new nn.LSTM(8 * mels, width, { batchFirst: true, bidirectional: true });
    this.out = new nn.Linear(2 * width, classes);
  }

  forward(wave: Tensor): Tensor {
    const heard = noGrad(() => {
      const all = logMel(wave).add(15).div(15).unsqueeze(1); // (B, 1, mels, frames)
      return this.training ? timeMask(frequencyMask(all, 6), 12) : all;
    });
    const found = this.ears.forward(heard).permute(0, 3, 1, 2).flatten(2); // (B, T, 32 · mels/4)
    const [B, T] = found.shape as [number, number, number];
    const lengths = nn.lengthsOf(wave.ne(0)).div(samplesOfStep).ceil().clamp(1, T).int(); // (B)
    const [states] = this.lstm.forward(this.dropout.forward(found), null, { lengths });
    const logProbs = this.out.forward(this.dropout.forward(states)).logSoftmax(-1);
    // Behind its end a sound is blank for certain: the loss is that of the sound alone.
    const blank = where(arange(classes).eq(0), 0, Number.NEGATIVE_INFINITY); // (classes)
    const real = nn.maskOf(lengths, T).unsqueeze(2); // (B, T, 1)
    return where(real, logProbs, blank.expand(B, T, classes));
  }
}

/** CTC over all steps. Labels (B, S) are 0 behind their end. */
function loss(logProbs: Tensor, labels: Tensor): Tensor {
  const [B, T] = logProbs.shape as [number, number, number];
  const steps = full([B], T, { dtype: "int32" });
  return nn.ctcLoss(logProbs.transpose(0, 1), labels, steps, nn.lengthsOf(labels.gt(0)));
}

export const recipe: Recipe<typeof settings, { resample: Setting<boolean> }> = {
  name: "digit-strings",
  help: "write down strings of spoken digits (FSDD: six speakers, recordings 0 to 4 of each test)",
  settings,
  async prepare(config) {
    const { epochs, strings, batch, lr, width, seed } = config;
    const read = await readRecordings(await folderOf(config, published), config);
    const recordings = partsOf(read.recordings);
    const training = new Utterances(recordings.train, { count: strings, seed });
    // These are always the same, whatever the seed of the training.
    const validation = new Utterances(recordings.validation, { count: 150, seed: 1 }).all();
    const test = new Utterances(recordings.test, { count: 300, seed: 2 }).all();
    const counts = Array.from({ length: strings }, (_, i) => countOf(i));
    const train = new DataLoader<Utterance, unknown, Batch>(training, {
      batchSampler: new BucketSampler(counts, { batchSize: batch, shuffle: true, seed }),
      seed,
      collate: batchOf,
    });
    const model = seeded(seed, () => new StringNet(width));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.02 });
    const totalSteps = epochs * train.length;
    return {
      model,
      summary: nn.summary(model, [3 * sampleRate]),
      data: [
        `${strings} strings an epoch of ${recordings.train.length} recordings`,
        `${validation.length} to validate, ${test.length} to test, of others`,
      ].join("; "),
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}, bands and spans covered`,
      ...{ epochs, train, optimizer, loss, clipNorm: 5, skipped: read.skipped },
      validation: groupsOf(validation, 50).map(batchOf),
      metrics: { errors: ctcErrorRate() },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: 0.2 }),
      files: {
        "test-strings.json": JSON.stringify(
          test.map(({ speaker, digits }) => ({ speaker, digits })),
        ),
      },
      test: async (terminal) => {
        const baseline = await cutAtSilence(recordings.train, validation, test);
        return judge(await hear(model, test), test, baseline, terminal);
      },
      next: (folder) => `ask it: anneal predict ${folder} FILE.wav`,
    };
  },
  predict: {
    help: "write down the digits that are said",
    input: { option: "sound", takes: "<file>", help: "a WAV file of some digits" },
    settings: { resample: toggle("take a file of another rate than 8 kHz") },
    async run({ input, options, config, load }, { print }) {
      const model = await load(new StringNet(config.width));
      const wave = await readSound(input, { resampled: options.resample });
      const [heard] = await hear(model, [{ wave }]);
      const { digits, spans, probability } = heard!;
      spans.forEach(({ from, to }, i) => {
        const [start, end] = [from, to].map((at) => (at / sampleRate).toFixed(2));
        print(`${start} to ${end} s  ${digits[i]}`);
      });
      print(`${input} says ${digits || "no digit"} (${percent(probability)})`);
    },
  },
};

/** Strings of about one length together. */
export function groupsOf(utterances: readonly Utterance[], size: number): Utterance[][] {
  const sorted = [...utterances].sort((a, b) => a.wave.length - b.wave.length);
  return Array.from({ length: Math.ceil(sorted.length / size) }, (_, i) => {
    return sorted.slice(i * size, (i + 1) * size);
  });
}

async function judge(
  heard: readonly Heard[],
  test: readonly Utterance[],
  baseline: number,
  { style }: Terminal,
): Promise<Verdict> {
  const rate = (said: (heard: Heard) => string, of = (_: Utterance) => true) => {
    const own = [...test.keys()].filter((i) => of(test[i]!));
    return characterErrorRate(
      own.map((i) => said(heard[i]!)),
      own.map((i) => test[i]!.digits),
    );
  };
  const [errors, greedy] = [rate(({ digits }) => digits), rate((h) => h.greedy)];
  const whole = heard.filter(({ digits }, i) => digits === test[i]!.digits).length / test.length;
  const speakers = [...new Set(test.map(({ speaker }) => speaker))].sort();
  const figures: Figure[] = [
    {
      name: "character error",
      value: percent(errors),
      baseline: `${percent(baseline)} (cut at silence, nearest recording)`,
    },
    { name: "the same, likeliest path", value: percent(greedy) },
    { name: "strings without an error", value: percent(whole) },
    ...speakers.map((speaker) => {
      const own = rate(
        ({ digits }) => digits,
        (utterance) => utterance.speaker === speaker,
      );
      return { name: `character error, ${speaker}`, value: percent(own) };
    }),
  ];
  return {
    value: percent(errors),
    label: "test character error",
    shown: drawFigures(figures, style),
    result: {
      testCharacterError: errors,
      greedyCharacterError: greedy,
      wholeStrings: whole,
      baselineCharacterError: baseline,
    },
    facts: [
      `${test.length} strings of 3 to 7 digits`,
      `cut at silence ${percent(baseline)}`,
      "the same six speakers train and test, on other recordings",
    ],
    report: { figures, pictures: await picturesOf(heard, test) },
  };
}
