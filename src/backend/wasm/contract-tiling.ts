// How a contraction is cut: rows into register tiles, long sums into blocks whose operands stay in
// the cache, and the whole into parts for the threads. Parts and blocks depend on the shape only,
// so that the sums have one order at any number of threads and in any tile. Works on simplified
// kernels (contract-shape.ts). Not here: code.

import { type Affine, type ContractKernel, walk } from "../../schedule/kernel.ts";

/** The rows of the largest tile: 6 × 16 floats fill the registers of 256 bits. */
export const maxRows = 6;

/** Floating-point operations that a part should have at least: about 20 µs. */
const partFlops = 2e6;
/** From here on a contraction has two parts at least: a thread that spins takes half of 5 µs. */
const twoPartsFrom = 5e5;
const maxParts = 32;
/** Floats of a block of all three operands that a part may have: they stay in the second-level
 *  cache. */
const cachedFloats = 80000;

/** Floats of b that may stay in the first-level cache while a and the results pass by. */
const firstFloats = 2048;

/** Panels from which copies of a are paid back. */
const packedPanels = 16;

/** The work as a grid: batches × outer rows × tiles of inner rows × panels. */
export interface Partition {
  /** All rows are one run of positions, to be taken apart row by row; else tiles lie inside the
   *  innermost row axis. */
  readonly flat: boolean;
  readonly batches: number;
  /** Positions of all row axes but the innermost; 1 where flat. */
  readonly outer: number;
  /** Rows that are cut into tiles. */
  readonly inner: number;
  readonly panels: number;
  /** Whether the loop over panels runs inside that over rows: b stays in the first-level cache, and
   *  a and the results are walked through once. */
  readonly panelsInside: boolean;
  /** Into how many pieces each of the four is cut. */
  readonly chunks: {
    readonly batch: number;
    readonly outer: number;
    readonly tile: number;
    readonly panel: number;
  };
}

/** The product of the extents of some axes. */
export function extentOf(kernel: ContractKernel, group: readonly number[]): number {
  return group.reduce((product, axis) => product * kernel.axes[axis]!, 1);
}

/** `count` tiles of `rows` rows. */
export interface TileRun {
  readonly rows: number;
  readonly count: number;
}

/** Cuts `extent` rows into tiles of nearly equal height: no tile of one or two rows is left. */
export function tileRuns(extent: number, limit: number): TileRun[] {
  const tiles = Math.ceil(extent / limit);
  const low = Math.floor(extent / tiles);
  const high = extent - low * tiles;
  const runs = [
    { rows: low + 1, count: high },
    { rows: low, count: tiles - high },
  ];
  return runs.filter(({ count }) => count > 0);
}

/** A tile of fewer than four rows takes as long as one of four: its sums wait for each other. */
function efficiency(extent: number): number {
  const time = tileRuns(extent, maxRows).reduce((t, r) => t + r.count * Math.max(r.rows, 4), 0);
  return extent / time;
}

/** Whether tiles are cut out of all rows at once. It costs a pointer for each row, so there must be
 *  sums enough to pay for them, and the innermost rows must not come out even by themselves. */
function isFlat(kernel: ContractKernel, sums: number): boolean {
  if (kernel.rows.length === 1 || sums < 32) return false;
  const innermost = kernel.axes[kernel.rows[kernel.rows.length - 1]!]!;
  const ragged = sums >= 64 && innermost < 64 && innermost % maxRows !== 0;
  return ragged || efficiency(innermost) < 0.9;
}

/** What is to be cut in two directions. */
interface Grid {
  readonly parts: number;
  readonly rows: number;
  /** The most pieces that the rows allow. */
  readonly units: number;
  readonly panels: number;
  /** Sums in one block. */
  readonly sums: number;
  /** Every piece of columns copies the rows of a. */
  readonly packed: boolean;
}

/** Into how many pieces rows and panels are cut: at least `parts` where they allow it, none of
 *  which overflows the cache, in the way that rereads least. */
function cutGrid({ parts, rows, units, panels, sums, packed }: Grid): [number, number] {
  let best: [number, number] = [units, panels];
  let least = Number.POSITIVE_INFINITY;
  for (let p = 1; p <= panels; p++) {
    const columns = 16 * Math.ceil(panels / p);
    // Copies of a stay in the cache, and b streams past them.
    const own = packed ? 0 : columns;
    const fitting = (cachedFloats - own * sums) / (sums + own);
    if (fitting < maxRows && p < panels) continue;
    const forCache = Math.ceil(rows / Math.max(fitting, maxRows));
    const r = Math.min(units, Math.max(Math.ceil(parts / p), parts > 1 ? forCache : 1));
    // Every piece of columns reads all rows, and the other way round; too few parts is worse.
    const uneven = (r * Math.ceil(units / r) * p * Math.ceil(panels / p)) / (units * panels);
    const copied = (packed ? 4 : 1) * p * rows + r * 16 * panels;
    const read = copied * uneven + Math.max(0, parts - p * r) * 1e6;
    if (read < least) {
      least = read;
      best = [r, p];
    }
  }
  return best;
}

