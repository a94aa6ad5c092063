// Graphs made flat, cloned as a message would be, and made whole again: the same structure, by its key.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/index.ts";
import { constant, unary } from "../../src/ir/build.ts";
import { flattenGraph, unflattenGraph } from "../../src/ir/flat.ts";
import { type Graph, makeGraph } from "../../src/ir/graph.ts";
import { type Node, withScope } from "../../src/ir/node.ts";
import { tensor } from "../../src/tensor/create.ts";
import { customVjp } from "../../src/tensor/custom-vjp.ts";
import { scan } from "../../src/tensor/scan.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { instantiate } from "../ops/case.ts";
import { randomCase } from "../ops/random-graph.ts";
import { randomScan } from "../schedule/scan-cases.ts";

function there(graph: Graph): Graph {
  return unflattenGraph(structuredClone(flattenGraph(graph)));
}

/** The key that the sent graph has by itself, and the one that it was sent with. */
function keysOf(nodes: readonly Node[]): string[] {
  const graph = makeGraph(nodes);
  const sent = there(graph);
  expect(sent.into).toEqual(graph.into);
  expect(sent.inputs.map((n) => n.buffer!.size)).toEqual(graph.inputs.map((n) => n.buffer!.size));
  return [sent.key, makeGraph(sent.outputs).key, graph.key];
}

describe("a flat graph", () => {
  it("is the same random graph again", () => {
    for (let seed = 0; seed < 40; seed++) {
      const { outputs } = instantiate(randomCase(seed, "float32", 12));
      expect(new Set(keysOf(outputs)).size, `seed ${seed}`).toBe(1);
    }
  });

  it("is a loop again, inner loops and gradients included", () => {
    for (let seed = 0; seed < 20; seed++) {
      const loop = randomScan(seed, "float32", 3);
      if (loop !== null) expect(new Set(keysOf([loop])).size).toBe(1);
    }
    const inner = (h: Tensor, x: Tensor) => [h.mul(x).tanh(), h] as const;
    const outer = (x: Tensor) => {
      const [last] = scan((h: Tensor, row: Tensor) => [scan(inner, h, row)[0], h], x.sum(), x);
      return (last as Tensor).sum();
    };
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(new Set(keysOf([(grad(outer)(x) as Tensor).current])).size).toBe(1);
  });

  it("leaves out the rule of a gradient that was written by hand", () => {
    const double = customVjp(
      (x: Tensor) => x.mul(2),
      (g: Tensor) => [g],
    );
    const [, ys] = scan((h: Tensor, x: Tensor) => [double(h.add(x)), h], tensor(0), tensor([1, 2]));
    const sent = there(makeGraph([(ys as Tensor).current]));
    expect(sent.outputs[0]!.shape).toEqual([2]);
  });

  it("keeps numbers that JSON does not know, and the modules that nodes belong to", () => {
    for (const value of [-0, Number.NaN, Number.POSITIVE_INFINITY]) {
      const node = withScope("fc1", () => unary("neg", constant(value, "float32")));
      const { outputs } = there(makeGraph([node]));
      expect(outputs[0]!.scope).toBe("fc1");
      expect(Object.is((outputs[0]!.src[0]!.attrs as { value: number }).value, value)).toBe(true);
    }
  });

  it("takes graphs that are deep", () => {
    let node: Node = constant(1, "float32");
    for (let i = 0; i < 20_000; i++) node = unary("neg", node);
    expect(there(makeGraph([node])).outputs[0]!.depth).toBe(20_000);
  });
});
