// How the kernels of Winograd's convolutions are cut, by shape alone: tiles of 4 × 4 results, rows of
// tiles, blocks of such rows whose transforms stay in the second-level cache, and the scratch memory
// of one thread that holds them. Not here: code (winograd.ts, winograd-sums.ts).

import { tileProducts, tileStep } from "../../ir/winograd-algebra.ts";
import type { Pixels, WinogradKernel, WinogradSumsKernel } from "../../schedule/kernel.ts";

/** Bytes that the transforms of a block should take. */
const blockBytes = 400_000;
/** Tiles that a block should have at least, or the weights are read too often for what they do. */
const leastTiles = 24;

/** Rows of tiles, over all images, in blocks. */
export interface Blocks {
  /** Tiles of an image, down and across. */
  readonly down: number;
  readonly across: number;
  /** Rows of tiles in all, in a block, and the number of blocks (the last may be shorter). */
  readonly rows: number;
  readonly perBlock: number;
  readonly count: number;
  /** Tiles of a whole block. */
  readonly tiles: number;
}

/** Where things lie in the scratch memory of a thread, in bytes. The transforms are 36 matrices of
 *  tiles × channels. Offsets are from the end of the zeros, so that equal tiles are read by equal code. */
export interface Scratch {
  /** A piece of a row of pixels that is all zeros, at the start. */
  readonly zeroBytes: number;
  readonly first: Matrices;
  readonly second: Matrices;
  readonly bytes: number;
}

export interface Matrices {
  readonly at: number;
  /** From one matrix to the next, and from one tile to the next. */
  readonly stride: number;
  readonly tile: number;
}

/** Channels are walked eight at a time. */
export function octets(channels: number): number {
  return Math.ceil(channels / 8);
}

/** `channels`: those of both sides together. */
export function blocksOf(images: number, height: number, width: number, channels: number): Blocks {
  const down = Math.ceil(height / tileStep);
  const across = Math.ceil(width / tileStep);
  const rows = images * down;
  const bytes = 4 * tileProducts * channels;
  const tiles = Math.max(leastTiles, blockBytes / bytes);
  const perBlock = rowsPerBlock(rows, tiles / across);
  return {
    down,
    across,
    rows,
    perBlock,
    count: Math.ceil(rows / perBlock),
    tiles: perBlock * across,
  };
}

/** About `wanted` rows of tiles in a block, so that two threads have equal parts as nearly as can be. */
function rowsPerBlock(rows: number, wanted: number): number {
  const near = Math.max(1, Math.round(wanted));
  if (rows <= near) return rows;
  const spread = Math.floor(near / 4);
  let [best, least] = [near, Number.POSITIVE_INFINITY];
  for (let count = near - spread; count <= near + spread; count++) {
    const walked = Math.ceil(rows / (2 * count)) * 2 * count;
    const closer = Math.abs(count - wanted) < Math.abs(best - wanted);
    if (walked < least || (walked === least && closer)) [best, least] = [count, walked];
  }
  return best;
}

/** An odd number of cache lines: the 36 elements of a tile then lie in different sets. */
function oddLines(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return 64 * (lines + (lines % 2 === 0 ? 1 : 0));
}

function matrices(at: number, tiles: number, channels: number): Matrices {
  const tile = 32 * octets(channels);
  return { at, stride: oddLines(tiles * tile), tile };
}

function endOf({ at, stride }: Matrices): number {
  return at + tileProducts * stride;
}

/** Bytes from the first to the last channel of a tile's six pixels that may be read, in whole lines. */
export function spanOf({ strides, channels }: Pixels): number {
  return oddLines(4 * (5 * strides[2] + 8 * octets(channels)));
}

function scratchOf(pixels: readonly Pixels[], tiles: number, channels: readonly number[]): Scratch {
  const zeroBytes = Math.max(...pixels.map(spanOf));
  const first = matrices(0, tiles, channels[0]!);
  const second = matrices(endOf(first), tiles, channels[1]!);
  return { zeroBytes, first, second, bytes: zeroBytes + endOf(second) };
}

/** The blocks and scratch memory of a convolution: transformed pixels, then products. */
export function shapeOf({ axes, image }: WinogradKernel): { blocks: Blocks; scratch: Scratch } {
  const [images, height, width, panels] = axes as [number, number, number, number];
  const outputs = 16 * panels;
  const blocks = blocksOf(images, height, width, image.channels + outputs);
  return { blocks, scratch: scratchOf([image], blocks.tiles, [image.channels, outputs]) };
}

/** The same of the sums for a weight gradient: transformed pixels and gradients. */
export function sumsShapeOf({ axes, image, gradient }: WinogradSumsKernel): {
  blocks: Blocks;
  scratch: Scratch;
} {
  const [, images, height, width, channels, panels] = axes as number[] as [
    number, number, number, number, number, number,
  ]; // biome-ignore format: a list
  const outputs = 16 * panels;
  const blocks = blocksOf(images, height, width, channels + outputs);
  return { blocks, scratch: scratchOf([image, gradient], blocks.tiles, [channels, outputs]) };
}
