// Complex numbers as pairs of real tensors, { re, im }: plain objects, so that compile, grad, scan and
// vmap take them as they take any object of tensors. Arithmetic is a function of such pairs; a tensor or a
// number among the operands is real. There is no complex dtype, and gradients are those of re and im.
// Not here: Fourier transforms (transforms.ts).

import { detach } from "../ir/build.ts";
import { hypot } from "../special/floats.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { zeros, zerosLike } from "../tensor/create.ts";
import { argumentError, describe, dtypeError, shapeError } from "../tensor/ops/common.ts";
import * as el from "../tensor/ops/elementwise.ts";
import { broadcastTensors, stack } from "../tensor/ops/join.ts";
import { atan2 } from "../tensor/ops/math.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Operand } from "../tensor/shape-types.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor of complex numbers: two float tensors of one shape and dtype. */
export interface Complex {
  readonly re: Tensor;
  readonly im: Tensor;
}

/** A complex operand, or a real one. */
export type ComplexOperand = Complex | Operand;

/** Whether a value is a pair { re, im } of tensors. */
export function isComplex(value: unknown): value is Complex {
  if (typeof value !== "object" || value === null || value instanceof Tensor) return false;
  const { re, im } = value as Partial<Complex>;
  return re instanceof Tensor && im instanceof Tensor;
}

/** The parts of an operand; no imaginary part: null. */
export function partsOf(op: string, z: ComplexOperand): { re: Operand; im: Tensor | null } {
  if (isComplex(z)) {
    if (z.re.dtype === z.im.dtype && String(z.re.shape) === String(z.im.shape)) return z;
    const kinds = [z.re, z.im].map((t) => `${t.dtype} [${t.shape}]`);
    throw shapeError(op, `re and im differ: ${kinds.join(" and ")}`, "use complex(re, im)");
  }
  if (z instanceof Tensor || typeof z === "number") return { re: z, im: null };
  throw argumentError(op, `takes tensors, numbers and { re, im }, got ${describe(z)}`);
}

function floatOf(x: Tensor): "float32" | "float64" {
  return x.dtype === "float64" ? "float64" : "float32";
}

/**
 * re + i·im; the parts broadcast. Source: torch.complex.
 *
 * @throws DtypeError where they are not both float32 or both float64.
 *
 * @example
 * const z = complex(tensor([1, 0]), tensor([0, 1])); // 1 and i
 */
export function complex(re: Tensor, im: Tensor): Complex {
  if (re.dtype !== im.dtype || floatOf(re) !== re.dtype) {
    throw dtypeError("complex", `needs two floats of one dtype, got ${re.dtype} and ${im.dtype}`);
  }
  const [a, b] = broadcastTensors(re, im) as [Tensor, Tensor];
  return { re: a, im: b };
}

/**
 * size·(cos angle + i·sin angle); the arguments broadcast. Source: torch.polar.
 *
 * @example
 * polar(tensor([2]), tensor([Math.PI / 2])); // 2i
 */
export function polar(size: Tensor, angle: Tensor): Complex {
  return complex(el.mul(size, angle.cos()), el.mul(size, angle.sin()));
}

/** The real part; a real tensor is its own. Source: torch.real. */
export function real(z: Complex | Tensor): Tensor {
  return isComplex(z) ? z.re : z;
}

/** The imaginary part; zeros for a real tensor. Source: torch.imag. */
export function imag(z: Complex | Tensor): Tensor {
  return isComplex(z) ? z.im : zerosLike(z);
}

/** re - i·im; a real tensor is its own. Source: torch.conj. */
export function conj<Z extends Complex | Tensor>(z: Z): Z {
  return (isComplex(z) ? { re: z.re, im: z.im.neg() } : z) as Z;
}

/** √(re² + im²), without overflow on the way; its gradient at 0 is 0. Source: torch.abs. */
export function abs(z: Complex | Tensor): Tensor {
  if (!isComplex(z)) return z.abs();
  const zero = z.re.eq(0).logicalAnd(z.im.eq(0));
  return el.where(zero, 0, hypot(el.where(zero, 1, z.re), el.where(zero, 0, z.im)));
}

/**
 * The angle from -π to π; of a real tensor 0, or π where it is negative. Source: torch.angle.
 *
 * @example
 * await angle(complex(tensor([0]), tensor([1]))).array(); // [π/2]
 */
