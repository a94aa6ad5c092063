// anneal/train: fit, evaluate and predict, callbacks, checkpoints. Names only.

export {
  type Callback,
  csvLog,
  type EarlyStoppingOptions,
  earlyStopping,
  jsonLog,
  type LrSchedulerOptions,
  lrScheduler,
  type MonitorOptions,
  saveBest,
} from "./callbacks.ts";
export { type EvaluateOptions, evaluate, predict } from "./evaluate.ts";
export { type FindLrOptions, type FoundLr, findLr } from "./find-lr.ts";
export {
  type CheckpointOptions,
  type FitOptions,
  type FitResult,
  fit,
  type RecordOf,
} from "./fit.ts";
export type { Evaluation } from "./measures.ts";
export {
  duration,
  epochLine,
  type LineProgressOptions,
  lineProgress,
  type ProgressReporter,
  type ProgressState,
  rate,
  short,
  stateLine,
} from "./progress.ts";
export type {
  Batch,
  Batches,
  EpochRecord,
  Inputs,
  Loss,
  Model,
  Run,
  Scheduler,
  TrainingOptimizer,
} from "./types.ts";
export { updateBatchNorm } from "./update-batch-norm.ts";
export { loadWeights, saveWeights } from "./weights.ts";
