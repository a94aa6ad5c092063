// The network that answers: BiLSTMs over question and passage with attention between them, a score for each
// sentence, and where the answer begins and ends. Several of them side by side, one a fold.
// Not here: what they read (features.ts, batches.ts).

import { arange, cat, full, nn, noGrad, stack, type Tensor, where } from "anneal";
import { sentenceWidth, wordWidth } from "./features.ts";

export interface ReaderOptions {
  readonly words: number;
  readonly endings: number;
  /** Units of the LSTMs in each direction. */
  readonly width: number;
  readonly dropout: number;
}

/** A batch as readers see it: T words of passages, Q of questions, S sentences. */
export interface Reading {
  /** int32 (B, T) and (B, Q); 0 behind the end. */
  readonly words: Tensor;
  readonly endings: Tensor;
  readonly askedWords: Tensor;
  readonly askedEndings: Tensor;
  /** int32 (B, T) and (B, Q): equal where words have the same stem; 0 for signs, and behind the end. */
  readonly stems: Tensor;
  readonly askedStems: Tensor;
  /** (B, Q): how rare the question's words are. */
  readonly askedRarity: Tensor;
  /** int32 (B, T): the sentence of each word. */
  readonly sentenceOf: Tensor;
  /** (B, T, wordWidth) and (B, S, sentenceWidth) */
  readonly told: Tensor;
  readonly toldOfSentences: Tensor;
}

const never = -1e9;

/** Vectors of words and of their endings, small at first. */
class Lexemes extends nn.Module {
  words: nn.Embedding;
  endings: nn.Embedding;

  constructor({ words, endings }: ReaderOptions) {
    super();
    this.words = new nn.Embedding(words, 48, { paddingIdx: 0 });
    this.endings = new nn.Embedding(endings, 16, { paddingIdx: 0 });
    for (const { weight } of [this.words, this.endings]) {
      noGrad(() => void weight.assign(weight.mul(0.2)));
    }
  }

  forward(words: Tensor, endings: Tensor): Tensor {
    return cat([this.words.forward(words), this.endings.forward(endings)], -1); // (B, T, E)
  }
}

/** Log probabilities (B, 3, T): of the answer's sentence (in the first S places), its first and its last
 *  word. */
export class Reader extends nn.Module {
  lexemes: Lexemes;
  match: nn.Linear;
  asking: nn.LSTM;
  reading: nn.LSTM;
  matching: nn.Linear;
  /** How much an equal stem counts beside likeness. */
  equal: Tensor;
  covered: Tensor;
  /** How much the best word of a sentence counts: whether it has the kind of thing that is asked for. */
  kind: Tensor;
  summary: nn.Linear;
  wanted: nn.Linear;
  plain: nn.Linear;
  sentences: nn.Linear;
  dropout: nn.Dropout;

  constructor(options: ReaderOptions) {
    super();
    const { width, dropout } = options;
    const size = 64;
    const both = { batchFirst: true, bidirectional: true };
    this.lexemes = new Lexemes(options);
    this.match = new nn.Linear(size, size);
    this.asking = new nn.LSTM(size, width, both);
    this.reading = new nn.LSTM(2 * size + wordWidth + 1, width, both);
    this.matching = new nn.Linear(2 * width + 1, 1);
    this.equal = nn.parameter(full([], 3));
    this.covered = nn.parameter(full([], 4));
    this.kind = nn.parameter(full([], 0.1));
    this.summary = new nn.Linear(2 * width, 1, { bias: false });
    this.wanted = new nn.Linear(2 * width, 3 * 2 * width); // of sentence, first and last word
    this.plain = new nn.Linear(2 * width, 3, { bias: false });
    this.sentences = new nn.Linear(sentenceWidth, 1, { bias: false });
    this.dropout = new nn.Dropout(dropout);
    // Begins as what TF-IDF says.
    noGrad(() => {
      this.sentences.weight.assign(this.sentences.weight.mul(0).add(1));
      this.matching.weight.assign(this.matching.weight.mul(0));
    });
  }

