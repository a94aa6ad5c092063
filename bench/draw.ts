// Random arrays from one seeded generator, the same on every machine. Not here: which arrays a
// workload needs (parameters.ts, batches.ts), or how they are laid into a file (weights.ts).

/** A named array of a workload. */
export interface Block {
  name: string;
  shape: number[];
  data: Float32Array | Int32Array;
}

/** A stream of uniform floats in [0, 1): a 32-bit counter through a Murmur3 finaliser. */
export function uniform(seed: number): () => number {
  let counter = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    counter = (counter + 0x6d2b79f5) | 0;
    let h = counter;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 0x1_0000_0000;
  };
}

/** An array of `shape`, element by element in memory order. */
export function fill(shape: number[], value: () => number): Float32Array {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) data[i] = value();
  return data;
}
