// Prints a graph as the TypeScript that builds it again: to read, to compare passes, to cut a failing
// case out of a model. Data is not printed: buffers come back empty, scalars with their value.

import type { Body } from "./body.ts";
import type { Graph } from "./graph.ts";
import { isOp, type Node, type Shape, topological } from "./node.ts";
import type { Op } from "./op.ts";

type Write<K extends Op> = (node: Node<K>, src: readonly string[], name: string) => string;

/** The call of build.ts that makes a node of its sources. */
const calls: { [K in Op]: Write<K> } = {
  unary: (n, [x]) => call("unary", text(n.attrs.fn), x!),
  binary: (n, [a, b]) => call("binary", text(n.attrs.fn), a!, b!),
  compare: (n, [a, b]) => call("compare", text(n.attrs.fn), a!, b!),
  where: (_, src) => call("where", ...src),
  cast: (n, [x]) => call("cast", x!, text(n.dtype)),
  detach: (_, src) => call("detach", ...src),
  custom: (n, src) => src[n.attrs.index]!, // the rule is no part of what is computed
  reduce: (n, [x]) => {
    const { fn, axes, first } = n.attrs;
    return call("reduce", text(fn), x!, list(axes), ...(first ? ["true"] : []));
  },
  reshape: (n, [x]) => call("reshape", x!, list(n.shape)),
  permute: (n, [x]) => call("permute", x!, list(n.attrs.axes)),
  expand: (n, [x]) => call("expand", x!, list(n.shape)),
  pad: (n, [x]) => call("pad", x!, list(n.attrs.lo), list(n.attrs.hi), number(n.attrs.value)),
  slice: (n, [x]) => {
    const { start, step } = n.attrs;
    const stop = start.map((s, i) => (n.shape[i] === 0 ? 0 : s + (n.shape[i]! - 1) * step[i]! + 1));
    return call("slice", x!, list(start), list(stop), list(step));
  },
  flip: (n, [x]) => call("flip", x!, list(n.attrs.axes)),
  window: (n, [x]) => {
    const { axes, size, stride, dilation } = n.attrs;
    return call("window", x!, list(axes), list(size), list(stride), list(dilation));
  },
  gather: (n, src) => call("gather", ...src, number(n.attrs.axis)),
  scatterAdd: (n, src) => call("scatterAdd", ...src, number(n.attrs.axis)),
  scatter: (n, src) => call("scatter", ...src, number(n.attrs.axis)),
  contract: (n, src) => call("contract", ...src, object(n.attrs)),
  softmax: (n, [x]) => call("softmax", x!, list(n.attrs.axes)),
  conv: (n, src) => call("conv", ...src, object(n.attrs)),
  convWeights: (n, src) => call("convWeights", ...src, object(n.attrs)),
  const: (n) => call("constant", number(n.attrs.value), text(n.dtype)),
  scalar: (n) => call("scalar", number(n.value), text(n.dtype)),
  iota: (n) => call("iota", number(n.shape[0]!)),
  random: (n, src) => call("random", list(n.shape), ...src, number(n.attrs.stream)),
  buffer: (n) => {
    const { dtype, size, state } = n.buffer!;
    const made = `new Buffer(${[text(dtype), number(size), "null", state].join(", ")})`;
    return call("bufferNode", made, list(n.shape));
  },
  param: (n) => call("param", number(n.attrs.index), text(n.dtype), list(n.shape)),
  scan: (n, src, name) => {
    const { carries, xs, length, reverse, checkpoint } = n.attrs;
    const cut = (from: number, to?: number) => `[${src.slice(from, to).join(", ")}]`;
    const [state, steps] = [cut(0, carries), cut(carries, carries + xs)];
    const given = `{ carries: ${state}, xs: ${steps}, consts: ${cut(carries + xs)} }`;
    const kept = checkpoint ? ", checkpoint: true" : "";
    const options = `{ length: ${length}, reverse: ${reverse}${kept} }`;
    return call("scan", bodyName(name), given, options);
  },
  part: (n, [of]) => call("part", of!, number(n.attrs.index)),
};

