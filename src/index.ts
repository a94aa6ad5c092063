// anneal: the public names, nothing else. Layers are in `nn`, optimizers in `optim`; data sets, files,
// training loops and pictures have entry points of their own (anneal/data, /io, /train, /vis).

export type { Backend } from "./backend/backend.ts";
export type { DType, TypedArray } from "./ir/dtype.ts";
export type { Shape } from "./ir/node.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export { detectNaN } from "./tensor/anomaly.ts";
export { gradients } from "./tensor/autograd.ts";
export {
  type Compiled,
  type CompileOptions,
  type CompileStats,
  compile,
  setCheckMode,
} from "./tensor/compile.ts";
export { noGrad as inferenceMode, noGrad, realize } from "./tensor/core.ts";
export {
  arange,
  bernoulli,
  empty,
  emptyLike,
  eye,
  full,
  fullLike,
  linspace,
  logspace,
  normal,
  oneHot,
  ones,
  onesLike,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  type TensorOptions,
  tensor,
  trilIndices,
  triuIndices,
  uniform,
  zeros,
  zerosLike,
} from "./tensor/create.ts";
export { type Backward, customVjp, type ResultGradient } from "./tensor/custom-vjp.ts";
export {
  type DeviceChoice,
  type DeviceLike,
  type DeviceName,
  type DeviceOptions,
  device,
} from "./tensor/device.ts";
export { type DeviceInfo, devices } from "./tensor/devices.ts";
export {
  beta,
  categorical,
  dirichlet,
  exponential,
  gamma,
  gumbel,
  multinomial,
  poisson,
} from "./tensor/draws.ts";
export { einsum } from "./tensor/einsum.ts";
export * as masked from "./tensor/masked.ts";
export * from "./tensor/ops/calculus.ts";
export { cdist, cross, diff, isin, pdist, sumToSize, trace } from "./tensor/ops/derived.ts";
export { dynamicSlice, dynamicUpdate, type Start } from "./tensor/ops/dynamic.ts";
export { lerp, maximum, minimum, promoteTypes, where } from "./tensor/ops/elementwise.ts";
export * from "./tensor/ops/histogram.ts";
export {
  broadcastTensors,
  cat,
  chunk,
  meshgrid,
  split,
  stack,
  tensorSplit,
} from "./tensor/ops/join.ts";
export { addbmm, addr } from "./tensor/ops/linear.ts";
export { logaddexp2 } from "./tensor/ops/math.ts";
export * from "./tensor/ops/placing.ts";
export * from "./tensor/ops/scatter-reduce.ts";
export * from "./tensor/ops/stacking.ts";
export * from "./tensor/ops/statistics.ts";
export * from "./tensor/ops/unique.ts";
export {
  type GeneratorState,
  generatorState,
  manualSeed,
  setGeneratorState,
} from "./tensor/random.ts";
export { type ScanBody, type ScanOptions, scan } from "./tensor/scan.ts";
export type { Axes, NestedArray, Operand, TensorData } from "./tensor/shape-types.ts";
export { Tensor } from "./tensor/tensor.ts";
export { grad, hessian, jacobian, jvp, valueAndGrad, vjp } from "./tensor/transforms.ts";
export { type BatchedOptions, vmap } from "./tensor/vmap.ts";
export {
  AnnealError,
  ArgumentError,
  DeviceError,
  DtypeError,
  LoadError,
  NumericError,
  ShapeError,
  StateError,
} from "./util/errors.ts";
