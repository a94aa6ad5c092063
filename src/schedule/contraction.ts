// From a contraction and its epilogue to a contract kernel: which operand is broadcast and which runs in
// vectors, what must be packed into panels first, and how the result is laid.
// Not here: the register tile (backend/wasm/contract.ts).

import { type Node, sizeOf } from "../ir/node.ts";
import { addForms, axisForm, dotForms, rowMajor, SplitAxis } from "./affine.ts";
import type { Group } from "./groups.ts";
import { type Affine, type ContractKernel, type Expr, type Operand, walk } from "./kernel.ts";
import { addAxes, emitStore, withSplits } from "./loops.ts";
import { Lowerer, NeedsData, type Placement } from "./lower.ts";
import { collapse, mapForms } from "./order.ts";
import { layRowMajor } from "./outputs.ts";
import { labelOf, type Planner } from "./planner.ts";

/** One way to see the contraction: which source is broadcast (a), which runs in vectors (b). */
interface Role {
  readonly a: Node;
  readonly b: Node;
  readonly la: string;
  readonly lb: string;
  /** The label whose indices are the columns. */
  readonly column: string;
  readonly pack: boolean;
  readonly cost: number;
}

/** An epilogue that the kernel cannot run: the contraction must end before it. */
export class CutEpilogue {
  readonly contract: Node;
  constructor(contract: Node) {
    this.contract = contract;
  }
}

export function lowerContract(planner: Planner, group: Group): void {
  const contract = group.contract as Node<"contract">;
  const end = group.items[0];
  const { a, b, out } = contract.attrs;
  const sizes = new Map<string, number>();
  for (const [labels, x] of [
    [a, contract.src[0]],
    [b, contract.src[1]],
  ] as const) {
    [...labels].forEach((l, i) => sizes.set(l, x.shape[i]));
  }
  const rigid = planner.canonical.has(end);
  const order = rigid ? 1.5 : planner.preferred.has(end) ? 1 : 0.02;
  const role = chooseRole(planner, contract, sizes, order);
  const labels = [...new Set(`${out}${role.la}${role.lb}`)].filter((l) => l !== role.column);
  const space = labels.map((l) => sizes.get(l) as number);
  const mark = planner.steps.length;
  withSplits(space, (factors) => {
    planner.steps.length = mark;
    const builder = new ContractBuilder(planner, contract, end, role, sizes);
    builder.build(labels, factors);
  });
}

function chooseRole(
  planner: Planner,
  contract: Node<"contract">,
  sizes: ReadonlyMap<string, number>,
  order: number,
): Role {
  const { a, b, out } = contract.attrs;
  const [x, y] = contract.src;
  const roles = [
    ...rolesOf(planner, x, y, a, b, out, sizes, order),
    ...rolesOf(planner, y, x, b, a, out, sizes, order),
  ];
  return roles.reduce((p, r) => (r.cost < p.cost ? r : p));
}

/** Costs count elements moved; sixteen wasted products count as one. `order` is what an element of a
 *  result in another than row-major order costs. */
function rolesOf(
  planner: Planner,
  a: Node,
  b: Node,
  la: string,
  lb: string,
  out: string,
  sizes: ReadonlyMap<string, number>,
  order: number,
): Role[] {
  const product = (labels: Iterable<string>) =>
    [...labels].reduce((n, l) => n * (sizes.get(l) as number), 1);
  const sums = [...la].filter((l) => !out.includes(l));
  const rows = product([...la].filter((l) => out.includes(l) && !lb.includes(l)));
  const free = [...lb].filter((l) => !la.includes(l));
  const depth = product(sums);
  const total = product(out);
  const coefs = probe(planner, b, lb, sizes);
  const once = planner.fixed.has(b);
  return free
    .filter((l) => (sizes.get(l) as number) > 1)
    .map((column) => {
      const n = sizes.get(column) as number;
      const padded = Math.ceil(n / planner.target.columns) * planner.target.columns;
      const stride = coefs?.get(sums[sums.length - 1] ?? "") ?? 1;
      const wide = stride * 4 >= 512 && depth * n >= 32768 && rows >= 32;
      const strided = planner.target.strided === true;
      const pack = !strided && (coefs?.get(column) !== 1 || wide || once);
      const moved = strided ? coefs === null : pack;
      const perColumn = (depth * total) / n;
      let cost = (moved && !once ? sizeOf(b.shape) : 0) + (perColumn * (padded - n)) / 16;
      const last = out[out.length - 1];
      if (column !== last || (order > 1 && padded !== n)) cost += order * total;
      return { a, b, la, lb, column, pack, cost };
    });
}

/** Element strides of a source along its labels, or null where it is no plain load. */
function probe(
  planner: Planner,
  node: Node,
  labels: string,
  sizes: ReadonlyMap<string, number>,
): Map<string, number> | null {
  const lowerer = new Lowerer(planner);
  const { coords } = addAxes(
    lowerer,
    [...labels].map((l) => [sizes.get(l) as number]),
  );
  try {
    const expr = lowerer.expr(node, coords);
    if (expr.k !== "load") return null;
    return new Map([...labels].map((l, i) => [l, expr.at.coef[i] ?? 0]));
  } catch (error) {
    if (error instanceof SplitAxis) return null;
    throw error;
  }
}

