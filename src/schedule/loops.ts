// From a group to a loop kernel: stages, expressions, loop order, and where results are laid.
// Not here: contractions (contraction.ts); which nodes form a group (groups.ts, fuse.ts).

import { isFloat } from "../ir/dtype.ts";
import { isOp, type Node, sizeOf } from "../ir/node.ts";
import {
  addForms,
  axisForm,
  constForm,
  dotForms,
  rowMajor,
  SplitAxis,
  shiftForm,
  zero as zeroForm,
} from "./affine.ts";
import { isNarrow } from "./fuse.ts";
import { type Group, type Scattering, scatterings } from "./groups.ts";
import { joinOf } from "./joins.ts";
import {
  type Affine,
  type Expr,
  type Operand,
  type Reduce,
  type Stage,
  type Store,
  walk,
} from "./kernel.ts";
import { Lowerer } from "./lower.ts";
import { type Access, chooseVector, finish, orderAxes } from "./order.ts";
import { labelOf, type Planner } from "./planner.ts";
import { stageOperands } from "./stage.ts";

/** Loop axes of each logical axis, outermost first: split when a reshape asks for it. */
type Factors = number[][];

export interface Coordinates {
  /** One form a logical axis. */
  readonly coords: Affine[];
  /** Loop axes of each logical axis. */
  readonly ids: number[][];
}

/** Adds loop axes for the factors of each logical axis. */
export function addAxes(lowerer: Lowerer, factors: Factors): Coordinates {
  const coords: Affine[] = [];
  const ids: number[][] = [];
  for (const run of factors) {
    const strides = rowMajor(run);
    const mine = run.map((extent) => lowerer.addAxis(extent));
    ids.push(mine);
    coords.push(mine.reduce((f, id, i) => addForms(f, axisForm(id, strides[i])), zeroForm));
  }
  return { coords, ids };
}

/** Calls `build` until no axis needs splitting any more. */
export function withSplits<T>(space: readonly number[], build: (factors: Factors) => T): T {
  const factors = space.map((d) => [d]);
  for (;;) {
    try {
      return build(factors);
    } catch (error) {
      if (!(error instanceof SplitAxis)) throw error;
      let axis = error.axis;
      const at = factors.findIndex((run) => {
        if (axis < run.length) return true;
        axis -= run.length;
        return false;
      });
      if (at < 0) throw error;
      const extent = factors[at][axis];
      factors[at].splice(axis, 1, extent / error.inner, error.inner);
    }
  }
}

/** Lowers a loop group to a step. `needed` tells which items others read. */
export function lowerLoop(planner: Planner, group: Group, needed: (n: Node) => boolean): void {
  withSplits(group.space, (factors) => new LoopBuilder(planner, group, needed).build(factors));
}

interface PendingStore {
  readonly node: Node;
  readonly value: Expr;
  readonly coords: readonly Affine[];
  readonly stage: { stores: Store[] };
}

class LoopBuilder {
  private readonly planner: Planner;
  private readonly group: Group;
  private readonly needed: (n: Node) => boolean;
  private readonly lowerer: Lowerer;
  private readonly mine: Set<Node>;
  private readonly level = new Map<Node, number>();
  private readonly regs: Node["dtype"][] = [];
  private readonly pending: PendingStore[] = [];
  /** The buffers of items that have one by now. */
  private readonly placed = new Map<Node, number>();
  private readonly stages: { axes: number[]; reduces: Reduce[]; stores: Store[] }[] = [];

  constructor(planner: Planner, group: Group, needed: (n: Node) => boolean) {
    this.planner = planner;
    this.group = group;
    this.needed = needed;
    this.lowerer = new Lowerer(planner);
    this.mine = new Set(group.items);
  }

