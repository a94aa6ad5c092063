// Contractions as compute shaders: a workgroup makes a tile of the result, step by step along the sums:
// it stages a stretch of both operands in workgroup memory, in vectors of four rows or columns, and each
// invocation adds to a block of registers. Operands are read by their affine forms, so transposed
// matrices and the windows of a convolution are all one template; the epilogue runs over the block.
// Not here: expressions of the epilogue (render-expr.ts), how a contraction becomes this kernel.

import type { Affine, ContractKernel } from "../../schedule/kernel.ts";
import { DtypeError } from "../../util/errors.ts";
import { ExprWriter } from "./render-expr.ts";
import { axesFromIndex, digit, dispatchOf, guard } from "./render-grid.ts";
import { ShaderMemory } from "./render-memory.ts";
import { typeOf } from "./render-ops.ts";
import { ShaderText } from "./render-text.ts";
import type { Shader, ShaderFeatures, ShaderLayout } from "./shader.ts";

interface Tile {
  /** Of the result, a workgroup. */
  readonly rows: number;
  readonly columns: number;
  /** Sums staged at a time. */
  readonly depth: number;
  /** Of the result, an invocation; multiples of 4. */
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Products a time unit, compared with the others. */
  readonly speed: number;
}

// biome-ignore format: a table
const tiles: readonly Tile[] = [
  { rows: 128, columns: 128, depth: 8, blockRows: 8, blockColumns: 8, speed: 1 },
  { rows: 64, columns: 64, depth: 16, blockRows: 4, blockColumns: 4, speed: 0.7 },
  { rows: 32, columns: 32, depth: 16, blockRows: 4, blockColumns: 4, speed: 0.45 },
  { rows: 16, columns: 16, depth: 16, blockRows: 4, blockColumns: 4, speed: 0.2 },
];
/** Workgroups that a device is thought to run side by side. */
const atOnce = 128;

const product = (extents: readonly number[]) => extents.reduce((n, d) => n * d, 1);
const invocationsOf = (t: Tile) => (t.rows / t.blockRows) * (t.columns / t.blockColumns);

/** Vectors of four from one sum to the next in workgroup memory: one more than there are, so that those
 *  who write several sums at once meet different banks. */
const pitch = (lines: number) => lines / 4 + 1;

/** The tile with which a contraction takes the least time, by a rough count. */
export function tileFor(
  { rows, columns, batch }: { rows: number; columns: number; batch: number },
  features: ShaderFeatures,
): Tile {
  const time = (t: Tile) => {
    const groups = batch * Math.ceil(rows / t.rows) * Math.ceil(columns / t.columns);
    return (Math.ceil(groups / atOnce) * t.rows * t.columns) / t.speed;
  };
  const fitting = tiles.filter(
    (t) =>
      invocationsOf(t) <= features.invocations &&
      16 * t.depth * (pitch(t.rows) + pitch(t.columns)) < features.workgroupBytes,
  );
  return fitting.reduce((best, t) => (time(t) < time(best) ? t : best));
}

export function renderContract(
  kernel: ContractKernel,
  layout: ShaderLayout,
  features: ShaderFeatures,
): Shader {
  return new ContractRenderer(kernel, layout, features).render();
}

/** One of the two operands, as its tiles are made: `lines` are its rows (or columns). */
interface Side {
  readonly name: "a" | "b";
  readonly operand: number;
  readonly at: Affine;
  readonly axes: readonly number[];
  readonly lines: number;
  readonly first: string;
}

class ContractRenderer {
  private readonly kernel: ContractKernel;
  private readonly tile: Tile;
  private readonly guarded: boolean;
  private readonly text = new ShaderText();
  private readonly memory: ShaderMemory;
  private readonly writer: ExprWriter;
  private readonly columnAxes: readonly number[];
  private readonly size: { rows: number; columns: number; batch: number; sums: number };
  /** Of elements, of what is staged, and of registers. */
  private readonly type: "f32" | "i32";
  private readonly staged: "f32" | "i32" | "f16";

  constructor(kernel: ContractKernel, layout: ShaderLayout, features: ShaderFeatures) {
    const type = typeOf[kernel.dtype];
    if (type === "bool") throw new DtypeError("webgpu", "bools have no products");
    this.kernel = kernel;
    this.guarded = layout.guarded;
    this.type = type;
    this.staged = type === "f32" && features.f16 ? "f16" : type;
    if (this.staged === "f16") this.text.enable("f16");
    this.columnAxes = [kernel.panel, kernel.lane];
    const extent = (axes: readonly number[]) => product(axes.map((a) => kernel.axes[a]!));
    this.size = {
      rows: extent(kernel.rows),
      columns: extent(this.columnAxes),
      batch: extent(kernel.batch),
      sums: extent(kernel.sums),
    };
    this.tile = tileFor(this.size, features);
    this.memory = new ShaderMemory(this.text, kernel, layout, []);
    this.writer = new ExprWriter(this.text, this.memory, kernel.axes, (axis) => `i${axis}`);
  }

