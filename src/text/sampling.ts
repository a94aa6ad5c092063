// From logits to a token: greedy, or drawn after temperature, top-k and top-p, in this order, each
// from what the one before left (as Hugging Face's generate). Works on host arrays, in double
// precision.
// Not here: asking a model for logits (generate.ts).

import { ArgumentError, NumericError } from "../util/errors.ts";
import { exp, log } from "../util/math.ts";
import { Rng } from "../util/rng.ts";

export interface SamplingOptions {
  /** Divides the logits: below 1 the likely become likelier. 0 takes the likeliest always. */
  temperature?: number | undefined;
  /** Draw from the k likeliest only. */
  topK?: number | undefined;
  /** Draw from the fewest likeliest whose probabilities sum to p or more (nucleus sampling). */
  topP?: number | undefined;
  /** The same seed draws the same tokens from the same logits. */
  seed?: number | undefined;
  /** Tokens that never come, such as that of padding. */
  forbid?: readonly number[] | undefined;
}

/** A token for a row of logits. */
export type Choose = (logits: Float32Array) => number;

/**
 * How tokens are drawn: one function for each row of a batch, with a stream of random numbers of
 * its own, so that what one row says does not depend on the others.
 *
 * @example
 * const choose = sampler({ temperature: 0 });
 * choose(Float32Array.of(0.1, 2, -1)); // 1
 */
export function sampler(options: SamplingOptions = {}, row = 0): Choose {
  const { temperature = 1, topK, topP, seed = 0, forbid = [] } = options;
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY))
    refuse("temperature", "from 0", temperature);
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    refuse("topK", "an integer from 1", topK);
  if (topP !== undefined && !(topP > 0 && topP <= 1)) refuse("topP", "above 0 and at most 1", topP);
  const rng = new Rng(seed, row);
  return (given) => {
    const logits = forbid.length === 0 ? given : without(given, forbid);
    const best = argmax(logits);
    if (temperature === 0 || topK === 1) return best;
    return draw(likeliest(logits, best, { temperature, topK, topP }), rng);
  };
}

function refuse(name: string, wanted: string, got: number): never {
  throw new ArgumentError("sampler", `${name} must be ${wanted}, got ${got}`);
}

function without(given: Float32Array, tokens: readonly number[]): Float32Array {
  const logits = given.slice();
  for (const token of tokens) logits[token] = Number.NEGATIVE_INFINITY;
  return logits;
}

/** The place of the largest, the first of equals. Throws NumericError where there is none. */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i];
    if (value > most) [best, most] = [i, value];
    if (Number.isNaN(value)) throw new NumericError("sampler", `logit ${i} is NaN`);
  }
  if (best >= 0 && most < Number.POSITIVE_INFINITY) return best;
  throw new NumericError(
    "sampler",
    best < 0 ? "no token is possible" : `logit ${best} is infinite`,
  );
}

interface Candidates {
  readonly tokens: ArrayLike<number>;
  /** In proportion to the probabilities. */
  readonly weights: Float64Array;
}

function likeliest(
  logits: Float32Array,
  best: number,
  { temperature, topK, topP }: { temperature: number; topK?: number; topP?: number },
): Candidates {
  const weight = (token: number) => exp((logits[token] - logits[best]) / temperature);
  const all = Uint32Array.from(logits, (_, i) => i);
  if (topK === undefined && topP === undefined)
    return { tokens: all, weights: Float64Array.from(all, weight) };
  // Of equals the first comes first, so that ties fall the same way everywhere.
  const sorted = all.sort((a, b) => logits[b] - logits[a] || a - b);
  let tokens = sorted.subarray(0, Math.min(topK ?? sorted.length, sorted.length));
  let weights = Float64Array.from(tokens, weight);
  if (topP !== undefined) {
    const wanted = topP * sum(weights);
    let [count, reached] = [0, 0];
    while (count < weights.length && reached < wanted) reached += weights[count++];
    [tokens, weights] = [tokens.subarray(0, count), weights.subarray(0, count)];
  }
  return { tokens, weights };
}

function draw({ tokens, weights }: Candidates, rng: Rng): number {
  let rest = rng.float() * sum(weights);
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    rest -= weights[i];
    if (rest < 0) break;
  }
  return tokens[last];
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** The logarithm of the sum of all exponentials, in double precision. */
export function logSumExp(logits: Float32Array): number {
  const most = logits[argmax(logits)];
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += exp(logits[i] - most);
  return most + log(total);
}

/** Logits as logarithms of probabilities, in double precision. */
export function logSoftmax(logits: Float32Array): Float64Array {
  const shift = logSumExp(logits);
  return Float64Array.from(logits, (value) => value - shift);
}
