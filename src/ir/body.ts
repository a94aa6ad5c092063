// Body: what one iteration of a scan computes, as an immutable graph over numbered params. It reaches
// no data: whatever it needs from outside comes in through a param, so that bodies outlive data and
// equal ones have equal keys. Not here: the loop (build.ts has `scan`), or how a user's function becomes
// a body (tensor/).

import { StateError } from "../util/errors.ts";
import { Interner, withSources } from "./graph.ts";
import { Node, topological } from "./node.ts";

export class Body {
  /** Of a scan: the iteration (int32 scalar), the carries, a slice of each of xs, the consts. */
  readonly params: readonly Node[];
  /** Of a scan: the next carries, then one step of each of ys. */
  readonly outputs: readonly Node[];
  /** Equal keys: equal structure. */
  readonly key: string;

  constructor(params: readonly Node[], outputs: readonly Node[], key: string) {
    this.params = params;
    this.outputs = outputs;
    this.key = key;
  }

  /** The key, so that the keys of attributes and graphs hold it; without quotes, which would double
   *  with each loop inside a loop. */
  toJSON(): string {
    return this.key.replaceAll('"', "'");
  }
}

/**
 * The body that computes `outputs` from `inputs`, whose places params take. Equal nodes become one.
 *
 * @throws StateError where the outputs reach data or scalars that are no inputs.
 *
 * @example
 * const [t, h, x] = [param(0, "int32", []), param(1, "float32", [3]), param(2, "float32", [3])];
 * const body = makeBody([t, h, x], [binary("add", h, x)]); // a running sum
 */
export function makeBody(inputs: readonly Node[], outputs: readonly Node[]): Body {
  const interner = new Interner();
  const done = new Map<Node, Node>();
  const params = inputs.map(({ dtype, shape }, index) => {
    return interner.intern(new Node("param", dtype, shape, [], { index }), []);
  });
  inputs.forEach((node, i) => void done.set(node, params[i]!));
  for (const node of topological(outputs, (n) => done.has(n))) {
    if (done.has(node)) continue;
    if (node.op === "buffer" || node.op === "scalar" || node.op === "param") {
      throw new StateError("scan", `a body reaches a ${node.op} that is none of its inputs`);
    }
    const src = node.src.map((s) => done.get(s)!);
    done.set(node, interner.intern(withSources(node, src), src)); // a copy: it holds no tensor
  }
  const mine = outputs.map((node) => done.get(node)!);
  const ends = mine.map((node) => interner.numberOf(node));
  return new Body(params, mine, `${interner.texts.join("|")}|=> ${ends}`);
}

/** The outputs of a body where its params are `args`, as nodes of the graph that these are in. */
export function inline(
  body: Pick<Body, "params" | "outputs">,
  args: readonly Node[],
): readonly Node[] {
  const known = new Map<Node, Node>();
  body.params.forEach((node, i) => void known.set(node, args[i]!));
  return substitute(body.outputs, known);
}

/** The nodes where those of `known` are replaced; `known` gains all that was rebuilt on the way. Nodes
 *  that are `outside` stay, with all that they need. */
export function substitute(
  nodes: readonly Node[],
  known: Map<Node, Node>,
  outside: (node: Node) => boolean = () => false,
): readonly Node[] {
  for (const node of topological(nodes, (n) => known.has(n) || outside(n))) {
    if (known.has(node)) continue;
    if (outside(node)) {
      known.set(node, node);
      continue;
    }
    const src = node.src.map((s) => known.get(s)!);
    const same = src.every((s, i) => s === node.src[i]);
    known.set(node, same ? node : withSources(node, src));
  }
  return nodes.map((node) => known.get(node)!);
}