/** Cuts the work into parts, by shape alone. */
export function partition(kernel: ContractKernel): Partition {
  const { axes } = kernel;
  const batches = extentOf(kernel, kernel.batch);
  const rows = extentOf(kernel, kernel.rows);
  const sums = extentOf(kernel, kernel.sums);
  const panels = axes[kernel.panel]!;
  const flat = isFlat(kernel, sums);
  const inner = flat ? rows : axes[kernel.rows[kernel.rows.length - 1]!]!;
  const outer = rows / inner;
  const blocks = sumBlocks(kernel);
  const limit = blocks.count > 1 ? maxParts / 2 : maxParts;
  const flops = 2 * batches * rows * panels * 16 * sums;
  const least = flops >= twoPartsFrom ? 2 : 1;
  const wanted = Math.min(limit, Math.max(least, Math.floor(flops / partFlops)));
  const batch = Math.min(batches, wanted);
  const [r, panel] = cutGrid({
    parts: Math.ceil(wanted / batch),
    rows,
    units: outer * Math.ceil(inner / maxRows),
    panels,
    sums: sums / blocks.count,
    packed: !flat && packsRows(kernel),
  });
  const outerChunks = Math.min(outer, r);
  const tile = Math.min(Math.ceil(inner / maxRows), Math.ceil(r / outerChunks));
  const own = 16 * Math.ceil(panels / panel) * Math.ceil(sums / blocks.count);
  return {
    flat,
    batches,
    outer,
    inner,
    panels,
    panelsInside: panels > panel && own <= firstFloats,
    chunks: { batch, outer: outerChunks, tile, panel },
  };
}

/** The number of parts of a partition. */
export function countParts({ chunks }: Partition): number {
  return chunks.batch * chunks.outer * chunks.tile * chunks.panel;
}

/** The sums in blocks: sums before `axis` one by one, and `axis` in `perAxis` blocks of `size`
 *  (the last may be shorter). */
export interface SumBlocks {
  /** Position in kernel.sums. */
  readonly axis: number;
  readonly size: number;
  readonly perAxis: number;
  /** Of all blocks. */
  readonly count: number;
}

/** Sums up to here stay one block. */
const longSum = 640;
/** How long a block is about: short where few results make it cheap to take them up again, for then
 *  the memory's own prefetching keeps ahead of the tiles; long where the results fill caches. */
const blockSums = [
  { results: 1536, sums: 32 },
  { results: 32768, sums: 192 },
  { results: Number.POSITIVE_INFINITY, sums: 512 },
];

/** Whether the epilogue loads from the store's operand, which then cannot hold anything before. */
export function rereadsStore({ store }: ContractKernel): boolean {
  let found = false;
  walk([store.value], (e) => {
    if ((e.k === "load" || e.k === "gather") && e.operand === store.operand) found = true;
  });
  return found;
}

/** Cuts long sums into blocks, so that a panel of the block stays in the nearest caches
 *  while the tiles run over it. */
export function sumBlocks(kernel: ContractKernel): SumBlocks {
  const extents = kernel.sums.map((axis) => kernel.axes[axis]!);
  const total = extentOf(kernel, kernel.sums);
  if (total <= longSum || extentOf(kernel, kernel.rows) <= 2 * maxRows || rereadsStore(kernel))
    return { axis: 0, size: extents[0]!, perAxis: 1, count: 1 };
  const results = extentOf(kernel, kernel.rows) * 16 * kernel.axes[kernel.panel]!;
  const near = blockSums.find((row) => results <= row.results)!.sums;
  let axis = extents.length - 1;
  let inside = 1;
  while (axis > 0 && inside * extents[axis]! <= near) inside *= extents[axis--]!;
  const size = blockSize(extents[axis]!, inside, near);
  const perAxis = Math.ceil(extents[axis]! / size);
  const before = extents.slice(0, axis).reduce((product, n) => product * n, 1);
  return { axis, size, perAxis, count: before * perAxis };
}

/** Sums of the longest block. */
export function blockLength(kernel: ContractKernel): number {
  const { axis, size, count } = sumBlocks(kernel);
  const inside = extentOf(kernel, kernel.sums.slice(count > 1 ? axis + 1 : 0));
  return count > 1 ? size * inside : inside;
}

/** Whether consecutive sums lie a multiple of 256 bytes apart. */
export function scattered({ sums }: ContractKernel, { coef }: Affine): boolean {
  const step = Math.abs(coef[sums[sums.length - 1]!]!);
  return step > 0 && step % 64 === 0;
}

/** Whether the rows of a, which lie side by side, are worth copying: their sums are scattered, and
 *  each element meets columns enough. */
export function packsRows(kernel: ContractKernel): boolean {
  const { axes, a, rows, panel } = kernel;
  return (
    rows.length === 1 &&
    axes[rows[0]!]! >= 2 * maxRows &&
    a.at.coef[rows[0]!] === 1 &&
    axes[panel]! >= packedPanels &&
    blockLength(kernel) >= 64 &&
    scattered(kernel, a.at)
  );
}

/** The divisor of `extent` that makes blocks of 5/8 to 2 times `near` sums, nearest to it, else nearly
 *  equal blocks (a multiple of 4 long, so that all but the last can be unrolled). */
function blockSize(extent: number, inside: number, near: number): number {
  let best = 0;
  for (let size = 1; size <= extent; size++) {
    const sums = size * inside;
    if (sums > 2 * near) break;
    if (extent % size !== 0 || sums < 0.625 * near) continue;
    if (best === 0 || Math.abs(sums - near) < Math.abs(best * inside - near)) best = size;
  }
  if (best > 0) return best;
  const blocks = Math.max(1, Math.round((extent * inside) / near));
  const size = Math.ceil(extent / blocks);
  return size > 8 ? Math.ceil(size / 4) * 4 : size;
}
