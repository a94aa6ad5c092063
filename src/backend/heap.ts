// The heap of a device's memory: which bytes are taken. Blocks are multiples of 64 bytes at multiples of
// 64 and each has spare bytes behind it, because kernels may read and write a little past an end.
// The free list is kept in the order of addresses and neighbours are joined. Not here: the bytes.

/** Free bytes behind every block. */
export const spareBytes = 128;

interface Hole {
  at: number;
  bytes: number;
}

export class Heap {
  private readonly holes: Hole[] = [];
  private readonly taken = new Map<number, number>();
  private end: number;

  /** Of the bytes from `start` to `end`. */
  constructor(end: number, start = 0) {
    this.end = end;
    this.holes.push({ at: start, bytes: end - start });
  }

  /** Free bytes that end at the memory's end: growing adds to them. */
  get tailBytes(): number {
    const last = this.holes[this.holes.length - 1];
    return last !== undefined && last.at + last.bytes === this.end ? last.bytes : 0;
  }

  /** The address of `bytes` free bytes, from the smallest hole that has them; -1: there is none. */
  allocate(bytes: number): number {
    const need = Math.ceil((bytes + spareBytes) / 64) * 64;
    let best = -1;
    for (let i = 0; i < this.holes.length; i++) {
      const hole = this.holes[i]!;
      if (hole.bytes < need) continue;
      if (best < 0 || hole.bytes < this.holes[best]!.bytes) best = i;
    }
    if (best < 0) return -1;
    const hole = this.holes[best]!;
    const { at } = hole;
    hole.at += need;
    hole.bytes -= need;
    if (hole.bytes === 0) this.holes.splice(best, 1);
    this.taken.set(at, need);
    return at;
  }

  release(at: number): void {
    const bytes = this.taken.get(at);
    if (bytes === undefined) throw new Error(`heap: nothing is allocated at ${at}`);
    this.taken.delete(at);
    this.insert(at, bytes);
  }

  /** The memory ends here now. */
  extend(end: number): void {
    this.insert(this.end, end - this.end);
    this.end = end;
  }

  private insert(at: number, bytes: number): void {
    let low = 0;
    let high = this.holes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.holes[middle]!.at < at) low = middle + 1;
      else high = middle;
    }
    const before = this.holes[low - 1];
    const after = this.holes[low];
    const joinsBefore = before !== undefined && before.at + before.bytes === at;
    const joinsAfter = after !== undefined && at + bytes === after.at;
    if (joinsBefore) {
      before.bytes += bytes + (joinsAfter ? after.bytes : 0);
      if (joinsAfter) this.holes.splice(low, 1);
    } else if (joinsAfter) {
      after.at = at;
      after.bytes += bytes;
    } else {
      this.holes.splice(low, 0, { at, bytes });
    }
  }

  /** Bytes in use, spare ones included. */
  get usedBytes(): number {
    let sum = 0;
    for (const bytes of this.taken.values()) sum += bytes;
    return sum;
  }

  /** What is free, in the order of addresses. */
  get free(): readonly { readonly at: number; readonly bytes: number }[] {
    return this.holes;
  }
}