  build(factors: Factors): void {
    const { group, lowerer, planner } = this;
    const { coords, ids } = addAxes(lowerer, factors);
    const parallel = ids.flatMap((run, i) => (group.inner[i] ? [] : run));
    const inner = ids.flatMap((run, i) => (group.inner[i] ? run : []));
    for (const item of group.items) this.level.set(item, this.levelOf(item));
    this.inlineItems();
    const top = Math.max(...group.items.map((n) => this.level.get(n) as number));
    for (let phase = 0; phase <= top; phase++) this.phase(phase, coords, inner);
    const order = this.arrange(parallel, inner);
    for (const p of this.pending) p.stage.stores.push(this.place(p, order));
    const nonEmpty = this.stages.filter((s) => s.reduces.length + s.stores.length > 0) as Stage[];
    const axes = [...order.parallel, ...order.inner];
    const stages = stageOperands(planner, { lowerer, axes, vector: order.vector }, nonEmpty);
    const written = new Set(stages.flatMap((s) => s.stores.map((st) => st.operand)));
    const operands = lowerer.buffers.map(
      (b, i): Operand => ({ dtype: planner.buffers[b].dtype, write: written.has(i) }),
    );
    const kernel = finish(
      { extents: lowerer.extents, ...order, stages },
      { operands, regs: this.regs, scalars: lowerer.scalarTypes },
    );
    planner.step(kernel, {
      buffers: [...lowerer.buffers],
      scalars: [...lowerer.scalars],
      label: labelOf(group.items),
      faults: lowerer.faults,
    });
  }

  /** The phase in which an item can be computed: after all reductions of the group that it needs. */
  private levelOf(item: Node): number {
    let level = 0;
    const seen = new Set<Node>();
    const stack = [...item.src];
    while (stack.length > 0) {
      const n = stack.pop() as Node;
      if (seen.has(n)) continue;
      seen.add(n);
      if (this.mine.has(n)) {
        const after = this.level.get(n) as number;
        level = Math.max(level, n.op === "reduce" ? after + 1 : after);
      } else if (!this.planner.realized.has(n)) stack.push(...n.src);
    }
    return level;
  }

  /** Items that are not reductions are computed where they are used, or loaded from nowhere. */
  private inlineItems(): void {
    for (const item of this.group.items) {
      if (item.op === "reduce") continue;
      this.lowerer.local.set(item, (coords) => this.lowerer.computeHere(item, coords));
    }
  }

  /** One pass over the inner axes, then what each row can now tell. */
  private phase(phase: number, coords: readonly Affine[], inner: readonly number[]): void {
    const { group, lowerer } = this;
    const items = group.items.filter((n) => this.level.get(n) === phase);
    const wide = { axes: [...inner], reduces: [] as Reduce[], stores: [] as Store[] };
    const rows = { axes: [] as number[], reduces: [] as Reduce[], stores: [] as Store[] };
    lowerer.clearMemo();
    const results: [Node, number][] = [];
    for (const node of items) {
      if (!isOp(node, "reduce")) continue;
      const reg = this.regs.push(node.dtype) - 1;
      results.push([node, reg]);
      const value = lowerer.expr(node.src[0], coords);
      const arg = node.attrs.fn.startsWith("arg");
      const index = arg ? { index: coords[node.attrs.axes[0]] } : {};
      wide.reduces.push({ reg, fn: node.attrs.fn, value, ...index });
    }
    const flat = coords.map((c, i) => (group.inner[i] ? zeroForm : c));
    const narrow = (n: Node) => inner.length > 0 && isNarrow(n, group.inner);
    for (const node of items) {
      if (node.op === "reduce" || narrow(node) || !this.needed(node)) continue;
      this.keep(node, coords, wide);
    }
    for (const [node, reg] of results) {
      const expr: Expr = { k: "reg", dtype: node.dtype, reg };
      lowerer.local.set(node, () => expr);
    }
    lowerer.clearMemo();
    for (const node of items) {
      if (!this.needed(node) || (node.op !== "reduce" && !narrow(node))) continue;
      this.pending.push({ node, value: lowerer.expr(node, flat), coords: flat, stage: rows });
    }
    lowerer.clearMemo();
    this.stages.push(wide, rows);
  }

  /** Computes a value at a point to store it. */
  private keep(node: Node, coords: readonly Affine[], stage: { stores: Store[] }): void {
    const { lowerer, pending } = this;
    const join = joinOf(node);
    if (join === null) {
      pending.push({ node, value: lowerer.expr(node, coords), coords, stage });
      return;
    }
    const { dtype } = node;
    const zero: Expr = { k: "const", dtype, value: 0 };
    for (const { node: piece, at } of join.pieces) {
      // As the sum has it: -0 + 0 is 0.
      const x = lowerer.expr(piece, coords);
      const value: Expr = isFloat(dtype) ? { k: "binary", dtype, fn: "add", x, y: zero } : x;
      const there = coords.map((c, i) => (i === join.axis ? shiftForm(c, at) : c));
      pending.push({ node, value, coords: there, stage });
    }
  }

