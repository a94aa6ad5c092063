// scan: a loop over the steps of a sequence, whose body is called once, on stand-ins, whatever the
// length. The loop is one op of the graph: it is compiled once, and differentiated as a whole.
// Not here: how a loop becomes a node (autodiff/loop.ts), or its derivatives (autodiff/scan.ts).

import { type Loop, makeLoop, type Results, standFor, stepOf } from "../autodiff/loop.ts";
import { checkpointed } from "../autodiff/loop-checkpoint.ts";
import { gather, iota, reshape, sameShape, show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import { nodeOf, wrap } from "./core.ts";
import { argumentError, describe, dtypeError, shapeError } from "./ops/common.ts";
import * as n from "./ops/nodes.ts";
import { stateTensor } from "./state.ts";
import { Tensor } from "./tensor.ts";
import { activeTrace, LoopTrace, withTrace } from "./trace.ts";
import { collect, flatten, nodesOf, type Spec, treeOf } from "./tree.ts";

export interface ScanOptions {
  /** From the last step to the first; y at t still belongs to x at t. */
  reverse?: boolean | undefined;
  /** The number of steps, where there are no xs to tell it. */
  length?: number | undefined;
  /** Keep the carry of every k-th step for the gradient (true: of every √T-th) and compute the rest
   *  again, for long sequences. */
  checkpoint?: boolean | number | undefined;
  /** How many steps each sample has, (B) whole numbers: beyond, its carry stays and its y is zero. The
   *  batch is then the first axis of each carry and y. In reverse each sample begins at its own end. */
  lengths?: Tensor | readonly number[] | undefined;
}

/** One iteration: the carry, one step of xs, and its number (0-d int32). */
export type ScanBody<C, X, Y> = (carry: C, x: X, t: Tensor) => readonly [C, Y];

/**
 * Calls `body(carry, x, t)` for each step of `xs` along their first axis; it returns the next carry and a
 * result y. Gives the last carry, and all y stacked on a first axis. Carry, xs and y are tensors, or
 * arrays and objects of tensors; xs may be null where `length` is given, y may be null.
 *
 * The body is called once for all steps, so it may use tensors from outside and layers, but must not
 * read values, assign, or keep tensors for later.
 *
 * @throws ShapeError, DtypeError where the carry changes its kind, or sequences differ in length.
 *
 * @example
 * const xs = tensor([1, 2, 3]);
 * const [sum, sums] = scan((h: Tensor, x: Tensor) => [h.add(x), h.add(x)], tensor(0), xs);
 * await sums.array(); // [1, 3, 6]
 * await sum.item(); // 6
 */
export function scan<C, X, Y>(
  body: ScanBody<C, X, Y>,
  carry: C,
  xs: X,
  options: ScanOptions = {},
): [C, Y] {
  const [carryTensors, xsTensors]: [Tensor[], Tensor[]] = [[], []];
  const carrySpec = flatten("scan", carry, carryTensors);
  const xsSpec = flatten("scan", xs, xsTensors);
  const length = lengthOf(xsTensors, options);
  const bind = (outside: Node, inside: Node) => ({ outside, inside: differentiable(inside) });
  const inits = carryTensors.map(nodeOf);
  const sequences = xsTensors.map(nodeOf);
  const ends = options.lengths === undefined ? null : endsOf(options.lengths, length);
  const t = standFor({ dtype: "int32", shape: [] });
  const trace = new LoopTrace(activeTrace(), t, length);
  const carries = inits.map((init) => bind(init, standFor(init)));
  const steps = sequences.map((all) => bind(all, stepOf(all)));
  const made = withTrace(trace, () => {
    const [state, row] = [carries, steps].map((bound) => bound.map(({ inside }) => inside));
    const result = body(treeOf(carrySpec, state!) as C, treeOf(xsSpec, row!) as X, wrap(t));
    return openResult(result, carrySpec);
  });
  made.next.forEach((next, i) => void checkCarry(inits[i]!, next, i));
  const loop: Loop = {
    t,
    length,
    reverse: options.reverse === true,
    carries,
    xs: steps,
    next: ends === null ? made.next : made.next.map((c, i) => held(c, carries[i]!.inside, t, ends)),
    ys: ends === null ? made.ys : made.ys.map((y) => held(y, null, t, ends)),
    since: t.id,
  };
  return close(run(loop, options.checkpoint), carrySpec, made.ySpec) as [C, Y];
}

/** A stand-in may be asked for a gradient, so that noGrad inside the body cuts it. */
function differentiable(node: Node): Node {
  node.tracked = isFloat(node.dtype);
  return node;
}

function run(loop: Loop, checkpoint: boolean | number | undefined): Results {
  if (checkpoint === undefined || checkpoint === false) return makeLoop(loop);
  const every = checkpoint === true ? Math.ceil(Math.sqrt(loop.length)) : checkpoint;
  if (Number.isInteger(every) && (every >= 1 || loop.length === 0)) {
    return checkpointed(loop, every);
  }
  throw argumentError("scan", `checkpoint must be a whole number of steps, got ${every}`);
}

function close(results: Results, carrySpec: Spec, ySpec: Spec): [unknown, unknown] {
  return [treeOf(carrySpec, results.carries), treeOf(ySpec, results.ys)];
}

/** What a body returned, as nodes; called while its trace is active. */
function openResult(result: unknown, carrySpec: Spec) {
  if (!Array.isArray(result) || result.length !== 2) {
    const detail = `the body must return [carry, y], got ${describe(result)}`;
    throw argumentError("scan", detail, "where there is no y: return [carry, null]");
  }
  const next: Tensor[] = [];
  if (!collect(carrySpec, result[0], next)) {
    const hint = "what is no tensor must stay the same; make a number that changes a tensor";
    throw argumentError("scan", "the body returned a carry of another structure", hint);
  }
  const { spec: ySpec, nodes: ys } = nodesOf("scan", result[1]);
  return { next: next.map(nodeOf), ys, ySpec };
}

function checkCarry(init: Node, next: Node, i: number): void {
  const change = `carry ${i} begins as ${init.dtype} ${show(init.shape)}`;
  const after = `${change} and is ${next.dtype} ${show(next.shape)} after a step`;
  if (!sameShape(init.shape, next.shape)) throw shapeError("scan", after);
  if (init.dtype === next.dtype) return;
  throw dtypeError("scan", after, `use .to("${init.dtype}") in the body, or begin with another`);
}

function lengthOf(xs: readonly Tensor[], { length }: ScanOptions): number {
  const counts = xs.map((x) => {
    if (x.shape.length > 0) return x.shape[0]!;
    throw shapeError("scan", "xs need an axis of steps, got a scalar");
  });
  const [first] = counts;
  const found = length ?? first;
  if (found === undefined) {
    throw argumentError("scan", "how many steps?", "give xs, or { length: 10 }");
  }
  if (!Number.isInteger(found) || found < 0) {
    throw argumentError("scan", `length must be a whole number, got ${found}`);
  }
  if (counts.some((count) => count !== found)) {
    const shapes = xs.map((x) => show(x.shape)).join(" and ");
    const given = length === undefined ? "" : `, length is ${length}`;
    throw shapeError("scan", `xs differ in their number of steps: ${shapes}${given}`);
  }
  return found;
}

/** The number of steps of each sample, (B) int32. One outside 0 … length is a fault when it runs. */
function endsOf(lengths: Tensor | readonly number[], length: number): Node {
  if (!(lengths instanceof Tensor)) {
    const bad = lengths.find((n) => !Number.isInteger(n) || n < 0 || n > length);
    if (bad === undefined) return nodeOf(stateTensor(Int32Array.from(lengths), [lengths.length]));
    throw argumentError("scan", `lengths must be whole, from 0 to ${length}, got ${bad}`);
  }
  if (lengths.dtype !== "int32") {
    throw dtypeError("scan", `lengths must be int32, got ${lengths.dtype}`, "use lengths.int()");
  }
  if (lengths.shape.length !== 1) {
    throw shapeError("scan", `lengths must be (B), got ${show(lengths.shape)}`);
  }
  return gather(iota(length + 1), nodeOf(lengths), 0);
}

/** `next` for samples that have a step t; for the others `before`, or zero. */
function held(next: Node, before: Node | null, t: Node, ends: Node): Node {
  const [B] = ends.shape as [number];
  if (next.shape[0] !== B) {
    const detail = `${B} lengths do not fit ${show(next.shape)}: its first axis must be the batch`;
    throw shapeError("scan", detail);
  }
  const goesOn = reshape(n.lt(t, ends), [B, ...next.shape.slice(1).map(() => 1)]);
  return n.where(goesOn, next, before ?? 0);
}
