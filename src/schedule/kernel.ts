// Kernels: what a backend renders: a loop nest over expressions (elementwise, reductions, softmax-like
// rows, gather, scatter), a contraction, and the two halves of a convolution by Winograd's transforms.
// They name operands by position, never a buffer, so that equal kernels are compiled once.
// Not here: how graphs become kernels (fuse.ts …), where operands lie (plan.ts), or how a kernel is
// rendered (backend/).

import type { DType } from "../ir/dtype.ts";
import type { BinaryOp, CompareOp, ReduceOp, UnaryOp } from "../ir/op.ts";

/** base + Σ coef[i] · index of axis i, over all axes of the kernel. Addresses count elements. */
export interface Affine {
  readonly base: number;
  readonly coef: readonly number[];
}

/** Holds where 0 ≤ at < size. */
export interface Range {
  readonly at: Affine;
  readonly size: number;
}

/** A tree with sharing: equal subexpressions are one object, to be computed once a point. */
export type Expr =
  | { readonly k: "load"; readonly dtype: DType; readonly operand: number; readonly at: Affine }
  /** Element at + stride·index of the operand; index outside [0, size) is fault number `fault`,
   *  and then reads element `at`. */
  | {
      readonly k: "gather";
      readonly dtype: DType;
      readonly operand: number;
      readonly at: Affine;
      readonly index: Expr;
      readonly stride: number;
      readonly size: number;
      readonly fault: number;
    }
  | { readonly k: "const"; readonly dtype: DType; readonly value: number }
  /** Input number `slot` of the kernel's scalars. */
  | { readonly k: "scalar"; readonly dtype: DType; readonly slot: number }
  /** The affine value itself, int32 (iota). */
  | { readonly k: "axis"; readonly dtype: "int32"; readonly at: Affine }
  | { readonly k: "unary"; readonly dtype: DType; readonly fn: UnaryOp; readonly x: Expr }
  | {
      readonly k: "binary";
      readonly dtype: DType;
      readonly fn: BinaryOp;
      readonly x: Expr;
      readonly y: Expr;
    }
  /** bool; x and y have one dtype. */
  | {
      readonly k: "compare";
      readonly dtype: "bool";
      readonly fn: CompareOp;
      readonly x: Expr;
      readonly y: Expr;
    }
  | {
      readonly k: "where";
      readonly dtype: DType;
      readonly cond: Expr;
      readonly x: Expr;
      readonly y: Expr;
    }
  | { readonly k: "cast"; readonly dtype: DType; readonly x: Expr }
  /** x where all ranges hold, else `fill`. x may only be evaluated (its loads done) where they hold. */
  | {
      readonly k: "masked";
      readonly dtype: DType;
      readonly ranges: readonly Range[];
      readonly x: Expr;
      readonly fill: number;
    }
  /** The result of a reduction of an earlier stage, at this parallel point. */
  | { readonly k: "reg"; readonly dtype: DType; readonly reg: number }
  /** 32 bits: Threefry2x32 (20 rounds), key (seed, base), counter (at, stream), first word. */
  | {
      readonly k: "random";
      readonly dtype: "int32";
      readonly seed: Expr;
      readonly base: Expr;
      readonly at: Affine;
      readonly stream: number;
    }
  /** In a contraction's epilogue: the sum of products. */
  | { readonly k: "acc"; readonly dtype: DType };

export interface Operand {
  readonly dtype: DType;
  readonly write: boolean;
}

export interface Store {
  readonly operand: number;
  readonly at: Affine;
  readonly value: Expr;
  /** Scatter: adds value to element at + stride·index, or puts it there; outside [0, size) is fault
   *  `fault` and changes nothing. Stages with a scatter run their inner axes in order. */
  readonly scatter?: {
    readonly fn: "add" | "put";
    readonly index: Expr;
    readonly stride: number;
    readonly size: number;
    readonly fault: number;
  };
}

