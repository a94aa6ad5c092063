// Networks that sort texts into classes, and tell which words they went by: a bidirectional LSTM with
// attention over its steps, and convolutions over words (Kim 2014).
// Not here: what they are trained on (recipe.ts).

import { cat, nn, noGrad, type Tensor, where } from "anneal";

export interface ClassifierOptions {
  readonly vocabularySize: number;
  readonly classes: number;
  /** The padding token. */
  readonly pad: number;
  /** Numbers of a word's vector, and units of a layer. */
  readonly width: number;
  readonly dropout: number;
}

/** A model of texts that can be asked where it looked. Tokens are int32 (B, T), filled up on the right. */
export interface TextClassifier extends nn.Module {
  /** Logits (B, classes). */
  forward(tokens: Tensor): Tensor;
  /** How much each word counted, (B, T); a text's sum to 1. */
  look(tokens: Tensor): Tensor;
}

/** Vectors of words, small at first: a sum over many should not drown what is learned. */
function embedding({ vocabularySize, width, pad }: ClassifierOptions): nn.Embedding {
  const words = new nn.Embedding(vocabularySize, width, { paddingIdx: pad });
  noGrad(() => void words.weight.assign(words.weight.mul(0.1)));
  return words;
}

class LstmClassifier extends nn.Module implements TextClassifier {
  embedding: nn.Embedding;
  lstm: nn.LSTM;
  score: nn.Linear;
  dropout: nn.Dropout;
  out: nn.Linear;

  constructor(options: ClassifierOptions) {
    super();
    const { width, classes } = options;
    const units = Math.ceil(width / 2);
    this.embedding = embedding(options);
    this.lstm = new nn.LSTM(width, units, { batchFirst: true, bidirectional: true });
    this.score = new nn.Linear(2 * units, 1, { bias: false });
    this.dropout = new nn.Dropout(options.dropout);
    this.out = new nn.Linear(2 * units, classes);
  }

  /** States of each word, (B, T, 2·units), and how much each counts, (B, T). */
  private read(tokens: Tensor): readonly [Tensor, Tensor] {
    const filled = tokens.eq(this.embedding.paddingIdx!); // (B, T)
    const lengths = nn.lengthsOf(filled.logicalNot()); // (B)
    const words = this.dropout.forward(this.embedding.forward(tokens)); // (B, T, width)
    const [states] = this.lstm.forward(words, null, { lengths });
    const scores = this.score.forward(states.tanh()).squeeze(-1); // (B, T)
    return [states, where(filled, Number.NEGATIVE_INFINITY, scores).softmax(1)];
  }

  forward(tokens: Tensor): Tensor {
    const [states, weights] = this.read(tokens);
    const text = weights.unsqueeze(1).matmul(states).squeeze(1); // (B, 2·units)
    return this.out.forward(this.dropout.forward(text));
  }

  look(tokens: Tensor): Tensor {
    return this.read(tokens)[1];
  }
}

/** Words that a window sees. */
const windows = [1, 2, 3];

class ConvClassifier extends nn.Module implements TextClassifier {
  embedding: nn.Embedding;
  convs: nn.ModuleList;
  dropout: nn.Dropout;
  out: nn.Linear;

  constructor(options: ClassifierOptions) {
    super();
    const { width, classes } = options;
    this.embedding = embedding(options);
    this.convs = new nn.ModuleList(
      windows.map((size) => new nn.Conv1d(width, width, size, { padding: size - 1 })),
    );
    this.dropout = new nn.Dropout(options.dropout);
    this.out = new nn.Linear(windows.length * width, classes);
  }

  /** What each window finds at each place, (B, width, T + size - 1), for each size. */
  private found(tokens: Tensor): Tensor[] {
    const words = this.dropout.forward(this.embedding.forward(tokens)).transpose(1, 2);
    return [...this.convs].map((conv) => (conv as nn.Conv1d).forward(words).relu());
  }

  forward(tokens: Tensor): Tensor {
    const best = this.found(tokens).map((found) => found.amax(2)); // (B, width) each
    return this.out.forward(this.dropout.forward(cat(best, 1)));
  }

  /** The share of findings whose window saw the word. */
  look(tokens: Tensor): Tensor {
    const length = tokens.shape[1]!;
    const seen = this.found(tokens).map((found, i) => {
      const size = windows[i]!;
      const wins = found
        .eq(found.amax(2, { keepdim: true }))
        .logicalAnd(found.gt(0))
        .float();
      const places = wins.sum(1); // (B, T + size - 1); a window ends at its place
      const words = Array.from({ length: size }, (_, k) => places.narrow(1, k, length));
      return words.reduce((a, b) => a.add(b)).div(size);
    });
    const real = tokens.ne(this.embedding.paddingIdx!).float();
    const all = seen.reduce((a, b) => a.add(b)).mul(real); // (B, T)
    return all.div(all.sum(1, { keepdim: true }).clamp(1e-9, null));
  }
}

export const textClassifiers = {
  lstm: (options: ClassifierOptions): TextClassifier => new LstmClassifier(options),
  conv: (options: ClassifierOptions): TextClassifier => new ConvClassifier(options),
};

export type TextClassifierName = keyof typeof textClassifiers;
