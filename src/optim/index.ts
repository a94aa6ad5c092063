// anneal/optim: optimizers, clipping, learning-rate schedules. Names only.

export { Adafactor, type AdafactorOptions } from "./adafactor.ts";
export { Adadelta, type AdadeltaOptions, Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { Adamax, type AdaptiveOptions, NAdam, type NAdamOptions, RAdam } from "./adam-variants.ts";
export { type AveragesState, EMA, type EMAOptions, SWA } from "./averages.ts";
export { clipGradNorm, clipGradValue } from "./clip.ts";
export type { BaseOptions, GroupOf, Parameters, ParamGroup } from "./group.ts";
export { Lamb, type LambOptions } from "./lamb.ts";
export { LBFGS, type LBFGSOptions } from "./lbfgs.ts";
export { Lion, type LionOptions } from "./lion.ts";
export { Lookahead, type LookaheadOptions, type LookaheadState } from "./lookahead.ts";
export { Muon, type MuonOptions } from "./muon.ts";
export { Optimizer, type OptimizerState, type StepOptions } from "./optimizer.ts";
export { type PlateauOptions, type PlateauState, ReduceLROnPlateau } from "./plateau.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  type LinearLROptions,
  LRScheduler,
  MultiplicativeLR,
  MultiStepLR,
  PolynomialLR,
  type RestartOptions,
  type SchedulerState,
  StepLR,
} from "./schedule.ts";
export * from "./schedule-cycles.ts";
export * from "./schedule-joined.ts";
export * from "./schedule-phases.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
export { ASGD, type ASGDOptions, Rprop, type RpropOptions } from "./sign.ts";
