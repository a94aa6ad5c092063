// The algebra of Winograd's minimal filtering over tiles of 6: correlations of 6 inputs with 3 weights
// to 4 results, F(4, 3), and with 4 weights to 3 results, F(3, 4), each in 6 products instead of 12.
// Both multiply polynomials at the points 0, ±a, ±b and infinity, so they share the input transform.
// Not here: code for it (backend/), or when it pays (schedule/winograd.ts).

/** The points ±a and ±b. The usual 1 and 2 (Lavin and Gray, 2015) make integer matrices, and errors
 *  three times as large: with these the rows of all matrices are of about one size. Relative
 *  root-mean-square error in float32, normal data, against float64, all sums in one run (direct sums
 *  likewise in brackets): 16 channels 4.9e-7 (2.1e-7), 64: 7.8e-7 (4.3e-7), 512: 1.9e-6 (1.2e-6);
 *  with 1 and 2: 1.1e-6, 1.4e-6, 2.9e-6. Errors of the kernels: docs/architecture.md. */
export const points = { a: 3 / 4, b: 3 / 2 } as const;

/** Products of a transformed tile of n × n. */
export const tileSide = 6;
export const tileProducts = tileSide * tileSide;
/** Results of a tile along one axis. */
export const tileStep = 4;

const finite = [0, points.a, -points.a, points.b, -points.b];

/** Π_{q ≠ p} (p - q): what the products at a finite point are to be divided by; 1 at infinity. */
const norms = [...finite.map((p) => finite.reduce((n, q) => (q === p ? n : n * (p - q)), 1)), 1];

/** Coefficients of Π (x - root), lowest power first. */
function fromRoots(roots: readonly number[]): number[] {
  let poly = [1];
  for (const root of roots) {
    const [whole, shifted] = [
      [...poly, 0],
      [0, ...poly],
    ];
    poly = shifted.map((x, i) => x - root * whole[i]!);
  }
  return poly;
}

type Matrix = readonly (readonly number[])[];

/** 6 × 6: what the tile is multiplied by from both sides. */
export const inputMatrix: Matrix = [
  ...finite.map((p) => [...fromRoots(finite.filter((q) => q !== p)), 0]),
  fromRoots(finite),
];

/** Powers of the points: rows for the 6 points, columns for the first `count` powers; infinity has
 *  the last alone. */
function powers(count: number): number[][] {
  const last = Array.from({ length: count }, (_, k) => (k === count - 1 ? 1 : 0));
  return [...finite.map((p) => last.map((_, k) => p ** k)), last];
}

function transposed(m: Matrix): number[][] {
  return m[0]!.map((_, j) => m.map((row) => row[j]!));
}

/** The matrix of the weights (6 × count), norms included. */
function divided(m: Matrix): number[][] {
  return m.map((row, i) => row.map((x) => x / norms[i]!));
}

/** F(4, 3): 6 × 3 for the weights, 4 × 6 for the results. */
export const weightMatrix: Matrix = divided(powers(3));
export const outputMatrix: Matrix = transposed(powers(4));

/** F(3, 4): 6 × 4 for the gradient of the results, 3 × 6 for the gradient of the weights. */
export const gradientMatrix: Matrix = powers(4);
export const weightGradientMatrix: Matrix = transposed(divided(powers(3)));

/** m · tile · mᵀ. */
export function transform(m: Matrix, tile: Matrix): number[][] {
  const left = m.map((row) =>
    tile[0]!.map((_, j) => row.reduce((s, x, i) => s + x * tile[i]![j]!, 0)),
  );
  return left.map((row) => m.map((other) => other.reduce((s, x, j) => s + x * row[j]!, 0)));
}
