// Tables of blocks: buffers' elements in a device's memory, with a budget of bytes each. Beyond it those
// blocks go that were not used for longest: a clock hand goes round the table, in the order of coming,
// and passes once by those that were used since it last came. And now and then a look for blocks that
// nobody can reach. Not here: what a block is, and its bytes (the memory of each backend).

import { Census, type Ticket } from "../util/census.ts";

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

/** New blocks of this many bytes are worth a look for old ones that nobody can reach. */
const lookEvery = 2 ** 23;
/** A look is worth these milliseconds for each byte found: less than half of what saving it to the host
 *  would take. After one that was not, the next comes later. */
const lookWorth = 0.1 / 2 ** 20;

/** Finds blocks of tables that nobody can reach, where that can be known (census.ts). */
export class Lookout<B extends Held> {
  private readonly tables: readonly BlockTable<B>[];
  private readonly drop: (block: B) => void;
  private readonly census: Census<B>;
  /** Bytes of new blocks since the last look, and how many there are to be until the next. */
  private fresh = 0;
  private patience = lookEvery;

  constructor(tables: readonly BlockTable<B>[], drop: (block: B) => void) {
    this.tables = tables;
    this.drop = drop;
    this.census = new Census(drop);
  }

  /** Whether they are found in time, so that what passes may have blocks. */
  get finds(): boolean {
    return this.census.asks;
  }

  /** What keeps a new block wanted. */
  issue(block: B): Ticket<B> {
    return this.census.issue(block);
  }

  /** A block is no more. */
  forget(block: B): void {
    this.census.forget(block);
  }

  /** Before a block of so many bytes is made: looks, if it is time. */
  expect(bytes: number, clock: number): void {
    if (this.fresh + bytes >= this.patience) this.look(clock);
  }

  /** A block of so many bytes was made. */
  made(bytes: number): void {
    this.fresh += bytes;
  }

  /** Somebody has said that nobody wants so many bytes: so much less is there to be looked for. */
  dismissed(bytes: number): void {
    this.fresh = Math.max(0, this.fresh - bytes);
  }

  /** Drops the blocks that nobody can reach, but those that run `clock` uses. */
  look(clock: number): void {
    this.fresh = 0;
    const start = performance.now();
    const wanted = this.census.take();
    if (wanted === null) return;
    let found = 0;
    for (const table of this.tables) {
      for (const block of table.all()) {
        if (wanted.has(block) || block.used === clock) continue;
        found += block.bytes;
        this.drop(block);
      }
    }
    const took = performance.now() - start;
    const longer = Math.min(2 * this.patience, 4 * lookEvery);
    this.patience = took < found * lookWorth ? lookEvery : longer;
  }
}
