// What a contraction reads ahead (read-ahead.ts): blocks of its operands whose sums lie further apart than
// its tiles are wide. The tiles walk down such a block in a few columns at a time, which the memory's own
// prefetching does not follow. Measured on 16 MB of gradients of 1×1 kernels: 79 GFLOP/s for 69.
// Not here: what epilogues load (contract-render.ts).

import type { Affine, ContractKernel } from "../../schedule/kernel.ts";
import type { Partition, SumBlocks } from "./contract-tiling.ts";

/** Elements of a block: fewer are not worth it, more do not stay in the cache. */
const fewest = 4096;
const most = 65536;

/** How far the elements of a block reach. */
export interface BlockReach {
  /** Elements from the first of one sum to the last. */
  readonly inside: number;
  /** And from one sum (along the axis that is cut into blocks) to the next. */
  readonly step: number;
}

/** The reach of an operand's block, if a part reads all of it and it lies in one piece; else null. */
export function blockReach(
  kernel: ContractKernel,
  { chunks }: Partition,
  blocks: SumBlocks,
  operand: "a" | "b",
): BlockReach | null {
  const { axes, rows, panel, lane, sums } = kernel;
  const { coef }: Affine = kernel[operand].at;
  const pieces = operand === "a" ? chunks.outer * chunks.tile : chunks.panel;
  if (blocks.count === 1 || pieces > 1) return null;
  const across = operand === "a" ? rows : [panel, lane];
  const within = [...across, ...sums.slice(blocks.axis + 1)].filter((a) => coef[a] !== 0);
  const step = coef[sums[blocks.axis]!]!;
  if (step <= 0 || within.some((a) => coef[a]! < 0)) return null;
  const inside = within.reduce((n, a) => n + coef[a]! * (axes[a]! - 1), 1);
  const elements = within.reduce((n, a) => n * axes[a]!, blocks.size);
  const reach = step * (blocks.size - 1) + inside;
  return reach >= fewest && reach <= most && 2 * elements >= reach ? { inside, step } : null;
}