  /** Loop order by what is loaded and by stores whose place is given. */
  private arrange(parallel: readonly number[], inner: readonly number[]) {
    const { extents } = this.lowerer;
    const accesses: Access[] = [];
    const roots = [
      ...this.pending.map((p) => p.value),
      ...this.stages.flatMap((s) => s.reduces.map((r) => r.value)),
    ];
    walk(roots, (e) => {
      if (e.k === "load" || e.k === "gather") accesses.push({ at: e.at, weight: 1 });
    });
    for (const p of this.pending) {
      const strides = this.fixedStrides(p.node);
      if (strides) accesses.push({ at: dotForms(p.coords, strides), weight: 1.5 });
    }
    let outer = orderAxes(parallel, accesses, extents);
    let rows = orderAxes(inner, accesses, extents);
    const last = [...outer].reverse().find((a) => extents[a] > 1);
    const vector =
      accesses.length > 0 ? chooseVector([...outer, ...rows], accesses, extents) : (last ?? -1);
    if (rows.includes(vector)) rows = [...rows.filter((a) => a !== vector), vector];
    else if (vector >= 0) outer = [...outer.filter((a) => a !== vector), vector];
    return { parallel: outer, inner: rows, vector };
  }

  /** Where a node must lie in another way than its loops make it. */
  private fixedStrides(node: Node): number[] | null {
    const { canonical, direct, layouts } = this.planner;
    if (canonical.has(node) || direct.has(node)) return rowMajor(node.shape);
    const order = layouts.get(node);
    return order ? stridesInOrder(node.shape, order) : null;
  }

  /** Where an item lies: as it must, or in the order of the loops. */
  private place(
    p: PendingStore,
    order: { parallel: number[]; inner: number[]; vector: number },
  ): Store {
    const { planner, lowerer } = this;
    const { node } = p;
    const size = sizeOf(node.shape);
    let strides = this.fixedStrides(node);
    if (!strides) {
      const loops = [...order.parallel, ...order.inner];
      const last = order.vector >= 0 ? [order.vector] : [];
      const memory = [...loops.filter((a) => a !== order.vector), ...last];
      strides = stridesByLoops(p.coords, node.shape, memory, lowerer);
    }
    const known = this.placed.get(node) ?? planner.direct.get(node);
    const buffer = known ?? planner.temp(node.dtype, size);
    this.placed.set(node, buffer);
    planner.placements.set(node, { buffer, strides, offset: 0 });
    const at = dotForms(p.coords, strides);
    return { operand: lowerer.operand(buffer), at, value: p.value };
  }
}

/** Strides that make the loops walk the result in order, where each logical axis is whole in it; else
 *  row-major. */
function stridesByLoops(
  coords: readonly Affine[],
  shape: readonly number[],
  loops: readonly number[],
  lowerer: Lowerer,
): number[] {
  const outerLoop = coords.map((c) =>
    c.coef.findIndex((k, i) => k !== 0 && lowerer.extents[i] > 1),
  );
  const last = loops[loops.length - 1];
  const ranks = outerLoop.map((id, axis) => {
    if (last !== undefined && (coords[axis].coef[last] ?? 0) !== 0) return loops.length;
    return id < 0 ? -1 : loops.indexOf(id);
  });
  // An axis that was split and whose parts are not neighbours in the loops has no single stride that
  // suits them; the part that runs fastest decides, else the outermost.
  const order = shape.map((_, i) => i).sort((a, b) => ranks[a] - ranks[b] || a - b);
  return stridesInOrder(shape, order);
}

/** Strides of an array whose axes lie in an order, the outermost first. */
function stridesInOrder(shape: readonly number[], order: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(0);
  let s = 1;
  for (const axis of [...order].reverse()) {
    strides[axis] = s;
    s *= shape[axis];
  }
  return strides;
}

/** base.copy (unless it is state to be changed where it lies), then base[index] += update or = update,
 *  the gathered axis in order. */
