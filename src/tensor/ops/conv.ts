// Convolutions (cross-correlations, as everywhere in deep learning) and their transposes.
// Not here: how they are computed; `conv` is one node, which the compiler takes apart.

import * as b from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node, Shape } from "../../ir/node.ts";
import { transposedConv } from "../../ir/phases.ts";
import { nodeOf, wrap } from "../core.ts";
import type { Axes } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import { argumentError, dtypeError, needTensor, perAxis, shapeError } from "./common.ts";
import * as n from "./nodes.ts";

export interface ConvOptions {
  stride?: Axes | undefined;
  /** Zeros on both sides of each axis; "same" keeps the size (stride 1), "valid" is 0. */
  padding?: Axes | "same" | "valid" | undefined;
  dilation?: Axes | undefined;
  groups?: number | undefined;
}

export interface ConvTransposeOptions {
  stride?: Axes | undefined;
  padding?: Axes | undefined;
  /** Added to one side of the output. */
  outputPadding?: Axes | undefined;
  dilation?: Axes | undefined;
  groups?: number | undefined;
}

/** How many axes a convolution or pooling runs over. */
export type Dims = 1 | 2 | 3;

/** The shapes that an input may have, for errors. */
export const inputNames: { [K in Dims]: string } = {
  1: "(B, C, L) or (C, L)",
  2: "(B, C, H, W) or (C, H, W)",
  3: "(B, C, D, H, W) or (C, D, H, W)",
};

/** Checks ranks, dtypes and bias; adds the batch axis that a single sample lacks. */
function prepare(op: string, dims: Dims, x: Tensor, w: Tensor, bias: Tensor | null, out: number) {
  needTensor(op, w, "the weight");
  if (bias !== null) needTensor(op, bias, "the bias (options come after it)");
  const names = inputNames[dims];
  const single = x.shape.length === dims + 1;
  if (!single && x.shape.length !== dims + 2) {
    throw shapeError(op, `the input must be ${names}, got ${b.show(x.shape)}`);
  }
  if (w.shape.length !== dims + 2) {
    throw shapeError(op, `the weight must have ${dims + 2} axes, got ${b.show(w.shape)}`);
  }
  if (x.dtype !== w.dtype || !isFloat(x.dtype)) {
    const hint = x.dtype === w.dtype ? "use x.float()" : `use x.to("${w.dtype}")`;
    throw dtypeError(op, `needs one float dtype, got ${x.dtype} and ${w.dtype}`, hint);
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw shapeError(op, `the bias must be [${out}], got ${b.show(bias.shape)}`);
  }
  const node = nodeOf(x);
  return { single, input: single ? b.reshape(node, [1, ...node.shape]) : node };
}

function finish(out: Node, bias: Tensor | null, dims: number, single: boolean): Tensor {
  const shift = bias && b.reshape(nodeOf(bias), [bias.shape[0], ...Array<number>(dims).fill(1)]);
  const sum = shift ? n.add(out, shift) : out;
  return wrap(single ? b.reshape(sum, sum.shape.slice(1)) : sum);
}

function checkGroups(op: string, groups: number, inputs: number, outputs: number): void {
  if (Number.isInteger(groups) && groups >= 1 && inputs % groups === 0 && outputs % groups === 0)
    return;
  throw argumentError(op, `${groups} groups do not divide ${inputs} and ${outputs} channels`);
}

/** Cross-correlation over the last `dims` axes. */
export function conv(
  dims: Dims,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvOptions = {},
): Tensor {
  const op = `conv${dims}d`;
  const { groups = 1 } = options;
  const { single, input } = prepare(op, dims, x, weight, bias, weight.shape[0]);
  const stride = perAxis(op, "stride", options.stride ?? 1, dims, 1);
  const dilation = perAxis(op, "dilation", options.dilation ?? 1, dims, 1);
  const [channels, wanted] = [input.shape[1], weight.shape[1] * groups];
  if (channels !== wanted) {
    const shapes = `input ${b.show(x.shape)}, weight ${b.show(weight.shape)}`;
    throw shapeError(op, `${shapes}: ${channels} channels, the weight takes ${wanted}`);
  }
  checkGroups(op, groups, channels, weight.shape[0]);
  const spans = weight.shape.slice(2).map((k, i) => dilation[i] * (k - 1));
  const [lo, hi] = paddingOf(op, options.padding ?? 0, spans, stride);
  spans.forEach((span, i) => {
    const size = input.shape[i + 2] + lo[i] + hi[i];
    if (span + 1 <= size) return;
    throw shapeError(op, `a kernel of ${span + 1} does not fit the padded input of ${size}`);
  });
  const out = b.conv(input, nodeOf(weight), { stride, lo, hi, dilation, groups });
  return finish(out, bias, dims, single);
}

