// Losses whose cases do not tell their targets: PyTorch's tests keep them in a closure, so a case has the
// input, the output and the gradient only. Two recorded numbers an element stand against one unknown
// target: the target is read from the slope of the loss (gradient / cotangent), or from slope and value
// where the slope is flat, and what is left over examines ours: the value, the gradient, or both.
// Labels and 0/1 targets are discrete, weights are one a class for all samples, so that these examine all.
import { nn, Tensor } from "../../src/index.ts";
import type { Callee } from "./nn-table.ts";

/** What a case tells: flat numbers, in rows of classes where a sample has one loss. */
export interface Told {
  readonly module: string;
  readonly x: readonly number[];
  readonly shape: readonly number[];
  /** The losses and their shape. */
  readonly value: readonly number[];
  readonly outShape: readonly number[];
  /** The derivative of the loss by each element of x. */
  readonly slope: readonly number[];
}

type Solver = (told: Told) => Callee;
type Loss = (x: Tensor, target: Tensor, options: never) => Tensor;

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));

function elementwise(
  loss: Loss,
  target: (x: number, slope: number, value: number) => number,
  options: object = {},
): Solver {
  return ({ x, slope, value, shape }) => {
    const numbers = x.map((v, i) => target(v, slope[i]!, value[i]!));
    const t = Tensor.from(Float32Array.from(numbers), shape);
    return {
      forward: (input: Tensor) => loss(input, t, { reduction: "none", ...options } as never),
    };
  };
}

/** Targets of 0 and 1 by the sign of the slope; the weight of each class from its first sample. */
function binary(loss: Loss, slopeOf: (x: number, t: number) => number, weighted: boolean): Solver {
  return (told) => {
    const { x, slope, shape } = told;
    const classes = shape.at(-1) ?? 1;
    // The slope of "yes" is negative, that of "no" positive.
    const t = slope.map((s) => (s < 0 ? 1 : 0));
    const share = told.outShape.length < shape.length ? classes : 1; // a mean over classes
    const w = Array.from(
      { length: classes },
      (_, c) => (slope[c]! * share) / slopeOf(x[c]!, t[c]!),
    );
    const weight = Tensor.from(Float32Array.from(w), shape.length === 0 ? [] : [classes]);
    const options = { reduction: "none", ...(weighted && { weight }) } as never;
    const target = Tensor.from(Float32Array.from(t), shape);
    return { forward: (input: Tensor) => loss(input, target, options) };
  };
}

const bceSlope = (x: number, t: number) => (t === 1 ? -1 / x : 1 / (1 - x));
const logitSlope = (x: number, t: number) => sigmoid(x) - t;

/** One number whose target and weight are both hidden: a = w·t and b = w·(1 - t) from value and slope,
 *  which leaves nothing over but that they fit each other in float32. */
const weightedScalar: Solver = ({ x: [x], slope: [s], value: [v] }) => {
  const [yes, no] = [-Math.log(x!), -Math.log1p(-x!)];
  const determinant = yes / (1 - x!) + no / x!;
  const a = (v! / (1 - x!) - no * s!) / determinant;
  const b = (yes * s! + v! / x!) / determinant;
  const [t, weight] = [a / (a + b), a + b].map((n) => Tensor.from(Float32Array.of(n), []));
  return {
    forward: (input: Tensor) => nn.bceLoss(input, t!, { reduction: "none", weight }),
  };
};

// --- classes --------------------------------------------------------------------------------------------

/** (B, C, …) as rows of C numbers, one row a sample and place; a vector is one row. */
function rowsOf(numbers: readonly number[], shape: readonly number[]): number[][] {
  const single = shape.length < 2;
  const B = single ? 1 : shape[0]!;
  const C = single ? numbers.length : shape[1]!;
  const rest = numbers.length / (B * C);
  return Array.from({ length: B * rest }, (_, row) =>
    Array.from({ length: C }, (_, c) => {
      const sample = Math.floor(row / rest);
      return numbers[(sample * C + c) * rest + (row % rest)]!;
    }),
  );
}

function labelled(
  loss: Loss,
  { outShape }: Told,
  labels: readonly number[],
  options: object,
  shape = outShape,
): Callee {
  const target = Tensor.from(Int32Array.from(labels), shape);
  return {
    forward: (x: Tensor) => loss(x, target, { reduction: "none", ...options } as never),
  };
}

/** The label is where the gradient is; its weight is how large it is. */
const nll: Solver = (told) => {
  const slopes = rowsOf(told.slope, told.shape);
  const ignoring = told.module.includes("ignore_index");
  const weights = new Float32Array(slopes[0]!.length).fill(1);
  const found = slopes.map((row) => row.findIndex((s) => s !== 0));
  if (found.includes(-1) && !ignoring) throw new Error("a sample without a label");
  found.forEach((label, i) => void (label >= 0 && (weights[label] = -slopes[i]![label]!)));
  // Which label is ignored does not show, only that it is none of these; -1 where all are.
  const ignoreIndex = [...weights.keys()].find((label) => !found.includes(label)) ?? -1;
  const labels = found.map((label) => (label < 0 ? ignoreIndex : label));
  const weight = told.module.includes("weights") ? { weight: Tensor.from(weights) } : {};
  const ignore = ignoring ? { ignoreIndex } : {};
  return labelled(nn.nllLoss as Loss, told, labels, { ...weight, ...ignore });
};

