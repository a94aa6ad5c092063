// Forward mode and vmap of functions with a gradient of their own: both are made of the rule
// backwards. Not here: the rule (ir/gradient-rule.ts), or reverse mode, which is the rule itself.

import { custom } from "../ir/build.ts";
import { GradientRule } from "../ir/gradient-rule.ts";
import type { Node } from "../ir/node.ts";
import { grad } from "./backward.ts";
import { standFor } from "./loop.ts";
import { batch, type Lifted, lift } from "./vmap.ts";

/**
 * The tangent of a custom node: Jᵀu is linear in u, so its gradient with respect to u, along the
 * tangents, is J times them.
 */
export function customJvp(node: Node<"custom">, tangents: readonly (Node | null)[]): Node | null {
  const u = standFor(node);
  const pulled = node.attrs.rule.pull(node, u);
  const moving = pulled.flatMap((p, i) => {
    const along = tangents[i];
    return p && along ? [{ p, along }] : [];
  });
  const outputs = moving.map(({ p }) => p);
  const seeds = moving.map(({ along }) => along);
  return grad(outputs, seeds, [u])[0] ?? null;
}

const batched = new WeakMap<GradientRule, GradientRule>();

/** A custom node for V samples, given all its sources with the batch in front. */
export function batchCustom(node: Node<"custom">, src: readonly Node[]): Node {
  const { rule } = node.attrs;
  let forAll = batched.get(rule);
  if (forAll === undefined) batched.set(rule, (forAll = new GradientRule(pullAll(rule))));
  return custom(src, { ...node.attrs, rule: forAll });
}

// The rule for one sample, on stand-ins, then for all of them.
function pullAll(rule: GradientRule): GradientRule["pull"] {
  return (node, g) => {
    const [V] = node.shape as [number];
    const one = (all: Node) => standFor({ dtype: all.dtype, shape: all.shape.slice(1) });
    const [sources, seed] = [node.src.map(one), one(g)];
    const known = new Map<Node, Lifted>([[seed, { node: g, batched: true }]]);
    sources.forEach((s, i) => void known.set(s, { node: node.src[i]!, batched: true }));
    const pulled = rule.pull(custom(sources, { ...node.attrs, rule }), seed);
    return pulled.map((p) => p && lift(batch([p], known, V)[0]!, V));
  };
}
