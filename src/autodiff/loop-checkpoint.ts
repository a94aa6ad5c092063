// A loop in pieces of k steps: a loop over pieces around a loop over steps. The gradient of the outer
// keeps the carries between pieces alone and runs a piece again when it comes to it, so that T steps
// need the memory of T/k carries and k steps. Not here: what else a loop is (loop.ts).

import { substitute } from "../ir/body.ts";
import { binary, constant, reshape, slice } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { type Bound, type Loop, makeLoop, type Results, standFor, stepOf } from "./loop.ts";
import { concat } from "./terms.ts";

/** The results of a loop whose gradient keeps the carry of every k-th step. */
export function checkpointed(loop: Loop, k: number): Results {
  const { length, reverse, carries } = loop;
  const whole = k > 0 ? Math.floor(length / k) : 0;
  const split = whole * k;
  if (whole === 0) return makeLoop(loop);
  const main = (inits: readonly Node[]) => pieces(loop, inits, whole, k);
  const rest = (inits: readonly Node[]) => {
    const xs = loop.xs.map(({ inside, outside }) => {
      return { inside, outside: steps(outside, split, length) };
    });
    return piece(loop, { inits, xs, start: constant(split, "int32"), length: length - split });
  };
  const inits = carries.map((c) => c.outside);
  if (split === length) return main(inits);
  const [before, after] = reverse ? [rest, main] : [main, rest];
  const first = before(inits);
  const last = after(first.carries);
  const [low, high] = reverse ? [last, first] : [first, last];
  return { carries: last.carries, ys: low.ys.map((y, i) => concat(y, high.ys[i]!)) };
}

/** The steps start … start + length - 1, as a loop of their own. */
function piece(
  loop: Loop,
  from: { inits: readonly Node[]; xs: readonly Bound[]; start: Node; length: number },
): Results {
  const { t, carries, since = 0 } = loop;
  const u = standFor(t);
  const known = new Map([[t, binary("add", from.start, u)]]);
  const made = substitute([...loop.next, ...loop.ys], known, (node) => node.id < since);
  return makeLoop({
    ...loop,
    t: u,
    length: from.length,
    carries: carries.map(({ inside }, i) => ({ inside, outside: from.inits[i]! })),
    xs: from.xs,
    next: made.slice(0, carries.length),
    ys: made.slice(carries.length),
  });
}

function pieces(loop: Loop, inits: readonly Node[], count: number, k: number): Results {
  const p = standFor(loop.t);
  const start = binary("mul", p, constant(k, "int32"));
  const state = inits.map((init): Bound => ({ inside: standFor(init), outside: init }));
  const xs = loop.xs.map(({ inside, outside }) => {
    const main = steps(outside, 0, count * k);
    const all = reshape(main, [count, k, ...main.shape.slice(1)]); // (T/k, k, …)
    return { all: { inside: stepOf(all), outside: all }, inside };
  });
  const inner = piece(loop, {
    inits: state.map((s) => s.inside),
    xs: xs.map(({ all, inside }) => ({ inside, outside: all.inside })),
    start,
    length: k,
  });
  const outer = makeLoop({
    ...loop,
    t: p,
    length: count,
    checkpoint: true,
    carries: state,
    xs: xs.map(({ all }) => all),
    next: inner.carries,
    ys: inner.ys,
  });
  const ys = outer.ys.map((y) => reshape(y, [count * k, ...y.shape.slice(2)])); // (T/k·k, …)
  return { carries: outer.carries, ys };
}

/** Steps from … to - 1 of a sequence. */
function steps(all: Node, from: number, to: number): Node {
  const rest = all.shape.slice(1);
  return slice(all, [from, ...rest.map(() => 0)], [to, ...rest]);
}
