// The table of what users call: one row an op, from which user-ops.test.ts makes tests of each kind (forward,
// dtypes, empty, broadcast, non-finite, gradients). A new op adds a row. Not here: the primitives (table.ts).
import * as a from "../../src/index.ts";
import { type DType, type Tensor, tensor } from "../../src/index.ts";
import { linearOps } from "./user-linalg.ts";
import { fourierOps, specialOps, specialPairs } from "./user-special.ts";

// biome-ignore lint/suspicious/noExplicitAny: an op is found by its name
type Any = any;

export interface UserOp {
  readonly name: string;
  /** How many tensors it takes. */
  readonly arity: 1 | 2;
  /** What it gives: a tensor, several, or `{ values, indices }`. */
  readonly run: (x: Tensor, y: Tensor) => unknown;
  /** Where its float arguments lie: by default in (-2, 2). */
  readonly range?: readonly [number, number];
  /** Has a gradient that finite differences know. */
  readonly smooth?: boolean;
  /** What it is asked for where nothing else is said: float32 by default. */
  readonly dtype?: DType;
  /** The shape that its tests start from: [5, 7] by default. */
  readonly shape?: readonly number[];
  /** Factor on the tolerance, and why in the row. */
  readonly loose?: number;
}

type Row = Omit<UserOp, "name" | "arity" | "run">;

const words = (text: string) => text.split(" ").filter((w) => w !== "");

const methods = (arity: 1 | 2, text: string, row: Row = {}): UserOp[] =>
  words(text).map((name) => ({
    name,
    arity,
    run: arity === 1 ? (x) => (x as Any)[name]() : (x, y) => (x as Any)[name](y),
    ...row,
  }));

const one = (name: string, run: (x: Tensor) => unknown, row: Row = {}): UserOp => ({
  name,
  arity: 1,
  run,
  ...row,
});

const two = (name: string, run: (x: Tensor, y: Tensor) => unknown, row: Row = {}): UserOp => ({
  name,
  arity: 2,
  run,
  ...row,
});

const smooth = { smooth: true };
const positive: Row = { range: [0.2, 3], smooth: true };
const inside: Row = { range: [-0.9, 0.9], smooth: true };

const elementwise: UserOp[] = [
  ...methods(
    1,
    "neg square sin cos tanh sigmoid exp expm1 exp2 sinh cosh atan asinh erf erfc",
    smooth,
  ),
  ...methods(
    1,
    "silu mish softsign logsigmoid gelu softplus sinc rad2deg deg2rad tanhshrink",
    smooth,
  ),
  ...methods(1, "tan", { range: [-1.2, 1.2], smooth: true }),
  ...methods(1, "sqrt rsqrt log log2 log10 log1p reciprocal acosh", {
    range: [1.1, 4],
    smooth: true,
  }),
  ...methods(1, "asin acos atanh", inside),
  ...methods(1, "logit", { range: [0.1, 0.9], smooth: true }),
  ...methods(
    1,
    "abs sign floor ceil trunc frac round relu relu6 hardsigmoid hardswish selu elu celu",
  ),
  ...methods(1, "leakyRelu hardtanh isnan isinf isfinite isposinf isneginf logicalNot"),
  ...methods(1, "bitwiseNot", { dtype: "int32" }),
  ...methods(1, "nanToNum float double int byte bool clone detach contiguous"),
  one("clamp(-1, 0.5)", (x) => x.clamp(-1, 0.5)),
  one("maskedFill", (x) => x.maskedFill(x.gt(0), 3)),
  one("pow(3)", (x) => x.pow(3), smooth),
  one("pow(0.5)", (x) => x.pow(0.5), positive),
  one("rpow(2)", (x) => x.rpow(2), smooth),
  one("rsub(2)", (x) => x.rsub(2), smooth),
  one("rdiv(2)", (x) => x.rdiv(2), positive),
  one("round to 1 digit", (x) => x.round({ decimals: 1 })),
  one("add 0.5", (x) => x.add(0.5), smooth),
  one("mul true", (x) => x.mul(true), smooth),
  one("glu", (x) => x.glu(1), { shape: [5, 6], smooth: true }),
  one("xlogy by itself", (x) => x.xlogy(x), positive),
];