export function lowerScatter(planner: Planner, group: Group): void {
  const node = group.items[0] as Node<Scattering>;
  const [base, , update] = node.src;
  const strides = rowMajor(node.shape);
  const direct = planner.direct.get(node);
  const buffer = direct ?? planner.temp(node.dtype, sizeOf(node.shape));
  if (direct === undefined) {
    withSplits(base.shape, (factors) => copyInto(planner, base, buffer, factors));
  }
  withSplits(update.shape, (factors) => scatterInto(planner, node, buffer, factors));
  planner.placements.set(node, { buffer, strides, offset: 0 });
}

/** Writes a node's value to a plan buffer in row-major order. */
export function copyInto(planner: Planner, node: Node, buffer: number, factors: Factors): void {
  const lowerer = new Lowerer(planner);
  const { coords, ids } = addAxes(lowerer, factors);
  const value = lowerer.expr(node, coords);
  emitStore(planner, lowerer, ids.flat(), value, dotForms(coords, rowMajor(node.shape)), buffer, [
    node,
  ]);
}

/** One store over parallel axes, walked as the destination lies. */
export function emitStore(
  planner: Planner,
  lowerer: Lowerer,
  axes: readonly number[],
  value: Expr,
  at: Affine,
  buffer: number,
  nodes: readonly Node[],
): void {
  const operand = lowerer.operand(buffer);
  const accesses: Access[] = [{ at, weight: 1.5 }];
  walk([value], (e) => {
    if (e.k === "load" || e.k === "gather") accesses.push({ at: e.at, weight: 1 });
  });
  const vector = chooseVector(axes, accesses, lowerer.extents);
  const order = orderAxes(axes, accesses.slice(0, 1), lowerer.extents).filter((a) => a !== vector);
  const parallel = vector >= 0 ? [...order, vector] : order;
  const stage: Stage = { axes: [], reduces: [], stores: [{ operand, at, value }] };
  const operands = lowerer.buffers.map(
    (b, i): Operand => ({ dtype: planner.buffers[b].dtype, write: i === operand }),
  );
  const kernel = finish(
    { extents: lowerer.extents, parallel, inner: [], vector, stages: [stage] },
    { operands, regs: [], scalars: lowerer.scalarTypes },
  );
  planner.step(kernel, {
    buffers: [...lowerer.buffers],
    scalars: [...lowerer.scalars],
    label: `copy ${labelOf(nodes)}`,
    faults: lowerer.faults,
  });
}

function scatterInto(
  planner: Planner,
  node: Node<Scattering>,
  buffer: number,
  factors: Factors,
): void {
  const lowerer = new Lowerer(planner);
  const { coords, ids } = addAxes(lowerer, factors);
  const [, index, update] = node.src;
  const { axis } = node.attrs;
  const strides = rowMajor(node.shape);
  const value = lowerer.expr(update, coords);
  const where = lowerer.expr(index, coords);
  const at = dotForms(
    coords.map((c, i) => (i === axis ? constForm(0) : c)),
    strides,
  );
  const operand = lowerer.operand(buffer);
  const size = node.shape[axis];
  const fault = lowerer.fault(node, `an index is outside [0, ${size})`);
  const parallel = ids.flatMap((run, i) => (i === axis ? [] : run));
  const vector = parallel.findLast((a) => lowerer.extents[a] > 1 && at.coef[a] === 1) ?? -1;
  const store: Store = {
    operand,
    at,
    value,
    scatter: { fn: scatterings[node.op], index: where, stride: strides[axis], size, fault },
  };
  const operands = lowerer.buffers.map(
    (b, i): Operand => ({ dtype: planner.buffers[b].dtype, write: i === operand }),
  );
  const kernel = finish(
    {
      extents: lowerer.extents,
      parallel: vector >= 0 ? [...parallel.filter((a) => a !== vector), vector] : parallel,
      inner: ids[axis],
      vector,
      stages: [{ axes: ids[axis], reduces: [], stores: [store] }],
    },
    { operands, regs: [], scalars: lowerer.scalarTypes },
  );
  planner.step(kernel, {
    buffers: [...lowerer.buffers],
    scalars: [...lowerer.scalars],
    label: labelOf([node]),
    faults: lowerer.faults,
  });
}
