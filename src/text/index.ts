// anneal/text: tokenizers, batches of sequences, sampling and search, and texts to learn
// from. Names only.

export { type BeamOptions, beamSearch, type Hypothesis } from "./beam.ts";
export { type BpeJson, BpeTokenizer, type BpeTrainOptions } from "./bpe.ts";
export { type BucketOptions, BucketSampler } from "./buckets.ts";
export { type CharacterJson, CharacterTokenizer } from "./characters.ts";
export {
  corpora,
  MULTI30K_CHECKSUMS,
  type ParallelOptions,
  type ParallelText,
  readCorpus,
  readLines,
  readParallel,
  splitText,
} from "./corpora.ts";
export {
  type CtcBeamOptions,
  type CtcDecodeOptions,
  type CtcHypothesis,
  type CtcPath,
  ctcAlign,
  ctcBeamSearch,
  ctcGreedyDecode,
} from "./ctc.ts";
export {
  checkTokens,
  type Decoding,
  type LanguageModel,
  type WindowedOptions,
  windowed,
} from "./decoding.ts";
export { loadTokenizer, parseTokenizer, saveTokenizer } from "./files.ts";
export {
  type GenerateBatchOptions,
  type GenerateOptions,
  generate,
  generateBatch,
} from "./generate.ts";
export { fromHuggingFace } from "./hugging-face.ts";
export { type Labelled, readLabelled } from "./labelled.ts";
export { type Padded, type PadOptions, padSequences } from "./padding.ts";
export { argmax, type Choose, logSoftmax, type SamplingOptions, sampler } from "./sampling.ts";
export { cutSentences, type TextSpan } from "./sentences.ts";
export {
  parseSquad,
  readSquad,
  type SquadAnswer,
  type SquadArticle,
  type SquadParagraph,
  type SquadQuestion,
} from "./squad.ts";
export type { DecodeOptions, EncodeOptions, TextStream, Tokenizer } from "./tokenizer.ts";
export {
  allSpecials,
  type CountOptions,
  type Role,
  type Specials,
  Vocabulary,
  type VocabularyJson,
} from "./vocabulary.ts";
export { type TokenWindow, TokenWindows, type WindowOptions } from "./windows.ts";
export { cutWords, joiner, type WordJson, type WordOptions, WordTokenizer } from "./words.ts";