const pairs: UserOp[] = [
  ...methods(2, "add sub mul maximum minimum fmax fmin logaddexp", smooth),
  ...methods(2, "div pow remainder atan2 xlogy", positive),
  ...methods(2, "fmod floorDivide", { range: [0.3, 4] }),
  ...methods(2, "eq ne lt le gt ge logicalAnd logicalOr logicalXor"),
  ...methods(2, "isclose"),
  ...methods(2, "bitwiseAnd bitwiseOr bitwiseXor bitwiseLeftShift bitwiseRightShift", {
    dtype: "int32",
  }),
  two("where", (x, y) => x.where(x.gt(0.1), y), smooth),
  two("lerp", (x, y) => x.lerp(y, 0.3), smooth),
  two("div toward zero", (x, y) => x.div(y, { rounding: "trunc" }), { range: [0.3, 4] }),
  two("div downward", (x, y) => x.div(y, { rounding: "floor" }), { range: [0.3, 4] }),
  two("add alpha", (x, y) => x.add(y, { alpha: 2 }), smooth),
  two("addcmul", (x, y) => x.addcmul(x, y, { value: 0.5 }), smooth),
  two("addcdiv", (x, y) => x.addcdiv(y, y, { value: 0.5 }), positive),
  two("logaddexp2", (x, y) => a.logaddexp2(x, y), smooth),
  two("clamp by tensors", (x, y) => x.clamp(y, null)),
];

const axesOf = [undefined, 0, -1] as const;
const named = (axis: number | undefined) => (axis === undefined ? "of all" : `along ${axis}`);

/** Over all axes, the first and the last, kept and not. */
const reductions = (text: string, row: Row = {}): UserOp[] =>
  words(text).flatMap((name) =>
    axesOf.flatMap((axis) =>
      [false, true].map((keepdim) =>
        one(
          `${name} ${named(axis)}${keepdim ? ", kept" : ""}`,
          (x) => (x as Any)[name](axis, { keepdim }),
          row,
        ),
      ),
    ),
  );

const along = (text: string, row: Row = {}): UserOp[] =>
  words(text).flatMap((name) =>
    [0, -1].map((axis) => one(`${name} ${named(axis)}`, (x) => (x as Any)[name](axis), row)),
  );

const folds: UserOp[] = [
  ...reductions("sum mean logsumexp nansum nanmean", smooth),
  ...reductions("prod", { range: [0.5, 1.5], smooth: true }),
  ...reductions("amax amin", smooth),
  ...reductions("all any countNonzero argmax argmin"),
  ...reductions("var std", smooth),
  ...[1, 2, 3, Infinity, -Infinity, 0].map((p) =>
    one(`${p}-norm`, (x) => x.norm(p, 1), p === 0 ? {} : smooth),
  ),
  ...along("max min", smooth),
  ...along("cumsum logcumsumexp softmax logSoftmax", smooth),
  ...along("cumprod", { range: [0.5, 1.5], smooth: true }),
  ...along("cummax cummin sort", smooth),
  ...along("argsort"),
  one("topk", (x) => x.topk(2, -1), smooth),
  one("topk, smallest", (x) => x.topk(3, 0, { largest: false }), smooth),
  one("sort, descending", (x) => x.sort(1, { descending: true }), smooth),
  one("varMean", (x) => x.varMean(1), smooth),
];

