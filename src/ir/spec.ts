// Which graphs are legal: for each op what its sources, shape, dtype and attributes must be. Written
// apart from the constructors of build.ts, so that a rewrite which makes nodes by itself is caught too.
// Verified in tests and after passes; not part of a run.

import { StateError } from "../util/errors.ts";
import { type DType, isFloat } from "./dtype.ts";
import type { Graph } from "./graph.ts";
import { isOp, type Node, type Shape, sizeOf, topological } from "./node.ts";
import type { Attrs, Op } from "./op.ts";
import { describeNode } from "./print.ts";

/** What must hold of a node, as [claim, holds]; the first that does not is the complaint. */
type Claims = readonly (readonly [claim: string, holds: boolean])[];
type Legal<K extends Op> = (node: Node<K>, ...src: Node[]) => Claims;

/** How many; null: the claims say. */
const sources: { [K in Op]: number | null } = {
  unary: 1,
  binary: 2,
  compare: 2,
  where: 3,
  cast: 1,
  detach: 1,
  custom: null,
  reduce: 1,
  reshape: 1,
  permute: 1,
  expand: 1,
  pad: 1,
  slice: 1,
  flip: 1,
  window: 1,
  gather: 2,
  scatterAdd: 3,
  scatter: 3,
  contract: 2,
  softmax: 1,
  conv: 2,
  convWeights: 2,
  const: 0,
  scalar: 0,
  iota: 0,
  random: 2,
  buffer: 0,
  param: 0,
  scan: null,
  part: 1,
};

const floatFns: ReadonlySet<string> = new Set([
  "reciprocal", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "atan", "tanh",
  "sigmoid", "erf",
]); // biome-ignore format: a table
const bitFns: ReadonlySet<string> = new Set(["and", "or", "xor", "shl", "shr"]);

const scattered: (n: Node<"scatter" | "scatterAdd">, ...src: readonly Node[]) => Claims = (
  n,
  base,
  index,
  update,
) => [
  ["the index is int32", index!.dtype === "int32"],
  ...asSource(n, base!),
  ["the update has the index's shape", same(update!.shape, index!.shape)],
  ["the update has the node's dtype", update!.dtype === n.dtype],
  ["the index fits the base", fitsBut(n.attrs.axis, base!.shape, index!.shape)],
];

/** What holds of x, w and the y that is their convolution; each is a node or its gradient. */
function convolution(
  attrs: Attrs["conv"],
  dtype: DType,
  { x, w, y }: Record<"x" | "w" | "y", Node>,
) {
  const { stride, lo, hi, dilation, groups } = attrs;
  const K = w.shape.slice(2);
  const places = K.map((k, i) => {
    const room = x.shape[i + 2]! + lo[i]! + hi[i]! - dilation[i]! * (k - 1) - 1;
    return Math.floor(room / stride[i]!) + 1;
  });
  const lists = all([stride, lo, hi, dilation], (p) => p.length === K.length);
  const claims: Claims = [
    ["all dtypes are equal", [x, w, y].every((n) => n.dtype === dtype)],
    ["the ranks are equal, 3 or more", x.shape.length === w.shape.length && K.length > 0],
    ["each axis has its attributes", lists && hasMin(stride, 1) && hasMin(dilation, 1)],
    ["padding is not negative", hasMin(lo, 0) && hasMin(hi, 0)],
    ["the channels fit", isWhole(groups, 1) && x.shape[1] === w.shape[1]! * groups],
    ["the groups divide the weights", w.shape[0]! % groups === 0],
    ["the shape is (B, O, places…)", same(y.shape, [x.shape[0]!, w.shape[0]!, ...places])],
  ];
  return claims;
}

