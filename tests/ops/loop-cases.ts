// Rows of the op table: scans, as they are in a graph. Loops that users write, with their gradients
// against the same loop written out, are in tests/tensor/scan*.test.ts; the lowering's own loops in
// tests/schedule.
import { type Loop, makeLoop, standFor, stepOf } from "../../src/autodiff/loop.ts";
import { makeBody } from "../../src/ir/body.ts";
import * as ir from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { type Case, leaf } from "./case.ts";

const [B, H] = [3, 5];
const add = (a: Node, b: Node) => ir.binary("add", a, b);
const mul = (a: Node, b: Node) => ir.binary("mul", a, b);

/** h' = tanh(h·w + x), y = h' and h: all that a body may give, without anything moved out of it. */
function recurrence(h: Node, xs: Node, w: Node, length: number, reverse: boolean): Node[] {
  const [t, state, x, weight] = [
    ir.param(0, "int32", []),
    ir.param(1, h.dtype, h.shape),
    ir.param(2, xs.dtype, xs.shape.slice(1)),
    ir.param(3, w.dtype, w.shape),
  ] as const;
  const product = ir.contract(state, weight, { a: "bh", b: "hk", out: "bk" });
  const next = ir.unary("tanh", add(product, x));
  const body = makeBody([t, state, x, weight], [next, next, state]);
  return ir.partsOf(ir.scan(body, { carries: [h], xs: [xs], consts: [w] }, { length, reverse }));
}

/** A loop whose body is made by `step` from t, the carry and a step of xs. */
function loop(
  h: Node,
  xs: Node,
  step: (t: Node, h: Node, x: Node) => { next: Node; ys: Node[] },
  options: Partial<Loop> = {},
): Node[] {
  const t = standFor({ dtype: "int32", shape: [] });
  const [state, x] = [standFor(h), stepOf(xs)];
  const { next, ys } = step(t, state, x);
  const results = makeLoop({
    t,
    length: xs.shape[0]!,
    reverse: false,
    carries: [{ inside: state, outside: h }],
    xs: [{ inside: x, outside: xs }],
    next: [next],
    ys,
    since: t.id,
    ...options,
  });
  return [...results.carries, ...results.ys];
}

function* rows(): Generator<Case> {
  for (const T of [0, 1, 2, 7]) {
    for (const reverse of [false, true]) {
      yield {
        name: `scan of a recurrence, ${T} steps${reverse ? " in reverse" : ""}`,
        leaves: [
          leaf([B, H], "float64"),
          leaf([T, B, H], "float64", 2),
          leaf([H, H], "float64", 3),
        ],
        build: (h, xs, w) => recurrence(h!, xs!, w!, T, reverse),
        smooth: T > 0,
      };
    }
  }
  yield {
    name: "scan with a contraction before it, one after it, and a bias",
    leaves: [
      leaf([B, H], "float64"),
      leaf([4, B, 2], "float64", 2),
      leaf([2, H], "float64", 3),
      leaf([H], "float64", 4),
    ],
    build: (h, xs, w, bias) =>
      loop(h!, xs!, (_, h, x) => {
        const input = ir.contract(x, w!, { a: "bi", b: "ih", out: "bh" });
        const next = ir.unary("sigmoid", add(add(h, input), ir.broadcastTo(bias!, [B, H])));
        return { next, ys: [ir.contract(next, w!, { a: "bh", b: "ih", out: "bi" })] };
      }),
    smooth: true,
  };
  yield {
    name: "scan of a scan, which keeps its carries alone for the gradient",
    leaves: [leaf([B], "float64"), leaf([3, 4, B], "float64", 2)],
    build: (h, xs) =>
      loop(
        h!,
        xs!,
        (t, h, x) => {
          const time = ir.broadcastTo(ir.cast(t, "float64"), [B]);
          const [last, all] = loop(h, x, (_, g, row) => {
            const next = ir.unary("sin", add(mul(g, time), row));
            return { next, ys: [mul(next, h)] };
          });
          return { next: last!, ys: [all!] };
        },
        { checkpoint: true },
      ),
    smooth: true,
  };
  yield {
    name: "scan of ints, gathering from a const",
    leaves: [leaf([], "int32"), leaf([6], "int32", 2), leaf([7, 2], "float32", 3)],
    build: (h, xs, table) =>
      loop(h!, xs!, (t, h, x) => {
        const seven = ir.constant(7, "int32");
        const next = ir.binary("mod", add(mul(h, x), t), seven);
        const place = ir.broadcastTo(next, [1, 2]);
        return { next, ys: [next, ir.gather(table!, place, 0)] };
      }),
  };
}

export const loopCases: readonly Case[] = [...rows()];
