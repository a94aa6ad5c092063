// Literal facts about the reference: the corners of each op's meaning, its random numbers, faults,
// and updates in place. Written down by hand, so that the truth is not only compared with itself.
import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import { erf } from "../../src/backend/reference/erf.ts";
import { findFirst } from "../../src/backend/reference/interpret.ts";
import { threefry } from "../../src/backend/reference/threefry.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import { type DType, makeArray } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { type Node, withScope } from "../../src/ir/node.ts";
import type { BinaryOp, ReduceOp, UnaryOp } from "../../src/ir/op.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { ArgumentError, StateError } from "../../src/util/errors.ts";

const engine = new Engine(new ReferenceBackend());

function leaf(dtype: DType, values: number[], shape = [values.length], state = false): Node {
  const data = makeArray(dtype, values.length);
  data.set(values);
  return ir.bufferNode(new Buffer(dtype, data.length, data, state), shape);
}

function valuesOf(node: Node): number[] {
  const { buffers } = engine.evaluate([node]);
  return Array.from(engine.read(buffers[0]!) as ArrayLike<number>);
}

const big = 2147483647;

describe("elementwise", () => {
  const unaries: [UnaryOp, DType, number[], number[]][] = [
    ["round", "float32", [0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, 8388609, NaN], [0, 2, 2, -0, -2, 0, 8388609, NaN]],
    ["floor", "float32", [1.5, -1.5, -0], [1, -2, -0]],
    ["relu", "float32", [-1, -0, 2, NaN, Infinity, -Infinity], [0, 0, 2, NaN, Infinity, 0]],
    ["sign", "float64", [-3, -0, 0, 7, NaN, -Infinity], [-1, 0, 0, 1, 0, -1]],
    ["neg", "uint8", [0, 1, 255], [0, 255, 1]],
    ["neg", "int32", [big, -big - 1], [-big, -big - 1]],
    ["not", "bool", [0, 1], [1, 0]],
    ["not", "int32", [0, 5], [-1, -6]],
    ["not", "uint8", [0, 5], [255, 250]],
    ["sigmoid", "float64", [0, 800, -800], [0.5, 1, 0]],
    ["rsqrt", "float64", [4, 0, -1], [0.5, Infinity, NaN]],
  ]; // biome-ignore format: a table
  it.each(unaries)("%s of %s", (fn, dtype, x, y) => {
    expect(valuesOf(ir.unary(fn, leaf(dtype, x)))).toEqual(y);
  });

  const binaries: [BinaryOp, DType, number[], number[], number[]][] = [
    ["div", "int32", [7, -7, 7, 5, -big - 1], [2, 2, -2, 0, -1], [3, -3, -3, 0, -big - 1]],
    ["mod", "int32", [7, -7, 7, -7, 5], [3, 3, -3, -3, 0], [1, 2, -2, -1, 0]],
    ["mod", "float64", [5.5, -5.5, 5.5, 1, -1], [2, 2, -2, 0, Infinity], [1.5, 0.5, -0.5, NaN, Infinity]],
    ["add", "uint8", [250, 255], [10, 1], [4, 0]],
    ["sub", "uint8", [3], [5], [254]],
    ["mul", "int32", [65537, 46341], [65537, 46341], [131073, -2147479015]],
    ["mul", "uint8", [16], [17], [16]],
    ["pow", "int32", [3, 2, -1, -1, 5, 0], [5, -1, -2, -3, 0, 0], [243, 0, 1, -1, 1, 1]],
    ["pow", "float64", [1, 1, -1, 0, 2, -8], [NaN, Infinity, Infinity, 0, -1, 1 / 3], [1, 1, 1, 1, 0.5, NaN]],
    ["max", "float64", [1, NaN, 2], [2, 1, NaN], [2, NaN, NaN]],
    ["shl", "int32", [1, 1, 3], [31, 32, 33], [-big - 1, 1, 6]],
    ["shr", "int32", [-1, -1, 8], [28, 32, 2], [15, -1, 2]],
    ["shr", "uint8", [200], [3], [25]],
    ["xor", "bool", [0, 1, 1], [1, 1, 0], [1, 0, 1]],
    ["add", "bool", [0, 1, 1], [0, 1, 0], [0, 1, 1]],
  ]; // biome-ignore format: a table
  it.each(binaries)("%s of %s", (fn, dtype, a, b, y) => {
    expect(valuesOf(ir.binary(fn, leaf(dtype, a), leaf(dtype, b)))).toEqual(y);
  });

  it("casts as it says", () => {
    const x = leaf("float64", [1.9, -1.9, NaN, 3e9, -3e9, 300.5, -1]);
    expect(valuesOf(ir.cast(x, "int32"))).toEqual([1, -1, 0, big, -big - 1, 300, -1]);
    expect(valuesOf(ir.cast(x, "uint8"))).toEqual([1, 255, 0, 255, 0, 44, 255]);
    expect(valuesOf(ir.cast(x, "bool"))).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect(valuesOf(ir.cast(leaf("int32", [256, -1, 7]), "uint8"))).toEqual([0, 255, 7]);
    expect(valuesOf(ir.cast(leaf("int32", [16777217]), "float32"))).toEqual([16777216]);
  });

  it("keeps infinities, NaN and both zeros apart as constants of one graph", () => {
    const of = (v: number) => ir.full(v, [1], "float64");
    const one = leaf("float64", [1]);
    const nodes = [Infinity, -Infinity, NaN, 0, -0].map((v) => ir.binary("div", one, of(v)));
    const { buffers } = engine.evaluate(nodes);
    const values = buffers.map((b) => (engine.read(b) as Float64Array)[0]);
    expect(values).toEqual([0, -0, NaN, Infinity, -Infinity]);
  });

  it("knows erf to 1e-15", () => {
    const known: [number, number][] = [
      [1e-8, 1.1283791670955126e-8],
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [1.5, 0.9661051464753108],
      [2, 0.9953222650189527],
      [2.5, 0.9995930479825550],
      [3, 0.9999779095030014],
      [4, 0.9999999845827421],
      [7, 1],
    ]; // biome-ignore format: a table
    for (const [x, y] of known) {
      expect(Math.abs(erf(x) - y)).toBeLessThanOrEqual(1e-15 * Math.max(y, 1e-8));
      expect(erf(-x)).toBe(-erf(x));
    }
  });
});

