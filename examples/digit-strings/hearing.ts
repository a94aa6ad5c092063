// What a trained network hears: the digits of a sound by beam search, with when each was said; and pictures
// of that for the report. Not here: the network (../digit-strings.ts).

import { noGrad } from "anneal";
import type { NdArray } from "anneal/data";
import { ctcAlign, ctcBeamSearch, ctcGreedyDecode } from "anneal/text";
import type { Model } from "anneal/train";
import type { Gallery, GalleryPicture, PictureBox } from "anneal/vis";
import { hop, logMel, mels } from "../digits-spoken/data.ts";
import { samplesOfStep, soundsOf, type Utterance } from "./data.ts";

/** What was heard in a sound. */
export interface Heard {
  /** By beam search. */
  readonly digits: string;
  /** What the likeliest path spells. */
  readonly greedy: string;
  /** How likely the digits are. */
  readonly probability: number;
  /** The samples during which the network says each digit. */
  readonly spans: readonly { readonly from: number; readonly to: number }[];
}

const beams = 16;

/** Listens to sounds at 8 kHz, sound by sound in groups of about one length. */
export async function hear(
  model: Model,
  sounds: readonly Pick<Utterance, "wave">[],
): Promise<Heard[]> {
  model.eval();
  const order = [...sounds.keys()].sort((a, b) => sounds[a]!.wave.length - sounds[b]!.wave.length);
  const heard = new Array<Heard>(sounds.length);
  for (let from = 0; from < order.length; from += 50) {
    const group = order.slice(from, from + 50);
    const x = soundsOf(group.map((i) => sounds[i]!.wave));
    const output = noGrad(() => model.forward(x as never));
    const [, T, C] = output.shape as [number, number, number];
    const values = (await output.data()) as Float32Array;
    group.forEach((i, row) => {
      const logProbs = { data: values.subarray(row * T * C, (row + 1) * T * C), shape: [T, C] };
      heard[i] = read(logProbs);
    });
  }
  return heard;
}

function read(logProbs: NdArray): Heard {
  const spell = (labels: readonly number[]) => labels.map((label) => label - 1).join("");
  const [best] = ctcBeamSearch(logProbs, { beams });
  const { spans } = ctcAlign(logProbs, best!.labels);
  return {
    digits: spell(best!.labels),
    greedy: spell(ctcGreedyDecode(logProbs).labels),
    probability: Math.exp(best!.logProbability),
    spans: spans.map(({ from, to }) => ({ from: from * samplesOfStep, to: to * samplesOfStep })),
  };
}

/** The worst strings and some that are right: loud is bright, low frequencies below; what was heard above,
 *  what was said below. */
export async function picturesOf(
  heard: readonly Heard[],
  test: readonly Utterance[],
): Promise<Gallery[]> {
  const all = test.map((said, i) => ({ said, heard: heard[i]! }));
  const wrong = all.filter((each) => each.heard.digits !== each.said.digits);
  wrong.sort((a, b) => b.heard.probability - a.heard.probability);
  const right = all.filter((each) => each.heard.digits === each.said.digits);
  const some = right.filter((_, i) => i % Math.ceil(right.length / 6) === 0);
  const note =
    "Spectrograms: loud is bright, low frequencies are below. " +
    "Boxes above: when the network says each digit; " +
    "below, dashed: when it is said.";
  const shown = [wrong.slice(0, 6), some.slice(0, 6)];
  const longest = Math.max(...shown.flat().map(({ said }) => said.wave.length));
  const [worst, best] = await Promise.all(
    shown.map((list) => Promise.all(list.map((each) => pictureOf(each, Math.ceil(longest / hop))))),
  );
  return [
    { title: "Heard wrong, surest first", note, width: 760, pictures: worst! },
    { title: "Heard right", note, width: 760, pictures: best! },
  ];
}

/** A string so many frames wide. */
async function pictureOf(
  { said, heard }: { readonly said: Utterance; readonly heard: Heard },
  cols: number,
): Promise<GalleryPicture> {
  const spectrogram = noGrad(() => logMel(soundsOf([said.wave])));
  const values = (await spectrogram.data()) as Float32Array; // (1, mels, T)
  const T = spectrogram.shape[2]!;
  const most = values.reduce((a, b) => Math.max(a, b));
  const pixels = new Uint8Array(mels * cols);
  for (let m = 0; m < mels; m++) {
    for (let t = 0; t < Math.min(cols, Math.ceil(said.wave.length / hop)); t++) {
      const below = values[(mels - 1 - m) * T + t]! - most; // decibels
      pixels[m * cols + t] = Math.max(0, 255 * (1 + below / 50));
    }
  }
  const box = (kind: string, y: number, digits: string, spans: Heard["spans"]): PictureBox[] => {
    return spans.map(({ from, to }, i) => {
      return {
        x: from / hop,
        width: (to - from) / hop,
        y,
        height: mels / 2 - 1,
        label: digits[i]!,
        kind,
      };
    });
  };
  const isRight = heard.digits === said.digits;
  return {
    ...{ pixels, rows: mels, cols, tone: isRight ? "right" : "wrong" },
    caption: `${said.speaker} says ${said.digits}${isRight ? "" : `, heard ${heard.digits}`}`,
    boxes: [
      ...box("heard", 0, heard.digits, heard.spans),
      ...box("truth", mels / 2, said.digits, said.spans),
    ],
  };
}
