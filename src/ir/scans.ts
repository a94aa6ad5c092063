// Loops of a graph made fewer and smaller, before anything is lowered: scans over the same sources that
// carry the same (a loop and what its gradient keeps of it) become one, and results, carries and sources
// that nothing reads are left out. Values stay to the bit. Not here: how bodies are made.

import { inline, makeBody } from "./body.ts";
import { constant, expand, full, param, part, reshape, scan } from "./build.ts";
import { type Graph, Interner } from "./graph.ts";
import { isOp, type Node, type Shape, topological } from "./node.ts";
import { constValue } from "./simplify.ts";

type Scan = Node<"scan">;

/** The graph with one scan for each loop, and nothing in it that is not read. */
export function tidyScans(graph: Graph): Graph {
  return { ...graph, outputs: tidy(graph.outputs) };
}

function tidy(outputs: readonly Node[]): readonly Node[] {
  const hasScan = topological(outputs).some((node) => node.op === "scan");
  return hasScan ? prune(merge(outputs)) : outputs;
}

// --- one scan for each loop -------------------------------------------------------------------------

/** Scans whose carries are equal at each step, as one; `places[i]` are the parts of the i-th of them. */
interface Merged {
  readonly members: readonly Scan[];
  readonly places: readonly (readonly number[])[];
  readonly whole: Scan;
}

function merge(outputs: readonly Node[]): readonly Node[] {
  const alike = new Map<string, Scan[]>();
  const ids = new Map<Node, number>();
  const order = topological(outputs);
  for (const node of order) {
    ids.set(node, ids.size);
    if (!isOp(node, "scan")) continue;
    const { body: _, ...attrs } = node.attrs;
    const key = `${node.src.map((s) => ids.get(s))} ${JSON.stringify(attrs)}`;
    alike.set(key, [...(alike.get(key) ?? []), node]);
  }
  const merged = new Map<Scan, Merged>();
  for (const group of alike.values()) {
    for (const one of group.length > 1 ? classes(group) : []) {
      for (const member of one.members) merged.set(member, one);
    }
  }
  if (merged.size === 0) return outputs;
  const loops = new Map<Merged, Scan>();
  return rebuild(outputs, (node, src) => {
    if (isOp(node, "scan")) {
      const one = merged.get(node);
      if (one && !loops.has(one)) loops.set(one, again(one.whole, src));
      return one ? loops.get(one)! : null;
    }
    if (!isOp(node, "part")) return null;
    const loop = node.src[0] as Scan;
    const one = merged.get(loop);
    if (!one) return null;
    return part(loops.get(one)!, one.places[one.members.indexOf(loop)]![node.attrs.index]!);
  });
}

/** Scans over the same sources, in classes of those that carry the same. */
function classes(group: readonly Scan[]): Merged[] {
  const found: Merged[] = [];
  for (const loop of group) {
    const joined = found.map((one) => join(one, loop));
    const at = joined.findIndex((one) => one !== null);
    const places = loop.attrs.body.outputs.map((_, i) => i);
    if (at < 0) found.push({ members: [loop], places: [places], whole: loop });
    else found[at] = joined[at]!;
  }
  return found.filter((one) => one.members.length > 1);
}

/** A further member, if it carries the same. */
function join({ members, places, whole }: Merged, loop: Scan): Merged | null {
  const { body, carries } = whole.attrs;
  const mine = inline(loop.attrs.body, body.params);
  const count = body.outputs.length;
  const both = makeBody(body.params, [...body.outputs, ...mine]);
  for (let i = 0; i < carries; i++) {
    if (both.outputs[i] !== both.outputs[count + i]) return null;
  }
  const kept = both.outputs.slice(0, count);
  const added = both.outputs.slice(count).map((node, i) => {
    if (i < carries) return i;
    const known = kept.indexOf(node, carries);
    return known >= 0 ? known : kept.push(node) - 1;
  });
  const attrs = { ...whole.attrs, body: makeBody(both.params, kept) };
  return {
    members: [...members, loop],
    places: [...places, added],
    whole: again(whole, whole.src, attrs),
  };
}

function again(loop: Scan, src: readonly Node[], attrs = loop.attrs): Scan {
  const { body, carries, xs } = attrs;
  const sources = {
    carries: src.slice(0, carries),
    xs: src.slice(carries, carries + xs),
    consts: src.slice(carries + xs),
  };
  return scan(body, sources, attrs);
}

// --- nothing that is not read -----------------------------------------------------------------------

/** What is left of a scan: positions among its sources and its outputs. */
interface Left {
  /** Carries that change. */
  readonly carries: readonly number[];
  /** Carries that stay what they were: consts. */
  readonly still: readonly number[];
  readonly xs: readonly number[];
  readonly consts: readonly number[];
  readonly ys: readonly number[];
}

