// The loop as a graph: bodies and their keys, what is legal, the printed form, and what the reference
// computes, against the loop written out in plain JavaScript.
import { describe, expect, it } from "vitest";
import { interpret } from "../../src/backend/reference/interpret.ts";
import { inline, makeBody } from "../../src/ir/body.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { type Graph, makeGraph, withoutData } from "../../src/ir/graph.ts";
import { Node } from "../../src/ir/node.ts";
import { describeNode, printGraph } from "../../src/ir/print.ts";
import { verify, verifyNode } from "../../src/ir/spec.ts";

const data = (values: readonly number[], shape: readonly number[], dtype: DType = "float32") =>
  ir.bufferNode(new Buffer(dtype, values.length, Float32Array.from(values)), shape);

/** h' = h·w + x, y = h' and h·t. */
function recurrence(B = 2) {
  const t = ir.param(0, "int32", []);
  const [h, x, w] = [1, 2, 3].map((i) => ir.param(i, "float32", [B])) as [Node, Node, Node];
  const next = ir.binary("add", ir.binary("mul", h, w), x);
  const time = ir.broadcastTo(ir.cast(t, "float32"), [B]);
  return makeBody([t, h, x, w], [next, next, ir.binary("mul", h, time)]);
}

function loop(length: number, reverse = false, B = 2) {
  const h = data(range(B), [B]);
  const xs = data(range(length * B), [length, B]);
  const w = data([0.5, -2].slice(0, B), [B]);
  return ir.scan(recurrence(B), { carries: [h], xs: [xs], consts: [w] }, { length, reverse });
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

function run(graph: Graph): number[][] {
  const inputs = graph.inputs.map((n) => n.buffer!.host!);
  return interpret(
    graph,
    inputs,
    graph.scalars.map((s) => s.value),
  ).map((v) => [...v]);
}

function plain(length: number, reverse: boolean) {
  let h = [1, 2];
  const [ys, zs] = [range(2 * length), range(2 * length)];
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    for (const j of [0, 1]) zs[2 * t + j] = h[j]! * t;
    h = h.map((v, j) => v * [0.5, -2][j]! + 2 * t + j + 1);
    for (const j of [0, 1]) ys[2 * t + j] = h[j]!;
  }
  return [h, ys, zs];
}

describe("the reference's scan", () => {
  for (const length of [0, 1, 2, 7]) {
    for (const reverse of [false, true]) {
      it(`runs ${length} iterations${reverse ? " in reverse" : ""}`, () => {
        const graph = makeGraph(ir.partsOf(loop(length, reverse)));
        verify(graph);
        expect(run(graph)).toEqual(plain(length, reverse));
      });
    }
  }

  it("runs a loop inside a loop", () => {
    const t = ir.param(0, "int32", []);
    const h = ir.param(1, "float32", [2]);
    const x = ir.param(2, "float32", [3, 2]);
    const w = ir.param(3, "float32", [2]);
    const inner = ir.scan(recurrence(), { carries: [h], xs: [x], consts: [w] }, { length: 3 });
    const outer = makeBody([t, h, x, w], [ir.part(inner, 0), ir.part(inner, 1)]);
    const sources = { carries: [data([1, 2], [2])], xs: [data(range(12), [2, 3, 2])] };
    const consts = [data([0.5, -2], [2])];
    const whole = ir.scan(outer, { ...sources, consts }, { length: 2 });
    const graph = makeGraph(ir.partsOf(whole));
    verify(graph);
    const [h6, ys] = plain(6, false);
    expect(run(graph)).toEqual([h6, ys]);
  });
});

