// anneal/metrics: what is measured beside the loss, in fit or by hand. Names only.

export { type Bleu, type BleuOptions, bleu, tokenize13a } from "./bleu.ts";
export {
  accuracy,
  binaryAccuracy,
  brierScore,
  calibrationError,
  hammingLoss,
  klDivergence,
  meanLoss,
  type OutputOptions,
  perplexity,
} from "./classification.ts";
export {
  type Average,
  balancedAccuracy,
  type ClassReport,
  type Confusion,
  classReport,
  cohenKappa,
  confusionMatrix,
  dice,
  f1,
  fBeta,
  jaccard,
  matthewsCorrelation,
  meanIou,
  precision,
  recall,
  specificity,
} from "./confusion.ts";
export { ctcErrorRate } from "./ctc.ts";
export {
  type AreaOptions,
  auroc,
  averagePrecision,
  type PrecisionRecallCurve,
  precisionRecallCurve,
  type RocCurve,
  rocCurve,
} from "./curves.ts";
export {
  type Box,
  boxIou,
  type DetectionCurve,
  type DetectionOptions,
  type DetectionScores,
  type Detections,
  detectionCurve,
  meanAveragePrecision,
  type Objects,
} from "./detection.ts";
export { type PictureOptions, psnr, type SsimOptions, ssim } from "./image.ts";
export {
  type InstanceOptions,
  type InstanceScores,
  type Instances,
  instanceScores,
} from "./instances.ts";
export { wilsonInterval } from "./interval.ts";
export { type Meter, meter } from "./meter.ts";
export type { Measured, Metric, Metrics, Results } from "./metric.ts";
export {
  hitRate,
  meanReciprocalRank,
  ndcg,
  precisionAt,
  type RankingOptions,
  recallAt,
  retrievalMap,
} from "./ranking.ts";
export {
  cosineSimilarity,
  explainedVariance,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  pearsonCorrelation,
  r2Score,
  rootMeanSquaredError,
  spearmanCorrelation,
} from "./regression.ts";
export { type SquadScores, squad } from "./squad.ts";
export {
  characterErrorRate,
  editDistance,
  type Overlap,
  type Rouge,
  rouge,
  wordErrorRate,
} from "./text.ts";