/**
 * A module whose default export is an equal graph (the same key). `from` is the folder of ir/.
 *
 * @example
 * printGraph(makeGraph([unary("neg", iota(3))]));
 * // …
 * // const n0 = iota(3); // int32 [3]
 * // const n1 = unary("neg", n0); // int32 [3]
 * //
 * // export default makeGraph([n1]);
 */
export function printGraph(graph: Graph, from = "./src/ir"): string {
  const name = new Map<Node, string>();
  const lines = writeNodes(topological(graph.outputs), "n", name);
  const outputs = graph.outputs.map((node) => name.get(node)!);
  const replaced = graph.into.map((at) => {
    return at < 0 ? "null" : `${name.get(graph.inputs[at]!)}.buffer`;
  });
  const into = graph.into.every((at) => at < 0) ? "" : `, [${replaced.join(", ")}]`;
  return [
    ...importLines(lines, from),
    "",
    ...lines,
    "",
    `export default makeGraph([${outputs.join(", ")}]${into});`,
    "",
  ].join("\n");
}

/** One node in one line: `binary float32 [2,3] { fn: "add" } of buffer float32 [2,3], …`. */
export function describeNode(node: Node): string {
  const head = (n: Node) => `${n.op} ${n.dtype} ${list(n.shape).replaceAll(" ", "")}`;
  const attrs = node.attrs === null ? "" : ` ${object(node.attrs)}`;
  const of = node.src.length === 0 ? "" : ` of ${node.src.map(head).join(", ")}`;
  return `${head(node)}${attrs}${of}`;
}

/** One line a node; before a scan those of its body. The names of the nodes are put in `name`. */
function writeNodes(order: readonly Node[], prefix: string, name: Map<Node, string>): string[] {
  order.forEach((node, i) => void name.set(node, `${prefix}${i}`));
  return order.flatMap((node) => {
    const mine = name.get(node)!;
    const src = node.src.map((s) => name.get(s)!);
    const made = (calls[node.op] as Write<Op>)(node, src, mine);
    const scope = node.scope === undefined ? "" : ` ${node.scope}`;
    const line = `const ${mine} = ${made}; // ${node.dtype} ${list(node.shape)}${scope}`;
    return isOp(node, "scan") ? [...writeBody(node.attrs.body, mine), line] : [line];
  });
}

function writeBody({ params, outputs }: Body, owner: string): string[] {
  const name = new Map<Node, string>();
  const lines = writeNodes(topological([...params, ...outputs]), `${owner}_`, name);
  const [taken, given] = [params, outputs].map((l) => l.map((node) => name.get(node)!).join(", "));
  return [...lines, `const ${bodyName(owner)} = makeBody([${taken}], [${given}]);`];
}

function bodyName(owner: string): string {
  return `${owner}_body`;
}

function importLines(lines: readonly string[], from: string): string[] {
  const called = new Set(lines.map((line) => /= (\w+)\(/.exec(line)![1]!));
  const outer = lines.some((line) => line.includes("new Buffer("));
  const bodies = called.delete("makeBody");
  return [
    ...(bodies ? [`import { makeBody } from "${from}/body.ts";`] : []),
    ...(outer ? [`import { Buffer } from "${from}/buffer.ts";`] : []),
    `import { ${[...called].sort().join(", ")} } from "${from}/build.ts";`,
    `import { makeGraph } from "${from}/graph.ts";`,
  ];
}

function call(name: string, ...args: readonly string[]): string {
  return `${name}(${args.join(", ")})`;
}

function text(value: string): string {
  return JSON.stringify(value);
}

function list(values: Shape): string {
  return `[${values.map(number).join(", ")}]`;
}

// JSON has no word for these.
function number(value: number): string {
  if (Object.is(value, -0)) return "-0";
  return String(value);
}

function object(attrs: object): string {
  const fields = Object.entries(attrs).map(([key, value]) => {
    if (typeof value === "number") return `${key}: ${number(value)}`;
    if (typeof value === "object" && "params" in value) return `${key}: Body`;
    return `${key}: ${Array.isArray(value) ? list(value) : JSON.stringify(value)}`;
  });
  return `{ ${fields.join(", ")} }`;
}
