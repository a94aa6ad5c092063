// anneal/optim: optimizers, clipping, learning-rate schedules. Names only.

export { Adadelta, type AdadeltaOptions, Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { Adamax, type AdaptiveOptions, NAdam, type NAdamOptions, RAdam } from "./adam-variants.ts";
export { clipGradNorm, clipGradValue } from "./clip.ts";
export type { BaseOptions, GroupOf, Parameters, ParamGroup } from "./group.ts";
export { LBFGS, type LBFGSOptions } from "./lbfgs.ts";
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
  MultiStepLR,
  PolynomialLR,
  type RestartOptions,
  type SchedulerState,
  SequentialLR,
  StepLR,
} from "./schedule.ts";
export * from "./schedule-cycles.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
export { ASGD, type ASGDOptions, Rprop, type RpropOptions } from "./sign.ts";
