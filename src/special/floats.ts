// Functions of the parts and neighbours of floating-point numbers: frexp, ldexp, nextafter, signbit,
// copysign; and hypot, heaviside, floatPower. There are no bits to look at in a graph, so exponents are
// found by exact multiplications with powers of two.
// Not here: rounding and comparison (methods of Tensor).

import * as b from "../ir/build.ts";
import { type DType, isFloat } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { apply, floatType, needTensor, pairOf, resultType, toFloat } from "../tensor/ops/common.ts";
import { largest } from "../tensor/ops/elementwise.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Operand } from "../tensor/shape-types.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ofPair, same } from "./series.ts";

/** Digits of the significand, the least number, and how many binary digits an exponent has. */
const formats = {
  float32: { digits: 24, least: 2 ** -149, steps: 7 },
  float64: { digits: 53, least: 2 ** -1074, steps: 10 },
} as const;

const formatOf = (dtype: DType) => formats[dtype === "float64" ? "float64" : "float32"];

/** Whether the sign is minus, of -0 too (1/x tells). */
function isNegative(x: Node): Node {
  const zero = n.eq(x, 0);
  return n.or(n.lt(x, 0), n.and(zero, n.lt(b.unary("reciprocal", n.where(zero, x, 1)), 0)));
}

/** x = m·2^e with ½ ≤ |m| < 1, where x is finite and not 0: both as floats, and m as a product of x
 *  with powers of two, so that its gradient is 2^-e. */
function parts(x: Node): { m: Node; e: Node } {
  const { digits, steps } = formatOf(x.dtype);
  let m = x;
  let e = same(x, 0);
  const scale = (when: Node, by: number) => {
    m = n.mul(m, n.where(when, 2 ** -by, same(x, 1)));
    e = n.add(e, n.where(when, by, same(x, 0)));
  };
  const size = () => b.detach(n.abs(m));
  scale(n.lt(size(), 2 ** -digits), -digits); // what has fewer digits than others first gets them
  for (let i = steps - 1; i >= 0; i--) scale(n.lt(size(), 2 ** -(2 ** i)), -(2 ** i));
  for (let i = steps - 1; i >= 0; i--) scale(n.ge(size(), 2 ** (2 ** i)), 2 ** i);
  scale(n.ge(size(), 1), 1);
  return { m, e };
}

/** x·2^e for a whole e, exact as long as the result has all its digits. */
function timesPower(x: Node, e: Node): Node {
  const { steps } = formatOf(x.dtype);
  const edge = 3 * 2 ** steps;
  const held = n.max(n.min(e, edge), -edge);
  const minus = n.lt(held, 0);
  let left = n.abs(held);
  let out = x;
  for (let i = steps + 1; i >= 0; i--) {
    // Powers beyond a number's range are taken in halves.
    const by = Math.min(2 ** i, 2 ** (steps - 1));
    const taken = n.ge(left, 2 ** i);
    const factor = n.where(taken, n.where(minus, 2 ** -by, same(x, 2 ** by)), 1);
    for (let done = 0; done < 2 ** i; done += by) out = n.mul(out, factor);
    left = n.where(taken, n.sub(left, 2 ** i), left);
  }
  return out;
}

/** The mantissa in [½, 1) with x's sign, and the exponent. */
export interface Frexp {
  /** Float, of the shape of x. */
  mantissa: Tensor;
  /** int32, of the shape of x. */
  exponent: Tensor;
}

/**
 * x = mantissa · 2^exponent, elementwise; 0, infinities and NaN are their own mantissas, with exponent 0.
 * Source: torch.frexp.
 *
 * @example
 * const { mantissa, exponent } = frexp(tensor([12])); // 0.75, 4
 */
export function frexp(x: Tensor): Frexp {
  needTensor("frexp", x);
  const v = toFloat(nodeOf(x));
  const plain = n.and(n.ne(v, 0), n.le(n.abs(v), largest(v.dtype)));
  const { m, e } = parts(n.where(plain, v, 0.5));
  const exponent = b.cast(n.where(plain, e, 0), "int32");
  return { mantissa: wrap(n.where(plain, m, v)), exponent: wrap(exponent) };
}

/**
 * x · 2^exponent, of the common shape. Whole exponents (numbers, int tensors) are exact.
 * Source: torch.ldexp.
 *
 * @example
 * await ldexp(tensor([0.75]), 4).array(); // [12]
 */
export function ldexp(x: Operand, exponent: Operand): Tensor {
  const whole = exponent instanceof Tensor ? !isFloat(exponent.dtype) : Number.isInteger(exponent);
  const [v, e] = pairOf("ldexp", x, exponent, floatType(resultType(x, exponent)));
  return wrap(whole ? timesPower(v, e) : n.mul(v, n.pow(2, e)));
}