export function angle(z: Complex | Tensor): Tensor {
  if (isComplex(z)) return atan2(z.im, z.re);
  const x = el.to(z, floatOf(z));
  return el.where(x.ne(x), x, el.where(x.lt(0), Math.PI, zerosLike(x)));
}

/** z / |z|, and 0 at 0; of a real tensor its sign. Source: torch.sgn. */
export function sgn<Z extends Complex | Tensor>(z: Z): Z {
  if (!isComplex(z)) return (z as Tensor).sign() as Z;
  const size = abs(z);
  const safe = el.where(size.eq(0), 1, size);
  return { re: z.re.div(safe), im: z.im.div(safe) } as unknown as Z;
}

/** Whether each number's imaginary part is 0: bool. Source: torch.isreal. */
export function isreal(z: Complex | Tensor): Tensor {
  if (isComplex(z)) return z.im.eq(0);
  return zeros(z.shape, { dtype: "bool" }).logicalNot();
}

/** a + b, broadcast. */
export function add(a: ComplexOperand, b: ComplexOperand): Complex {
  const [x, y] = [partsOf("add", a), partsOf("add", b)];
  const re = el.add(x.re, y.re);
  return { re, im: el.add(x.im ?? zerosLike(re), y.im ?? zerosLike(re)) };
}

/** a - b, broadcast. */
export function sub(a: ComplexOperand, b: ComplexOperand): Complex {
  const [x, y] = [partsOf("sub", a), partsOf("sub", b)];
  const re = el.sub(x.re, y.re);
  return { re, im: el.sub(x.im ?? zerosLike(re), y.im ?? zerosLike(re)) };
}

/**
 * a·b, broadcast.
 *
 * @example
 * mul(fft(x, { n }), fft(kernel, { n })); // whose ifft is a circular convolution
 */
export function mul(a: ComplexOperand, b: ComplexOperand): Complex {
  const [x, y] = [partsOf("mul", a), partsOf("mul", b)];
  if (x.im === null || y.im === null) {
    const re = el.mul(x.re, y.re);
    if (x.im !== null) return { re, im: el.mul(x.im, y.re) };
    return { re, im: y.im === null ? zerosLike(re) : el.mul(x.re, y.im) };
  }
  const re = el.sub(el.mul(x.re, y.re), el.mul(x.im, y.im));
  return { re, im: el.add(el.mul(x.re, y.im), el.mul(x.im, y.re)) };
}

/** a/b, broadcast; the divisor is first scaled, so that its square is a number. */
export function div(a: ComplexOperand, b: ComplexOperand): Complex {
  const [x, y] = [partsOf("div", a), partsOf("div", b)];
  if (y.im === null) {
    const re = el.div(x.re, y.re);
    return { re, im: x.im === null ? zerosLike(re) : el.div(x.im, y.re) };
  }
  const divisor = y.re as Tensor;
  const most = wrap(detach(n.max(n.abs(nodeOf(divisor)), n.abs(nodeOf(y.im)))));
  const scale = el.where(most.gt(0).logicalAnd(most.isfinite()), most, 1);
  const [p, q] = [divisor.div(scale), y.im.div(scale)];
  const square = p.mul(p).add(q.mul(q)).mul(scale);
  const product = mul(a, { re: p, im: q.neg() });
  return { re: product.re.div(square), im: product.im.div(square) };
}

/** e to the power of z. Source: torch.exp. */
export function exp(z: Complex): Complex {
  return polar(z.re.exp(), z.im);
}

/** The parts as a last axis of size 2: (…) to (…, 2). Source: torch.view_as_real. */
export function viewAsReal(z: Complex): Tensor {
  return stack([z.re, z.im], -1);
}

/**
 * A last axis of size 2 as the parts: (…, 2) to (…). Source: torch.view_as_complex.
 *
 * @throws ShapeError where the last axis has another size.
 */
export function viewAsComplex(x: Tensor): Complex {
  if (x.shape.at(-1) !== 2) {
    throw shapeError("viewAsComplex", `the last axis must have size 2, got [${x.shape}]`);
  }
  return { re: x.select(-1, 0), im: x.select(-1, 1) };
}