function paddingOf(
  op: string,
  padding: Axes | "same" | "valid",
  spans: Shape,
  stride: Shape,
): [number[], number[]] {
  if (padding === "same") {
    if (stride.some((s) => s !== 1)) {
      throw argumentError(op, `padding "same" needs stride 1, got ${b.show(stride)}`);
    }
    return [spans.map((s) => Math.floor(s / 2)), spans.map((s) => Math.ceil(s / 2))];
  }
  const sizes = perAxis(
    op,
    "padding",
    padding === "valid" ? 0 : (padding as Axes),
    spans.length,
    0,
  );
  return [sizes, sizes];
}

/** The transpose of a convolution, by phases of the stride, or else with zeros between the input's
 *  elements and a convolution with the kernel turned around. */
export function convTranspose(
  dims: Dims,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTransposeOptions = {},
): Tensor {
  const op = `convTranspose${dims}d`;
  const { groups = 1 } = options;
  const { single, input } = prepare(op, dims, x, weight, bias, weight.shape[1] * groups);
  const stride = perAxis(op, "stride", options.stride ?? 1, dims, 1);
  const dilation = perAxis(op, "dilation", options.dilation ?? 1, dims, 1);
  const padding = perAxis(op, "padding", options.padding ?? 0, dims, 0);
  const extra = perAxis(op, "outputPadding", options.outputPadding ?? 0, dims, 0);
  const [channels, each, ...kernel] = weight.shape;
  if (input.shape[1] !== channels) {
    const shapes = `input ${b.show(x.shape)}, weight ${b.show(weight.shape)}`;
    throw shapeError(op, `${shapes}: ${input.shape[1]} channels, the weight takes ${channels}`);
  }
  checkGroups(op, groups, channels, each * groups);
  extra.forEach((e, i) => {
    if (e < stride[i] || e < dilation[i]) return;
    throw argumentError(op, `outputPadding ${e} must be below the stride or the dilation`);
  });
  if (dilation.every((d) => d === 1)) {
    const size = kernel.map(
      (k, i) => (input.shape[i + 2] - 1) * stride[i] - 2 * padding[i] + k + extra[i],
    );
    const attrs = { stride, lo: padding, groups };
    const phases = size.some((d) => d < 1)
      ? null
      : transposedConv(input, nodeOf(weight), attrs, size);
    if (phases) return finish(phases, bias, dims, single);
  }
  let spread = input;
  stride.forEach((s, i) => {
    spread = spaced(spread, i + 2, s);
  });
  // (C, O/g, …) to (O, C/g, …), turned around.
  const grouped = b.reshape(nodeOf(weight), [groups, channels / groups, each, ...kernel]);
  const order = [0, 2, 1, ...kernel.map((_, i) => i + 3)];
  const w = b.reshape(b.permute(grouped, order), [groups * each, channels / groups, ...kernel]);
  const turned = b.flip(
    w,
    kernel.map((_, i) => i + 2),
  );
  const reach = kernel.map((k, i) => dilation[i] * (k - 1) - padding[i]);
  const lo = reach;
  const hi = reach.map((r, i) => r + extra[i]);
  // A padding wider than the kernel crops instead.
  for (let i = 0; i < dims; i++) {
    const size = spread.shape[i + 2];
    spread = n.narrow(spread, i + 2, Math.max(0, -lo[i]), size - Math.max(0, -hi[i]));
  }
  const positive = (list: number[]) => list.map((v) => Math.max(0, v));
  const attrs = {
    stride: stride.map(() => 1),
    lo: positive(lo),
    hi: positive(hi),
    dilation,
    groups,
  };
  return finish(b.conv(spread, turned, attrs), bias, dims, single);
}

/** step - 1 zeros between the elements of an axis. */
function spaced(x: Node, axis: number, step: number): Node {
  if (step === 1) return x;
  const size = x.shape[axis];
  const open = b.reshape(x, [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)]);
  const wide = n.padAxis(open, axis + 1, 0, step - 1);
  const flat = b.reshape(
    wide,
    x.shape.map((d, i) => (i === axis ? size * step : d)),
  );
  return n.narrow(flat, axis, 0, (size - 1) * step + 1);
}
