// Random draws beyond the uniform and the normal: exponential, Gumbel, gamma, beta, Dirichlet, Poisson, and
// classes by their logits. All are made of the generator's uniform and normal numbers, so they follow from
// its seed on every device. None has a gradient. Not here: uniform and normal numbers (create.ts).

import { show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { noGrad } from "./core.ts";
import { full, rand, randLike, randnLike, type SizesAndOptions, zerosLike } from "./create.ts";
import { argumentError, checkSizes, dtypeError, needTensor, shapeError } from "./ops/common.ts";
import { where } from "./ops/elementwise.ts";
import { scan } from "./scan.ts";
import type { Tensor } from "./tensor.ts";

function needFloat(op: string, x: Tensor, what: string): void {
  needTensor(op, x, what);
  if (isFloat(x.dtype)) return;
  throw dtypeError(op, `${what} must be float, got ${x.dtype}`, "use x.float()");
}

/** Uniform in (0, 1], so that its logarithm is finite. */
function above0(x: Tensor): Tensor {
  return randLike(x).rsub(1);
}

/**
 * Draws by rejection: of so many proposals the first that is accepted, for each element by itself, else
 * `otherwise`. A fixed number of them, since a graph has no loop that ends when it likes.
 */
function firstAccepted(
  proposals: number,
  otherwise: Tensor,
  propose: () => { value: Tensor; accepted: Tensor },
): Tensor {
  const body = ({ value, done }: { value: Tensor; done: Tensor }) => {
    const next = propose();
    const taken = next.accepted.logicalAnd(done.logicalNot());
    return [
      { value: where(taken, next.value, value), done: done.logicalOr(next.accepted) },
      null,
    ] as const;
  };
  const start = { value: otherwise, done: zerosLike(otherwise, { dtype: "bool" }) };
  const [{ value }] = scan(body, start, null, { length: proposals });
  return value;
}

/**
 * Waiting times of events with the given rates: the mean is 1 / rate. As `Tensor.exponential_` of PyTorch.
 *
 * @throws DtypeError where the rates are not float.
 *
 * @example
 * const waits = exponential(tensor([0.5, 2])); // about 2 and 0.5
 */
export function exponential(rates: Tensor): Tensor {
  needFloat("exponential", rates, "the rates");
  return noGrad(() => above0(rates).log().neg().div(rates));
}

/** Standard Gumbel numbers, -log(-log u): the logits' noise for which the largest is a draw of a class. */
export function gumbel(...args: SizesAndOptions): Tensor {
  const u = rand(...args);
  // Of a u of 0 the log is taken of the smallest number that the generator can give above it.
  return noGrad(() =>
    u
      .clamp(2 ** -25)
      .log()
      .neg()
      .log()
      .neg(),
  );
}

/** Class numbers, (…) int32, drawn by logits (…, C): as torch.distributions.Categorical and jax's. */
export function categorical(logits: Tensor): Tensor {
  needFloat("categorical", logits, "the logits");
  if (logits.shape.length === 0) throw shapeError("categorical", "logits must be (…, C), got []");
  return noGrad(() => logits.add(gumbel(logits.shape, { dtype: logits.dtype })).argmax(-1));
}

/**
 * Gamma numbers with shape parameters `concentration` and the given rate. By G. Marsaglia and W. Tsang, "A
 * simple method for generating gamma variables" (2000), twelve proposals, of which all are refused once
 * in 10^15.
 *
 * @throws DtypeError where the concentration is not float.
 *
 * @example
 * const g = gamma(full([1000], 3), 2); // mean 1.5, variance 0.75
 */
export function gamma(concentration: Tensor, rate: Tensor | number = 1): Tensor {
  needFloat("gamma", concentration, "the concentration");
  return noGrad(() => {
    // Below 1: a draw for one more, times u^(1/a).
    const small = concentration.lt(1);
    const d = where(small, concentration.add(1), concentration).sub(1 / 3);
    const c = d.mul(9).rsqrt();
    const scaled = firstAccepted(12, full(d.shape, 1, { dtype: d.dtype }), () => {
      const z = randnLike(d);
      const v = z.mul(c).add(1).pow(3);
      const bound = z.square().mul(0.5).add(d).sub(d.mul(v)).add(d.mul(v.log()));
      return { value: v, accepted: v.gt(0).logicalAnd(above0(d).log().lt(bound)) };
    });
    const boost = above0(d).log().div(concentration).exp();
    const drawn = d.mul(scaled);
    return where(small, drawn.mul(boost), drawn).div(rate);
  });
}

/** Beta numbers in (0, 1): x / (x + y) of two gamma numbers. As torch.distributions.Beta. */
export function beta(a: Tensor, b: Tensor): Tensor {
  const x = gamma(a);
  return noGrad(() => x.div(x.add(gamma(b))));
}

/** Shares that sum to 1 along the last axis, (…, C): as torch.distributions.Dirichlet. */
export function dirichlet(concentration: Tensor): Tensor {
  needTensor("dirichlet", concentration, "the concentration");
  if (concentration.shape.length === 0) {
    throw shapeError("dirichlet", "the concentration must be (…, C), got []");
  }
  const x = gamma(concentration);
  return noGrad(() => x.div(x.sum(-1, { keepdim: true })));
}

/**
 * Numbers of events with the given rates, in the rates' dtype; NaN for a negative rate. As torch.poisson.
 * Below 10 by counting arrivals, from there by W. Hörmann, "The transformed rejection method for
 * generating Poisson random variables" (1993).
 *
 * @throws DtypeError where the rates are not float.
 *
 * @example
 * const counts = poisson(tensor([0.3, 4, 1000]));
 */
export function poisson(rates: Tensor): Tensor {
  needFloat("poisson", rates, "the rates");
  return noGrad(() => {
    const few = arrivals(rates.clamp(0, 10));
    const many = transformed(rates.clamp(10));
    return where(rates.ge(0), where(rates.lt(10), few, many), Number.NaN);
  });
}

/** For rates up to 10: how many uniform numbers have a product above e^-rate. More than 45 come once in
 *  10^14. */
function arrivals(rates: Tensor): Tensor {
  const limit = rates.neg().exp();
  const body = ({ product, count }: { product: Tensor; count: Tensor }) => {
    const next = product.mul(above0(rates));
    return [{ product: next, count: count.add(next.gt(limit).to(count.dtype)) }, null] as const;
  };
  const start = { product: zerosLike(rates).add(1), count: zerosLike(rates) };
  const [{ count }] = scan(body, start, null, { length: 45 });
  return count;
}

/** For rates from 10. All sixteen proposals are refused once in 10^11; then it is the rate. */
function transformed(rates: Tensor): Tensor {
  const b = rates.sqrt().mul(2.53).add(0.931);
  const a = b.mul(0.02483).sub(0.059);
  const inverseAlpha = b.sub(3.4).reciprocal().mul(1.1328).add(1.1239);
  const vr = b.sub(2).reciprocal().mul(-3.6224).add(0.9277);
  return firstAccepted(16, rates.floor(), () => {
    const [u, v] = [randLike(rates).sub(0.5), above0(rates)];
    const us = u
      .abs()
      .rsub(0.5)
      .clamp(2 ** -26);
    const k = a.mul(2).div(us).add(b).mul(u).add(rates).add(0.43).floor();
    const sure = us.ge(0.07).logicalAnd(v.le(vr));
    const outside = k.lt(0).logicalOr(us.lt(0.013).logicalAnd(v.gt(us)));
    const height = v.log().add(inverseAlpha.log()).sub(a.div(us.square()).add(b).log());
    const fits = height.le(logPoisson(k.clamp(0), rates));
    return { value: k, accepted: sure.logicalOr(outside.logicalNot().logicalAnd(fits)) };
  });
}

/** log P(k) at rates from 10, written so that nothing large cancels (C. Loader, "Fast and accurate
 *  computation of binomial probabilities", 2000); Stirling's series is off by 3e-4 at k = 1 and less
 *  beyond. */
function logPoisson(k: Tensor, rates: Tensor): Tensor {
  const n = k.clamp(1);
  const x = rates.sub(n).div(n);
  const stirling = n
    .reciprocal()
    .mul(1 / 12)
    .sub(
      n
        .pow(3)
        .reciprocal()
        .mul(1 / 360),
    );
  const some = n
    .mul(x.log1p().sub(x))
    .sub(
      n
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    )
    .sub(stirling);
  return where(k.eq(0), rates.neg(), some);
}

/**
 * Draws class numbers with the probabilities (or weights) of the last axis: (C) → (samples), (B, C) →
 * (B, samples), int32. Without `replacement` (the default) no class comes twice in a row, so a row needs
 * as many classes that are not 0 as are drawn. As torch.multinomial.
 *
 * @throws ShapeError for other shapes; ArgumentError where more are drawn than there are classes.
 *
 * @example
 * const order = multinomial(ones(10), 10); // a random order
 */
export function multinomial(
  weights: Tensor,
  samples: number,
  { replacement = false }: { replacement?: boolean | undefined } = {},
): Tensor {
  needTensor("multinomial", weights, "the weights");
  const { shape, dtype } = weights;
  if (!isFloat(dtype) || shape.length < 1 || shape.length > 2) {
    throw shapeError("multinomial", `takes float (C) or (B, C), got ${dtype} ${show(shape)}`);
  }
  checkSizes("multinomial", [samples]);
  const [lead, classes] = [shape.slice(0, -1), shape.at(-1)!];
  if (!replacement && samples > classes) {
    const detail = `${samples} of ${classes} classes cannot be drawn without replacement`;
    throw argumentError("multinomial", detail, "use { replacement: true }");
  }
  // A race: the class whose event comes first is a draw, and so is each next one of those left.
  return noGrad(() => {
    const races = replacement ? samples : 1;
    const rates = weights.unsqueeze(-2).expand([...lead, races, classes]);
    const times = exponential(rates);
    if (replacement || samples === 1) return times.argmin(-1);
    return times.squeeze(-2).argsort(-1).narrow(-1, 0, samples);
  });
}