describe("a body", () => {
  it("has one key for one structure, and another for another", () => {
    expect(recurrence().key).toBe(recurrence().key);
    expect(recurrence(3).key).not.toBe(recurrence().key);
    const [a, b] = [makeGraph(ir.partsOf(loop(3))), makeGraph(ir.partsOf(loop(3)))];
    expect(a.key).toBe(b.key);
    expect(makeGraph(ir.partsOf(loop(3, true))).key).not.toBe(a.key);
    const negative = makeBody([ir.param(0, "float32", [])], [ir.constant(-0, "float32")]);
    const positive = makeBody([ir.param(0, "float32", [])], [ir.constant(0, "float32")]);
    expect(negative.key).not.toBe(positive.key);
  });

  it("merges what is equal, in it and among scans", () => {
    const x = ir.param(0, "float32", [2]);
    const body = makeBody([x], [ir.unary("exp", x), ir.unary("exp", x)]);
    expect(body.outputs[0]).toBe(body.outputs[1]);
    const one = loop(3);
    const two = new Node("scan", "float32", [0], one.src, { ...one.attrs, body: recurrence() });
    const [p, q] = makeGraph([ir.part(one, 0), ir.part(two, 0)]).outputs;
    expect(p).toBe(q);
  });

  it("reaches no data", () => {
    const x = data([1, 2], [2]);
    expect(() => makeBody([], [ir.unary("exp", x)])).toThrow("a body reaches a buffer");
    const graph = withoutData(makeGraph(ir.partsOf(loop(2))));
    expect(graph.inputs.every((n) => n.buffer!.host === null)).toBe(true);
    verify(graph);
  });

  it("can be put into a graph", () => {
    const args = [ir.constant(3, "int32"), ...[1, 2, 3].map((v) => data([v, v], [2]))];
    expect(run(makeGraph(inline(recurrence(), args)))[2]).toEqual([3, 3]);
  });
});

describe("a scan's checks", () => {
  it("refuse sources that do not fit the body", () => {
    const [h, w] = [data([1, 2], [2]), data([1, 2], [2])];
    const xs = data(range(6), [3, 2]);
    const body = recurrence();
    const make = (length: number, x: Node) =>
      ir.scan(body, { carries: [h], xs: [x], consts: [w] }, { length });
    expect(() => make(4, xs)).toThrow("4 iterations over [3,2]");
    expect(() => make(3, data(range(9), [3, 3]))).toThrow("the body takes");
    const p = ir.param(1, "float32", [2]);
    const wide = makeBody(
      [ir.param(0, "int32", []), p],
      [ir.broadcastTo(ir.constant(0, "float32"), [3])],
    );
    expect(() => ir.scan(wide, { carries: [h], xs: [], consts: [] }, { length: 3 })).toThrow(
      "carry 0 is float32 [2], then float32 [3]",
    );
  });

  it("see damage", () => {
    const good = loop(3);
    verifyNode(good);
    const bad = (attrs: object) =>
      new Node("scan", "float32", [0], good.src, { ...good.attrs, ...attrs });
    expect(() => verifyNode(bad({ length: 4 }))).toThrow("an element for each iteration");
    expect(() => verifyNode(bad({ carries: 2, xs: 0 }))).toThrow("not so in scan");
    expect(() => verifyNode(bad({ carries: 4 }))).toThrow("a source for each carry");
    expect(() => verifyNode(new Node("part", "float32", [2], [good], { index: 3 }))).toThrow(
      "the scan has this part",
    );
    expect(() => verifyNode(ir.unary("neg", good))).toThrow("only parts read a scan");
    expect(() => verify(makeGraph([ir.param(0, "float32", [])]))).toThrow("params are in bodies");
  });
});

describe("a printed scan", () => {
  it("builds the same graph, loops inside loops too", () => {
    const t = ir.param(0, "int32", []);
    const h = ir.param(1, "float32", [2]);
    const xs = ir.param(2, "float32", [3, 2]);
    const inner = ir.scan(recurrence(), { carries: [h], xs: [xs], consts: [h] }, { length: 3 });
    const body = makeBody([t, h, xs], [ir.part(inner, 0)]);
    const sources = { carries: [data([1, 2], [2])], xs: [], consts: [data(range(6), [3, 2])] };
    const graph = makeGraph([ir.part(ir.scan(body, sources, { length: 4 }), 0)]);
    const text = printGraph(graph);
    const names = { ...ir, Buffer, makeBody, makeGraph };
    const code = text.replace(/^import .*$/gm, "").replace("export default", "return");
    const again = new Function(...Object.keys(names), code)(...Object.values(names)) as Graph;
    expect(again.key).toBe(graph.key);
    for (const name of text.matchAll(/^import { (.*) } from/gm)) {
      for (const each of name[1]!.split(", ")) expect(names).toHaveProperty(each);
    }
  });

  it("is one line where it is described", () => {
    expect(describeNode(loop(3))).toMatch(
      /^scan float32 \[0\] { body: Body, carries: 1, xs: 1, length: 3, reverse: false } of buffer/,
    );
  });
});