function prune(outputs: readonly Node[]): readonly Node[] {
  const order = topological(outputs);
  const live = new Set<Node>(outputs);
  const read = new Map<Node, Set<number>>();
  const left = new Map<Node, Left>();
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!;
    if (!live.has(node)) continue;
    if (isOp(node, "scan")) {
      const rest = leftOf(node, read.get(node)!);
      left.set(node, rest);
      const { carries, still, xs, consts } = rest;
      for (const at of [...carries, ...still, ...xs, ...consts]) live.add(node.src[at]!);
      continue;
    }
    if (isOp(node, "part")) {
      const loop = node.src[0]!;
      read.set(loop, (read.get(loop) ?? new Set()).add(node.attrs.index));
    }
    for (const s of node.src) live.add(s);
  }
  const made = new Map<Node, { loop: Scan; rest: Left; src: readonly Node[] }>();
  return rebuild(
    outputs,
    (node, src) => {
      if (isOp(node, "scan")) {
        const rest = left.get(node)!;
        const loop = smaller(node, rest, src);
        made.set(node, { loop, rest, src });
        return loop;
      }
      if (!isOp(node, "part")) return null;
      const { loop, rest, src: sources } = made.get(node.src[0]!)!;
      const { index } = node.attrs;
      if (rest.still.includes(index)) return sources[index]!;
      const carry = rest.carries.indexOf(index);
      return part(loop, carry >= 0 ? carry : rest.carries.length + rest.ys.indexOf(index));
    },
    (node) => !live.has(node),
  );
}

/** What the parts that are read need of a scan. */
function leftOf({ attrs }: Scan, parts: ReadonlySet<number>): Left {
  const { body, carries, xs } = attrs;
  const [, ...params] = body.params;
  const needed = new Set(parts);
  const reached = new Set<Node>();
  for (let before = -1; before !== needed.size; ) {
    before = needed.size;
    for (const node of topological([...needed].map((i) => body.outputs[i]!))) reached.add(node);
    for (let i = 0; i < carries; i++) if (reached.has(params[i]!)) needed.add(i);
  }
  const among = (from: number, to: number) =>
    params.flatMap((p, i) => (i >= from && i < to && reached.has(p) ? [i] : []));
  const kept = [...needed].sort((p, q) => p - q);
  const moves = (i: number) => body.outputs[i] !== params[i];
  return {
    carries: kept.filter((i) => i < carries && moves(i)),
    still: kept.filter((i) => i < carries && !moves(i)),
    xs: among(carries, carries + xs),
    consts: among(carries + xs, params.length),
    ys: kept.filter((i) => i >= carries),
  };
}

/** The scan with what is left of it, over its new sources. Equal sources are one; what is repeated is
 *  repeated in the body; xs that are the same at each step are consts. */
function smaller(loop: Scan, left: Left, src: readonly Node[]): Scan {
  const { body, length, reverse, checkpoint } = loop.attrs;
  const [t, ...params] = body.params as [Node, ...Node[]];
  // Stand-ins have numbers of their own, so that no two are equal; makeBody numbers them as params.
  let count = 0;
  const standFor = (dtype: Node["dtype"], shape: Shape) => param(count++, dtype, shape);
  const known = new Map<Node, Node>([[t, standFor(t.dtype, t.shape)]]);
  const firsts = { xs: new Map<Node, Node>(), consts: new Map<Node, Node>() };
  const bind = (place: Node, given: Node, step: boolean) => {
    const value = constValue(given);
    if (value !== null) return known.set(place, full(value, place.shape, place.dtype));
    const source = given.op === "expand" ? given.src[0]! : given;
    const same = step && source.shape[0] === 1 && length > 1;
    const among = step && !same ? firsts.xs : firsts.consts;
    const shape = step ? source.shape.slice(1) : source.shape;
    const kind = among === firsts.xs ? shape : source.shape;
    const first = among.get(source) ?? standFor(source.dtype, kind);
    among.set(source, first);
    return known.set(place, expand(reshape(first, shape), place.shape));
  };
  for (const i of left.carries) {
    known.set(params[i]!, standFor(params[i]!.dtype, params[i]!.shape));
  }
  for (const i of [...left.still, ...left.consts]) bind(params[i]!, src[i]!, false);
  for (const i of left.xs) bind(params[i]!, src[i]!, true);
  const outputs = [...left.carries, ...left.ys].map((i) => body.outputs[i]!);
  const replaced = body.params.map((p) => known.get(p) ?? constant(0, p.dtype));
  const inside = tidy(inline({ params: body.params, outputs }, replaced));
  const own = left.carries.map((i) => known.get(params[i]!)!);
  const inputs = [known.get(t)!, ...own, ...firsts.xs.values(), ...firsts.consts.values()];
  const sources = {
    carries: left.carries.map((i) => src[i]!),
    xs: [...firsts.xs.keys()],
    consts: [...firsts.consts.keys()],
  };
  return scan(makeBody(inputs, inside), sources, { length, reverse, checkpoint });
}

/** The outputs, each node made again by `make` (null: as it was) of its new sources, equal ones once. */
function rebuild(
  outputs: readonly Node[],
  make: (node: Node, src: readonly Node[]) => Node | null,
  skip: (node: Node) => boolean = () => false,
): readonly Node[] {
  const interner = new Interner();
  const done = new Map<Node, Node>();
  for (const node of topological(outputs)) {
    if (skip(node)) continue;
    const src = node.src.map((s) => done.get(s)!);
    const made = make(node, src);
    const mine = made === null ? interner.intern(node, src) : settle(interner, made, done);
    done.set(node, mine);
    done.set(mine, mine);
  }
  return outputs.map((node) => done.get(node)!);
}

/** A node that was made anew, with all that it is made of, among those known. */
function settle(interner: Interner, node: Node, done: Map<Node, Node>): Node {
  for (const each of topological([node], (n) => done.has(n))) {
    if (done.has(each)) continue;
    const mine = interner.intern(
      each,
      each.src.map((s) => done.get(s)!),
    );
    done.set(each, mine);
    done.set(mine, mine);
  }
  return done.get(node)!;
}
