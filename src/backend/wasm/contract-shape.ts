// Brings a contraction into its simplest shape: axes of extent 1 are dropped, rows and sums are put
// into the order in which they lie in a, and neighbours that every address runs through as if they
// were one axis become one (a convolution's window row and its channels, the rows of a batch of
// matrices). The order of the sums is a matter of the shape, so results are the same everywhere.
// Not here: how the work is cut into tiles, blocks and parts (contract-tiling.ts).

import { type Affine, type ContractKernel, type Expr, walk } from "../../schedule/kernel.ts";

/** The affine maps of an expression. */
function affinesOf(expr: Expr): Affine[] {
  const found: Affine[] = [];
  walk([expr], (e) => {
    if ("at" in e) found.push(e.at);
    if (e.k === "masked") for (const range of e.ranges) found.push(range.at);
  });
  return found;
}

/** Rebuilds an expression with other affine maps and leaves; what was shared stays shared. */
export function mapExpr(
  expr: Expr,
  affine: (at: Affine) => Affine,
  leaf: (e: Expr) => Expr = (e) => e,
): Expr {
  const known = new Map<Expr, Expr>();
  const map = (e: Expr): Expr => {
    let made = known.get(e);
    if (made === undefined) {
      made = leaf(rebuild(e, map, affine));
      known.set(e, made);
    }
    return made;
  };
  return map(expr);
}

function rebuild(e: Expr, map: (e: Expr) => Expr, affine: (at: Affine) => Affine): Expr {
  switch (e.k) {
    case "load":
    case "axis":
      return { ...e, at: affine(e.at) };
    case "gather":
      return { ...e, at: affine(e.at), index: map(e.index) };
    case "random":
      return { ...e, at: affine(e.at), seed: map(e.seed), base: map(e.base) };
    case "masked": {
      const ranges = e.ranges.map(({ at, size }) => ({ at: affine(at), size }));
      return { ...e, ranges, x: map(e.x) };
    }
    case "unary":
    case "cast":
      return { ...e, x: map(e.x) };
    case "binary":
    case "compare":
      return { ...e, x: map(e.x), y: map(e.y) };
    case "where":
      return { ...e, cond: map(e.cond), x: map(e.x), y: map(e.y) };
    default:
      return e;
  }
}

/** An axis of the simplified kernel: the innermost of the axes that it stands for gives its
 *  coefficients. */
interface Merged {
  readonly extent: number;
  /** Axis of the old kernel, or -1 for an axis of extent 1 that stands for none. */
  readonly from: number;
}

function mergeGroup(
  axes: readonly number[],
  group: readonly number[],
  affines: readonly Affine[],
  atLeastOne: boolean,
): Merged[] {
  const merged: Merged[] = [];
  for (const axis of group) {
    const extent = axes[axis]!;
    if (extent === 1) continue;
    const last = merged[merged.length - 1];
    const runsOn =
      last !== undefined && affines.every((at) => at.coef[last.from]! === extent * at.coef[axis]!);
    if (runsOn) merged[merged.length - 1] = { extent: extent * last.extent, from: axis };
    else merged.push({ extent, from: axis });
  }
  if (merged.length === 0 && atLeastOne) merged.push({ extent: 1, from: -1 });
  return merged;
}

/** The same contraction over as few axes as its addresses allow. Its axes are the batch axes, the
 *  rows (one at least), panel, lane and the sums (one at least), in this order. */
export function simplify(kernel: ContractKernel): ContractKernel {
  const { axes, a, b, store } = kernel;
  const affines = [a.at, b.at, store.at, ...affinesOf(store.value)];
  // In the order of a the rows of a tile lie close together, and so do their next elements.
  const step = (axis: number) => Math.abs(a.at.coef[axis] ?? 0);
  const ordered = (group: readonly number[]) => [...group].sort((p, q) => step(q) - step(p));
  const batch = mergeGroup(axes, kernel.batch, affines, false);
  const rows = mergeGroup(axes, ordered(kernel.rows), affines, true);
  const sums = mergeGroup(axes, ordered(kernel.sums), [a.at, b.at], true);
  const columns = [kernel.panel, kernel.lane].map((from) => ({ extent: axes[from]!, from }));
  const all = [...batch, ...rows, ...columns, ...sums];
  const affine = ({ base, coef }: Affine): Affine => ({
    base,
    coef: all.map(({ from }) => (from < 0 ? 0 : (coef[from] ?? 0))),
  });
  const positions = (start: number, list: readonly Merged[]) => list.map((_, i) => start + i);
  const panel = batch.length + rows.length;
  return {
    ...kernel,
    axes: all.map(({ extent }) => extent),
    batch: positions(0, batch),
    rows: positions(batch.length, rows),
    panel,
    lane: panel + 1,
    sums: positions(panel + 2, sums),
    a: { operand: a.operand, at: affine(a.at) },
    b: { operand: b.operand, at: affine(b.at) },
    store: { ...store, at: affine(store.at), value: mapExpr(store.value, affine) },
  };
}