const legal: { [K in Op]: Legal<K> } = {
  unary: (n, x) => [
    ...asSource(n, x!),
    [`${n.attrs.fn} is for floats`, !floatFns.has(n.attrs.fn) || isFloat(n.dtype)],
    ["not is for ints and bools", n.attrs.fn !== "not" || !isFloat(n.dtype)],
    ["only not is for bools", n.attrs.fn === "not" || n.dtype !== "bool"],
  ],
  binary: (n, a, b) => [
    ...asSource(n, a!),
    ...asSource(n, b!),
    [`${n.attrs.fn} is for ints and bools`, !bitFns.has(n.attrs.fn) || !isFloat(n.dtype)],
  ],
  compare: (n, a, b) => [
    ["the sources have one dtype", a!.dtype === b!.dtype],
    ["the sources have the node's shape", same(a!.shape, n.shape) && same(b!.shape, n.shape)],
    ["the result is bool", n.dtype === "bool"],
  ],
  where: (n, cond, yes, no) => [
    ["the condition is bool", cond!.dtype === "bool"],
    ["the condition has the node's shape", same(cond!.shape, n.shape)],
    ...asSource(n, yes!),
    ...asSource(n, no!),
  ],
  cast: (n, x) => [["the shape stays", same(x!.shape, n.shape)]],
  detach: (n, x) => asSource(n, x!),
  custom: (n, ...src) => [
    [
      "the value is one of the results",
      isWhole(n.attrs.index, 0) && n.attrs.index < n.attrs.outputs,
    ],
    ["the results are among the sources", n.attrs.outputs <= src.length],
    ...asSource(n, src[n.attrs.index]!),
  ],
  reduce: (n, x) => {
    const { fn, axes, first } = n.attrs;
    const arg = fn === "argmax" || fn === "argmin";
    const empty = axes.some((a) => x!.shape[a] === 0);
    const kept = x!.shape.map((d, i) => (axes.includes(i) ? 1 : d));
    return [
      ["the axes are distinct axes of the source, in order", isAxes(axes, x!) && isSorted(axes)],
      ["reduced axes stay with size 1", same(n.shape, kept)],
      ["the dtype is the source's, int32 for argmax", n.dtype === (arg ? "int32" : x!.dtype)],
      ["argmax has one axis", !arg || axes.length === 1],
      ["first is for max and min of one axis", !first || (isExtreme(fn) && axes.length === 1)],
      ["sums and products are of numbers", x!.dtype !== "bool" || (fn !== "sum" && fn !== "prod")],
      ["only sums and products are of nothing", !empty || fn === "sum" || fn === "prod"],
    ];
  },
  reshape: (n, x) => [
    ["the dtype stays", n.dtype === x!.dtype],
    ["the number of elements stays", sizeOf(n.shape) === sizeOf(x!.shape)],
  ],
  permute: (n, x) => {
    const { axes } = n.attrs;
    const moved = axes.map((a) => x!.shape[a]!);
    return [
      ["the dtype stays", n.dtype === x!.dtype],
      ["all axes are named", isAxes(axes, x!) && axes.length === x!.shape.length],
      ["the shape is the source's in the new order", same(n.shape, moved)],
    ];
  },
  expand: (n, x) => [
    ["the dtype stays", n.dtype === x!.dtype],
    ["the rank stays", n.shape.length === x!.shape.length],
    ["only axes of size 1 grow", x!.shape.every((d, i) => d === 1 || d === n.shape[i])],
  ],
  pad: (n, x) => {
    const { lo, hi } = n.attrs;
    const padded = x!.shape.map((d, i) => d + lo[i]! + hi[i]!);
    return [
      ["the dtype stays", n.dtype === x!.dtype],
      ["there are two sizes for each axis", all([lo, hi], (p) => p.length === x!.shape.length)],
      ["sizes are whole and not negative", [...lo, ...hi].every((p) => isWhole(p, 0))],
      ["the shape is the source's and the padding", same(n.shape, padded)],
    ];
  },
  slice: (n, x) => {
    const { start, step } = n.attrs;
    const inside = x!.shape.every((d, i) => {
      const count = n.shape[i]!;
      return count === 0 || start[i]! + (count - 1) * step[i]! < d;
    });
    return [
      ["the dtype stays", n.dtype === x!.dtype],
      ["the rank stays", all([start, step, n.shape], (p) => p.length === x!.shape.length)],
      ["starts are not negative, steps positive", hasMin(start, 0) && hasMin(step, 1)],
      ["all elements are inside the source", inside],
    ];
  },
  flip: (n, x) => [
    ...asSource(n, x!),
    ["the axes are axes of the source", isAxes(n.attrs.axes, x!)],
  ],
  window: (n, x) => {
    const { axes, size, stride, dilation } = n.attrs;
    const outer = x!.shape.map((d, i) => {
      const at = axes.indexOf(i);
      if (at < 0) return d;
      return Math.floor((d - dilation[at]! * (size[at]! - 1) - 1) / stride[at]!) + 1;
    });
    return [
      ["the dtype stays", n.dtype === x!.dtype],
      ["the axes are axes of the source", isAxes(axes, x!)],
      [
        "each axis has a size, a stride and a dilation",
        all([size, stride, dilation], (p) => p.length === axes.length && hasMin(p, 1)),
      ],
      ["windows fit", outer.every((d, i) => d > 0 || x!.shape[i] === d)],
      ["the shape is the positions, then the insides", same(n.shape, [...outer, ...size])],
    ];
  },
  gather: (n, table, index) => [
    ["the index is int32", index!.dtype === "int32"],
    ["the dtype is the table's", n.dtype === table!.dtype],
    ["the shape is the index's", same(n.shape, index!.shape)],
    ["the index fits the table", fitsBut(n.attrs.axis, table!.shape, index!.shape)],
  ],
  scatterAdd: scattered,
  scatter: scattered,
  contract: (n, a, b) => {
    const { a: la, b: lb, out } = n.attrs;
    const size = new Map([...labelled(la, a!), ...labelled(lb, b!)]);
    const labels = [...new Set(la + lb)];
    const agree = [...labelled(la, a!), ...labelled(lb, b!)].every(([l, d]) => size.get(l) === d);
    const needed = labels.every((l) => out.includes(l) || (la.includes(l) && lb.includes(l)));
    return [
      ["all dtypes are equal", a!.dtype === n.dtype && b!.dtype === n.dtype],
      ["each operand has a label for each axis", isLabels(la, a!) && isLabels(lb, b!)],
      ["equal labels have equal sizes", agree],
      ["what is summed is in both operands", needed],
      ["the result's labels are the operands'", [...out].every((l) => size.has(l))],
      ["no label of the result is there twice", new Set(out).size === out.length],
      [
        "the shape is that of the result's labels",
        same(
          n.shape,
          [...out].map((l) => size.get(l)!),
        ),
      ],
    ];
  },
  softmax: (n, x) => [
    ...asSource(n, x!),
    ["the dtype is a float", isFloat(n.dtype)],
    ["axes are in increasing order", isAxes(n.attrs.axes, x!) && isSorted(n.attrs.axes)],
  ],
  conv: (n, x, w) => convolution(n.attrs, n.dtype, { x: x!, w: w!, y: n }),
  convWeights: (n, x, g) => [
    ...convolution(n.attrs, n.dtype, { x: x!, w: n, y: g! }),
    ["the window has the shape's size", same(n.shape.slice(2), n.attrs.size)],
  ],
  const: (n) => [
    ["a constant has no axes", n.shape.length === 0],
    ["an int constant is whole", isFloat(n.dtype) || Number.isInteger(n.attrs.value)],
  ],
  scalar: (n) => [["a scalar has no axes", n.shape.length === 0]],
  iota: (n) => [["iota is int32 of one axis", n.dtype === "int32" && n.shape.length === 1]],
  random: (n, ...keys) => [
    ["the bits are int32", n.dtype === "int32"],
    ["seed and base are int32 scalars", keys.every((k) => k.dtype === "int32" && !k.shape.length)],
    ["the stream is whole", isWhole(n.attrs.stream, 0)],
  ],
  buffer: (n) => [
    ["there is a buffer", n.buffer !== null],
    ["its dtype is the node's", n.buffer?.dtype === n.dtype],
    ["its size is the node's", n.buffer?.size === sizeOf(n.shape)],
  ],
  param: (n) => [["the index is whole", isWhole(n.attrs.index, 0)]],
  scan: loop,
  part: (n, of) => {
    if (!isOp(of!, "scan")) return [["the source is a scan", false]];
    const { body, carries, length } = of.attrs;
    const { index } = n.attrs;
    const step = body.outputs[index];
    const lead = index < carries ? [] : [length];
    return [
      ["the scan has this part", isWhole(index, 0) && step !== undefined],
      ["the dtype is the body's", n.dtype === step?.dtype],
      ["the shape is the body's, stacked for ys", same(n.shape, [...lead, ...(step?.shape ?? [])])],
    ];
  },
};