  render(): Shader {
    const { text, tile, kernel, size } = this;
    const { blockRows, blockColumns } = tile;
    const across = Math.max(1, Math.ceil(size.columns / tile.columns));
    const down = Math.max(1, Math.ceil(size.rows / tile.rows));
    const empty = size.rows * size.columns === 0;
    const groups = empty ? 0 : across * down * size.batch;
    if (this.guarded) guard(text, true);
    text.line("let group = group_id.y * groups.x + group_id.x;");
    // The same for a whole workgroup.
    text.line(`if (group >= ${groups}u) { return; }`);
    text.line(`let batch = group / ${across * down}u;`);
    text.line(`let first_row = (group / ${across}u) % ${down}u * ${tile.rows}u;`);
    text.line(`let first_column = group % ${across}u * ${tile.columns}u;`);
    const extents = (axes: readonly number[]) => axes.map((a) => kernel.axes[a]!);
    axesFromIndex(text, "batch", extents(kernel.batch), kernel.batch);
    const wide = tile.columns / blockColumns;
    text.line(`let block_column = lane % ${wide}u;`);
    text.line(`let block_row = lane / ${wide}u;`);
    for (let i = 0; i < blockRows; i++) {
      for (let j = 0; j < blockColumns / 4; j++) text.line(`var c${i}_${j} = ${this.zero()};`);
    }
    const { a, b, rows } = kernel;
    const left = { name: "a", axes: rows, lines: tile.rows, first: "first_row", ...a } as const;
    const right = {
      name: "b",
      axes: this.columnAxes,
      lines: tile.columns,
      first: "first_column",
      ...b,
    } as const;
    this.products([left, right]);
    this.results();
    const code = text.finish(invocationsOf(tile));
    return { code, dispatch: dispatchOf(groups), constants: [0] };
  }

  private zero(): string {
    return `vec4<${this.type}>(${this.type === "f32" ? "0f" : "0"})`;
  }

  private products(sides: readonly Side[]): void {
    const { text, tile, size } = this;
    const stages = sides.map((side) => this.prepare(side));
    text.open(`for (var first = 0u; first < ${size.sums}u; first += ${tile.depth}u)`);
    for (const stage of stages) stage();
    text.line("workgroupBarrier();");
    text.open(`for (var k = 0u; k < ${tile.depth}u; k++)`);
    this.block();
    text.close();
    text.line("workgroupBarrier();");
    text.close();
  }

  /** Names what of an operand's addresses stays the same, and gives who writes its staging. */
  private prepare(side: Side): () => void {
    const { text, tile, kernel } = this;
    const { name, lines } = side;
    const vectors = lines / 4;
    const invocations = invocationsOf(tile);
    const count = tile.depth * pitch(lines);
    text.declare(`var<workgroup> tile_${name}: array<vec4<${this.staged}>, ${count}>;`);
    const step = (axes: readonly number[]) => {
      const innermost = axes.findLast((axis) => kernel.axes[axis]! > 1);
      const coef = innermost === undefined ? 0 : (side.at.coef[innermost] ?? 0);
      return coef === 0 ? Number.POSITIVE_INFINITY : Math.abs(coef);
    };
    // Neighbouring invocations read neighbouring elements.
    const alongSums = step(kernel.sums) < step(side.axes);
    const batch = this.form(side, kernel.batch);
    const loads = Math.ceil((tile.depth * vectors) / invocations);
    const slots = Array.from({ length: loads }, (_, slot) => {
      const at = slot === 0 ? "lane" : `(lane + ${slot * invocations}u)`;
      const [line, k] = alongSums
        ? [`${at} / ${tile.depth}u`, `${at} % ${tile.depth}u`]
        : [`${at} % ${vectors}u`, `${at} / ${vectors}u`];
      const vector = text.let(line);
      const depth = text.let(k);
      const places = [0, 1, 2, 3].map((i) => {
        const index = text.let(`${side.first} + ${vector} * 4u + ${i}u`);
        return text.let(`${batch} + ${this.flatForm(side.at, side.axes, index)}`);
      });
      return { vector, depth, places, whole: (slot + 1) * invocations <= tile.depth * vectors };
    });
    return () => {
      for (const slot of slots) this.stage(side, slot);
    };
  }