export interface Reduce {
  readonly reg: number;
  readonly fn: ReduceOp;
  readonly value: Expr;
  /** argmax, argmin: the int32 position that the register holds in the end. */
  readonly index?: Affine;
}

/** Runs over its axes once for each parallel point, after the stage before it. */
export interface Stage {
  /** Axes of the kernel, outermost first; empty: once a point. */
  readonly axes: readonly number[];
  readonly reduces: readonly Reduce[];
  readonly stores: readonly Store[];
}

export interface LoopKernel {
  readonly kind: "loop";
  /** Extents. The first `parallel` axes are the parallel ones (outermost first), shared by all stages;
   *  the others are inner axes. At least one parallel axis (of extent 1 if need be). */
  readonly axes: readonly number[];
  readonly parallel: number;
  /** The axis to run in vectors: the last parallel axis (registers are then vectors), or an inner axis
   *  that is the last of every stage that has it (registers are combined after the loop); -1: none.
   *  Chosen so that most loads and stores have coefficient 1 or 0 on it. Every dtype is allowed: a
   *  backend may ignore the choice. */
  readonly vector: number;
  readonly operands: readonly Operand[];
  /** Dtypes of the registers. */
  readonly regs: readonly DType[];
  readonly scalars: readonly DType[];
  readonly stages: readonly Stage[];
  /** Parallel axis 0 is handed out in pieces of this many indices (a multiple of 16 where axis 0 is
   *  the vector axis), so the pieces do not depend on the number of threads. */
  readonly grain: number;
}

/** out[batch, rows, cols] = epilogue(Σ_sums a[batch, rows, sums] · b[batch, sums, cols]).
 *  Columns come in panels of `width` lanes: b and every output have coefficient 1 on the lane axis,
 *  and are readable and writable for the whole last panel (the planner pads them). */
export interface ContractKernel {
  readonly kind: "contract";
  /** Extents of all axes; the groups below hold positions in it. */
  readonly axes: readonly number[];
  readonly batch: readonly number[];
  readonly rows: readonly number[];
  readonly panel: number;
  readonly lane: number;
  /** Outermost first; the innermost runs fastest. */
  readonly sums: readonly number[];
  readonly dtype: DType;
  readonly operands: readonly Operand[];
  readonly a: { readonly operand: number; readonly at: Affine };
  readonly b: { readonly operand: number; readonly at: Affine };
  /** Where partial sums and the result go. `value` is over `acc` and loads (coefficient 0 or 1 on the
   *  lane axis), computed once all sums are in. */
  readonly store: Store;
  readonly scalars: readonly DType[];
  readonly regs: readonly DType[];
}

/** Pixels [image, y, x] of an operand, each with its channels side by side, zeros around them. */
export interface Pixels {
  readonly operand: number;
  /** Elements: of the first pixel, and from one image, row and pixel to the next. A pixel may be read
   *  up to the next multiple of eight channels. */
  readonly base: number;
  readonly strides: readonly [image: number, y: number, x: number];
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Zeros above and to the left. */
  readonly top: number;
  readonly left: number;
}

/** Windows of 3×3 with stride 1 over pixels, by Winograd's F(4×4, 3×3) (ir/winograd-algebra.ts):
 *  out[image, y, x, o] = epilogue(Σ_{i,j,c} pixels[image, y + i - top, x + j - left, c] · w[o, c, i, j]). */
export interface WinogradKernel {
  readonly kind: "winograd";
  /** Extents of the result: image, y, x, panel, lane (16). */
  readonly axes: readonly number[];
  readonly operands: readonly Operand[];
  readonly image: Pixels;
  /** The operand of the transformed weights, [36, panel, channel, lane], and how many elements lie from
   *  one of the 36 matrices to the next. */
  readonly weights: number;
  readonly matrix: number;
  /** `value` is over `acc` and loads that go 16 times as far for a panel as for a lane (0 or 1). */
  readonly store: Store;
  readonly scalars: readonly DType[];
  readonly regs: readonly DType[];
}

