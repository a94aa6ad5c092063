// A gradient that somebody wrote by hand for a function, as an attribute of `custom` nodes. Bodies
// of loops name it by its number in their keys, so a rule is made once for a function, not once for
// a call. Not here: how users give one (tensor/custom-vjp.ts), forward mode and vmap of it
// (autodiff/custom.ts).

import type { Node } from "./node.ts";

/** The gradients of a custom node's sources, given that of its value; null for its results, and
 *  where none flows. Linear in g, and made of nodes that can be differentiated again. */
export type Pull = (node: Node<"custom">, g: Node) => readonly (Node | null)[];

let rules = 0;

export class GradientRule {
  /** Equal numbers: the same rule. */
  readonly id = rules++;
  readonly pull: Pull;

  constructor(pull: Pull) {
    this.pull = pull;
  }

  toJSON(): number {
    return this.id;
  }
}
