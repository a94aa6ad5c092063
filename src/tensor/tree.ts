// Trees: arguments and results that are tensors, or arrays and plain objects of such, with other values
// between them. A Spec is the structure without the tensors. Not here: what is done with the tensors.

import type { Node } from "../ir/node.ts";
import { ArgumentError } from "../util/errors.ts";
import { nodeOf, wrap } from "./core.ts";
import { Tensor } from "./tensor.ts";

/** The structure of a value; the tensors are counted in the order in which they are met. */
export type Spec =
  | { readonly kind: "tensor" }
  | { readonly kind: "constant"; readonly value: unknown }
  | { readonly kind: "array"; readonly items: readonly Spec[] }
  | { readonly kind: "object"; readonly keys: readonly string[]; readonly items: readonly Spec[] };

const tensorSpec: Spec = { kind: "tensor" };

const deepest = 100;

function isPlain(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * The structure of `value`; its tensors are pushed to `tensors`. Numbers, strings, booleans, functions
 * and instances of classes are constants, by identity.
 *
 * @throws ArgumentError for a typed array, whose elements nobody would watch.
 */
export function flatten(op: string, value: unknown, tensors: Tensor[], depth = 0): Spec {
  if (depth > deepest) {
    const found = `a value is nested more than ${deepest} levels deep; does it contain itself?`;
    throw new ArgumentError(op, found);
  }
  if (value instanceof Tensor) {
    tensors.push(value);
    return tensorSpec;
  }
  if (Array.isArray(value)) {
    return { kind: "array", items: value.map((item) => flatten(op, item, tensors, depth + 1)) };
  }
  if (typeof value !== "object" || value === null) return { kind: "constant", value };
  if (ArrayBuffer.isView(value)) {
    throw new ArgumentError(op, `takes tensors, got a ${value.constructor.name}`, {
      hint: "make it a tensor: tensor(array)",
    });
  }
  if (!isPlain(value)) return { kind: "constant", value };
  const keys = Object.keys(value);
  return {
    kind: "object",
    keys,
    items: keys.map((key) => flatten(op, value[key], tensors, depth + 1)),
  };
}

/** The tensors of `value` into `tensors`, if it has the structure of `spec`. */
export function collect(spec: Spec, value: unknown, tensors: Tensor[]): boolean {
  switch (spec.kind) {
    case "tensor":
      if (!(value instanceof Tensor)) return false;
      tensors.push(value);
      return true;
    case "constant":
      return Object.is(spec.value, value);
    case "array":
      if (!Array.isArray(value) || value.length !== spec.items.length) return false;
      return spec.items.every((item, i) => collect(item, value[i], tensors));
    case "object": {
      if (typeof value !== "object" || value === null || !isPlain(value)) return false;
      const keys = Object.keys(value);
      if (keys.length !== spec.keys.length) return false;
      return spec.keys.every(
        (key, i) => keys[i] === key && collect(spec.items[i]!, value[key], tensors),
      );
    }
  }
}

/** A value of this structure; `next` gives the tensors in their order. */
export function unflatten(spec: Spec, next: () => unknown): unknown {
  switch (spec.kind) {
    case "tensor":
      return next();
    case "constant":
      return spec.value;
    case "array":
      return spec.items.map((item) => unflatten(item, next));
    case "object": {
      const made: [string, unknown][] = spec.keys.map((key, i) => [
        key,
        unflatten(spec.items[i]!, next),
      ]);
      return Object.fromEntries(made);
    }
  }
}

/** The nodes of a value's tensors, and the structure that they lie in. */
export function nodesOf(op: string, value: unknown): { spec: Spec; nodes: Node[] } {
  const tensors: Tensor[] = [];
  const spec = flatten(op, value, tensors);
  return { spec, nodes: tensors.map(nodeOf) };
}

/** A value of this structure, of new tensors for the nodes. */
export function treeOf(spec: Spec, nodes: readonly Node[]): unknown {
  let at = 0;
  return unflatten(spec, () => wrap(nodes[at++]!));
}