/** The 36 sums of products of which the gradient of such a convolution's weights is made:
 *  sums[piece, 36, c, panel, lane] over the tiles of a piece, of transformed image and gradient. */
export interface WinogradSumsKernel {
  readonly kind: "winogradSums";
  /** Extents: piece, image, y and x of the gradient, channel, panel, lane (16). */
  readonly axes: readonly number[];
  readonly operands: readonly Operand[];
  readonly image: Pixels;
  readonly gradient: Pixels;
  /** The operand of the sums, and the elements from one of the 36 matrices to the next. */
  readonly sums: number;
  readonly matrix: number;
  readonly scalars: readonly DType[];
  readonly regs: readonly DType[];
}

export type Kernel = LoopKernel | ContractKernel | WinogradKernel | WinogradSumsKernel;

const none: readonly Expr[] = [];

/** The expressions that an expression is computed from. */
export function sources(e: Expr): readonly Expr[] {
  switch (e.k) {
    case "gather":
      return [e.index];
    case "unary":
    case "cast":
    case "masked":
      return [e.x];
    case "binary":
    case "compare":
      return [e.x, e.y];
    case "where":
      return [e.cond, e.x, e.y];
    case "random":
      return [e.seed, e.base];
    default:
      return none;
  }
}

/** The expression with each affine form and each source replaced. */
export function rebuild(e: Expr, form: (at: Affine) => Affine, source: (x: Expr) => Expr): Expr {
  switch (e.k) {
    case "load":
    case "axis":
      return { ...e, at: form(e.at) };
    case "gather":
      return { ...e, at: form(e.at), index: source(e.index) };
    case "random":
      return { ...e, at: form(e.at), seed: source(e.seed), base: source(e.base) };
    case "masked": {
      const ranges = e.ranges.map((r) => ({ at: form(r.at), size: r.size }));
      return { ...e, ranges, x: source(e.x) };
    }
    case "unary":
    case "cast":
      return { ...e, x: source(e.x) };
    case "binary":
    case "compare":
      return { ...e, x: source(e.x), y: source(e.y) };
    case "where":
      return { ...e, cond: source(e.cond), x: source(e.x), y: source(e.y) };
    default:
      return e;
  }
}

/** Calls `visit` once for each expression below and including the roots, sources first. */
export function walk(roots: readonly Expr[], visit: (e: Expr) => void): void {
  const seen = new Set<Expr>();
  const go = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    const from = sources(e);
    for (let i = from.length - 1; i >= 0; i--) go(from[i]!);
    visit(e);
  };
  for (const root of roots) go(root);
}

/** What a stage computes, indices of scatters included. */
export function rootsOf({ reduces, stores }: Stage): Expr[] {
  const roots = [...reduces.map((r) => r.value), ...stores.map((s) => s.value)];
  for (const s of stores) if (s.scatter !== undefined) roots.push(s.scatter.index);
  return roots;
}

/** The stage with each of its roots replaced. */
export function mapRoots(stage: Stage, change: (e: Expr) => Expr): Stage {
  return {
    axes: stage.axes,
    reduces: stage.reduces.map((r) => ({ ...r, value: change(r.value) })),
    stores: stage.stores.map((s) => {
      const scatter = s.scatter && { ...s.scatter, index: change(s.scatter.index) };
      return { ...s, value: change(s.value), ...(scatter && { scatter }) };
    }),
  };
}

/** Whether points that differ along some axes differ in their element. */
export function isInjective(
  at: Affine,
  axes: readonly number[],
  extents: readonly number[],
): boolean {
  const step = (axis: number) => at.coef[axis] ?? 0;
  const wide = axes.filter((a) => extents[a]! > 1).sort((p, q) => step(p) - step(q));
  let span = 1;
  for (const axis of wide) {
    if (step(axis) < span) return false;
    span = step(axis) * extents[axis]!;
  }
  return true;
}