function loop(n: Node<"scan">, ...src: Node[]): Claims {
  const { body, carries, xs, length } = n.attrs;
  const { params, outputs } = body;
  const steps = src.map((s, i) => (i >= carries && i < carries + xs ? s.shape.slice(1) : s.shape));
  const inside = topological(outputs);
  const free = inside.filter((node) => node.op === "param" && params[paramIndex(node)] !== node);
  for (const node of inside) verifyNode(node);
  return [
    ["the length is whole", isWhole(length, 0)],
    ["the scan itself is float32 [0]", n.dtype === "float32" && same(n.shape, [0])],
    ["there is a source for each carry and each of xs", src.length >= carries + xs],
    ["the body has a param for t and each source", params.length === 1 + src.length],
    ["t is an int32 scalar", params[0]?.dtype === "int32" && params[0].shape.length === 0],
    [
      "xs have an element for each iteration",
      src.slice(carries, carries + xs).every((x) => x.shape[0] === length),
    ],
    ["params have the sources' dtypes", src.every((s, i) => params[1 + i]?.dtype === s.dtype)],
    [
      "params have the sources' shapes, xs one step",
      steps.every((s, i) => same(params[1 + i]?.shape ?? [], s)),
    ],
    ["params are numbered", params.every((p, i) => p.op === "param" && paramIndex(p) === i)],
    ["the body has a next value for each carry", outputs.length >= carries],
    [
      "carries keep their dtype and shape",
      src
        .slice(0, carries)
        .every((c, i) => outputs[i]?.dtype === c.dtype && same(outputs[i].shape, c.shape)),
    ],
    ["the body reaches its own params only", free.length === 0],
    [
      "the body reaches no data",
      inside.every((node) => node.op !== "buffer" && node.op !== "scalar"),
    ],
  ];
}

