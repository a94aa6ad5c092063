// CTC: the loss of a sequence of labels whose places in the input nobody knows, summed over all places by
// a loop over time (Graves et al. 2006). In the logarithm throughout; the gradient is the derivative.
// Not here: decoding.
//
// The labels l₁ … l_S are written with blanks around them, ∅ l₁ ∅ l₂ … l_S ∅. With α_t(s) the
// probability of all ways to have emitted up to place s at time t, and p_t(s) that of its label,
//   α_t(s) = p_t(s) · (α_{t-1}(s) + α_{t-1}(s-1) + α_{t-1}(s-2)),
// the last term only where s is a label that differs from the one before. The loss is
// -log (α_T(2S) + α_T(2S-1)).

import { show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { currentScope, withScope } from "../ir/node.ts";
import { arange, full } from "../tensor/create.ts";
import { needOptions, needTensor } from "../tensor/ops/common.ts";
import { maximum, where } from "../tensor/ops/elementwise.ts";
import { stack } from "../tensor/ops/join.ts";
import { scan } from "../tensor/scan.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import { checkedLengths, hostOf, type Lengths } from "./lengths.ts";
import { type LossOptions, reduced } from "./reduction.ts";

export interface CtcOptions extends LossOptions {
  /** The class that stands for no label. */
  blank?: number | undefined;
  /** Losses of targets that do not fit into their input count 0 instead of infinity. */
  zeroInfinity?: boolean | undefined;
}

const never = Number.NEGATIVE_INFINITY;

/**
 * The connectionist temporal classification loss, as torch.nn.functional.ctc_loss. logProbs (T, B, C), or
 * (T, C) for one sample, are log softmax values; targets are int32 labels, (B, S) padded or (ΣS) one after
 * another; lengths (B) say how far each sample's input and target go. A target that does not fit into its
 * input has an infinite loss and no gradient. "mean" divides each loss by its target's length first.
 *
 * @example
 * const loss = nn.ctcLoss(logits.logSoftmax(-1), targets, [50, 42], [10, 7]); // (50, 2, 20), (2, 10)
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Lengths | number,
  targetLengths: Lengths | number,
  options: CtcOptions = {},
): Tensor {
  const { blank = 0, reduction = "mean", zeroInfinity = false } = options;
  checkInputs(logProbs, targets, options, blank);
  const single = logProbs.shape.length === 2;
  const x = single ? logProbs.unsqueeze(1) : logProbs; // (T, B, C)
  const [T, B] = x.shape as [number, number];
  const ends = checkedLengths("ctcLoss", batched(inputLengths, single), {
    batch: B,
    most: T,
    name: "input length",
  });
  const { labels, counts } = padded(targets, batched(targetLengths, single), B, single);
  checkLabels(targets, counts, x.shape[2]!, blank);
  const likelihood = forward(x, ends, labels, counts, blank); // (B)
  const losses = zeroInfinity ? where(likelihood.gt(never), likelihood.neg(), 0) : likelihood.neg();
  if (reduction === "mean") return losses.div(counts.clamp(1).to(x.dtype)).mean();
  const kept = single && reduction === "none" ? losses.squeeze(0) : losses;
  return reduced("ctcLoss", kept, { reduction });
}

// --- the recurrence -----------------------------------------------------------------------------------

/** The log of a sum of numbers given by their logs, with derivative 0 where all are log 0. */
function logSum(terms: readonly Tensor[]): Tensor {
  const most = terms.reduce((a, b) => maximum(a, b)).detach();
  const alive = most.gt(never);
  const shift = where(alive, most, 0);
  const sum = terms.map((x) => x.sub(shift).exp()).reduce((a, b) => a.add(b));
  return where(alive, where(alive, sum, 1).log().add(shift), never);
}

/** The values `by` places earlier along the last axis. */
function earlier(x: Tensor, by: number): Tensor {
  const L = x.shape.at(-1)!;
  return x.narrow(-1, 0, L - by).pad([by, 0], { value: never });
}

/** The log likelihood of each sample's labels. x (T, B, C), ends (B), labels (B, S), counts (B) → (B). */
function forward(x: Tensor, ends: Tensor, labels: Tensor, counts: Tensor, blank: number): Tensor {
  const [B, S] = labels.shape as [number, number];
  const L = 2 * S + 1;
  const inside = arange(S).lt(counts.unsqueeze(1)); // (B, S)
  const blanks = full([B, S], blank, { dtype: "int32" });
  const own = stack([blanks, where(inside, labels, blank)], 2); // (B, S, 2)
  const places = own.reshape(B, 2 * S).pad([0, 1], { value: blank }); // (B, L)
  const emissions = withScope("ctcLoss", () => x.takeAlongDim(places.unsqueeze(0), 2)); // (T, B, L)
  // Two equal labels need a blank between them; before a blank nothing can be left out.
  const before = places.narrow(1, 0, Math.max(0, L - 2)).pad([Math.min(2, L), 0], { value: blank });
  const skips = places.ne(blank).logicalAnd(places.ne(before)); // (B, L)
  const start = where(arange(L).eq(0), 0, never).to(x.dtype).expand(B, L); // before the first step
  const body = (alpha: Tensor, emitted: Tensor): [Tensor, null] => {
    const terms = [alpha];
    if (S > 0) terms.push(earlier(alpha, 1), where(skips, earlier(alpha, 2), never));
    return [emitted.add(logSum(terms)), null]; // (B, L)
  };
  const [alpha] = scan(body, start, emissions, { lengths: ends });
  const last = counts.mul(2).unsqueeze(1); // (B, 1)
  const afterBlank = alpha.gather(1, last);
  const afterLabel = alpha.gather(1, last.sub(1).clamp(0));
  return logSum([afterBlank, where(last.gt(0), afterLabel, never)]).squeeze(1);
}

// --- what it is given ---------------------------------------------------------------------------------

function checkInputs(logProbs: Tensor, targets: Tensor, options: CtcOptions, blank: number): void {
  needTensor("ctcLoss", logProbs, "the input");
  needTensor("ctcLoss", targets, "the target");
  needOptions("ctcLoss", options, "use { blank: 0 }");
  if (!isFloat(logProbs.dtype)) {
    const detail = `the input must be log probabilities, got ${logProbs.dtype}`;
    throw new DtypeError("ctcLoss", detail, {
      hint: "use logits.logSoftmax(-1)",
      in: currentScope(),
    });
  }
  const rank = logProbs.shape.length;
  if (rank !== 2 && rank !== 3) {
    const detail = `the input must be (T, B, C) or (T, C), got ${show(logProbs.shape)}`;
    throw new ShapeError("ctcLoss", detail, { in: currentScope() });
  }
  if (targets.dtype !== "int32" && targets.dtype !== "uint8") {
    throw new DtypeError("ctcLoss", `targets must be int32 labels, got ${targets.dtype}`, {
      hint: "use targets.int()",
      in: currentScope(),
    });
  }
  const classes = logProbs.shape.at(-1)!;
  if (Number.isInteger(blank) && blank >= 0 && blank < classes) return;
  const detail = `blank ${blank} is outside of ${classes} classes`;
  throw new ArgumentError("ctcLoss", detail, { in: currentScope() });
}

/** Lengths (B); one sample's may be a number or a 0-d tensor. */
function batched(lengths: Lengths | number, single: boolean): Lengths {
  if (typeof lengths === "number") return [lengths];
  if (lengths instanceof Tensor && single) return lengths.reshape(1);
  return lengths;
}

/** The labels as (B, S) and how many of them each sample has. */
function padded(
  targets: Tensor,
  lengths: Lengths,
  batch: number,
  single: boolean,
): { labels: Tensor; counts: Tensor } {
  const name = "target length";
  const rows = single && targets.shape.length === 1 ? targets.unsqueeze(0) : targets;
  if (rows.shape.length === 2 && rows.shape[0] === batch) {
    const limits = { batch, most: rows.shape[1]!, least: 0, name };
    return { labels: rows.int(), counts: checkedLengths("ctcLoss", lengths, limits) };
  }
  if (rows.shape.length !== 1) {
    const wanted = `(${batch}, S) or one after another (ΣS)`;
    const detail = `targets must be ${wanted}, got ${show(targets.shape)}`;
    throw new ShapeError("ctcLoss", detail, { in: currentScope() });
  }
  const total = rows.shape[0]!;
  const counts = checkedLengths("ctcLoss", lengths, { batch, most: total, least: 0, name });
  const host = hostOf(counts);
  const sum = host ? Array.from(host).reduce((a, b) => a + b, 0) : total;
  if (sum !== total) {
    const detail = `target lengths add to ${sum}, there are ${total} labels`;
    throw new ShapeError("ctcLoss", detail, { in: currentScope() });
  }
  const S = host ? Math.max(0, ...Array.from(host)) : total;
  return { labels: unjoined(rows.int(), counts, S), counts };
}

/** Labels (ΣS) one sample after another, as (B, S); behind a sample's end stands anything. */
function unjoined(labels: Tensor, counts: Tensor, S: number): Tensor {
  const [total, B] = [labels.shape[0]!, counts.shape[0]!];
  if (S === 0) return labels.reshape(B, 0);
  const earlierOnes = arange(B).lt(arange(B).unsqueeze(1)); // (B, B): j before i
  const offsets = where(earlierOnes, counts, 0).sum(1).int(); // (B)
  const index = offsets
    .unsqueeze(1)
    .add(arange(S))
    .clamp(null, total - 1); // (B, S)
  return labels.gather(0, index.flatten()).reshape(B, S);
}

/** A label that is no class, or the blank: seen here if it lies on the host; else the lookup of the
 *  emissions is a fault of the program for those that are no class. */
function checkLabels(targets: Tensor, counts: Tensor, classes: number, blank: number): void {
  const [labels, lengths] = [hostOf(targets), hostOf(counts)];
  if (labels === null || lengths === null) return;
  const joined = targets.shape.length === 1 && lengths.length > 1;
  const S = targets.shape.at(-1)!;
  const counted = (i: number) => joined || i % S < lengths[Math.floor(i / S)]!;
  const bad = labels.findIndex(
    (label, i) => counted(i) && (label < 0 || label >= classes || label === blank),
  );
  if (bad < 0) return;
  const at = joined ? `${bad}` : `${bad % S} of sample ${Math.floor(bad / S)}`;
  const wrong = labels[bad] === blank ? "is the blank" : `is outside of ${classes} classes`;
  const detail = `label ${labels[bad]} at place ${at} ${wrong}`;
  throw new ArgumentError("ctcLoss", detail, { in: currentScope() });
}