const order: UserOp[] = [
  ...[0, -1].flatMap((axis) => [
    one(`median ${named(axis)}`, (x) => a.median(x, axis), smooth),
    one(`nanmedian ${named(axis)}`, (x) => a.nanmedian(x, axis), smooth),
    one(`kthvalue ${named(axis)}`, (x) => a.kthvalue(x, 2, axis), smooth),
    one(`mode ${named(axis)}`, (x) => a.mode(x, axis)),
    one(`quantile ${named(axis)}`, (x) => a.quantile(x, [0.2, 0.7], axis), smooth),
    one(`nanquantile ${named(axis)}`, (x) => a.nanquantile(x, 0.3, axis), smooth),
    one(`trapezoid ${named(axis)}`, (x) => a.trapezoid(x, 0.5, axis), smooth),
    one(`cumulativeTrapezoid ${named(axis)}`, (x) => a.cumulativeTrapezoid(x, 0.5, axis), smooth),
    one(`gradient ${named(axis)}`, (x) => a.gradient(x, { axes: axis, edgeOrder: 2 }), smooth),
    one(`diff ${named(axis)}`, (x) => a.diff(x, 2, axis), smooth),
  ]),
  one("cov", (x) => a.cov(x), smooth),
  one("corrcoef", (x) => a.corrcoef(x), { smooth: true, loose: 4 }), // quotients of sums that cancel
  one("aminmax", (x) => Object.values(a.aminmax(x, 1)), smooth),
  one("renorm", (x) => a.renorm(x, 2, 0, 1), smooth),
  one("histc", (x) => a.histc(x, 5, { min: -2, max: 2 })),
  one("histogram", (x) => Object.values(a.histogram(x, 4, { range: [-2, 2], density: true }))),
  one("pdist", (x) => a.pdist(x), { smooth: true, loose: 4 }), // roots of sums
  two("cdist", (x, y) => a.cdist(x, y), { smooth: true, loose: 4 }), // roots of sums
  two("isin", (x, y) => a.isin(x.round(), y.round())),
  two("searchsorted", (x, y) => a.searchsorted(x.sort().values, y)),
  two("bucketize", (x, y) => a.bucketize(x, y.flatten().sort().values, { right: true })),
  ...(["sum", "prod", "mean", "amax", "amin", "argmax", "argmin", "logsumexp", "var", "std"] as const).map(
    (name) => two(`masked.${name}`, (x, y) => a.masked[name](x, 1, { mask: y.gt(-1) })),
  ),
  two("masked.softmax", (x, y) => a.masked.softmax(x, 1, { mask: y.gt(-1) })),
]; // biome-ignore format: a table

const placesFor = (x: Tensor) => a.arange(x.shape[0] ?? 1);

