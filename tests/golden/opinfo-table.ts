// The adapter from PyTorch's op names to ours. Names that are ours up to the spelling go through `method`;
// the others say how their arguments translate. What has no line here is counted as missing.
import { broadcastShape } from "../../src/ir/build.ts";
import { matrixNorm } from "../../src/linalg/norms.ts";
import * as create from "../../src/tensor/create.ts";
import { einsum } from "../../src/tensor/einsum.ts";
import * as act from "../../src/tensor/ops/activations.ts";
import * as derived from "../../src/tensor/ops/derived.ts";
import * as el from "../../src/tensor/ops/elementwise.ts";
import * as lin from "../../src/tensor/ops/linear.ts";
import * as math from "../../src/tensor/ops/math.ts";
import * as pool from "../../src/tensor/ops/pool.ts";
import * as red from "../../src/tensor/ops/reduce.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { fourier } from "./opinfo-fft.ts";
import { functional as functions } from "./opinfo-functional.ts";
import { linearAlgebra } from "./opinfo-linalg.ts";
import { losses } from "./opinfo-losses.ts";
import { layers } from "./opinfo-nn.ts";
import { places } from "./opinfo-places.ts";
import { specialFunctions } from "./opinfo-special.ts";
import { statistics } from "./opinfo-statistics.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;
/** x: the input; a: positional arguments; k: keyword arguments; recorded: PyTorch's result. */
type Adapter = (x: Tensor, a: Any[], k: Any, recorded: Any) => unknown;

/** x.name(...arguments). */
const method =
  (name: string): Adapter =>
  (x, a) =>
    (x as Any)[name](...a);

/** x.name(dim, { keepdim }) with PyTorch's names. */
const reduction =
  (name: string): Adapter =>
  (x, a, k) =>
    (x as Any)[name](a[0] ?? k.dim ?? undefined, {
      keepdim: a[1] ?? k.keepdim,
      dtype: k.dtype?.dtype,
    });

const swapped =
  (f: (a: Any, b: Any) => Tensor): Adapter =>
  (x, a) =>
    f(a[0], x);

/** PyTorch's `unbiased` (which may come first) and `correction`. */
const spreadOf =
  (f: (x: Tensor, axes: Any, o: red.VarOptions) => unknown): Adapter =>
  (x, a, k) => {
    const first = typeof a[0] === "boolean";
    const unbiased = first ? a[0] : (a[1] ?? k.unbiased ?? true);
    const axes = (first ? undefined : a[0]) ?? k.dim ?? undefined;
    return f(x, axes, { keepdim: k.keepdim, correction: k.correction ?? (unbiased ? 1 : 0) });
  };

const extreme =
  (name: "max" | "min"): Adapter =>
  (x, a, k) => {
    if (a[0] instanceof Tensor) return name === "max" ? x.maximum(a[0]) : x.minimum(a[0]);
    const axis = a[0] ?? k.dim;
    if (axis === undefined) return x[name]();
    const { values, indices } = x[name](axis, { keepdim: a[1] ?? k.keepdim });
    return [values, indices];
  };

const pairOf = ({ values, indices }: { values: Tensor; indices: Tensor }) => [values, indices];

const convOptions = (k: Any) => ({ ...k, outputPadding: k.output_padding ?? 0 });

const maxPool =
  (dims: 1 | 2 | 3): Adapter =>
  (x, a, k) => {
    const size = a[0] ?? k.kernel_size;
    const o = {
      stride: k.stride ?? undefined,
      padding: k.padding,
      dilation: k.dilation,
      ceilMode: k.ceil_mode,
    };
    const values = pool.maxPool(dims, x, size, o);
    return k.return_indices ? [values, pool.maxPoolIndices(dims, x, size, o)] : values;
  };

const avgPool =
  (dims: 1 | 2 | 3): Adapter =>
  (x, a, k) =>
    pool.avgPool(dims, x, a[0] ?? k.kernel_size, {
      stride: filledOr(a[1] ?? k.stride),
      padding: a[2] ?? k.padding,
      ceilMode: a[3] ?? k.ceil_mode,
      countIncludePad: a[4] ?? k.count_include_pad,
      divisorOverride: a[5] ?? k.divisor_override ?? undefined,
    });

/** PyTorch's stride may be an empty list. */
const filledOr = (v: Any) => (v === null || v?.length === 0 ? undefined : v);