class ContractBuilder {
  private readonly planner: Planner;
  private readonly contract: Node<"contract">;
  private readonly end: Node;
  private readonly role: Role;
  private readonly sizes: ReadonlyMap<string, number>;
  private readonly lowerer: Lowerer;
  private readonly forms = new Map<string, Affine>();
  private readonly ids = new Map<string, number[]>();
  private readonly panels: number;
  private readonly columns: number;
  private panel = -1;
  private lane = -1;

  constructor(
    planner: Planner,
    contract: Node<"contract">,
    end: Node,
    role: Role,
    sizes: ReadonlyMap<string, number>,
  ) {
    this.planner = planner;
    this.contract = contract;
    this.end = end;
    this.role = role;
    this.sizes = sizes;
    this.lowerer = new Lowerer(planner);
    this.columns = planner.target.columns;
    this.panels = Math.ceil((sizes.get(role.column) as number) / this.columns);
  }

  build(labels: readonly string[], factors: number[][]): void {
    const { lowerer, planner, role, contract } = this;
    const { coords, ids } = addAxes(lowerer, factors);
    labels.forEach((l, i) => {
      this.forms.set(l, coords[i]);
      this.ids.set(l, ids[i]);
    });
    this.panel = lowerer.addAxis(this.panels);
    this.lane = lowerer.addAxis(this.columns);
    const column = addForms(axisForm(this.panel, this.columns), axisForm(this.lane));
    this.forms.set(role.column, column);
    const at = this.aForm();
    const out = contract.attrs.out;
    const isRow = (l: string) => role.la.includes(l) && !role.lb.includes(l);
    const byA = (ls: string[]) => this.sortByForm(ls, at.at);
    const rigid = planner.canonical.has(this.end);
    let rows = [...out].filter(isRow);
    if (!rigid) rows = byA(rows);
    const batch = [...out].filter((l) => l !== role.column && !isRow(l));
    const sums = byA([...role.la].filter((l) => !out.includes(l)));
    const b = role.pack ? this.pack(batch, sums) : this.inPlace(batch, sums);
    const store = this.store(batch, rows, rigid);
    this.emit(batch, rows, sums, at, b, store);
    if (store.copy) layRowMajor(this.planner, this.end);
  }

  private aForm(): { operand: number; at: Affine } {
    const { role, lowerer } = this;
    const coords = [...role.la].map((l) => this.forms.get(l) as Affine);
    const expr = lowerer.expr(role.a, coords);
    if (expr.k !== "load") throw new NeedsData(role.a);
    return { operand: expr.operand, at: expr.at };
  }

  /** Outermost in memory first. */
  private sortByForm(labels: string[], at: Affine): string[] {
    const stride = (l: string) => {
      const run = this.ids.get(l) as number[];
      return Math.abs(at.coef[run[run.length - 1]] ?? 0);
    };
    return [...labels].sort((p, q) => stride(q) - stride(p));
  }

  private inPlace(batch: string[], sums: string[]): { operand: number; at: Affine } {
    const { role, lowerer } = this;
    try {
      const coords = [...role.lb].map((l) => this.forms.get(l) as Affine);
      const expr = lowerer.expr(role.b, coords);
      const c = expr.k === "load" ? expr.at.coef : [];
      const strided = this.planner.target.strided === true;
      const lanes = c[this.lane] === 1 && (c[this.panel] ?? 0) === this.columns;
      if (expr.k === "load" && (strided || lanes)) {
        return { operand: expr.operand, at: expr.at };
      }
    } catch (error) {
      if (
        !(error instanceof SplitAxis) ||
        (error.axis !== this.panel && error.axis !== this.lane)
      ) {
        throw error;
      }
    }
    return this.pack(batch, sums);
  }

  /** Evaluates the vector side into panels [batch, panel, sums, lane], zeros past the last column. */
  private pack(batch: string[], sums: string[]): { operand: number; at: Affine } {
    const { planner, role, sizes } = this;
    const n = sizes.get(role.column) as number;
    const mine = batch.filter((l) => role.lb.includes(l));
    const order = [...mine, "panel", ...sums, "lane"];
    const extent = (l: string) =>
      l === "panel" ? this.panels : l === "lane" ? this.columns : (sizes.get(l) as number);
    const shape = order.map(extent);
    const strides = rowMajor(shape);
    const buffer = planner.temp(this.contract.dtype, sizeOf(shape));
    withSplits(shape, (factors) => {
      const inner = new Lowerer(planner);
      const { coords, ids } = addAxes(inner, factors);
      const form = new Map(order.map((l, i) => [l, coords[i]]));
      const panel = form.get("panel") as Affine;
      const column = addForms(dotForms([panel], [this.columns]), form.get("lane") as Affine);
      form.set(role.column, column);
      const value = inner.expr(
        role.b,
        [...role.lb].map((l) => form.get(l) as Affine),
      );
      const padded: Expr = {
        k: "masked",
        dtype: value.dtype,
        ranges: [{ at: column, size: n }],
        x: value,
        fill: 0,
      };
      const whole = n % this.columns === 0;
      const at = dotForms(coords, strides);
      emitStore(planner, inner, ids.flat(), whole ? value : padded, at, buffer, [role.b]);
    });
    const at = dotForms(
      order.map((l) =>
        l === "panel" ? axisForm(this.panel) : l === "lane" ? axisForm(this.lane) : this.form(l),
      ),
      strides,
    );
    return { operand: this.lowerer.operand(buffer), at };
  }