describe("reductions", () => {
  const rows: [ReduceOp, DType, number[], number][] = [
    ["sum", "uint8", [200, 100], 44],
    ["sum", "int32", [big, 1], -big - 1],
    ["prod", "int32", [65537, 65537], 131073],
    ["sum", "float32", [1e8, 1, -1e8], 1], // summed in float64
    ["sum", "float64", [], 0],
    ["prod", "float64", [], 1],
    ["max", "float32", [1, NaN, 3], NaN],
    ["argmax", "float32", [1, 5, 5, 2], 1],
    ["argmin", "int32", [4, 2, 7, 2], 1],
    ["argmax", "float32", [1, NaN, 9, NaN], 1],
    ["argmin", "float32", [-Infinity, NaN], 1],
  ];
  it.each(rows)("%s of %s %j", (fn, dtype, x, y) => {
    expect(valuesOf(ir.reduce(fn, leaf(dtype, x), [0]))).toEqual([y]);
  });
});

describe("random", () => {
  it("gives Threefry's known answers", () => {
    const hex = (words: number[]) => words.map((w) => (w >>> 0).toString(16));
    expect(hex(threefry(0, 0, 0, 0))).toEqual(["6b200159", "99ba4efe"]);
    expect(hex(threefry(-1, -1, -1, -1))).toEqual(["1cb996fc", "bb002be7"]);
    const key = [0x13198a2e, 0x03707344] as const;
    expect(hex(threefry(...key, 0x243f6a88, 0x85a308d3))).toEqual(["c4923a9c", "483df7a0"]);
  });

  it("counts positions in row-major order, in the stream that it is told", () => {
    const [seed, base] = [leaf("int32", [5], []), leaf("int32", [9], [])];
    const expected = [0, 1, 2, 3, 4, 5].map((i) => threefry(5, 9, i, 3)[0]);
    expect(valuesOf(ir.random([2, 3], seed, base, 3))).toEqual(expected);
  });
});

