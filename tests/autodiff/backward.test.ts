// The backward walk: what it reaches, what it sums, what it refuses; and gradients at the points where
// finite differences cannot tell (ties, kinks, zeros), by PyTorch's conventions.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { gradcheck } from "../../src/autodiff/gradcheck.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import { type Node, topological, withScope } from "../../src/ir/node.ts";
import { DtypeError, NumericError, ShapeError } from "../../src/util/errors.ts";
import { evaluate, reference } from "../ops/backends.ts";

function leaf(values: number[], shape: number[] = [values.length]): Node {
  const data = Float64Array.from(values);
  return ir.bufferNode(new Buffer("float64", data.length, data), shape);
}

const ones = (y: Node) => ir.full(1, y.shape, y.dtype);

async function gradientsOf(y: Node, ...wrt: Node[]): Promise<number[][]> {
  const gradients = grad([y], [ones(y)], wrt);
  const arrays = await evaluate(reference, gradients as Node[]);
  return arrays.map((a) => Array.from(a));
}

describe("grad", () => {
  it("sums over all uses of a node", async () => {
    const x = leaf([3, 5]);
    const y = ir.binary("add", ir.binary("mul", x, x), x);
    expect(await gradientsOf(y, x)).toEqual([[7, 11]]);
  });

  it("takes nodes inside the graph, and outputs, as what to differentiate by", async () => {
    const x = leaf([2]);
    const inner = ir.binary("mul", x, x);
    const y = ir.binary("mul", inner, inner);
    expect(await gradientsOf(y, y, inner, x)).toEqual([[1], [8], [32]]);
  });

  it("adds the gradients of several outputs, also of one that is named twice", async () => {
    const x = leaf([2]);
    const [a, b] = [ir.binary("mul", x, x), ir.unary("neg", x)];
    const gradients = grad([a, b, a], [ones(a), leaf([10]), ones(a)], [x]) as Node[];
    expect(Array.from((await evaluate(reference, gradients))[0]!)).toEqual([-2]);
  });

  it("gives null where nothing flows", () => {
    const [x, z] = [leaf([1, 2]), leaf([3, 4])];
    const i = ir.iota(2);
    const chosen = ir.where(ir.compare("lt", x, z), ir.full(1, [2], "float64"), ones(x));
    const outputs = [ir.detach(x), chosen, ir.cast(ir.cast(x, "int32"), "float64")];
    for (const y of outputs) expect(grad([y], [ones(y)], [x, z, i])).toEqual([null, null, null]);
    expect(grad([x], [ones(x)], [z])).toEqual([null]);
  });

  it("builds nothing for sources that nobody asked for", () => {
    const [x, w] = [leaf([1, 2, 3, 4], [2, 2]), leaf([1, 2, 3, 4], [2, 2])];
    const y = ir.unary("exp", ir.contract(ir.unary("sin", x), w, { a: "ik", b: "kj", out: "ij" }));
    const [g] = grad([y], [ones(y)], [w]);
    const built = topological([g!]).filter((node) => node.op === "unary");
    expect(built.map((node) => (node.attrs as { fn: string }).fn).sort()).toEqual(["exp", "sin"]);
  });

  it("walks graphs of a hundred thousand nodes", async () => {
    const x = leaf([1]);
    let y = x;
    for (let i = 0; i < 100_000; i++) y = ir.unary("neg", y);
    expect(await gradientsOf(y, x)).toEqual([[1]]);
  });

  it("names the module of the forward op", () => {
    const x = leaf([1]);
    const y = withScope("model.fc1", () => ir.unary("exp", x));
    const [g] = grad([y], [ones(y)], [x]);
    expect(g!.scope).toBe("model.fc1");
  });

  it("refuses cotangents that do not fit", () => {
    const x = leaf([1, 2]);
    const text = "grad: output [2] and cotangent [1] differ";
    expect(() => grad([x], [leaf([1])], [x])).toThrow(new ShapeError("grad", text.slice(6)));
    const single = ir.full(1, [2], "float32");
    expect(() => grad([x], [single], [x])).toThrow(DtypeError);
    expect(() => grad([x], [], [x])).toThrow("one cotangent for each output");
  });
});

describe("conventions", () => {
  it("shares between ties of a maximum", async () => {
    const [a, b] = [leaf([1, 2, 3]), leaf([3, 2, 1])];
    expect(await gradientsOf(ir.binary("max", a, b), a, b)).toEqual([[0, 0.5, 1], [1, 0.5, 0]]);
    expect(await gradientsOf(ir.binary("min", a, b), a, b)).toEqual([[1, 0.5, 0], [0, 0.5, 1]]);
  }); // biome-ignore format: a table

  it("shares evenly among the largest of a reduction", async () => {
    const x = leaf([5, 1, 5, 5, 2, 2], [2, 3]);
    expect(await gradientsOf(ir.reduce("max", x, [1]), x)).toEqual([[0.5, 0, 0.5, 1, 0, 0]]);
  });

  it("gives all to the first of the largest where that is asked", async () => {
    const x = leaf([5, 1, 5, 2, 5, 5], [2, 3]);
    const y = ir.reduce("max", x, [1], true);
    expect(await gradientsOf(y, x)).toEqual([[1, 0, 0, 0, 1, 0]]);
    const z = ir.reduce("min", x, [0], true);
    expect(await gradientsOf(z, x)).toEqual([[0, 1, 1, 1, 0, 0]]);
  });

  it("is zero at the kinks of relu and abs", async () => {
    const x = leaf([-1, 0, 2, NaN]);
    expect(await gradientsOf(ir.unary("relu", x), x)).toEqual([[0, 0, 1, 1]]);
    const y = leaf([-2, 0, 2]);
    expect(await gradientsOf(ir.unary("abs", y), y)).toEqual([[-1, 0, 1]]);
  });

  it("knows powers at zero", async () => {
    const [a, b] = [leaf([0, 0, 0, 2, 0]), leaf([0, 1, 2, 0, 0.5])];
    const [da, db] = await gradientsOf(ir.binary("pow", a, b), a, b);
    expect(da).toEqual([0, 1, 0, 0, Infinity]);
    expect(db).toEqual([0, 0, 0, Math.log(2), 0]);
  });

  it("knows products with one zero and with two", async () => {
    const x = leaf([2, 0, 3, 0, 0, 5], [2, 3]);
    expect(await gradientsOf(ir.reduce("prod", x, [1]), x)).toEqual([[0, 6, 0, 0, 0, 0]]);
  });
});

describe("gradcheck", () => {
  const input = { shape: [3], data: Float64Array.from([0.3, -0.7, 1.1]) };
  const on = (nodes: readonly Node[]) => evaluate(reference, nodes);

  it("passes a right gradient and counts what it compared", async () => {
    expect(await gradcheck((x) => ir.unary("sin", x!), [input], on)).toBe(4);
  });

  it("catches a wrong one", async () => {
    const wrong = (x: Node) => ir.binary("mul", ir.detach(x), x); // says x where it is 2x
    const run = gradcheck(wrong as (...x: Node[]) => Node, [input], on);
    await expect(run).rejects.toThrow(NumericError);
    await expect(run).rejects.toThrow("input 0, element 0: the gradient is");
  });

  it("catches an error in one element that a sum would hide", async () => {
    const swapped = (x: Node) => {
      const flipped = ir.detach(ir.binary("sub", ir.flip(x, [0]), x));
      return ir.binary("add", x, flipped); // the value of flip(x), the gradient of x
    };
    const run = gradcheck(swapped as (...x: Node[]) => Node, [input], on);
    await expect(run).rejects.toThrow(NumericError);
  });
});
