// The adapters of indexing and of joining: gathering and scattering by places, views, stacks, blocks.
import * as create from "../../src/tensor/create.ts";
import type { Index } from "../../src/tensor/index.ts";
import * as derived from "../../src/tensor/ops/derived.ts";
import * as join from "../../src/tensor/ops/join.ts";
import * as placing from "../../src/tensor/ops/placing.ts";
import * as into from "../../src/tensor/ops/scatter-reduce.ts";
import * as stacking from "../../src/tensor/ops/stacking.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;
type Adapter = (x: Tensor, a: Any[], k: Any) => unknown;

/** The tensors of a case: its input, which may be a list, and the arguments. */
export const tensorsOf = (x: unknown, a: unknown[]): Tensor[] =>
  (Array.isArray(x) ? x : [x, ...a]).filter((t) => t instanceof Tensor);

/** Numbers, or the elements of a tensor of them. */
export function placesOf(v: Any): Any {
  if (!(v instanceof Tensor)) return v;
  return v.ndim === 0 ? v.itemSync() : Array.from(v.dataSync());
}

/** Python's index of one axis as ours. */
function indexOf(item: Any): Index {
  if (item === null || typeof item === "number" || item instanceof Tensor) return item;
  if (Array.isArray(item)) return create.tensor(item, { dtype: "int32" });
  if (typeof item === "object" && "slice" in item) return item.slice;
  return "...";
}

/** A list of numbers only is an index of rows; one with slices, tensors or Ellipsis is a tuple. */
function isTuple(list: unknown[]): boolean {
  return list.some((v) => typeof v !== "number");
}

function atLeast(rank: 1 | 2 | 3): Adapter {
  return (x, a) => {
    const out = tensorsOf(x, a).map((t) => join.atLeast(t, rank));
    return Array.isArray(x) || a.length > 0 ? out : out[0];
  };
}

const joining =
  (f: (tensors: Tensor[]) => Tensor): Adapter =>
  (x, a) =>
    f(tensorsOf(x, a));

/** Sizes as a list or one by one. */
const sizesOf = (a: Any[]): number[] => a.flat();

export const places: Record<string, Adapter> = {
  // indexing
  __getitem__: (x, a) =>
    x.at(...(Array.isArray(a[0]) && isTuple(a[0]) ? a[0] : [a[0]]).map(indexOf)),
  scatter: (x, a, k) => {
    const reduce = a[3] ?? k.reduce;
    const source = a[2] ?? k.value;
    if (reduce === undefined) return x.scatter(a[0], a[1], source);
    const values =
      source instanceof Tensor ? source : create.full(a[1].shape, source, { dtype: x.dtype });
    const how = reduce === "add" ? "sum" : "prod";
    return into.scatterReduce(x, a[0], a[1], values, how);
  },
  scatter_reduce: (x, a, k) =>
    into.scatterReduce(x, a[0], a[1], a[2], a[3], { includeSelf: k.include_self }),
  index_reduce: (x, a, k) =>
    into.indexReduce(x, a[0], a[1], a[2], a[3], { includeSelf: k.include_self }),
  segment_reduce: (x, a, k) =>
    into.segmentReduce(x, a[0], {
      lengths: k.lengths,
      offsets: k.offsets,
      axis: k.axis,
      initial: k.initial,
    }),
  index_add: (x, a, k) => x.indexAdd(a[0], a[1], a[2], { alpha: k.alpha }),
  index_put: (x, a, k) => x.indexPut(a[0], a[1], { accumulate: k.accumulate }),
  take: (x, a) => placing.take(x, a[0]),
  put: (x, a) => placing.put(x, a[0], a[1], { accumulate: a[2] }),
  masked_scatter: (x, a) => placing.maskedScatter(x, a[0], a[1]),
  select_scatter: (x, a) => placing.selectScatter(x, a[0], a[1], a[2]),
  slice_scatter: (x, a) => placing.sliceScatter(x, a[0], a[1], a[2], a[3], a[4]),
  diagonal_scatter: (x, a) => placing.diagonalScatter(x, a[0], a[1], a[2], a[3]),
  as_strided: (x, a, k) => placing.asStrided(x, a[0], a[1], a[2] ?? k.storage_offset),
  as_strided_scatter: (x, a, k) =>
    placing.asStridedScatter(x, a[0], a[1], a[2], a[3] ?? k.storage_offset),
  repeat_interleave: (x, _, k) => x.repeatInterleave(placesOf(k.repeats), k.dim),
  nonzero: async (x, _, k) => {
    const found = await x.nonzero();
    return k.as_tuple ? (x.ndim === 0 ? [found.reshape(-1)] : found.unbind(1)) : found;
  },
  argwhere: (x) => x.nonzero(),

  // sizes
  sum_to_size: (x, a) => derived.sumToSize(x, sizesOf(a)),
  // A tensor's storage is not resized here: as many elements in another shape.
  resize_: (x, a) => x.reshape(a[0]),
  resize_as_: (x, a) => x.reshape(a[0].shape),
  new_empty_strided: (x, a, k) => create.empty(a[0], { dtype: k.dtype?.dtype ?? x.dtype }),

  // joining and splitting
  cat: (x, a, k) => join.cat(tensorsOf(x, []), a[0] ?? k.dim),
  stack: (x, a) => join.stack(tensorsOf(x, []), a[0]),
  vstack: joining(stacking.vstack),
  hstack: joining(stacking.hstack),
  dstack: joining(stacking.dstack),
  column_stack: joining(stacking.columnStack),
  block_diag: joining(stacking.blockDiag),
  cartesian_prod: joining(stacking.cartesianProd),
  combinations: (x, _, k) => stacking.combinations(x, k.r, { withReplacement: k.with_replacement }),
  split_with_sizes: (x, a) => x.split(a[0], a[1]),
  tensor_split: (x, a) => join.tensorSplit(x, placesOf(a[0]), a[1]),
  hsplit: (x, a) => stacking.hsplit(x, a[0]),
  vsplit: (x, a) => stacking.vsplit(x, a[0]),
  dsplit: (x, a) => stacking.dsplit(x, a[0]),
  atleast_1d: atLeast(1),
  atleast_2d: atLeast(2),
  atleast_3d: atLeast(3),
  meshgrid: (x, a, k) => join.meshgrid(tensorsOf(x, a), k),
  broadcast_tensors: (x, a) => join.broadcastTensors(...tensorsOf(x, a)),
};