/** The label is what the loss pulls up. Where nothing is violated it is the largest element. */
const multiMargin: Solver = (told) => {
  const rows = rowsOf(told.x, told.shape);
  const slopes = rowsOf(told.slope, told.shape);
  const classes = rows[0]!.length;
  const weights = new Float32Array(classes).fill(1);
  const labels = slopes.map((row, i) => {
    const least = Math.min(...row);
    const label = least < 0 ? row.indexOf(least) : rows[i]!.indexOf(Math.max(...rows[i]!));
    if (least < 0) weights[label] = Math.max(...row) * classes;
    return label;
  });
  const { module } = told;
  const options = {
    ...(module.includes("_p_") && { p: 2 }),
    ...(module.includes("_margin_") && { margin: 0.5 }),
    ...(module.includes("_weights_") && { weight: Tensor.from(weights) }),
  };
  return labelled(nn.multiMarginLoss as Loss, told, labels, options);
};

const multiLabelMargin: Solver = (told) => {
  const rows = rowsOf(told.x, told.shape);
  const slopes = rowsOf(told.slope, told.shape);
  const labels = rows.map((row, i) => labelsOf(row, slopes[i]!, told.value[i]!));
  return labelled(nn.multiLabelMarginLoss as Loss, told, labels.flat(), {}, told.shape);
};

/** Labels, as often as they stand in the list, then -1. What is pulled up is a label; what has no slope
 *  may be one: whichever of these sets gives the recorded loss. */
function labelsOf(row: readonly number[], slope: readonly number[], value: number): number[] {
  const C = row.length;
  const flat = row.map((_, i) => i).filter((i) => slope[i] === 0);
  for (let set = 0; set < 2 ** flat.length; set++) {
    const own = new Set(flat.filter((_, k) => (set >> k) & 1));
    row.forEach((_, i) => void (slope[i]! < 0 && own.add(i)));
    const others = row.filter((_, i) => !own.has(i));
    const list: number[] = [];
    let loss = 0;
    for (const j of own) {
      const violations = others.map((x) => 1 - row[j]! + x).filter((v) => v > 0);
      const times = violations.length === 0 ? 1 : Math.round((-slope[j]! * C) / violations.length);
      list.push(...Array<number>(times).fill(j));
      loss += (times * violations.reduce((a, v) => a + v, 0)) / C;
    }
    if (list.length <= C && Math.abs(loss - value) < 1e-5 * (1 + value)) {
      return [...list, ...Array<number>(C - list.length).fill(-1)];
    }
  }
  throw new Error(`no labels give the loss ${value}`);
}

// --- the table ------------------------------------------------------------------------------------------

/** x - target from the slope and the value of a loss that is a square to `bend` and a line behind. */
const difference = (slope: number, value: number, bend: number, steep: number) =>
  Math.abs(slope) < steep * (1 - 1e-5)
    ? (slope * bend) / steep
    : Math.sign(slope) * (value / steep + bend / 2);

const smooth = (beta: number) =>
  elementwise(nn.smoothL1Loss as Loss, (x, s, v) => x - difference(s, v, beta, 1), { beta });

const l1 = elementwise(nn.l1Loss as Loss, (x, s, v) => x - Math.sign(s) * v);
const kl = elementwise(nn.klDiv as Loss, (_, s) => -s);
const logKl = elementwise(nn.klDiv as Loss, (_, s) => Math.log(-s), { logTarget: true });
const bce = (weighted: boolean) => binary(nn.bceLoss as Loss, bceSlope, weighted);
const logits = binary(nn.bceWithLogits as Loss, logitSlope, false);
const multiLabel = (weighted: boolean) =>
  binary(nn.multiLabelSoftMarginLoss as Loss, logitSlope, weighted);
const hinge = (margin: number) =>
  elementwise(nn.hingeEmbeddingLoss as Loss, (_, s) => (s > 0 ? 1 : -1), { margin });

/** By the beginning of the name; the first that fits. */
const solvers: readonly (readonly [RegExp, Solver])[] = [
  [/^PoissonNLLLoss_/, elementwise(nn.poissonNLLLoss as Loss, (x, s) => Math.exp(x) - s)],
  [/^BCELoss_weights_.*_scalar/, weightedScalar],
  [/^BCELoss_weights_/, bce(true)],
  [/^BCELoss_/, bce(false)],
  [/^BCEWithLogitsLoss_/, logits],
  [/^KLDivLoss_.*log_target/, logKl],
  [/^KLDivLoss_/, kl],
  [/^L1Loss_/, l1],
  [/^MSELoss_/, elementwise(nn.mseLoss as Loss, (x, s) => x - s / 2)],
  [/^NLLLoss/, nll],
  [/^SmoothL1Loss_beta/, smooth(0.5)],
  [
    /^SmoothL1Loss_zero_beta/,
    elementwise(nn.smoothL1Loss as Loss, (x, s, v) => x - Math.sign(s) * v, { beta: 0 }),
  ],
  [/^SmoothL1Loss_/, smooth(1)],
  [
    /^HuberLoss_delta/,
    elementwise(nn.huberLoss as Loss, (x, s, v) => x - difference(s, v, 0.5, 0.5), { delta: 0.5 }),
  ],
  [/^MultiLabelMarginLoss_/, multiLabelMargin],
  [/^HingeEmbeddingLoss_margin_/, hinge(0.5)],
  [/^HingeEmbeddingLoss_/, hinge(1)],
  [/^SoftMarginLoss_/, elementwise(nn.softMarginLoss as Loss, (_, s, v) => s / Math.expm1(-v))],
  [/^MultiLabelSoftMarginLoss_weights_/, multiLabel(true)],
  [/^MultiLabelSoftMarginLoss_/, multiLabel(false)],
  [/^MultiMarginLoss_/i, multiMargin],
];

/** Whether a case is of a loss that keeps its target to itself. */
export function solverOf(module: string): Solver | undefined {
  if (!/_no_reduce|_beta$|_delta$|_legacy_enum$|_index_neg$/.test(module)) return undefined;
  return solvers.find(([name]) => name.test(module))?.[1];
}
