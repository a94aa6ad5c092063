// Blocks: buffers' elements in wasm memory, in tables with a budget of bytes each. Beyond it those
// blocks go that were not used for longest: a clock hand goes round the table, in the order of coming,
// and passes once by those that were used since it last came. Not here: the bytes (memory.ts).

import type { DType, TypedArray } from "../../ir/dtype.ts";
import type { DeviceMemory } from "./memory.ts";

/** The elements of one version of some data. Buffers hold it by a ticket, in `Buffer.device`. */
export interface Block {
  readonly memory: DeviceMemory;
  readonly dtype: DType;
  readonly size: number;
  readonly bytes: number;
  /** Its address; -1: it is not in wasm memory any more. */
  at: number;
  /** The elements, once they had to move to the host. */
  host: TypedArray | null;
  /** The buffer has the elements on the host too, so that nothing needs to be saved. */
  readonly mirrored: boolean;
  /** The run that last used it. */
  used: number;
  /** `used` when the hand last passed by. */
  passed: number;
  readonly table: BlockTable;
}

export class BlockTable {
  readonly budget: number;
  private readonly blocks = new Set<Block>();
  private sum = 0;
  private hand: Iterator<Block>;

  constructor(budget: number) {
    this.budget = budget;
    this.hand = this.blocks.values();
  }

  get bytes(): number {
    return this.sum;
  }

  all(): Iterable<Block> {
    return this.blocks;
  }

  add(block: Block): void {
    this.blocks.add(block);
    this.sum += block.bytes;
  }

  delete(block: Block): void {
    if (this.blocks.delete(block)) this.sum -= block.bytes;
  }

  /** The block to go next, if any may: none that run `clock` uses. */
  oldest(clock: number): Block | null {
    for (let left = 2 * this.blocks.size; left > 0; left--) {
      const block = this.next();
      if (block.used !== clock && block.used === block.passed) return block;
      block.passed = block.used;
      this.blocks.delete(block); // behind all others
      this.blocks.add(block);
    }
    return null;
  }

  private next(): Block {
    let step = this.hand.next();
    if (step.done) {
      this.hand = this.blocks.values();
      step = this.hand.next();
    }
    return step.value as Block;
  }
}
