// The error function in float64, to about 1e-15. Not here: the vector polynomial of a fast backend.

const TWO_OVER_SQRT_PI = 1.1283791670955126;
const SQRT_PI = 1.7724538509055159;

/**
 * erf(x) = 2/√π · ∫₀ˣ exp(−t²) dt.
 *
 * Small |x|: the series with terms of one sign, erf(x) = 2x/√π · exp(−x²) · Σ (2x²)ⁿ / (1·3·…·(2n+1))
 * (Abramowitz and Stegun 7.1.6). Large |x|: 1 − erfc(|x|), erfc by its continued fraction (7.1.14).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  return a < 2.5 ? series(x) : Math.sign(x) * (1 - tail(a));
}

function series(x: number): number {
  const twice = 2 * x * x;
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= twice / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_SQRT_PI * x * Math.exp(-x * x) * sum;
}

// erfc(a)·√π·exp(a²) = 1/(a + (1/2)/(a + 1/(a + (3/2)/(a + …)))), evaluated from its far end.
function tail(a: number): number {
  let fraction = a;
  for (let n = 60; n > 0; n--) fraction = a + n / 2 / fraction;
  return Math.exp(-a * a) / (fraction * SQRT_PI);
}