const adaptiveAvg =
  (dims: 1 | 2 | 3): Adapter =>
  (x, a) =>
    pool.adaptiveAvgPool(dims, x, a[0]);

const sized =
  (f: (x: Tensor, o: Any) => Tensor): Adapter =>
  (x, _, k) =>
    f(x, k.dtype ? { dtype: k.dtype.dtype } : {});

const same = (...names: string[]): Record<string, Adapter> =>
  Object.fromEntries(names.map((name) => [name, method(camel(name))]));

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, c: string) => c.toUpperCase());
}

const functional = (...names: string[]): Record<string, Adapter> =>
  Object.fromEntries(names.map((name) => [`nn.functional.${name}`, method(camel(name))]));

const count = (shape: readonly number[]) => shape.reduce((p, d) => p * d, 1);

export const adapters: Record<string, Adapter> = {
  ...losses,
  ...layers,
  ...linearAlgebra,
  ...functions,
  ...places,
  ...statistics,
  ...specialFunctions,
  ...fourier,
  ...same(
    ..."abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad erf erfc exp exp2 expm1 floor".split(
      " ",
    ),
    ..."frac isfinite isinf isnan isneginf isposinf log log10 log1p log2 logical_not neg".split(
      " ",
    ),
    ..."rad2deg reciprocal rsqrt sigmoid sign sin sinc sinh sqrt square tan tanh trunc".split(" "),
    ..."atan2 bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift".split(" "),
    ..."bitwise_xor eq ge gt le lt ne floor_divide fmax fmin fmod logaddexp logical_and".split(" "),
    ..."logical_or logical_xor maximum minimum mul pow remainder rsub xlogy lerp".split(" "),
    ..."bmm mm mv dot outer inner matmul clone contiguous expand_as t transpose unsqueeze".split(
      " ",
    ),
    ..."squeeze permute movedim reshape view narrow select roll rot90 tril triu diag unbind".split(
      " ",
    ),
    ..."chunk split gather index_select index_copy index_fill scatter_add masked_fill".split(" "),
    ..."masked_select take_along_dim unfold expand repeat tile broadcast_to unflatten bool".split(
      " ",
    ),
    ..."byte double float int logit".split(" "),
  ),
  ...functional("relu", "relu6", "silu", "mish", "selu", "softsign", "logsigmoid"),
  ...functional("hardsigmoid", "hardswish", "tanhshrink"),

  // arithmetic
  add: (x, a, k) => x.add(a[0], { alpha: k.alpha }),
  sub: (x, a, k) => x.sub(a[0], { alpha: k.alpha }),
  rsub: (x, a, k) => el.sub(a[0], x, { alpha: k.alpha }),
  div: (x, a, k) => x.div(a[0], { rounding: k.rounding_mode ?? undefined }),
  true_divide: (x, a) => x.div(a[0]),
  __radd__: swapped(el.add),
  __rmul__: swapped(el.mul),
  __rsub__: swapped(el.sub),
  __rdiv__: swapped(el.div),
  __rpow__: swapped(el.pow),
  __rmod__: swapped(el.remainder),
  __rand__: swapped(el.bitwiseAnd),
  __ror__: swapped(el.bitwiseOr),
  __rxor__: swapped(el.bitwiseXor),
  __rmatmul__: (x, a) => lin.matmul(a[0], x),
  positive: (x) => x,
  round: (x, _, k) => x.round({ decimals: k.decimals }),
  addcmul: (x, a, k) => x.addcmul(a[0], a[1], { value: k.value }),
  addcdiv: (x, a, k) => x.addcdiv(a[0], a[1], { value: k.value }),
  clamp: (x, a, k) => x.clamp(a[0] ?? k.min, a[1] ?? k.max),
  clamp_min: (x, a) => x.clamp(a[0], null),
  clamp_max: (x, a) => x.clamp(null, a[0]),
  logaddexp2: (x, a) => math.logaddexp2(x, a[0]),
  isclose: (x, a, k) => x.isclose(a[0], { ...k, equalNan: k.equal_nan }),
  allclose: (x, a, k) => x.allclose(a[0], { ...k, equalNan: k.equal_nan }),
  nan_to_num: (x, a, k) =>
    x.nanToNum({ nan: a[0] ?? k.nan, posinf: a[1] ?? k.posinf, neginf: a[2] ?? k.neginf }),
  where: (x, a) => el.where(a[0], x, a[1]),
  fill: (x, a, k) =>
    create.full(x.shape, Number(a[0] ?? k.value), { dtype: x.dtype }).add(x.mul(0)),
  zero_: (x) => create.zerosLike(x),
  long: (x) => x.int(),
  // Casts to dtypes that are not here, as their recorded results say.
  ...Object.fromEntries(["bfloat16", "half", "chalf", "char", "short"].map((to) => [to, (x) => x])),

  // activations
  "nn.functional.gelu": (x, _, k) => x.gelu({ approximate: k.approximate }),
  "nn.functional.softplus": (x, _, k) => x.softplus(k),
  "nn.functional.elu": (x, a, k) => x.elu({ alpha: a[0] ?? k.alpha }),
  "nn.functional.celu": (x, a, k) => x.celu({ alpha: a[0] ?? k.alpha }),
  "nn.functional.leaky_relu": (x, a, k) => x.leakyRelu(a[0] ?? k.negative_slope),
  "nn.functional.prelu": (x, a, k) => x.prelu(a[0] ?? k.weight),
  "nn.functional.hardtanh": (x, _, k) => x.hardtanh(k.min_val, k.max_val),
  "nn.functional.hardshrink": (x, _, k) => act.hardshrink(x, k.lambd),
  "nn.functional.softshrink": (x, _, k) => act.softshrink(x, k.lambd),
  "nn.functional.threshold": (x, a) => act.threshold(x, a[0], a[1]),
  "nn.functional.glu": (x, a) => x.glu(a[0]),
  "nn.functional.softmin": (x, a, k) => red.softmin(cast(x, k), a[0]),
  softmax: (x, a, k) => cast(x, k).softmax(a[0]),
  log_softmax: (x, a, k) => cast(x, k).logSoftmax(a[0]),

  // reductions
  sum: reduction("sum"),
  prod: reduction("prod"),
  mean: reduction("mean"),
  nansum: reduction("nansum"),
  nanmean: reduction("nanmean"),
  amax: reduction("amax"),
  amin: reduction("amin"),
  argmax: reduction("argmax"),
  argmin: reduction("argmin"),
  all: reduction("all"),
  any: reduction("any"),
  logsumexp: reduction("logsumexp"),
  count_nonzero: reduction("countNonzero"),
  var: spreadOf(red.variance),
  std: spreadOf(red.std),
  var_mean: spreadOf(red.varMean),
  std_mean: spreadOf(red.stdMean),
  max: extreme("max"),
  min: extreme("min"),
  norm: (x, a, k) => {
    const p = a[0] ?? k.p;
    if (p === "nuc") return matrixNorm(x, "nuc", a[1] ?? k.dim, { keepdim: a[2] ?? k.keepdim });
    return x.norm(p === "fro" ? 2 : p, a[1] ?? k.dim, { keepdim: a[2] ?? k.keepdim });
  },
  dist: (x, a) => x.sub(a[0]).norm(a[1] ?? 2),
  trace: (x) => red.trace(x),
  cdist: (x, a) => derived.cdist(x, a[0], a[1]),
  cross: (x, a, k) => derived.cross(x, a[0], a[1] ?? k.dim),
  diff: (x, a) => derived.diff(x, a[0], a[1]),
  isin: (x, a) => derived.isin(x, a[0]),

  // along an axis
  cumsum: (x, a, k) => x.cumsum(a[0], { dtype: k.dtype?.dtype }),
  cumprod: (x, a, k) => x.cumprod(a[0], { dtype: k.dtype?.dtype }),
  cummax: (x, a) => pairOf(x.cummax(a[0])),
  cummin: (x, a) => pairOf(x.cummin(a[0])),
  logcumsumexp: (x, a) => x.logcumsumexp(a[0]),
  sort: (x, a, k) => pairOf(x.sort(a[0] ?? k.dim, { descending: a[1] ?? k.descending })),
  argsort: (x, a, k) => x.argsort(a[0] ?? k.dim, { descending: a[1] ?? k.descending }),
  msort: (x) => x.sort(0).values,
  topk: (x, a, k) => pairOf(x.topk(a[0], a[1] ?? k.dim, { largest: a[2] ?? k.largest })),

  // products
  addmm: (x, a, k) => x.addmm(a[0], a[1], k),
  addmv: (x, a, k) => x.addmv(a[0], a[1], k),
  baddbmm: (x, a, k) => x.baddbmm(a[0], a[1], k),
  addbmm: (x, a, k) => lin.addbmm(x, a[0], a[1], k),
  addr: (x, a, k) => lin.addr(x, a[0], a[1], k),
  vdot: (x, a) => x.dot(a[0]),
  tensordot: (x, a, k) => x.tensordot(a[0], k.dims),
  einsum: (x, a) => einsum(a[0], ...(x as unknown as Tensor[])),
  "nn.functional.linear": (x, a) => (a[1] ? x.matmul(a[0].T).add(a[1]) : x.matmul(a[0].T)),
  "nn.functional.bilinear": (x, a) => {
    const out = einsum("...i,oij,...j->...o", x, a[1], a[0]);
    return a[2] ? out.add(a[2]) : out;
  },
  "nn.functional.embedding": (x, a) => x.at(a[0]),

  // movement
  T: (x) => x.T,
  H: (x) => x.T,
  mT: (x) => (x.ndim === 0 ? x : x.mT),
  mH: (x) => (x.ndim === 0 ? x : x.mT),
  flip: (x, a, k) => x.flip(a[0] ?? k.dims),
  fliplr: (x) => x.flip(1),
  flipud: (x) => x.flip(0),
  ravel: (x) => x.flatten(),
  reshape_as: (x, a) => x.reshape(a[0].shape),
  view_as: (x, a) => x.view(a[0].shape),
  flatten: (x, a, k) => x.flatten(a[0] ?? k.start_dim, a[1] ?? k.end_dim),
  narrow: (x, a) => x.narrow(a[0], numberOf(a[1]), a[2]),
  narrow_copy: (x, a) => x.narrow(a[0], a[1], a[2]),
  slice: (x, a) => x.narrow(a[0], 0, x.shape[a[0]]),
  diagonal: (x, a, k) => x.diagonal(a[0] ?? k.offset, a[1] ?? k.dim1, a[2] ?? k.dim2),
  diag_embed: (x, a, k) => x.diagEmbed(a[0] ?? k.offset),
  diagflat: (x, a, k) => x.flatten().diag(a[0] ?? k.offset),
  broadcast_shapes: (x, a) =>
    [x as Any, ...a].reduce((p: number[], q: number[] | number) => broadcastShape(p, [q].flat())),
  constant_pad_nd: (x, a) => x.pad(a[0], { value: a[1] }),
  "nn.functional.pad": (x, a, k) => x.pad(a[0], { mode: a[1] ?? k.mode, value: a[2] ?? k.value }),
  "nn.functional.pixel_shuffle": (x, _, { upscale_factor: r }) => {
    const [c, h, w] = x.shape.slice(-3);
    const lead = x.shape.slice(0, -3);
    const open = x.reshape(count(lead), c / (r * r), r, r, h, w).permute(0, 1, 4, 2, 5, 3);
    return open.reshape(...lead, c / (r * r), h * r, w * r);
  },
  "nn.functional.pixel_unshuffle": (x, _, { downscale_factor: r }) => {
    const [c, h, w] = x.shape.slice(-3);
    const lead = x.shape.slice(0, -3);
    const open = x.reshape(count(lead), c, h / r, r, w / r, r).permute(0, 1, 3, 5, 2, 4);
    return open.reshape(...lead, c * r * r, h / r, w / r);
  },

  "nn.functional.one_hot": async (x, _, k) => {
    if (k.num_classes >= 0) return create.oneHot(x, k.num_classes);
    return create.oneHot(x, (await x.max().item()) + 1);
  },
  equal: async (x, a) => {
    if (String(x.shape) !== String(a[0].shape)) return false;
    return Boolean(await x.eq(a[0]).all().item());
  },

  // creation
  arange: (x, a, k) => {
    const numbers = [x as Any, ...a, ...(k.end === undefined ? [] : [k.end])].map(Number);
    return create.arange(...(numbers as [number]), { dtype: k.dtype?.dtype });
  },
  tril_indices: (x, a) => create.trilIndices(x as Any, ...(a as [number])),
  triu_indices: (x, a) => create.triuIndices(x as Any, ...(a as [number])),
  linspace: (x, a, k) => create.linspace(x as Any, a[0], a[1], { dtype: k.dtype?.dtype }),
  eye: (x, a) => create.eye(x as Any, a[0]),
  ones: (x, _, k) => create.ones(x as Any, { dtype: k.dtype?.dtype }),
  zeros: (x, _, k) => create.zeros(x as Any, { dtype: k.dtype?.dtype }),
  empty: (x, _, k) => create.empty(x as Any, { dtype: k.dtype?.dtype }),
  ones_like: sized(create.onesLike),
  zeros_like: sized(create.zerosLike),
  empty_like: sized(create.emptyLike),
  full_like: (x, a, k) => create.fullLike(x, a[0], typeOf(x, k)),
  new_ones: (x, a, k) => create.ones(a[0], typeOf(x, k)),
  new_zeros: (x, a, k) => create.zeros(a[0], typeOf(x, k)),
  new_empty: (x, a, k) => create.empty(a[0], typeOf(x, k)),
  new_full: (x, a, k) => create.full(a[0], a[1], typeOf(x, k)),

  // convolution and pooling
  "nn.functional.conv1d": (x, a, k) => x.conv1d(a[0], a[1], k),
  "nn.functional.conv2d": (x, a, k) => x.conv2d(a[0], a[1], k),
  "nn.functional.conv_transpose1d": (x, a, k) => x.convTranspose1d(a[0], a[1], convOptions(k)),
  "nn.functional.conv_transpose2d": (x, a, k) => x.convTranspose2d(a[0], a[1], convOptions(k)),
  "nn.functional.conv_transpose3d": (x, a, k) => x.convTranspose3d(a[0], a[1], convOptions(k)),
  "nn.functional.max_pool1d": maxPool(1),
  "nn.functional.max_pool2d": maxPool(2),
  "nn.functional.max_pool3d": maxPool(3),
  "nn.functional.avg_pool1d": avgPool(1),
  "nn.functional.avg_pool2d": avgPool(2),
  "nn.functional.avg_pool3d": avgPool(3),
  "nn.functional.adaptive_avg_pool1d": adaptiveAvg(1),
  "nn.functional.adaptive_avg_pool2d": adaptiveAvg(2),
  "nn.functional.adaptive_avg_pool3d": adaptiveAvg(3),
};

