// vmap against a loop: for the rows of the op table, V samples at once are what each gives by itself.
import { describe, expect, it } from "vitest";
import { vmap } from "../../src/autodiff/vmap.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import { makeArray, type TypedArray } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import { verify } from "../../src/ir/spec.ts";
import { ArgumentError, ShapeError } from "../../src/util/errors.ts";
import { evaluate, reference } from "../ops/backends.ts";
import { type Case, instantiate, outputsOf } from "../ops/case.ts";
import { difference } from "../ops/close.ts";
import { table } from "../ops/table.ts";

const V = 3;
const isSmall = (c: Case) => c.leaves.every((leaf) => sizeOf(leaf.shape) <= 600);
const isSeeded = (c: Case) => c.name.startsWith("random") || c.name.startsWith("dropout");
const rows = table.filter((c) => c.leaves.length > 0 && isSmall(c) && !isSeeded(c));

// Sample v of a leaf: its elements moved on by v places, which keeps indices in range.
function sample(data: TypedArray, v: number): TypedArray {
  const out = makeArray("float64", data.length).map((_, i) => data[(i + v) % data.length]!);
  const copy = data.slice();
  copy.set(out);
  return copy;
}

async function compare(c: Case, isBatched: (leaf: Node, i: number) => boolean): Promise<void> {
  const { outputs, leaves } = instantiate(c);
  const chosen = leaves.filter(isBatched);
  const samples = chosen.map((leaf) => {
    return [0, 1, 2].map((v) => sample(leaf.buffer!.host!, v));
  });
  const batches = chosen.map((leaf, i) => {
    const size = sizeOf(leaf.shape);
    const all = makeArray(leaf.dtype, V * size);
    samples[i]!.forEach((values, v) => void all.set(values, v * size));
    return ir.bufferNode(new Buffer(leaf.dtype, all.length, all), [V, ...leaf.shape]);
  });
  const together = vmap(outputs, chosen, batches);
  verify(makeGraph(together));
  const actual = await evaluate(reference, together);
  for (let v = 0; v < V; v++) {
    const single = leaves.map((leaf) => {
      const at = chosen.indexOf(leaf);
      if (at < 0) return leaf;
      const values = samples[at]![v]!;
      return ir.bufferNode(new Buffer(leaf.dtype, values.length, values), leaf.shape);
    });
    const expected = await evaluate(reference, outputsOf(c, single));
    outputs.forEach((node, i) => {
      const size = sizeOf(node.shape);
      const mine = actual[i]!.slice(v * size, (v + 1) * size);
      expect(together[i]!.shape).toEqual([V, ...node.shape]);
      const found = difference(mine, expected[i]!, node.dtype, c.loose);
      expect(found, `${c.name}: sample ${v} of output ${i}`).toBeNull();
    });
  }
}

describe("vmap", () => {
  it("gives what a loop over samples gives, all leaves with a batch", async () => {
    for (const c of rows) await compare(c, () => true);
  });

  it("gives the same where only the first leaf has one", async () => {
    for (const c of rows) if (c.leaves.length > 1) await compare(c, (_, i) => i === 0);
  });

  it("gives the same where only the last leaf has one", async () => {
    for (const c of rows)
      if (c.leaves.length > 1) await compare(c, (_, i) => i === c.leaves.length - 1);
  });

  it("makes one large product of shared weights", () => {
    const { outputs, leaves } = instantiate(table.find((c) => c.name === "contract nn")!);
    const xs = ir.full(1, [V, ...leaves[0]!.shape], "float64");
    const [y] = vmap(outputs, [leaves[0]!], [xs]);
    expect(y!.attrs).toEqual({ a: "vik", b: "kj", out: "vij" });
  });
});

describe("vmap of random ops", () => {
  const seed = ir.bufferNode(new Buffer("int32", 1, Int32Array.of(5)), []);
  const x = ir.full(1, [4], "int32");
  const y = ir.binary("add", ir.random([4], seed, seed, 0), x);
  const xs = ir.full(1, [2, 4], "int32");

  it("asks what is meant", () => {
    expect(() => vmap([y], [x], [xs])).toThrow('say which: { randomness: "same" }');
    expect(() => vmap([y], [seed], [ir.full(1, [2], "int32")])).toThrow("a seed may not differ");
  });

  it("draws the same for each sample, or not", async () => {
    const same = vmap([y], [x], [xs], { randomness: "same" });
    const different = vmap([y], [x], [xs], { randomness: "different" });
    const [a, b] = await evaluate(reference, [same[0]!, different[0]!]);
    expect(a!.slice(0, 4)).toEqual(a!.slice(4));
    expect(new Set(b).size).toBe(8);
  });
});

describe("vmap's arguments", () => {
  it("must fit each other", () => {
    const x = ir.full(2, [3], "float32");
    expect(() => vmap([x], [x], [ir.full(1, [2, 4], "float32")])).toThrow(
      new ShapeError("vmap", "float32 [2,4] is no batch of 2 times float32 [3]"),
    );
    expect(() => vmap([x], [x], [])).toThrow(ArgumentError);
    expect(() => vmap([x], [], [])).toThrow(ArgumentError);
  });
});
