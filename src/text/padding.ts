// Sequences of unequal lengths as one array: filled up, with their lengths and a mask that says
// what is real. Not here: which sequences come together (buckets.ts).

import type { NdArray } from "../data/index.ts";
import { ArgumentError } from "../util/errors.ts";

export interface PadOptions {
  /** The token that fills up. */
  pad?: number | undefined;
  /** Where it goes. */
  side?: "right" | "left" | undefined;
  /** T; the longest sequence's length without it. */
  length?: number | undefined;
  /** T is rounded up to a multiple of this, so that few shapes come up. */
  multipleOf?: number | undefined;
  /** Cut what is longer than `length` at its end; without it that is an error. */
  truncate?: boolean | undefined;
}

/** B sequences of T tokens. */
export interface Padded {
  /** int32 (B, T) */
  readonly tokens: NdArray & { readonly data: Int32Array };
  /** uint8 (B, T): 1 for a token of the sequence, 0 for what was filled in. */
  readonly mask: NdArray & { readonly data: Uint8Array };
  /** int32 (B) */
  readonly lengths: NdArray & { readonly data: Int32Array };
}

/**
 * Fills sequences up to one length. Throws ArgumentError for an empty sequence, naming it, and for
 * one that is longer than `length`.
 *
 * @example
 * const { tokens, mask } = padSequences([[5, 6, 7], [8]], { pad: 0 });
 * tokens; // { data: [5, 6, 7, 8, 0, 0], shape: [2, 3] }
 * mask; // { data: [1, 1, 1, 1, 0, 0], shape: [2, 3] }
 */
export function padSequences(
  sequences: readonly ArrayLike<number>[],
  options: PadOptions = {},
): Padded {
  const { pad = 0, side = "right", truncate = false } = options;
  const width = widthOf(sequences, options);
  const rows = sequences.length;
  const tokens = new Int32Array(rows * width).fill(pad);
  const mask = new Uint8Array(rows * width);
  const lengths = new Int32Array(rows);
  sequences.forEach((sequence, row) => {
    const { length } = sequence;
    if (length === 0) throw new ArgumentError("padSequences", `sequence ${row} is empty`);
    if (length > width && !truncate) {
      const hint = "pass { truncate: true } to cut it";
      throw new ArgumentError(
        "padSequences",
        `sequence ${row} has ${length} tokens, not ${width}`,
        { hint },
      );
    }
    lengths[row] = Math.min(length, width);
    const at = row * width + (side === "left" ? width - lengths[row] : 0);
    for (let i = 0; i < lengths[row]; i++) tokens[at + i] = sequence[i];
    mask.fill(1, at, at + lengths[row]);
  });
  const shape = [rows, width];
  return {
    tokens: { data: tokens, shape },
    mask: { data: mask, shape },
    lengths: { data: lengths, shape: [rows] },
  };
}

function widthOf(
  sequences: readonly ArrayLike<number>[],
  { length, multipleOf = 1 }: PadOptions,
): number {
  if (sequences.length === 0)
    throw new ArgumentError("padSequences", "there is no sequence to pad");
  for (const [name, value] of Object.entries({ length: length ?? 1, multipleOf })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ArgumentError("padSequences", `${name} must be an integer from 1, got ${value}`);
  }
  const longest =
    length ?? sequences.reduce((most, sequence) => Math.max(most, sequence.length), 1);
  return Math.ceil(longest / multipleOf) * multipleOf;
}
