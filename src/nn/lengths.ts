// Sequences of unequal lengths in one tensor: padding, lengths and masks, each from the others, and the
// check that lengths fit. Modules over time take `{ lengths }`, so nothing is packed or sorted.
// Not here: the loop that heeds them (../tensor/scan.ts).

import { show } from "../ir/build.ts";
import { currentScope, withScope } from "../ir/node.ts";
import { arange } from "../tensor/create.ts";
import { needTensor, needTensors } from "../tensor/ops/common.ts";
import { stack } from "../tensor/ops/join.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DtypeError, ShapeError, StateError } from "../util/errors.ts";

/** Steps of each sample: a list, or an int32 tensor (B). */
export type Lengths = Tensor | readonly number[];

export interface PadSequenceOptions {
  /** (B, T, …) instead of (T, B, …). */
  batchFirst?: boolean | undefined;
  paddingValue?: number | undefined;
}

/**
 * Sequences (Tᵢ, …) one beside the other, each padded behind its end to the longest, as
 * torch.nn.utils.rnn.pad_sequence: (T, B, …), or (B, T, …) with `batchFirst`.
 *
 * @example
 * const x = nn.padSequence([a, b], { batchFirst: true }); // (5, 3) and (2, 3) → (2, 5, 3)
 * const [out] = lstm.forward(x, null, { lengths: [5, 2] });
 */
export function padSequence(
  sequences: readonly Tensor[],
  options: PadSequenceOptions = {},
): Tensor {
  needTensors("padSequence", sequences);
  const { batchFirst = false, paddingValue = 0 } = options;
  const [first] = sequences;
  if (first === undefined) throw new ArgumentError("padSequence", "needs at least one sequence");
  const tail = first.shape.slice(1);
  for (const x of sequences) {
    if (x.shape.length > 0 && show(x.shape.slice(1)) === show(tail)) continue;
    const detail = `${show(first.shape)} and ${show(x.shape)} differ behind their first axis`;
    throw new ShapeError("padSequence", detail, { in: currentScope() });
  }
  const T = Math.max(...sequences.map((x) => x.shape[0]!));
  const before = Array<number>(2 * tail.length + 1).fill(0);
  const padded = sequences.map((x) => x.pad([...before, T - x.shape[0]!], { value: paddingValue }));
  return stack(padded, batchFirst ? 0 : 1);
}

/**
 * The sequences again, each up to its end, as torch.nn.utils.rnn.unpad_sequence: (T, B, …), or
 * (B, T, …) with `batchFirst` → B tensors (Tᵢ, …). Their sizes are the lengths, so these must be known:
 * a list, or a tensor whose values are here.
 */
export function unpadSequence(
  padded: Tensor,
  lengths: Lengths,
  options: Omit<PadSequenceOptions, "paddingValue"> = {},
): Tensor[] {
  needTensor("unpadSequence", padded, "the input");
  const { batchFirst = false } = options;
  if (padded.shape.length < 2) {
    const detail = `the input must be (T, B, …), got ${show(padded.shape)}`;
    throw new ShapeError("unpadSequence", detail, { in: currentScope() });
  }
  const [batchAxis, timeAxis] = batchFirst ? [0, 1] : [1, 0];
  const limits = { batch: padded.shape[batchAxis]!, most: padded.shape[timeAxis]!, least: 0 };
  const ends = hostOf(checkedLengths("unpadSequence", lengths, limits));
  if (ends === null) {
    throw new StateError("unpadSequence", "the lengths are not known while this is written", {
      hint: "read them first: await lengths.data()",
    });
  }
  return padded.unbind(batchAxis).map((x, i) => x.narrow(0, 0, ends[i]!));
}

/** Where a mask is true up to each sample's end: mask (B, T) of bool or numbers → lengths (B) int32.
 *  A hole in the mask counts: a length reaches to the last true element. */
export function lengthsOf(mask: Tensor): Tensor {
  needTensor("lengthsOf", mask, "the mask");
  if (mask.shape.length !== 2) {
    throw new ShapeError("lengthsOf", `the mask must be (B, T), got ${show(mask.shape)}`);
  }
  const places = arange(1, mask.shape[1]! + 1); // (T)
  return mask.ne(0).int().mul(places).amax(1).int(); // (B)
}

/** The mask of lengths: (B) → (B, T) bool, true before each sample's end. */
export function maskOf(lengths: Lengths, steps: number): Tensor {
  const ends = lengths instanceof Tensor ? lengths : Tensor.from(Int32Array.from(lengths));
  return arange(steps).lt(ends.unsqueeze(1));
}

export interface LengthLimits {
  /** How many samples there are. */
  readonly batch: number;
  readonly most: number;
  readonly least?: number | undefined;
  /** What errors call a length. */
  readonly name?: string | undefined;
}

/**
 * Lengths as an int32 tensor (B). One outside of the limits throws where it can be seen (a list, or a
 * tensor on the host); otherwise it is a fault of the program, which then changes no state.
 */
export function checkedLengths(op: string, lengths: Lengths, limits: LengthLimits): Tensor {
  const { batch, most, least = 1, name = "length" } = limits;
  const given = lengths instanceof Tensor ? lengths : listed(op, lengths, name);
  if (given.dtype !== "int32" && given.dtype !== "uint8") {
    const detail = `${name}s must be int32, got ${given.dtype}`;
    throw new DtypeError(op, detail, { hint: "use lengths.int()", in: currentScope() });
  }
  if (given.shape.length !== 1 || given.shape[0] !== batch) {
    const detail = `${name}s must be [${batch}], one for each sample, got ${show(given.shape)}`;
    throw new ShapeError(op, detail, { in: currentScope() });
  }
  const host = hostOf(given);
  if (host === null) return faulting(op, given.int(), least, most);
  const bad = host.findIndex((n) => n < least || n > most);
  if (bad < 0) return given.int();
  const detail = `${name} ${host[bad]} of sample ${bad} is outside of ${least} to ${most}`;
  throw new ArgumentError(op, detail, { in: currentScope() });
}

/** The elements of a tensor that are here already, or null. */
export function hostOf(
  x: Tensor,
): (ArrayLike<number> & { findIndex: Int32Array["findIndex"] }) | null {
  return x.current.op === "buffer" ? ((x.current.buffer?.host as Int32Array | null) ?? null) : null;
}

function listed(op: string, lengths: unknown, name: string): Tensor {
  if (
    Array.isArray(lengths) &&
    lengths.every((n) => Number.isInteger(n) && Math.abs(n) < 2 ** 31)
  ) {
    return Tensor.from(Int32Array.from(lengths as number[]));
  }
  throw new ArgumentError(op, `${name}s must be whole numbers or an int32 tensor`, {
    in: currentScope(),
  });
}

/** The same lengths, looked up in a table of those that are allowed. */
function faulting(op: string, lengths: Tensor, least: number, most: number): Tensor {
  const allowed = arange(least, most + 1); // (most - least + 1)
  return withScope(op, () => allowed.gather(0, lengths.sub(least)));
}
