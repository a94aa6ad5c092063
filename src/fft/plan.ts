// How a length is taken apart for its Fourier transform: what costs least, in multiplications an element.
// Not here: the transform (dft.ts).

/** One matrix; a transform of `first` times one of the rest; or a convolution of `padded` elements. */
export type Plan =
  | { readonly kind: "matrix"; readonly cost: number }
  | { readonly kind: "split"; readonly cost: number; readonly first: number }
  | { readonly kind: "chirp"; readonly cost: number; readonly padded: number };

/** The longest transform that may be one matrix, and the largest factor that is split off. */
const longestMatrix = 512;
const largestFactor = 128;
/** What one more pass over the data costs: measured, so that 4096 is 16 · 16 · 16. */
const pass = 48;
const plans = new Map<number, Plan>();

/** The plan of least cost: a matrix of n has n multiplications an element. */
export function planOf(length: number): Plan {
  const known = plans.get(length);
  if (known !== undefined) return known;
  const found: Plan[] = [];
  if (length <= longestMatrix) found.push({ kind: "matrix", cost: length });
  for (let first = 2; first <= largestFactor && first * 2 <= length; first++) {
    if (length % first > 0) continue;
    found.push({ kind: "split", first, cost: first + pass + planOf(length / first).cost });
  }
  if (largestPrime(length) > 61) {
    const padded = 2 ** Math.ceil(Math.log2(2 * length - 1));
    const cost = (padded / length) * (2 * planOf(padded).cost + 3 * pass);
    found.push({ kind: "chirp", padded, cost });
  }
  const best = found.reduce((a, b) => (b.cost < a.cost ? b : a));
  plans.set(length, best);
  return best;
}

function largestPrime(length: number): number {
  let rest = length;
  let largest = 1;
  for (let p = 2; p * p <= rest; p++) {
    for (; rest % p === 0; rest /= p) largest = p;
  }
  return Math.max(largest, rest);
}
