// Threefry2x32 with 20 rounds: the counter-based generator of the graph's `random` op (Salmon,
// Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const PARITY = 0x1bd11bda;

/** The two output words of key (k0, k1) and counter (c0, c1), as int32. */
export function threefry(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const key = [k0 | 0, k1 | 0, k0 ^ k1 ^ PARITY] as const;
  let x = (c0 + key[0]) | 0;
  let y = (c1 + key[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const r = rotations[round % 8]!;
    x = (x + y) | 0;
    y = ((y << r) | (y >>> (32 - r))) ^ x;
    if (round % 4 === 3) {
      const s = (round + 1) / 4; // the key is added after every four rounds
      x = (x + key[s % 3]!) | 0;
      y = (y + key[(s + 1) % 3]! + s) | 0;
    }
  }
  return [x, y];
}