function nextafterNode(x: Node, y: Node): Node {
  const { digits, least } = formatOf(x.dtype);
  const most = largest(x.dtype);
  const size = n.abs(x);
  const plain = n.and(n.ne(x, 0), n.le(size, most));
  const { m, e } = parts(n.where(plain, size, 0.5));
  const outwards = n.eq(b.cast(n.gt(y, x), "int32"), b.cast(n.gt(x, 0), "int32"));
  const above = timesPower(same(x, 1), n.sub(e, digits));
  const gap = n.where(n.or(outwards, n.ne(m, 0.5)), above, n.mul(above, 0.5)); // finer below 2^k
  const step = n.max(gap, least);
  const moved = n.add(x, n.where(n.gt(y, x), step, n.neg(step)));
  const fromZero = n.where(n.gt(y, 0), least, same(x, -least));
  const fromEnd = n.where(n.gt(x, 0), most, same(x, -most));
  const other = n.where(plain, moved, n.where(n.eq(x, 0), fromZero, fromEnd));
  const known = n.and(n.eq(x, x), n.eq(y, y));
  return n.where(known, n.where(n.eq(x, y), y, other), Number.NaN);
}

/**
 * The next number after x towards y, in their dtype and common shape. Source: torch.nextafter.
 *
 * @example
 * await nextafter(tensor([1]), tensor([2])).array(); // [1 + 2^-23]
 */
export const nextafter: (x: Operand, y: Operand) => Tensor = /* @__PURE__ */ ofPair(
  "nextafter",
  (x, y) => nextafterNode(b.detach(x), b.detach(y)),
);

/**
 * Whether the sign is minus, bool of the shape of x; -0 has one too. The sign of a NaN cannot be seen:
 * false. Source: torch.signbit.
 *
 * @example
 * await signbit(tensor([-0, 2])).array(); // [true, false]
 */
export function signbit(x: Tensor): Tensor {
  needTensor("signbit", x);
  return apply(x, (v) => {
    if (isFloat(v.dtype)) return isNegative(v);
    return v.dtype === "int32" ? n.lt(v, 0) : b.full(0, v.shape, "bool");
  });
}

/**
 * The size of x with the sign of y, of the common shape. Source: torch.copysign.
 *
 * @example
 * await copysign(tensor([3]), tensor([-0])).array(); // [-3]
 */
export const copysign: (x: Operand, y: Operand) => Tensor = /* @__PURE__ */ ofPair(
  "copysign",
  (x, y) => n.where(isNegative(b.detach(y)), n.neg(n.abs(x)), n.abs(x)),
);

// Divided by the larger one, which then may be neither too large nor too small to square. The value does
// not depend on what it is divided by, so nor does the gradient.
function hypotNode(x: Node, y: Node): Node {
  const most = b.detach(n.max(n.abs(x), n.abs(y)));
  const usable = n.and(n.gt(most, 0), n.lt(most, Infinity));
  const scale = n.where(usable, most, 1);
  const [p, q] = [n.div(x, scale), n.div(y, scale)];
  const value = n.mul(n.sqrt(n.add(n.mul(p, p), n.mul(q, q))), scale);
  const infinite = n.or(n.eq(n.abs(x), Infinity), n.eq(n.abs(y), Infinity));
  return n.where(infinite, Infinity, value);
}

/**
 * √(x² + y²), of the common shape, without overflow on the way. Source: torch.hypot.
 *
 * @example
 * await hypot(tensor([3]), tensor([4])).array(); // [5]
 */
export const hypot: (x: Operand, y: Operand) => Tensor = /* @__PURE__ */ ofPair("hypot", hypotNode);

/**
 * 0 where x is negative, 1 where it is positive, and `values` where it is 0; of the common shape.
 * Source: torch.heaviside.
 *
 * @example
 * await heaviside(tensor([-1, 0, 2]), 0.5).array(); // [0, 0.5, 1]
 */
export function heaviside(x: Operand, values: Operand): Tensor {
  const [v, w] = pairOf("heaviside", x, values);
  const step = b.cast(n.gt(v, b.full(0, v.shape, v.dtype)), v.dtype);
  const known = n.where(n.eq(v, b.full(0, v.shape, v.dtype)), w, step);
  return wrap(isFloat(v.dtype) ? n.where(n.ne(v, v), v, known) : known);
}

/**
 * x to the power of the exponent, computed and given in float64, of the common shape.
 * Source: torch.float_power.
 *
 * @example
 * floatPower(tensor([2], { dtype: "int32" }), 0.5).dtype; // "float64"
 */
export function floatPower(x: Operand, exponent: Operand): Tensor {
  return wrap(n.pow(...pairOf("floatPower", x, exponent, "float64")));
}
