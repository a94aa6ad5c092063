// vmap: a graph for one sample becomes the graph for V of them at once, on a new axis in front. Each
// op has one rule; what no sample enters stays as it is, once for all.
// Not here: which axis of a user's tensor is the batch (tensor/ moves it to the front).

import { contract, conv, convWeights, expand, permute, reshape, show } from "../ir/build.ts";
import { withSources } from "../ir/graph.ts";
import { isOp, Node, type Shape, topological, withScopeOf } from "../ir/node.ts";
import type { ElementwiseOp, MovementOp, Op, SingleOp } from "../ir/op.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { batchCustom } from "./custom.ts";
import { scanVmap } from "./scan.ts";

/** A source of a node: with the batch in front, or the same for all samples. */
export interface Lifted {
  readonly node: Node;
  readonly batched: boolean;
  /** Of a scan with a batch, whose node nobody reads: its parts. */
  readonly parts?: readonly Lifted[];
}

/** The node for V samples, given its sources; called where at least one of them is batched. */
export type BatchRule<K extends Op> = (node: Node<K>, src: readonly Lifted[], V: number) => Node;

export interface VmapOptions {
  /** What a random op does: the same numbers for every sample, other numbers for each, or an error.
   *  As torch.func.vmap's `randomness`. */
  randomness?: "error" | "same" | "different";
}

/** The source with the batch in front, repeated (without a copy) if it had none. */
export function lift({ node, batched }: Lifted, V: number): Node {
  if (batched) return node;
  return expand(reshape(node, [1, ...node.shape]), [V, ...node.shape]);
}

const later = (axes: readonly number[]) => axes.map((a) => a + 1);

// All sources lifted, the op the same but for its attributes.
function lifted<K extends Op>(attrsOf: (node: Node<K>) => Node<K>["attrs"]): BatchRule<K> {
  return (node, src, V) => {
    const all = src.map((s) => lift(s, V));
    return new Node(node.op, node.dtype, outer(node, V), all, attrsOf(node));
  };
}

function outer(node: Node, V: number): Shape {
  return [V, ...node.shape];
}

const elementwiseRules: { [K in ElementwiseOp]: BatchRule<K> } = {
  unary: lifted((n) => n.attrs),
  binary: lifted((n) => n.attrs),
  compare: lifted((n) => n.attrs),
  where: lifted(() => null),
  cast: lifted(() => null),
  detach: lifted(() => null),
};

const movementRules: { [K in MovementOp]: BatchRule<K> } = {
  reshape: lifted(() => null),
  permute: lifted(({ attrs }) => ({ axes: [0, ...later(attrs.axes)] })),
  expand: lifted(() => null),
  pad: lifted(({ attrs }) => ({ ...attrs, lo: [0, ...attrs.lo], hi: [0, ...attrs.hi] })),
  slice: lifted(({ attrs }) => ({ start: [0, ...attrs.start], step: [1, ...attrs.step] })),
  flip: lifted(({ attrs }) => ({ axes: later(attrs.axes) })),
  window: lifted(({ attrs }) => ({ ...attrs, axes: later(attrs.axes) })),
};

/** One rule for each op; see {@link BatchRule}. */
export const batchRules: { [K in SingleOp]: BatchRule<K> } = {
  ...elementwiseRules,
  ...movementRules,
  custom: (node, src, V) =>
    batchCustom(
      node,
      src.map((s) => lift(s, V)),
    ),
  reduce: lifted(({ attrs }) => ({ ...attrs, axes: later(attrs.axes) })),
  gather: lifted(({ attrs }) => ({ axis: attrs.axis + 1 })),
  scatterAdd: lifted(({ attrs }) => ({ axis: attrs.axis + 1 })),
  scatter: lifted(({ attrs }) => ({ axis: attrs.axis + 1 })),
  softmax: lifted(({ attrs }) => ({ axes: later(attrs.axes) })),
  contract: batchContract,
  conv: batchConv,
  convWeights: batchConvWeights,
  random: (node) => {
    throw new ArgumentError("vmap", "a seed may not differ between samples", { in: node.scope });
  },
  const: unreachable,
  scalar: unreachable,
  iota: unreachable,
  buffer: unreachable,
  param: unreachable,
};

// One more label, on whichever operand has the batch: a shared operand makes one large product.
function batchContract(node: Node<"contract">, src: readonly Lifted[]): Node {
  const { a, b, out } = node.attrs;
  const [x, y] = src as [Lifted, Lifted];
  const free = freeLabel(node.attrs);
  const labels = {
    a: x.batched ? free + a : a,
    b: y.batched ? free + b : b,
    out: free + out,
  };
  return contract(x.node, y.node, labels);
}

/** A label that a contraction does not use. */
export function freeLabel({ a, b }: Node<"contract">["attrs"]): string {
  const used = new Set(a + b);
  const labels = "vVabcdefghijklmnopqrstuwxyzABCDEFGHIJKLMNOPQRSTUWXYZ";
  return [...labels].find((l) => !used.has(l))!;
}