describe("faults", () => {
  it.each([12, -1, 10])("names index %i outside of its table, with the module", (bad) => {
    const table = leaf("float32", Array(10).fill(1), [10, 1]);
    const node = withScope("model.embedding", () =>
      ir.gather(table, leaf("int32", [bad], [1, 1]), 0),
    );
    const text = `gather: index ${bad} is outside [0, 10)\n  in: model.embedding`;
    expect(() => valuesOf(node)).toThrow(new ArgumentError("gather", text.slice(8)));
    expect(() => valuesOf(node)).toThrow(ArgumentError);
  });

  it("leaves all state as it was", () => {
    const state = leaf("float32", [1, 2], [2], true);
    const table = leaf("float32", [1], [1]);
    const read = ir.gather(table, leaf("int32", [3]), 0);
    const nodes = [ir.unary("neg", state), read];
    expect(() => engine.evaluate(nodes, [state.buffer, null])).toThrow("outside [0, 1)");
    expect(engine.read(state.buffer!)).toEqual(new Float32Array([1, 2]));
  });
});

describe("updates in place", () => {
  it("give the new version the data and take it from the old one", () => {
    const state = leaf("float32", [1, 2], [2], true);
    const { buffers } = engine.evaluate(
      [ir.unary("neg", state), ir.unary("exp", state)],
      [state.buffer, null],
    );
    expect(engine.read(buffers[0]!)).toEqual(new Float32Array([-1, -2]));
    expect(engine.read(buffers[1]!)).toEqual(Float32Array.from([1, 2], Math.exp));
    expect(buffers[0]!.state).toBe(true);
    expect(() => engine.read(state.buffer!)).toThrow(StateError);
  });

  it("keep the old elements where somebody may still read them", () => {
    const state = leaf("float32", [1, 2], [2], true);
    state.buffer!.shared = true;
    const { buffers } = engine.evaluate([ir.unary("neg", state)], [state.buffer]);
    expect(engine.read(state.buffer!)).toEqual(new Float32Array([1, 2]));
    expect(engine.read(buffers[0]!)).toEqual(new Float32Array([-1, -2]));
  });

  it("hand out copies, also where an output is an input", () => {
    const x = leaf("float32", [1, 2]);
    const { buffers } = engine.evaluate([x, ir.reshape(x, [2, 1])]);
    (engine.read(buffers[0]!) as Float32Array)[0] = 9;
    buffers[0]!.host![0] = 8;
    expect(engine.read(buffers[1]!)).toEqual(new Float32Array([1, 2]));
    expect(engine.read(x.buffer!)).toEqual(new Float32Array([1, 2]));
  });
});

describe("findFirst", () => {
  const hasNaN = (values: ArrayLike<number>) => Array.from(values).some(Number.isNaN);

  it("finds the op and the module that made the first NaN", () => {
    const x = leaf("float32", [1, -1]);
    const a = withScope("fc1", () => ir.unary("sqrt", x));
    const b = withScope("fc2", () => ir.unary("exp", a));
    const graph = makeGraph([b]);
    const found = findFirst(graph, [x.buffer!.host!], [], hasNaN)!;
    expect([found.node.op, found.node.attrs, found.scope]).toEqual([
      "unary",
      { fn: "sqrt" },
      "fc1",
    ]);
  });

  it("finds nothing where there is nothing", () => {
    const x = leaf("float32", [1, 4]);
    expect(findFirst(makeGraph([ir.unary("sqrt", x)]), [x.buffer!.host!], [], hasNaN)).toBeNull();
  });
});

describe("composites", () => {
  it("convolve a permuted image", () => {
    const image = leaf("float64", [1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3, 1, 1]);
    const x = ir.permute(image, [2, 3, 0, 1]); // (1, 1, 3, 3)
    const w = leaf("float64", [1, 10, 100, 1000], [1, 1, 2, 2]);
    const none = { lo: [0, 0], hi: [0, 0], stride: [1, 1], dilation: [1, 1], groups: 1 };
    expect(valuesOf(ir.conv(x, w, none))).toEqual([5421, 6532, 8754, 9865]);
    const y = ir.permute(leaf("float64", [2], [1, 1, 1, 1]), [3, 2, 1, 0]);
    expect(valuesOf(ir.conv(y, y, none))).toEqual([4]);
  });
});