function paramIndex(node: Node): number {
  return isOp(node, "param") ? node.attrs.index : -1;
}

/**
 * Checks every node of a graph and the lists of its inputs, scalars and assignments.
 *
 * @throws StateError with the claim that does not hold and the node.
 */
export function verify(graph: Graph): void {
  const order = topological(graph.outputs);
  for (const node of order) verifyNode(node);
  const inputs = order.filter((node) => node.op === "buffer");
  const scalars = order.filter((node) => node.op === "scalar");
  check(
    "params are in bodies only",
    order.every((node) => node.op !== "param"),
  );
  check("all inputs are listed once", sameSet(graph.inputs, inputs));
  check("all scalars are listed once", sameSet(graph.scalars, scalars));
  const buffers = new Set(graph.inputs.map((node) => node.buffer));
  check("no buffer is an input twice", buffers.size === graph.inputs.length);
  const targets = graph.into.filter((at) => at >= 0);
  check("each output says what it replaces", graph.into.length === graph.outputs.length);
  check("no input is replaced twice", new Set(targets).size === targets.length);
  graph.into.forEach((at, i) => {
    if (at < 0) return;
    const [input, output] = [graph.inputs[at], graph.outputs[i]!];
    const fits = input?.dtype === output.dtype && sizeOf(input.shape) === sizeOf(output.shape);
    check(`output ${i} fits the input that it replaces`, fits);
  });
}

/** Checks one node against its sources. */
export function verifyNode(node: Node): void {
  const fail = (claim: string) => {
    const text = `${claim}: not so in ${describeNode(node)}`;
    throw new StateError("verify", text, { in: node.scope });
  };
  const count = sources[node.op];
  if (count !== null && node.src.length !== count) fail(`${node.op} has ${count} sources`);
  if (node.src.some((s) => s.op === "scan") && node.op !== "part") fail("only parts read a scan");
  if (!hasMin(node.shape, 0)) fail("sizes are whole and not negative");
  for (const [claim, holds] of (legal[node.op] as Legal<Op>)(node, ...node.src)) {
    if (!holds) fail(claim);
  }
}

function check(claim: string, holds: boolean): void {
  if (!holds) throw new StateError("verify", `${claim}: not so in this graph`);
}

function asSource(node: Node, x: Node): Claims {
  return [
    ["sources have the node's dtype", x.dtype === node.dtype],
    ["sources have the node's shape", same(x.shape, node.shape)],
  ];
}

function same(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

function isWhole(value: number, min: number): boolean {
  return Number.isInteger(value) && value >= min;
}

function hasMin(values: readonly number[], min: number): boolean {
  return values.every((v) => isWhole(v, min));
}

function isAxes(axes: readonly number[], x: Node): boolean {
  return hasMin(axes, 0) && axes.every((a, i) => a < x.shape.length && axes.indexOf(a) === i);
}

function isExtreme(fn: string): boolean {
  return fn === "max" || fn === "min";
}

function isSorted(axes: readonly number[]): boolean {
  return axes.every((a, i) => i === 0 || axes[i - 1]! < a);
}

function all<T>(values: readonly T[], holds: (value: T) => boolean): boolean {
  return values.every(holds);
}

function fitsBut(axis: number, table: Shape, index: Shape): boolean {
  const inside = isWhole(axis, 0) && axis < table.length && table.length === index.length;
  return inside && table.every((d, i) => i === axis || d === index[i]);
}

function isLabels(labels: string, x: Node): boolean {
  return labels.length === x.shape.length && new Set(labels).size === labels.length;
}

function labelled(labels: string, x: Node): [string, number][] {
  return [...labels].map((l, i) => [l, x.shape[i]!]);
}

function sameSet(a: readonly Node[], b: readonly Node[]): boolean {
  const set = new Set(b);
  return a.length === b.length && new Set(a).size === a.length && a.every((node) => set.has(node));
}