  forward(reading: Reading): Tensor {
    const { words, askedWords } = reading;
    const [real, realAsked] = [words.ne(0), askedWords.ne(0)]; // (B, T), (B, Q)
    const [lengths, lengthsAsked] = [nn.lengthsOf(real), nn.lengthsOf(realAsked)];
    const seen = this.dropout.forward(this.lexemes.forward(words, reading.endings)); // (B, T, E)
    const asked = this.dropout.forward(this.lexemes.forward(askedWords, reading.askedEndings));

    // The question in one vector: what is asked for.
    const [asking] = this.asking.forward(asked, null, { lengths: lengthsAsked }); // (B, Q, 2·width)
    const weights = masked(this.summary.forward(asking).squeeze(-1), realAsked).softmax(1);
    const question = weights.unsqueeze(1).matmul(asking); // (B, 1, 2·width)

    // How much it matters whether each word of the question is found: a TF-IDF that is learned.
    const facts = cat([asking, reading.askedRarity.unsqueeze(-1)], 2);
    const isWord = reading.askedStems.ne(0); // (B, Q)
    const learned = this.matching.forward(this.dropout.forward(facts)).squeeze(-1); // (B, Q)
    const rare = reading.askedRarity.clamp(0.01, null).log();
    const importance = masked(learned.add(rare), isWord).softmax(1);
    const [stems, askedStems] = [reading.stems.unsqueeze(2), reading.askedStems.unsqueeze(1)];
    const same = stems.eq(askedStems).logicalAnd(stems.ne(0)).float(); // (B, T, Q)
    const matched = same.matmul(importance.unsqueeze(2)); // (B, T, 1)

    // What of the question each word is like (Chen et al. 2017).
    const [own, other] = [seen, asked].map((x) => this.match.forward(x).relu());
    const alike = own!.matmul(other!.transpose(1, 2)).add(same.mul(this.equal)); // (B, T, Q)
    const aligned = masked(alike, realAsked.unsqueeze(1)).softmax(2).matmul(asked); // (B, T, E)
    const told = cat([seen, aligned, reading.told, matched], 2);
    const [read] = this.reading.forward(told, null, { lengths }); // (B, T, 2·width)
    const states = this.dropout.forward(read);

    const [B, , H] = states.shape as [number, number, number];
    const wanted = this.wanted.forward(this.dropout.forward(question)).reshape(B, 3, H);
    const scores = wanted.matmul(states.transpose(1, 2)).div(Math.sqrt(H)); // (B, 3, T)
    const all = scores.add(this.plain.forward(states).transpose(1, 2));
    return this.joined(all, reading, same, importance);
  }

  /** A sentence scores what of the question it has, what TF-IDF says, and what its best word says; a word,
   *  its own score and its sentence's. scores (B, 3, T), same (B, T, Q), importance (B, Q) */
  private joined(scores: Tensor, reading: Reading, same: Tensor, importance: Tensor): Tensor {
    const { toldOfSentences, sentenceOf, words } = reading;
    const real = words.ne(0); // (B, T)
    const [S, T] = [toldOfSentences.shape[1]!, real.shape[1]!];
    const places = arange(S).unsqueeze(1); // (S, 1)
    const isIn = sentenceOf.unsqueeze(1).eq(places).logicalAnd(real.unsqueeze(1)); // (B, S, T)
    const best = masked(scores.narrow(1, 0, 1), isIn).amax(2); // (B, S)
    const found = isIn.float().matmul(same).clamp(null, 1); // (B, S, Q): which words it has
    const covered = found.matmul(importance.unsqueeze(2)).squeeze(2).mul(this.covered); // (B, S)
    const told = this.sentences.forward(toldOfSentences).squeeze(-1); // (B, S)
    const sentences = covered.add(told).add(best.mul(this.kind));
    const there = isIn.any(2); // (B, S)
    const ranked = masked(sentences, there).logSoftmax(1); // (B, S)
    const own = ranked.gather(1, sentenceOf).unsqueeze(1); // (B, 1, T)
    const ends = scores.narrow(1, 1, 2).add(own);
    const spans = masked(ends, real.unsqueeze(1)).logSoftmax(2); // (B, 2, T)
    const padded = ranked.pad([0, T - S], { value: never }).unsqueeze(1);
    return cat([padded, spans], 1);
  }
}

function masked(scores: Tensor, real: Tensor): Tensor {
  return where(real, scores, never);
}

/** A reader for each of F folds: a batch of each, (F, B, …) → (F, B, 3, T). */
export class Readers extends nn.Module {
  readers: nn.ModuleList;

  constructor(folds: number, options: ReaderOptions) {
    super();
    this.readers = new nn.ModuleList(Array.from({ length: folds }, () => new Reader(options)));
  }

  forward(reading: Reading): Tensor {
    const parts = Object.entries(reading);
    return stack(
      [...this.readers].map((reader, f) => {
        const own = Object.fromEntries(parts.map(([name, x]) => [name, x.select(0, f)]));
        return (reader as Reader).forward(own as unknown as Reading);
      }),
    );
  }
}

/** The cross entropies of sentence, first and last word, added. Targets int32 (F, B, 3). */
export function answerLoss(logProbs: Tensor, places: Tensor): Tensor {
  return logProbs.gather(3, places.unsqueeze(3)).neg().sum(2).mean();
}
