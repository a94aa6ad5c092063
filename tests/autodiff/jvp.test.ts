// Forward mode against reverse mode, which finite differences have checked: for every smooth row of
// the op table ⟨J·t, c⟩ = ⟨t, Jᵀ·c⟩.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { jvp } from "../../src/autodiff/jvp.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import { verify } from "../../src/ir/spec.ts";
import { ArgumentError, ShapeError } from "../../src/util/errors.ts";
import { evaluate, reference } from "../ops/backends.ts";
import { instantiate, stream } from "../ops/case.ts";
import { table } from "../ops/table.ts";

const smooth = table.filter((c) => c.smooth).map((c) => [c.name, c] as const);

function randomLike(x: Node, seed: number): Node {
  const next = stream(seed);
  const data = Float64Array.from({ length: sizeOf(x.shape) }, () => next() - 0.5);
  return ir.bufferNode(new Buffer("float64", data.length, data), x.shape);
}

function dot(a: Node, b: Node): Node {
  const axes = a.shape.map((_, i) => i);
  return ir.reshape(ir.reduce("sum", ir.binary("mul", a, b), axes), []);
}

function total(pairs: [Node | null, Node][]): Node {
  const products = pairs.flatMap(([a, b]) => (a === null ? [] : [dot(a, b)]));
  return products.reduce((a, b) => ir.binary("add", a, b), ir.full(0, [], "float64"));
}

describe("jvp", () => {
  it.each(smooth)("%s", async (_, c) => {
    const { outputs, leaves } = instantiate(c, "float64");
    const ys = outputs.filter((y) => y.dtype === "float64");
    const xs = leaves.filter((x) => isFloat(x.dtype));
    const tangents = xs.map((x, i) => randomLike(x, i));
    const cotangents = ys.map((y, i) => randomLike(y, 100 + i));
    const forwards = jvp(ys, xs, tangents);
    const backwards = grad(ys, cotangents, xs);
    verify(makeGraph(forwards.filter((t) => t !== null)));
    const sums = [
      total(forwards.map((t, i) => [t, cotangents[i]!])),
      total(backwards.map((g, i) => [g, tangents[i]!])),
    ];
    const [a, b] = (await evaluate(reference, sums)).map((v) => v[0]!) as [number, number];
    expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(a)));
    expect(Number.isFinite(a)).toBe(true);
  });

  it("moves nodes inside the graph, and gives null to what stays", () => {
    const x = ir.full(2, [1], "float64");
    const y = ir.unary("exp", x);
    const one = ir.full(1, [1], "float64");
    expect(jvp([y, x], [y], [one])).toEqual([one, null]);
  });

  it("refuses tangents that do not fit", () => {
    const x = ir.full(2, [3], "float64");
    expect(() => jvp([x], [x], [ir.full(1, [2], "float64")])).toThrow(ShapeError);
    expect(() => jvp([x], [x], [ir.full(1, [3], "float32")])).toThrow(
      "float64 [3] and float32 [3]",
    );
    expect(() => jvp([x], [x], [])).toThrow(ArgumentError);
  });
});