// Samples of the image join its own batch; samples of the weights become groups.
function batchConv(node: Node<"conv">, src: readonly Lifted[], V: number): Node {
  const [x, w] = src as [Lifted, Lifted];
  const [B, O, ...U] = node.shape as [number, number, ...number[]];
  const [, C, ...N] = node.src[0]!.shape as [number, number, ...number[]];
  const image = lift(x, V); // (V, B, C, N…)
  if (!w.batched) {
    const y = conv(reshape(image, [V * B, C, ...N]), w.node, node.attrs); // (V·B, O, U…)
    return reshape(y, [V, B, O, ...U]);
  }
  const inside = N.map((_, i) => i + 3);
  const joined = joinChannels(image); // (B, V·C, N…)
  const weights = reshape(w.node, [V * O, ...w.node.shape.slice(2)]); // (V·O, C/G, K…)
  const attrs = { ...node.attrs, groups: V * node.attrs.groups };
  const y = conv(joined, weights, attrs); // (B, V·O, U…)
  return permute(reshape(y, [B, V, O, ...U]), [1, 0, 2, ...inside]); // (V, B, O, U…)
}

// (V, B, C, N…) to (B, V·C, N…).
function joinChannels(x: Node): Node {
  const [V, B, C, ...N] = x.shape as [number, number, number, ...number[]];
  const inside = N.map((_, i) => i + 3);
  return reshape(permute(x, [1, 0, 2, ...inside]), [B, V * C, ...N]);
}

// Samples become groups.
function batchConvWeights(node: Node<"convWeights">, src: readonly Lifted[], V: number): Node {
  const [x, g] = src.map((s) => joinChannels(lift(s, V))) as [Node, Node];
  const dw = convWeights(x, g, { ...node.attrs, groups: V * node.attrs.groups });
  return reshape(dw, [V, ...node.shape]); // (V·O, C/G, K…) to (V, O, C/G, K…)
}

function unreachable(): never {
  throw new ArgumentError("vmap", "a source of data has no sources");
}

/**
 * The outputs for V samples: `inputs[i]`, a node of one sample, is replaced by `batches[i]`, which has
 * V samples on a new axis in front. All other leaves are the same for all samples.
 *
 * @throws ShapeError where a batch does not fit its input; ArgumentError on a random op, unless
 * `randomness` says what it should do.
 *
 * @example
 * const y = contract(x, w, { a: "i", b: "ij", out: "j" }); // x (I), one sample
 * const [all] = vmap([y], [x], [xs]); // xs (V, I), all (V, J)
 */
export function vmap(
  outputs: readonly Node[],
  inputs: readonly Node[],
  batches: readonly Node[],
  { randomness = "error" }: VmapOptions = {},
): Node[] {
  const V = checkBatches(inputs, batches);
  const known = new Map<Node, Lifted>();
  inputs.forEach((node, i) => void known.set(node, { node: batches[i]!, batched: true }));
  return batch(outputs, known, V, { randomness }).map((lifted) => lift(lifted, V));
}

/** What {@link batch} may be told. */
export interface BatchOptions extends VmapOptions {
  /** Nodes that stay as they are, with all that they need. */
  outside?: ((node: Node) => boolean) | undefined;
}

/** The outputs for V samples, given some nodes for V samples (or others for all samples); `known` gains
 *  all that was made on the way. */
export function batch(
  outputs: readonly Node[],
  known: Map<Node, Lifted>,
  V: number,
  { randomness = "error", outside = () => false }: BatchOptions = {},
): Lifted[] {
  for (const node of topological(outputs, (n) => known.has(n) || outside(n))) {
    if (known.has(node)) continue;
    if (outside(node)) known.set(node, { node, batched: false });
    else
      known.set(
        node,
        withScopeOf(node, () => batchNode(node, known, V, randomness)),
      );
  }
  return outputs.map((node) => known.get(node)!);
}

function batchNode(
  node: Node,
  known: ReadonlyMap<Node, Lifted>,
  V: number,
  randomness: "error" | "same" | "different",
): Lifted {
  const src = node.src.map((s) => known.get(s)!);
  if (isOp(node, "scan") && (src.some((s) => s.batched) || randomness !== "same")) {
    return { node, batched: true, parts: scanVmap(node, src, V, randomness) };
  }
  if (isOp(node, "part")) {
    const { parts } = src[0]!;
    if (parts) return parts[node.attrs.index]!;
  }
  if (src.some((s) => s.batched)) {
    return {
      node: (batchRules[node.op as SingleOp] as BatchRule<Op>)(node, src, V),
      batched: true,
    };
  }
  if (!isOp(node, "random") || randomness === "same") {
    const same = src.every((s, i) => s.node === node.src[i]);
    return {
      node: same
        ? node
        : withSources(
            node,
            src.map((s) => s.node),
          ),
      batched: false,
    };
  }
  if (randomness === "error") {
    const hint = 'say which: { randomness: "same" } or { randomness: "different" }';
    throw new ArgumentError("vmap", "random numbers: the same for each sample, or not?", { hint });
  }
  const keys = src.map((s) => s.node);
  const different = new Node("random", node.dtype, outer(node, V), keys, node.attrs);
  return { node: different, batched: true };
}

function checkBatches(inputs: readonly Node[], batches: readonly Node[]): number {
  const V = batches[0]?.shape[0];
  if (V === undefined || inputs.length !== batches.length) {
    const counts = `${inputs.length} inputs and ${batches.length} batches`;
    throw new ArgumentError(
      "vmap",
      `needs one batch for each input and one at least, got ${counts}`,
    );
  }
  inputs.forEach((node, i) => {
    const { dtype, shape } = batches[i]!;
    if (dtype === node.dtype && show(shape) === show([V, ...node.shape])) return;
    const kinds = `${dtype} ${show(shape)} is no batch of ${V} times ${node.dtype}`;
    throw new ShapeError("vmap", `${kinds} ${show(node.shape)}`);
  });
  return V;
}
