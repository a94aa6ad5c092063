// The adapters of statistics: order statistics, histograms, calculus over samples, masked reductions.
import * as masked from "../../src/tensor/masked.ts";
import * as calculus from "../../src/tensor/ops/calculus.ts";
import * as derived from "../../src/tensor/ops/derived.ts";
import * as hist from "../../src/tensor/ops/histogram.ts";
import * as stat from "../../src/tensor/ops/statistics.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;
type Adapter = (x: Tensor, a: Any[], k: Any) => unknown;

const pair = ({ values, indices }: { values: Tensor; indices: Tensor }) => [values, indices];

const middle =
  (f: typeof stat.median): Adapter =>
  (x, _, k) =>
    k.dim === undefined ? f(x) : pair(f(x, k.dim, { keepdim: k.keepdim }));

const quantile =
  (f: typeof stat.quantile): Adapter =>
  (x, a, k) =>
    f(x, a[0], k.dim ?? undefined, { keepdim: k.keepdim, interpolation: k.interpolation });

/** PyTorch gives x and dx by keyword. */
const integral =
  (f: typeof calculus.trapezoid): Adapter =>
  (x, a, k) =>
    f(x, a[0] ?? k.dx, k.dim);

const search = (k: Any) => ({
  side: k.side ?? (k.right ? "right" : "left"),
  sorter: k.sorter ?? undefined,
});

/** masked.f(x, axes, options); PyTorch's empty list of axes means all. */
const reduced =
  (f: (x: Tensor, axes: Any, options: Any) => Tensor): Adapter =>
  (x, _, k) => {
    const { dim, ...options } = k;
    return f(x, dim?.length === 0 ? undefined : dim, options);
  };

/** PyTorch gives the places of masked extremes in the input's dtype. */
const placed =
  (f: (x: Tensor, axis: Any, options: Any) => Tensor): Adapter =>
  (x, _, k) =>
    f(x, k.dim, k).to(x.dtype);

const spread =
  (f: (x: Tensor, axes: Any, options: Any) => Tensor): Adapter =>
  (x, a, { unbiased = true, ...k }) =>
    reduced(f)(x, a, { ...k, correction: unbiased ? 1 : 0 });

const alongAxis =
  (f: (x: Tensor, axis: number, options: Any) => Tensor): Adapter =>
  (x, a, k) =>
    f(x, a[0], { mask: k.mask, dtype: k.dtype?.dtype });

export const statistics: Record<string, Adapter> = {
  // order
  kthvalue: (x, a) => pair(stat.kthvalue(x, a[0], a[1], { keepdim: a[2] })),
  median: middle(stat.median),
  nanmedian: middle(stat.nanmedian),
  mode: (x, a) => pair(stat.mode(x, a[0], { keepdim: a[1] })),
  quantile: quantile(stat.quantile),
  nanquantile: quantile(stat.nanquantile),
  aminmax: (x, _, k) => {
    const { min, max } = stat.aminmax(x, k.dim, { keepdim: k.keepdim });
    // PyTorch keeps an axis that a scalar never had.
    const kept = (t: Tensor) => (k.keepdim && x.ndim === 0 ? t.reshape(1) : t);
    return [kept(min), kept(max)];
  },

  // moments, counts, calculus
  cov: (x, _, k) => stat.cov(x, k),
  corrcoef: (x) => stat.corrcoef(x),
  renorm: (x, a) => stat.renorm(x, a[0], a[1], a[2]),
  "nn.functional.pdist": (x, _, k) => derived.pdist(x, k.p),
  searchsorted: (x, a, k) => hist.searchsorted(x, a[0], search(k)),
  bucketize: (x, a, k) => hist.bucketize(x, a[0], { right: k.right }),
  bincount: (x, _, k) => hist.bincount(x, k),
  histc: (x, _, k) => hist.histc(x, k.bins, k),
  histogram: (x, a, k) => {
    const { hist: counts, edges } = hist.histogram(x, a[0], k);
    return [counts, edges];
  },
  histogramdd: (x, a, k) => {
    const { hist: counts, edges } = hist.histogramdd(x, a[0], k);
    return [counts, edges];
  },
  trapz: integral(calculus.trapezoid),
  trapezoid: integral(calculus.trapezoid),
  cumulative_trapezoid: integral(calculus.cumulativeTrapezoid),
  gradient: (x, _, k) =>
    calculus.gradient(x, {
      spacing: k.spacing ?? undefined,
      axes: k.dim ?? undefined,
      edgeOrder: k.edge_order,
    }),

  // where a mask holds
  "masked.sum": reduced(masked.sum),
  "masked.prod": reduced(masked.prod),
  "masked.amax": reduced(masked.amax),
  "masked.amin": reduced(masked.amin),
  "masked.mean": reduced(masked.mean),
  "masked.logsumexp": reduced(masked.logsumexp),
  "masked.var": spread(masked.var),
  "masked.std": spread(masked.std),
  "masked.argmax": placed(masked.argmax),
  "masked.argmin": placed(masked.argmin),
  "masked.norm": (x, a, k) => reduced((t, axes, o) => masked.norm(t, a[0], axes, o))(x, a, k),
  "masked.median": (x, a, k) => masked.median(x, a[0], k).values,
  "masked.softmax": alongAxis(masked.softmax),
  "masked.log_softmax": alongAxis(masked.logSoftmax),
  "masked.softmin": alongAxis(masked.softmin),
  "masked.normalize": (x, a, k) => masked.normalize(x, a[0], a[1], k),
  "masked.cumsum": alongAxis(masked.cumsum),
  "masked.cumprod": alongAxis(masked.cumprod),
  "masked.logaddexp": (x, a, k) =>
    masked.logaddexp(x, a[0], { inputMask: k.input_mask, otherMask: k.other_mask }),
};