function typeOf(x: Tensor, k: Any) {
  return { dtype: k.dtype?.dtype ?? x.dtype };
}

function cast(x: Tensor, k: Any): Tensor {
  return k.dtype ? x.to(k.dtype.dtype) : x;
}

function numberOf(v: number | Tensor): number {
  return v instanceof Tensor ? v.itemSync() : v;
}

/** Why a case of an op that has an adapter is out of reach, which counts as missing; null: it is not. */
export function notOurs(c: { op: string; variant: string; kwargs: Any }): string | null {
  if (c.op === "as_strided_scatter") {
    return "PyTorch 1.13 lets gradients through to what the source has replaced";
  }
  if (c.op === "nn.functional.embedding" && Object.keys(c.kwargs).length > 0) {
    return "embedding takes no such options here";
  }
  return null;
}

/** Where a case's own magnitude asks for more than rtol 1e-4 and atol 1e-5, and why. */
export const tolerance: Record<string, { rtol?: number; atol?: number }> = {
  // Rows of equal elements: PyTorch's own rounding of x - mean, times 1/√1e-5, is off by up to 7e-4.
  "nn.functional.layer_norm": { atol: 1e-3 },
  // Gradients of a softmax are differences of numbers up to 76 (the largest of the cases), times keys of
  // up to 9/√6: half a unit in their last place is 1.4e-5. One true gradient (float64) is -8.743e-4,
  // PyTorch's -8.756e-4, ours -8.868e-4.
  "nn.functional._scaled_dot_product_attention": { atol: 2e-5 },
  // The recorded gradients are exponentials of differences of numbers near 10,000, which float32 knows
  // to 5e-4: the true ones (float64) are 3.578854501 and 1.635627581 where they say 3.580100 and
  // 1.635891, and ours 3.578854561 and 1.635627627.
  logcumsumexp: { rtol: 1e-3 },
  // Gradients of up to 8e6 in one matrix, of which half a unit in the last place is 0.25: an element of 8.6
  // is recorded as -8.5762 where float64 says -8.5756, and ours is -8.5800.
  matrix_exp: { atol: 5e-3 },
  // Gradients of up to 340 in one matrix, of which half a unit in the last place is 1.5e-5: an element is
  // recorded as -0.26600 where float64 says -0.26589, and ours is -0.26587.
  "linalg.pinv": { atol: 2e-4 },
};