  /** Reads four elements of an operand at one sum. */
  private stage(
    side: Side,
    slot: { vector: string; depth: string; places: readonly string[]; whole: boolean },
  ): void {
    const { text, memory, kernel, size, tile } = this;
    const { vector, depth, places, whole } = slot;
    text.open(whole ? "" : `if (${depth} < ${tile.depth}u)`);
    text.line(`let sum = first + ${depth};`);
    const along = text.let(this.flatForm(side.at, kernel.sums, "sum"));
    const loads = places.map((at) => memory.load(side.operand, `(${at} + ${along})`));
    const value = `vec4<${this.type}>(${loads.join(", ")})`;
    const exact = size.sums % tile.depth === 0;
    const masked = exact ? value : `select(${this.zero()}, ${value}, sum < ${size.sums}u)`;
    const converted = this.staged === "f16" ? `vec4<f16>(${masked})` : masked;
    text.line(`tile_${side.name}[${depth} * ${pitch(side.lines)}u + ${vector}] = ${converted};`);
    text.close();
  }

  /** The base of an operand's form and what the batch adds. */
  private form({ at }: Side, axes: readonly number[]): string {
    const coef = at.coef.map((c, axis) => (axes.includes(axis) ? c : 0));
    return this.writer.form({ base: at.base, coef });
  }

  /** What some axes add to an address, from one index (u32) over all of them. */
  private flatForm({ coef }: Affine, axes: readonly number[], index: string): string {
    const { kernel } = this;
    const wide = axes.filter((a) => kernel.axes[a]! > 1);
    const terms: string[] = [];
    let below = 1;
    for (let k = wide.length - 1; k >= 0; k--) {
      const extent = kernel.axes[wide[k]!]!;
      const c = coef[wide[k]!] ?? 0;
      if (c !== 0) terms.push(`${digit(index, below, k === 0 ? 0 : extent)} * ${c}`);
      below *= Math.max(1, extent);
    }
    return terms.length === 0 ? "0" : terms.join(" + ");
  }

  /** Adds the products of one sum to the registers. */
  private block(): void {
    const { text, tile } = this;
    const { blockRows, blockColumns } = tile;
    const vector = (name: "a" | "b", lines: number, block: string, count: number, i: number) => {
      const at = `k * ${pitch(lines)}u + ${block} + ${(i * lines) / 4 / count}u`;
      const loaded = `tile_${name}[${at}]`;
      text.line(`let ${name}${i} = ${this.staged === "f16" ? `vec4<f32>(${loaded})` : loaded};`);
    };
    for (let i = 0; i < blockRows / 4; i++) vector("a", tile.rows, "block_row", blockRows / 4, i);
    for (let j = 0; j < blockColumns / 4; j++) {
      vector("b", tile.columns, "block_column", blockColumns / 4, j);
    }
    for (let i = 0; i < blockRows; i++) {
      const a = `vec4<${this.type}>(a${i >> 2}.${"xyzw"[i & 3]})`;
      for (let j = 0; j < blockColumns / 4; j++) {
        const c = `c${i}_${j}`;
        text.line(
          this.type === "f32" ? `${c} = fma(${a}, b${j}, ${c});` : `${c} = ${c} + ${a} * b${j};`,
        );
      }
    }
  }

  /** Runs the epilogue for each element of the block. */
  private results(): void {
    const { text, tile, kernel, size, writer } = this;
    const { blockRows, blockColumns } = tile;
    const wide = blockColumns / 4;
    const all = Array.from({ length: blockRows * wide }, (_, i) => {
      return `c${Math.floor(i / wide)}_${i % wide}`;
    });
    text.line(`var sums = array<vec4<${this.type}>, ${all.length}>(${all.join(", ")});`);
    const spread = (at: string, block: string, lines: number, count: number) =>
      `${at} / 4u * ${lines / count}u + ${block} * 4u + ${at} % 4u`;
    text.open(`for (var i = 0u; i < ${blockRows}u; i++)`);
    const rowOf = spread("i", "block_row", tile.rows, blockRows / 4);
    text.line(`let row = first_row + ${rowOf};`);
    if (size.rows % tile.rows !== 0) text.line(`if (row >= ${size.rows}u) { break; }`);
    const extents = (axes: readonly number[]) => axes.map((a) => kernel.axes[a]!);
    axesFromIndex(text, "row", extents(kernel.rows), kernel.rows);
    text.open(`for (var j = 0u; j < ${blockColumns}u; j++)`);
    const columnOf = spread("j", "block_column", tile.columns, wide);
    text.line(`let column = first_column + ${columnOf};`);
    if (size.columns % tile.columns !== 0) {
      text.line(`if (column >= ${size.columns}u) { break; }`);
    }
    axesFromIndex(text, "column", extents(this.columnAxes), this.columnAxes);
    const sum = `sums[i * ${wide}u + j / 4u][j % 4u]`;
    text.line(`let acc = ${kernel.dtype === "uint8" ? `${sum} & 255` : sum};`);
    writer.scoped(() => writer.store(kernel.store));
    text.close();
    text.close();
  }
}
