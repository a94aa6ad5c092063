// Expressions at fixed indices of some axes. Equal results are one object, so that what the points of
// an unrolled loop share is computed once. Not here: which loops are unrolled (loop-unroll.ts).

import { type Affine, type Expr, type Range, rebuild } from "../../schedule/kernel.ts";

/** For some axes, which of the indices before an axis now runs over: index + step · (its new index).
 *  With step 0 the index is fixed. */
export type Point = ReadonlyMap<number, { readonly index: number; readonly step: number }>;

type Register = Extract<Expr, { k: "reg" }>;

/** An affine map at a point: it does not depend on fixed axes any more. */
export function placeAt(at: Affine, point: Point): Affine {
  let base = at.base;
  const coef = at.coef.map((c, axis) => {
    const at = point.get(axis);
    if (at === undefined) return c;
    base += c * at.index;
    return c === 0 ? 0 : c * at.step;
  });
  return { base, coef };
}

export class Rewriter {
  private readonly known = new Map<string, Expr>();
  private readonly numbers = new Map<Expr, number>();

  /** Puts expressions at a point, with what `reg` gives for their registers, and others `instead`. What
   *  several share is rewritten once. */
  placer(
    point: Point,
    reg: (r: Register) => Expr,
    instead: ReadonlyMap<Expr, Expr> = new Map(),
  ): (root: Expr) => Expr {
    const done = new Map<Expr, Expr>();
    for (const [from, to] of instead) done.set(from, this.intern(to));
    const go = (e: Expr): Expr => {
      let made = done.get(e);
      if (made === undefined) {
        const moved = e.k === "reg" ? reg(e) : rebuild(e, (at) => placeAt(at, point), go);
        made = this.intern(moved);
        done.set(e, made);
      }
      return made;
    };
    return go;
  }

  /** The one object for all expressions like this one; its sources must have come from here. */
  intern(e: Expr): Expr {
    if (this.numbers.has(e)) return e;
    let text = "";
    for (const name in e) text += `${this.text(e[name as keyof Expr])} `;
    const known = this.known.get(text);
    if (known !== undefined) return known;
    this.known.set(text, e);
    this.numbers.set(e, this.numbers.size);
    return e;
  }

  private text(part: string | number | Affine | Expr | readonly Range[]): string {
    if (typeof part !== "object") return Object.is(part, -0) ? "-0" : String(part);
    if ("coef" in part) return `${part.base}:${part.coef}`;
    if ("k" in part) return `@${this.numbers.get(part)}`;
    return part.map(({ at, size }) => `${at.base}:${at.coef}<${size}`).join();
  }
}
