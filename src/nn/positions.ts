// Where in a sequence a token stands: sinusoidal and learned positions that are added, rotary ones (RoPE)
// that turn queries and keys. Not here: attention.

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { arange } from "../tensor/create.ts";
import { cat, stack } from "../tensor/ops/join.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { Dropout } from "./dropout.ts";
import * as init from "./init.ts";
import { checkCount, checkOptions } from "./linear.ts";
import { inScope, Module } from "./module.ts";

function tooLong(op: string, length: number, most: number): ShapeError {
  const detail = `${length} places, but there are positions for ${most}`;
  return new ShapeError(op, detail, { in: currentScope() });
}

/** sin and cos of the place at falling frequencies, in turn (Vaswani et al. 2017). (T, C) */
export function sinusoidalPositions(length: number, size: number): Tensor {
  checkCount("sinusoidalPositions", "length", length, 0);
  checkCount("sinusoidalPositions", "size", size);
  const out = new Float32Array(length * size);
  for (let t = 0; t < length; t++) {
    for (let c = 0; c < size; c++) {
      const angle = t / 10000 ** ((c - (c % 2)) / size);
      out[t * size + c] = c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return Tensor.from(out, [length, size]);
}

export interface PositionOptions {
  /** The probability with which an element of the sum is dropped while training. */
  dropout?: number | undefined;
  /** How many places there are. */
  maxLength?: number | undefined;
}

/** Adds sinusoidal positions. x (B, T, C) → (B, T, C). They are no state: they follow from the sizes. */
export class SinusoidalPositions extends Module {
  #table: Tensor; // (M, C)
  dropout: Dropout;

  constructor(size: number, options: PositionOptions = {}) {
    super();
    checkOptions(this, options, "use { maxLength: 512 }");
    const { dropout = 0, maxLength = 5000 } = options;
    this.#table = sinusoidalPositions(maxLength, size);
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const [most, size] = this.#table.shape as [number, number];
      const [length, own] = x.shape.slice(-2);
      if (length === undefined || own !== size) {
        const detail = `input ${show(x.shape)} does not end in the size ${size}`;
        throw new ShapeError("SinusoidalPositions", detail, { in: currentScope() });
      }
      if (length > most) throw tooLong("SinusoidalPositions", length, most);
      return this.dropout.forward(x.add(this.#table.narrow(0, 0, length)));
    });
  }
}

/** A learned vector for each place. */
export class LearnedPositions extends Module {
  weight: Tensor; // (M, C)

  constructor(maxLength: number, size: number) {
    super();
    checkCount("LearnedPositions", "maxLength", maxLength);
    checkCount("LearnedPositions", "size", size);
    this.weight = init.normal(init.emptyParameter([maxLength, size], "LearnedPositions"));
  }

  /** x (B, T, C) plus the vectors of its places. */
  forward(x: Tensor): Tensor {
    return inScope(this, () => x.add(this.rows(x.shape.at(-2) ?? 0)));
  }

  /** The vectors of the first places. (T, C) */
  rows(length: number): Tensor {
    const most = this.weight.shape[0]!;
    if (length > most) throw tooLong("LearnedPositions", length, most);
    return this.weight.narrow(0, 0, length);
  }

  override describe(): string {
    return `${this.weight.shape[0]} x ${this.weight.shape[1]}`;
  }
}

export interface RotaryOptions {
  /** The place of the first row: a number, or an int32 scalar that may change from run to run. */
  offset?: number | Tensor | undefined;
  /** The slowest wave is about 2π·base places long. */
  base?: number | undefined;
  /** Pairs are neighbours (GPT-J, the paper) instead of halves (Llama, GPT-NeoX). */
  interleaved?: boolean | undefined;
}

/**
 * Rotary positions (Su et al. 2021): each pair of elements turned by an angle that grows with the place,
 * so that products of queries and keys see the distance only. x (…, T, D), D even → (…, T, D).
 *
 * @example
 * const q = nn.rotaryPositions(queries); // (B, H, T, D)
 */
export function rotaryPositions(x: Tensor, options: RotaryOptions = {}): Tensor {
  const { offset = 0, base = 10000, interleaved = false } = options;
  const [T, D] = x.shape.slice(-2) as [number, number];
  if (x.shape.length < 2 || D % 2 !== 0) {
    const detail = `input ${show(x.shape)} must be (…, T, D) with D even`;
    throw new ShapeError("rotaryPositions", detail, { in: currentScope() });
  }
  if (!(base > 0)) throw new ArgumentError("rotaryPositions", `base must be above 0, got ${base}`);
  const half = D / 2;
  const speeds = Float32Array.from({ length: half }, (_, i) => base ** (-i / half));
  const places = arange(T).int().add(offset).to(x.dtype); // (T)
  const angles = places.unsqueeze(-1).mul(Tensor.from(speeds).to(x.dtype)); // (T, D/2)
  const [cos, sin] = [angles.cos(), angles.sin()];
  if (interleaved) {
    const [a, c] = x.unflatten(-1, [half, 2]).unbind(-1) as [Tensor, Tensor]; // (…, T, D/2)
    return stack([a.mul(cos).sub(c.mul(sin)), a.mul(sin).add(c.mul(cos))], -1).flatten(-2);
  }
  const [a, c] = x.chunk(2, -1) as [Tensor, Tensor]; // (…, T, D/2)
  return cat([a.mul(cos).sub(c.mul(sin)), a.mul(sin).add(c.mul(cos))], -1);
}
