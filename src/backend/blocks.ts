// Tables of blocks: buffers' elements in a device's memory, with a budget of bytes each. Beyond it those
// blocks go that were not used for longest: a clock hand goes round the table, in the order of coming,
// and passes once by those that were used since it last came. Not here: what a block is, and its bytes
// (the memory of each backend).

/** What a table knows of a block. */
export interface Held {
  readonly bytes: number;
  /** The run that last used it. */
  used: number;
  /** `used` when the hand last passed by. */
  passed: number;
}

export class BlockTable<B extends Held> {
  readonly budget: number;
  private readonly blocks = new Set<B>();
  private sum = 0;
  private hand: Iterator<B>;

  constructor(budget: number) {
    this.budget = budget;
    this.hand = this.blocks.values();
  }

  get bytes(): number {
    return this.sum;
  }

  all(): Iterable<B> {
    return this.blocks;
  }

  add(block: B): void {
    this.blocks.add(block);
    this.sum += block.bytes;
  }

  delete(block: B): void {
    if (this.blocks.delete(block)) this.sum -= block.bytes;
  }

  /** The block to go next, if any may: none that run `clock` uses. */
  oldest(clock: number): B | null {
    for (let left = 2 * this.blocks.size; left > 0; left--) {
      const block = this.next();
      if (block.used !== clock && block.used === block.passed) return block;
      block.passed = block.used;
      this.blocks.delete(block); // behind all others
      this.blocks.add(block);
    }
    return null;
  }

  private next(): B {
    let step = this.hand.next();
    if (step.done) {
      this.hand = this.blocks.values();
      step = this.hand.next();
    }
    return step.value as B;
  }
}
