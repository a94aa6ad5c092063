// What is legal, and that the checks notice what is not: all of the op table and its gradients pass,
// and each kind of damage to a node fails.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { Node } from "../../src/ir/node.ts";
import { verify, verifyNode } from "../../src/ir/spec.ts";
import { instantiate } from "../ops/case.ts";
import { sections } from "../ops/table.ts";

const leaf = (...shape: number[]) => {
  const size = shape.reduce((p, d) => p * d, 1);
  return ir.bufferNode(new Buffer("float32", size, null), shape);
};

describe("verify", () => {
  for (const [section, cases] of Object.entries(sections)) {
    it(`accepts ${section} and their gradients`, () => {
      for (const c of cases) {
        const { outputs, leaves } = instantiate(c);
        const assign = outputs.map((_, i) => leaves[c.into?.[i] ?? -1]?.buffer ?? null);
        verify(makeGraph(outputs, assign));
        const floats = outputs.filter((y) => isFloat(y.dtype));
        const ones = floats.map((y) => ir.full(1, y.shape, y.dtype));
        const gradients = grad(floats, ones, leaves);
        gradients.forEach((g, i) => {
          if (g === null) return;
          expect(g.shape, c.name).toEqual(leaves[i]!.shape);
          expect(g.dtype, c.name).toBe(leaves[i]!.dtype);
        });
        verify(makeGraph(gradients.filter((g) => g !== null)));
      }
    });
  }

  it("rejects a graph whose lists do not fit its nodes", () => {
    const [x, y] = [leaf(3), leaf(3)];
    const graph = makeGraph([ir.binary("add", x, y)], [x.buffer]);
    verify(graph);
    expect(() => verify({ ...graph, inputs: [x] })).toThrow("all inputs are listed once");
    expect(() => verify({ ...graph, into: [] })).toThrow("each output says what it replaces");
    expect(() => verify({ ...graph, into: [7] })).toThrow("output 0 fits the input");
    const two = { ...graph, outputs: [graph.outputs[0]!, x], into: [1, 1] };
    expect(() => verify(two)).toThrow("no input is replaced twice");
  });
});

describe("verifyNode", () => {
  const x = leaf(4, 6);
  const bools = ir.compare("lt", x, x);
  const index = ir.broadcastTo(ir.iota(6), [2, 6]);
  const good = {
    unary: ir.unary("exp", x),
    binary: ir.binary("add", x, x),
    compare: bools,
    where: ir.where(bools, x, x),
    cast: ir.cast(x, "int32"),
    reduce: ir.reduce("sum", x, [1]),
    reshape: ir.reshape(x, [24]),
    permute: ir.permute(x, [1, 0]),
    expand: ir.expand(ir.reduce("max", x, [0]), [4, 6]),
    pad: ir.pad(x, [1, 0], [0, 2]),
    slice: ir.slice(x, [1, 0], [4, 6], [2, 3]),
    flip: ir.flip(x, [0]),
    window: ir.window(x, [1], [3], [2], [1]),
    gather: ir.gather(x, index, 0),
    contract: ir.contract(x, x, { a: "ik", b: "jk", out: "ij" }),
  };

  const damage: [keyof typeof good, Partial<Node>, string][] = [
    ["unary", { dtype: "int32" }, "sources have the node's dtype"],
    ["unary", { src: [] }, "unary has 1 sources"],
    ["unary", { shape: [6, 4] }, "sources have the node's shape"],
    ["binary", { attrs: { fn: "and" } }, "and is for ints and bools"],
    ["compare", { dtype: "float32" }, "the result is bool"],
    ["where", { src: [x, x, x] }, "the condition is bool"],
    ["cast", { shape: [4] }, "the shape stays"],
    ["reduce", { attrs: { fn: "sum", axes: [2] } }, "the axes are distinct axes"],
    ["reduce", { shape: [4] }, "reduced axes stay with size 1"],
    ["reduce", { attrs: { fn: "argmax", axes: [1] } }, "int32 for argmax"],
    ["reduce", { attrs: { fn: "sum", axes: [1], first: true } }, "first is for max and min"],
    ["reshape", { shape: [25] }, "the number of elements stays"],
    ["permute", { attrs: { axes: [0, 0] } }, "all axes are named"],
    ["permute", { attrs: { axes: [0, 1] } }, "in the new order"],
    ["expand", { src: [x], shape: [4, 12] }, "only axes of size 1 grow"],
    ["pad", { attrs: { lo: [-1, 0], hi: [2, 2], value: 0 } }, "not negative"],
    ["slice", { attrs: { start: [2, 0], step: [2, 3] } }, "inside the source"],
    ["slice", { attrs: { start: [1, 0], step: [0, 3] } }, "steps positive"],
    ["flip", { attrs: { axes: [5] } }, "axes of the source"],
    ["window", { attrs: { axes: [1], size: [3], stride: [1], dilation: [1] } }, "the positions"],
    ["window", { attrs: { axes: [1], size: [3], stride: [0], dilation: [1] } }, "a stride"],
    ["gather", { src: [x, ir.cast(index, "float32")] }, "the index is int32"],
    ["contract", { attrs: { a: "ik", b: "jl", out: "ij" } }, "summed is in both"],
    ["contract", { attrs: { a: "ik", b: "kj", out: "ij" } }, "equal sizes"],
    ["contract", { shape: [4, 5] }, "that of the result's labels"],
  ]; // biome-ignore format: a table

  it.each(Object.entries(good))("accepts %s", (_, node) => {
    expect(() => verifyNode(node)).not.toThrow();
  });

  it.each(damage)("rejects a damaged %s: %o", (op, change, claim) => {
    const { dtype, shape, src, attrs } = { ...good[op], ...change } as Node;
    const node = new Node(op, dtype, shape, src, attrs as never);
    expect(() => verifyNode(node)).toThrow(claim);
    expect(() => verifyNode(node)).toThrow(`not so in ${op} ${dtype}`);
  });
});