  private form(label: string): Affine {
    return this.forms.get(label) as Affine;
  }

  /** Lays out the result: batch, rows, columns padded to whole panels. */
  private store(batch: string[], rows: string[], rigid: boolean) {
    const { planner, role, contract, end, sizes } = this;
    const out = [...contract.attrs.out];
    const order = rigid ? out.filter((l) => l !== role.column) : [...batch, ...rows];
    const size = (l: string) => sizes.get(l) as number;
    const padded = this.panels * this.columns;
    const n = size(role.column);
    const strideOf = new Map<string, number>([[role.column, 1]]);
    let s = padded;
    for (const l of [...order].reverse()) {
      strideOf.set(l, s);
      s *= size(l);
    }
    const natural = padded === n && out[out.length - 1] === role.column;
    const copy = rigid && !natural;
    const buffer = planner.temp(end.dtype, s);
    const strides = out.map((l) => strideOf.get(l) as number);
    const at = dotForms(
      out.map((l) => this.form(l)),
      strides,
    );
    const placement = { buffer, strides, offset: 0 };
    return { buffer, at, copy, placement, value: this.epilogue() };
  }

  private epilogue(): Expr {
    const { contract, end, lowerer } = this;
    const acc: Expr = { k: "acc", dtype: contract.dtype };
    if (end === contract) return acc;
    lowerer.local.set(contract, () => acc);
    const coords = [...contract.attrs.out].map((l) => this.form(l));
    let value: Expr;
    try {
      value = lowerer.computeHere(end, coords);
    } catch (error) {
      const lanes = error instanceof SplitAxis && [this.panel, this.lane].includes(error.axis);
      if (lanes) throw new CutEpilogue(contract);
      throw error;
    }
    let fits = true;
    const strided = this.planner.target.strided === true;
    walk([value], (e) => {
      if (e.k === "load") fits &&= strided || [0, 1].includes(e.at.coef[this.lane] ?? 0);
      else if (["masked", "gather", "axis", "random", "reg"].includes(e.k)) fits = false;
    });
    if (!fits) throw new CutEpilogue(contract);
    return value;
  }

  private emit(
    batch: string[],
    rows: string[],
    sums: string[],
    a: { operand: number; at: Affine },
    b: { operand: number; at: Affine },
    store: { buffer: number; at: Affine; value: Expr; placement: Placement },
  ): void {
    const { lowerer, planner } = this;
    const operand = lowerer.operand(store.buffer);
    const forms = [a.at, b.at, store.at];
    walk([store.value], (e) => {
      if (e.k === "load") forms.push(e.at);
    });
    const runs: number[][] = [];
    const group = (labels: string[]) => {
      const axes = labels.flatMap((l) => this.ids.get(l) as number[]);
      const mine = collapse(axes, forms, lowerer.extents);
      return mine.map((run) => runs.push(run) - 1);
    };
    const ids = { batch: group(batch), rows: group(rows), sums: group(sums) };
    const panel = runs.push([this.panel]) - 1;
    const lane = runs.push([this.lane]) - 1;
    const convert = (f: Affine): Affine => ({
      base: f.base,
      coef: runs.map((run) => f.coef[run[run.length - 1]] ?? 0),
    });
    const kernel: ContractKernel = {
      kind: "contract",
      axes: runs.map((run) => run.reduce((n, x) => n * lowerer.extents[x], 1)),
      ...ids,
      panel,
      lane,
      dtype: this.contract.dtype,
      operands: lowerer.buffers.map(
        (x, i): Operand => ({ dtype: planner.buffers[x].dtype, write: i === operand }),
      ),
      a: { operand: a.operand, at: convert(a.at) },
      b: { operand: b.operand, at: convert(b.at) },
      store: {
        operand,
        at: convert(store.at),
        value: mapForms(store.value, convert, new Map()),
      },
      scalars: lowerer.scalarTypes,
      regs: [],
    };
    planner.step(kernel, {
      buffers: [...lowerer.buffers],
      scalars: [...lowerer.scalars],
      label: labelOf(this.end === this.contract ? [this.end] : [this.contract, this.end]),
      faults: lowerer.faults,
    });
    planner.placements.set(this.end, store.placement);
  }
}
