// What counting words alone reaches: a logistic regression on which words a text has.
// Not here: models that read them in order (classifiers.ts).

import { compile, nn, noGrad, optim, Tensor } from "anneal";
import { accuracy, meter } from "anneal/metrics";

interface Sample {
  readonly tokens: Int32Array;
  readonly label: number;
}

export interface BaselineOptions {
  readonly vocabularySize: number;
  readonly classes: number;
  readonly pad: number;
}

const batch = 64;
const epochs = 12;

/** Its accuracy on `test` after training on `train`. */
export async function wordBaseline(
  train: readonly Sample[],
  test: readonly Sample[],
  { vocabularySize, classes, pad }: BaselineOptions,
): Promise<number> {
  const weights = nn.parameter(
    Tensor.from(new Float32Array(vocabularySize * classes), [vocabularySize, classes]),
  );
  const bias = nn.parameter(Tensor.from(new Float32Array(classes), [classes]));
  const sets = [train, test].map((list) => list.map(({ tokens }) => [...new Set(tokens)]));
  const width = Math.max(...sets.flat().map(({ length }) => length));
  const logits = (words: Tensor) => {
    const real = words.ne(pad).float().unsqueeze(2); // (B, W, 1)
    return nn.embedding(words, weights).mul(real).sum(1).add(bias);
  };
  const batchOf = (
    samples: readonly Sample[],
    words: readonly number[][],
    rows: readonly number[],
  ) => {
    const x = new Int32Array(rows.length * width).fill(pad);
    rows.forEach((row, i) => void x.set(words[row]!, i * width));
    const y = Int32Array.from(rows, (row) => samples[row]!.label);
    return [Tensor.from(x, [rows.length, width]), Tensor.from(y, [rows.length])] as const;
  };
  const optimizer = new optim.AdamW([weights, bias], { lr: 0.02, weightDecay: 0.05 });
  const step = compile(
    (x: Tensor, y: Tensor) => void optimizer.step(nn.crossEntropy(logits(x), y)),
  );
  const count = Math.floor(train.length / batch);
  for (let i = 0; i < epochs * count; i++) {
    // Every count-th text: each batch holds texts from all of the file.
    const rows = Array.from({ length: batch }, (_, k) => (i % count) + k * count);
    step(...batchOf(train, sets[0]!, rows));
  }
  const right = meter(accuracy());
  const ask = compile((x: Tensor) => noGrad(() => logits(x)));
  for (let from = 0; from < test.length; from += 256) {
    const rows = Array.from({ length: Math.min(256, test.length - from) }, (_, k) => from + k);
    const [x, y] = batchOf(test, sets[1]!, rows);
    right.update(ask(x), y);
  }
  return right.compute();
}
