// Calculus over samples: integrals by the trapezoidal rule and derivatives by differences of second order.
// Not here: derivatives of functions (../transforms.ts).

import { show } from "../../ir/build.ts";
import { full } from "../create.ts";
import type { Axes } from "../shape-types.ts";
import { Tensor } from "../tensor.ts";
import { argumentError, axesOf, axisOf, floatType, needTensor, shapeError } from "./common.ts";
import { cat } from "./join.ts";

/** Neighbours' means times their distances along an axis, which is now one shorter. */
function areas(op: string, y: Tensor, x: Tensor | number, axis: number): [Tensor, number] {
  needTensor(op, y);
  const at = axisOf(op, axis, y.shape);
  const size = y.shape[at];
  const halves = (t: Tensor, i: number) => [
    t.narrow(i, 1, t.shape[i] - 1),
    t.narrow(i, 0, t.shape[i] - 1),
  ];
  if (size === 0) throw shapeError(op, `axis ${axis} of ${show(y.shape)} has no elements`);
  const [after, before] = halves(y, at);
  const sums = after.add(before);
  if (!(x instanceof Tensor)) return [sums.mul(x / 2), at];
  const own = x.shape.length === 1 ? x.reshape(y.shape.map((_, i) => (i === at ? -1 : 1))) : x;
  const along = own.shape.length - y.shape.length + at;
  if (own.shape[along] !== size) {
    throw shapeError(op, `x ${show(x.shape)} does not fit axis ${axis} of y ${show(y.shape)}`);
  }
  const [right, left] = halves(own, along);
  return [right.sub(left).mul(sums).div(2), at];
}

/**
 * The integral of samples y along an axis by the trapezoidal rule. x: where the samples are (a vector, or
 * of y's shape), or one distance between all neighbours.
 *
 * @example
 * await trapezoid(tensor([1, 2, 3])).item(); // 4
 */
export function trapezoid(y: Tensor, x: Tensor | number = 1, axis = -1): Tensor {
  const [parts, at] = areas("trapezoid", y, x, axis);
  return parts.sum(at);
}

/** {@link trapezoid} up to each sample behind the first. */
export function cumulativeTrapezoid(y: Tensor, x: Tensor | number = 1, axis = -1): Tensor {
  const [parts, at] = areas("cumulativeTrapezoid", y, x, axis);
  return parts.cumsum(at);
}

export interface GradientOptions {
  /** The distance of neighbours, or a vector of places; one for all axes or one an axis. */
  spacing?: number | readonly (number | Tensor)[] | undefined;
  /** All of them by default. */
  axes?: Axes | undefined;
  /** Of the estimates at both ends. */
  edgeOrder?: 1 | 2 | undefined;
}

/**
 * Estimates the derivatives of a sampled function along axes by central differences, one tensor an axis
 * (torch.gradient, after Fornberg's weights for uneven places).
 *
 * @example
 * const [slope] = gradient(tensor([1, 4, 9, 16]));
 * await slope.data(); // [3, 4, 6, 7]
 */
export function gradient(x: Tensor, options: GradientOptions = {}): Tensor[] {
  needTensor("gradient", x);
  const { spacing = 1, axes, edgeOrder = 1 } = options;
  const listed = typeof axes === "number" ? [axes] : axes;
  const at =
    listed?.map((a) => axisOf("gradient", a, x.shape)) ?? axesOf("gradient", null, x.shape);
  axesOf("gradient", at, x.shape); // none twice
  const spaces = typeof spacing === "number" ? at.map(() => spacing) : spacing;
  if (spaces.length !== at.length) {
    throw argumentError("gradient", `${spaces.length} spacings do not fit ${at.length} axes`);
  }
  if (edgeOrder !== 1 && edgeOrder !== 2) {
    throw argumentError("gradient", `edgeOrder must be 1 or 2, got ${edgeOrder}`);
  }
  return at.map((axis, i) => slopes(x.to(floatType(x.dtype)), axis, spaces[i], edgeOrder));
}

// Through three neighbours at distances h and k goes one parabola: its slope in the middle is
// -k/(h(h+k)) y₀ + (k-h)/(hk) y₁ + h/(k(h+k)) y₂, and there are like ones at both ends.
function slopes(x: Tensor, axis: number, spacing: number | Tensor, edgeOrder: 1 | 2): Tensor {
  const size = x.shape[axis];
  if (size < edgeOrder + 1) {
    const detail = `axis ${axis} of ${show(x.shape)} has fewer than ${edgeOrder + 1} elements`;
    throw shapeError("gradient", detail);
  }
  const steps = stepsOf(spacing, x, axis); // (1, …, N-1, …, 1)
  const y = (from: number, count = 1) => x.narrow(axis, from, count);
  const step = (from: number, count = 1) => steps.narrow(axis, from, count);
  const parts: Tensor[] = [];
  const line = (from: number) =>
    y(from + 1)
      .sub(y(from))
      .div(step(from));
  const [first, last] = [step(0), step(size - 2)];
  if (edgeOrder === 1) parts.push(line(0));
  else {
    const [h, k] = [first, step(1)];
    const whole = h.add(k);
    parts.push(
      y(1)
        .mul(whole)
        .div(h.mul(k))
        .sub(y(0).mul(h.add(whole)).div(h.mul(whole)))
        .sub(y(2).mul(h).div(k.mul(whole))),
    );
  }
  if (size > 2) {
    const inner = size - 2;
    const [h, k] = [step(0, inner), step(1, inner)];
    const whole = h.add(k);
    parts.push(
      y(2, inner)
        .mul(h)
        .div(k.mul(whole))
        .sub(y(0, inner).mul(k).div(h.mul(whole)))
        .add(y(1, inner).mul(k.sub(h)).div(h.mul(k))),
    );
  }
  if (edgeOrder === 1) parts.push(line(size - 2));
  else {
    const [h, k] = [step(size - 3), last];
    const whole = h.add(k);
    parts.push(
      y(size - 3)
        .mul(k)
        .div(h.mul(whole))
        .sub(
          y(size - 2)
            .mul(whole)
            .div(h.mul(k)),
        )
        .add(
          y(size - 1)
            .mul(k.add(whole))
            .div(k.mul(whole)),
        ),
    );
  }
  return cat(parts, axis);
}

function stepsOf(spacing: number | Tensor, x: Tensor, axis: number): Tensor {
  const shape = x.shape.map((_, i) => (i === axis ? -1 : 1));
  const size = x.shape[axis];
  if (!(spacing instanceof Tensor)) {
    return full([size - 1], spacing, { dtype: x.dtype }).reshape(shape);
  }
  if (spacing.shape.length !== 1 || spacing.shape[0] !== size) {
    const detail = `places ${show(spacing.shape)} do not fit axis ${axis} of ${show(x.shape)}`;
    throw shapeError("gradient", detail);
  }
  return spacing
    .narrow(0, 1, size - 1)
    .sub(spacing.narrow(0, 0, size - 1))
    .reshape(shape);
}
