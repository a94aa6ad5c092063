// Affine forms over the axes of a kernel under construction: how an index of a tensor follows from the
// loop counters. Reshapes either divide exactly, or ask for a loop axis to be split, or fail.

import type { Affine } from "./kernel.ts";

/** Missing coefficients are 0, so that axes may be added later. */
export const zero: Affine = { base: 0, coef: [] };

export function axisForm(axis: number, coef = 1): Affine {
  const c = new Array<number>(axis + 1).fill(0);
  c[axis] = coef;
  return { base: 0, coef: c };
}

export function constForm(base: number): Affine {
  return { base, coef: [] };
}

export function addForms(a: Affine, b: Affine): Affine {
  const n = Math.max(a.coef.length, b.coef.length);
  const coef = new Array<number>(n);
  for (let i = 0; i < n; i++) coef[i] = (a.coef[i] ?? 0) + (b.coef[i] ?? 0);
  return { base: a.base + b.base, coef };
}

export function scaleForm(a: Affine, k: number): Affine {
  return k === 1 ? a : { base: a.base * k, coef: a.coef.map((c) => c * k) };
}

export function shiftForm(a: Affine, by: number): Affine {
  return by === 0 ? a : { base: a.base + by, coef: a.coef };
}

/** Σ strides[i] · forms[i] + base. */
export function dotForms(forms: readonly Affine[], strides: readonly number[], base = 0): Affine {
  let sum = constForm(base);
  for (let i = 0; i < forms.length; i++) {
    if (strides[i] !== 0) sum = addForms(sum, scaleForm(forms[i], strides[i]));
  }
  return sum;
}

export function equalForms(a: Affine, b: Affine): boolean {
  if (a.base !== b.base) return false;
  const n = Math.max(a.coef.length, b.coef.length);
  for (let i = 0; i < n; i++) if ((a.coef[i] ?? 0) !== (b.coef[i] ?? 0)) return false;
  return true;
}

/** Row-major strides. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let s = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = s;
    s *= shape[i];
  }
  return strides;
}

/** A loop axis must run as two: `inner` indices in the new inner one. Caught by whoever builds the
 *  kernel, who splits and starts again. */
export class SplitAxis {
  readonly axis: number;
  readonly inner: number;
  constructor(axis: number, inner: number) {
    this.axis = axis;
    this.inner = inner;
  }
}

/** A reshape that no affine form expresses: its source must be computed first. */
export class NotAffine {}

/** Indices into `from` for indices `coords` into a reshape of it to `to`. */
export function reshapeForms(
  coords: readonly Affine[],
  to: readonly number[],
  from: readonly number[],
  extents: readonly number[],
): Affine[] {
  const result = new Array<Affine>(from.length).fill(zero);
  if (from.includes(0) || to.includes(0)) return result;
  let i = to.length - 1;
  let j = from.length - 1;
  while (j >= 0) {
    if (from[j] === 1) {
      j--;
    } else if (to[i] === 1) {
      i--;
    } else {
      // One group: the shortest runs of axes with equal products.
      const last = j;
      let flat = coords[i];
      let high = to[i--];
      let low = from[j--];
      while (high !== low) {
        if (high < low) {
          flat = addForms(flat, scaleForm(coords[i], high));
          high *= to[i--];
        } else low *= from[j--];
      }
      splitFlat(flat, from, j + 1, last, result, extents);
    }
  }
  return result;
}

function splitFlat(
  form: Affine,
  from: readonly number[],
  lo: number,
  hi: number,
  result: Affine[],
  extents: readonly number[],
): void {
  let rest = form;
  for (let k = lo; k < hi; k++) {
    let s = 1;
    for (let q = k + 1; q <= hi; q++) s *= from[q];
    const [quotient, remainder] = divide(rest, s, extents);
    result[k] = quotient;
    rest = remainder;
  }
  result[hi] = rest;
}

/** rest = s · quotient + remainder with 0 ≤ remainder < s for every index. */
function divide(rest: Affine, s: number, extents: readonly number[]): [Affine, Affine] {
  const q: number[] = [];
  const r: number[] = [];
  const base = ((rest.base % s) + s) % s;
  let [min, max] = [base, base];
  for (let a = 0; a < rest.coef.length; a++) {
    const c = rest.coef[a];
    const whole = c % s === 0;
    q.push(whole ? c / s : 0);
    r.push(whole ? 0 : c);
    if (whole || extents[a] <= 1) continue;
    if (c > 0) max += c * (extents[a] - 1);
    else min += c * (extents[a] - 1);
  }
  if (min >= 0 && max < s) {
    return [
      { base: (rest.base - base) / s, coef: q },
      { base, coef: r },
    ];
  }
  for (let a = 0; a < r.length; a++) {
    const c = Math.abs(r[a]);
    const inner = s / c;
    if (c > 0 && Number.isInteger(inner) && inner < extents[a] && extents[a] % inner === 0) {
      throw new SplitAxis(a, inner);
    }
  }
  throw new NotAffine();
}
