// Random numbers of the host side: the order of samples, splits, augmentation. xoshiro128**
// (Blackman and Vigna, prng.di.unimi.it), seeded by hashing a list of keys, so that (seed, epoch,
// index) names a stream and nothing has to be drawn before it. Tensors draw from the graph's own
// counter-based generator.
import { ArgumentError } from "./errors.ts";
import { cos, log } from "./math.ts";

/** The whole state of an {@link Rng}; plain numbers, so that JSON keeps it. */
export type RngState = [number, number, number, number];

/**
 * A generator with reproducible streams.
 *
 * @example
 * const rng = new Rng(42, epoch, index); // always the same numbers for the same three keys
 * rng.int(10); // 0 … 9
 */
export class Rng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** Every key is a safe integer; each list of keys is a stream of its own. */
  constructor(...keys: number[]) {
    [this.a, this.b, this.c, this.d] = seedFrom(keys);
  }

  /** A generator that continues where `state` was taken. */
  static from(state: Readonly<RngState>): Rng {
    if (!isState(state)) {
      throw new ArgumentError("Rng.from", "the state must be four uint32, not all of them 0");
    }
    const rng = new Rng(0);
    [rng.a, rng.b, rng.c, rng.d] = state;
    return rng;
  }

  state(): RngState {
    return [this.a >>> 0, this.b >>> 0, this.c >>> 0, this.d >>> 0];
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    const result = Math.imul(rotate(Math.imul(this.b, 5), 7), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = rotate(this.d, 11);
    return result;
  }

  /** A number in [0, 1) with 53 random bits. */
  float(): number {
    return ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /** A number in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.float();
  }

  /** An integer from 0 to n - 1, each with the same probability; 1 ≤ n ≤ 2^32. */
  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new ArgumentError("Rng.int", `n must be an integer from 1 to 2^32, got ${n}`);
    }
    const limit = 2 ** 32 - (2 ** 32 % n); // above it the remainders would not be equally likely
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % n;
  }

  /** A draw from the normal distribution with mean 0 and deviation 1 (Box and Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * log(1 - this.float()));
    return radius * cos(2 * Math.PI * this.float());
  }

  /** Shuffles in place (Fisher and Yates) and returns its argument. */
  shuffle<T extends { length: number; [index: number]: unknown }>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
    return values;
  }

  /** The integers from 0 to n - 1 in random order. */
  permutation(n: number): Uint32Array {
    const order = new Uint32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    return this.shuffle(order);
  }
}

// Each key enters as two 32-bit words, each word is mixed into a running hash, and splitmix32 draws
// the four words of state from it. The number of keys is mixed too, so that (1) and (1, 0) differ.
function seedFrom(keys: readonly number[]): RngState {
  let high = 0x9e3779b9;
  let low = mix(keys.length + 0x85ebca6b);
  for (const key of keys) {
    if (!Number.isSafeInteger(key)) {
      throw new ArgumentError("Rng", `a seed must be a safe integer, got ${key}`);
    }
    const lower = key >>> 0;
    const upper = Math.floor(key / 2 ** 32) >>> 0;
    low = mix(low ^ lower);
    high = mix(high ^ upper ^ low);
    low = mix((low + rotate(high, 16)) >>> 0);
  }
  let counter = low;
  const next = () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    return mix(counter ^ high);
  };
  const state: RngState = [next(), next(), next(), next()];
  if (state.every((word) => word === 0)) state[0] = 1;
  return state;
}

// The finalizer of splitmix32 ("lowbias32", C. Wellons): a bijection of 32-bit words.
function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

// What comes out of a checkpoint is not trusted to have the type that it should.
function isState(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 4 || value.every((word) => word === 0))
    return false;
  return value.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32);
}