const movement: UserOp[] = [
  ...methods(1, "flatten", smooth),
  one("T", (x) => x.T, smooth),
  one("mT", (x) => x.mT, smooth),
  one("reshape", (x) => x.reshape(-1), smooth),
  one("unsqueeze", (x) => x.unsqueeze(1), smooth),
  one("transpose", (x) => x.transpose(0, -1), smooth),
  one("movedim", (x) => x.movedim(0, -1), smooth),
  one("flip", (x) => x.flip([0, -1]), { shape: [5, 7], smooth: true }),
  one("roll", (x) => x.roll(2, 0), smooth),
  one("rot90", (x) => x.unflatten(0, [-1]).expand(x.shape), smooth),
  one("repeat", (x) => x.repeat(2, 1, 3), smooth),
  one("tile", (x) => x.tile([2]), smooth),
  one("repeatInterleave", (x) => x.repeatInterleave(2, 0), smooth),
  one("unfold", (x) => x.unfold(1, 2, 2), smooth),
  one("diagonal", (x) => x.diagonal(1), smooth),
  one("diagEmbed", (x) => x.diagEmbed(-1), smooth),
  one("tril", (x) => x.tril(1), smooth),
  one("triu", (x) => x.triu(-1), smooth),
  one("split", (x) => x.split(2, 1), smooth),
  one("chunk", (x) => x.chunk(3, 0), smooth),
  one("unbind", (x) => x.unbind(1), smooth),
  one("tensorSplit", (x) => a.tensorSplit(x, [1, 3], 1), smooth),
  one("at", (x) => x.at([0, null, 2], "...", null), smooth),
  one("select", (x) => x.select(1, -1), smooth),
  one("pad", (x) => x.pad([1, 2]), smooth),
  ...(["reflect", "replicate", "circular"] as const).map((mode) =>
    one(`pad, ${mode}`, (x) => x.pad([1, 2], { mode }), smooth),
  ),
  one("pad with 3", (x) => x.pad([1, -1], { value: 3 }), smooth),
  one("asStrided", (x) => a.asStrided(x, [2, 3], [3, 1], 1), smooth),
  one("sumToSize", (x) => a.sumToSize(x, [x.shape[0] ?? 1, 1]), smooth),
  one("indexSelect", (x) => x.indexSelect(0, placesFor(x).flip(0)), smooth),
  one("gather", (x) => x.gather(0, placesFor(x).unsqueeze(1)), smooth),
  one("take", (x) => a.take(x, placesFor(x)), smooth),
  two("cat", (x, y) => a.cat([x, y], -1), smooth),
  two("stack", (x, y) => a.stack([x, y], 1), smooth),
  two("blockDiag", (x, y) => a.blockDiag([x, y]), smooth),
  two("hstack", (x, y) => a.hstack([x, y]), smooth),
  two("maskedScatter", (x, y) => a.maskedScatter(x, y.gt(0), y), smooth),
  two("scatterAdd", (x, y) => x.scatterAdd(0, placesFor(x).mul(0).unsqueeze(1), y), smooth),
  two("indexAdd", (x, y) => x.indexAdd(0, placesFor(x).flip(0), y), smooth),
  two("indexCopy", (x, y) => x.indexCopy(0, placesFor(x).flip(0), y), smooth),
  two("sliceScatter", (x, y) => a.sliceScatter(x, y.narrow(0, 0, 1), 0, 1, 2), smooth),
  two("diagonalScatter", (x, y) => a.diagonalScatter(x, y.diagonal(1), 1), smooth),
  ...(["sum", "prod", "mean", "amax", "amin"] as const).map((how) =>
    two(
      `scatterReduce, ${how}`,
      (x, y) => a.scatterReduce(x, 0, placesFor(x).remainder(2).unsqueeze(1).expand(x.shape), y, how),
      how === "prod" ? { range: [0.5, 1.5], smooth: true } : smooth,
    ),
  ),
  one("segmentReduce", (x) => a.segmentReduce(x, "mean", { lengths: tensor([2, 3], { dtype: "int32" }) }), smooth),
]; // biome-ignore format: a table

const products: UserOp[] = [
  two("matmul", (x, y) => x.matmul(y.mT), smooth),
  two("inner", (x, y) => x.inner(y), smooth),
  two("outer", (x, y) => x.flatten().outer(y.flatten()), smooth),
  two("addmm", (x, y) => x.addmm(x.matmul(y.mT), y, { beta: 0.5 }), { smooth: true, loose: 4 }), // two products
  two("tensordot", (x, y) => x.tensordot(y, 2), { smooth: true, loose: 4 }), // a sum of all elements
  two("einsum", (x, y) => a.einsum("ij,ij->j", x, y), smooth),
  two("addr", (x, y) => a.addr(x, x.select(1, 0), y.select(0, 0)), smooth),
  two("dot", (x, y) => x.flatten().dot(y.flatten()), { smooth: true, loose: 4 }), // a sum of all elements
];

export const userTable: Readonly<Record<string, readonly UserOp[]>> = {
  elementwise,
  pairs: [...pairs, ...specialPairs],
  special: specialOps,
  fourier: fourierOps,
  folds,
  order,
  movement,
  products,
  "linear algebra": linearOps,
};
