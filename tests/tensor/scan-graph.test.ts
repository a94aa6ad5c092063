// What becomes of loops in a graph: one scan forwards and one backwards for a training step, nothing in
// them that is not read, and the same bits as before.
import { beforeEach, describe, expect, it } from "vitest";
import { interpret } from "../../src/backend/reference/interpret.ts";
import { type Graph, makeGraph } from "../../src/ir/graph.ts";
import { isOp, type Node, sizeOf, topological } from "../../src/ir/node.ts";
import { tidyScans } from "../../src/ir/scans.ts";
import { verify } from "../../src/ir/spec.ts";
import { device } from "../../src/tensor/device.ts";
import { scan } from "../../src/tensor/scan.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { grad, valueAndGrad } from "../../src/tensor/transforms.ts";
import { inputsOf, type LoopCase, loopCases, looped, lossOf, tensorsOf } from "./scan-cases.ts";

beforeEach(() => void device("reference"));

function graphOf(tensors: readonly Tensor[]): Graph {
  return makeGraph(tensors.map((t) => t.current));
}

function scansOf(nodes: readonly Node[]): Node<"scan">[] {
  return topological(nodes).filter((node): node is Node<"scan"> => isOp(node, "scan"));
}

function run(graph: Graph) {
  const inputs = graph.inputs.map((n) => n.buffer!.host!);
  const scalars = graph.scalars.map((n) => n.value);
  return interpret(graph, inputs, scalars);
}

function step(c: LoopCase, T: number, { twice = false } = {}): Tensor[] {
  const inputs = inputsOf(c, T);
  const list = [...inputs.weights, ...inputs.carry, ...inputs.xs];
  const argnums = list.map((_, i) => i);
  const loss = (...given: Tensor[]) => {
    const [w, s] = [c.weights.length, c.carry.length];
    const tree = {
      weights: given.slice(0, w),
      carry: given.slice(w, w + s),
      xs: given.slice(w + s),
    };
    return lossOf(looped(c, tree));
  };
  const norm = (...given: Tensor[]) => lossOf(grad(loss, { argnums })(...given));
  const [value, gradients] = valueAndGrad(twice ? norm : loss, { argnums })(...list);
  return [value, ...gradients];
}

describe("a training step with a loop", () => {
  for (const c of loopCases) {
    for (const twice of [false, true]) {
      it(`keeps its bits${twice ? ", second gradients too" : ""}: ${c.name}`, () => {
        const graph = graphOf(step(c, 4, { twice }));
        verify(graph);
        const small = tidyScans(graph);
        verify(makeGraph(small.outputs));
        expect(run(small)).toEqual(run(graph));
      });
    }

    it(`has one scan forwards and one backwards: ${c.name}`, () => {
      const scans = scansOf(tidyScans(graphOf(step(c, 4))).outputs);
      const forwards = scans.filter((s) => !s.attrs.reverse);
      expect(forwards.length).toBeLessThanOrEqual(1);
      expect(scans.length - forwards.length).toBeLessThanOrEqual(1);
      for (const { attrs } of scans)
        expect(scansOf(attrs.body.outputs).length).toBeLessThanOrEqual(2);
    });
  }
});

it("keeps the bits of a loop in a loop that uses values of both and of neither", () => {
  const [w, h, xs] = tensorsOf([[3], [3], [4, 3]], 2) as [Tensor, Tensor, Tensor];
  const [last] = scan(
    (g: Tensor, x: Tensor) => {
      const here = w.mul(x);
      const [inner] = scan((e: Tensor) => [e.add(here).mul(w), null], g, null, { length: 3 });
      return [inner.tanh(), null];
    },
    h,
    xs,
  );
  const graph = graphOf([last]);
  expect(run(tidyScans(graph))).toEqual(run(graph));
});

describe("what is not read", () => {
  const [h, k, x] = tensorsOf([[3], [3], [5, 3]], 1) as [Tensor, Tensor, Tensor];

  it("leaves the loop: results, carries, sources, and the whole loop", () => {
    const [[a], [p]] = scan(
      ([a, b]: Tensor[], x: Tensor) => [
        [a!.add(x), b!.mul(k)],
        [a!.sin(), b!.cos()],
      ],
      [h, h],
      x,
    ) as [Tensor[], Tensor[]];
    const [first] = scansOf(tidyScans(graphOf([p!])).outputs) as [Node<"scan">];
    expect(first.attrs.body.outputs.length).toBe(2);
    expect(first.src.length).toBe(2);
    const [second] = scansOf(tidyScans(graphOf([a!])).outputs) as [Node<"scan">];
    expect(second.attrs.body.outputs.length).toBe(1);
    expect(scansOf(tidyScans(graphOf([h.add(1)])).outputs)).toEqual([]);
  });

  it("includes a carry that never changes, which is a const, and its last value", () => {
    const [[last, same]] = scan(
      ([a, b]: Tensor[], x: Tensor) => [[a!.add(x).mul(b!), b!], null],
      [h, k],
      x,
    ) as [Tensor[], null];
    const graph = graphOf([last!, same!]);
    const small = tidyScans(graph);
    const [loop] = scansOf(small.outputs) as [Node<"scan">];
    expect(loop.attrs.carries).toBe(1);
    expect(small.outputs[1]!.op).toBe("buffer");
    expect(run(small)).toEqual(run(graph));
  });

  it("takes steps that are all the same as one", () => {
    const loss = (a: Tensor) => scan((h: Tensor, x: Tensor) => [h.mul(x), h.mul(h)], a, x)[1].sum();
    const graph = graphOf([grad(loss)(h)]);
    const small = tidyScans(graph);
    expect(run(small)).toEqual(run(graph));
    const back = scansOf(small.outputs).find((s) => s.attrs.reverse)!;
    const { carries, xs } = back.attrs;
    for (const source of back.src.slice(carries, carries + xs))
      expect(source.op).not.toBe("expand");
  });
});

describe("contractions around a loop", () => {
  const count = (nodes: readonly Node[]) =>
    topological(nodes).filter((node) => node.op === "contract").length;

  /** Contractions in a step forwards, backwards, and outside the loops, in a training step. */
  function contractions(name: string) {
    const c = loopCases.find((one) => one.name === name)!;
    const { outputs } = tidyScans(graphOf(step(c, 4)));
    const scans = scansOf(outputs);
    const inside = (reverse: boolean) => {
      return scans
        .filter((s) => s.attrs.reverse === reverse)
        .map((s) => count(s.attrs.body.outputs));
    };
    return [...inside(false), ...inside(true), count(outputs)];
  }

  it("are those of the carry alone; of inputs, results and weights there is one for all steps", () => {
    // Outside: x·W; the gradients of W, U and x.
    expect(contractions("Elman's network")).toEqual([1, 1, 4]);
    // Outside: x·W, h·P; the gradients of W, U, P, x, and of h from its projection.
    expect(contractions("long short-term memory with a projection of its results")).toEqual([
      1, 1, 7,
    ]);
    // Outside: 3 of x; the gradients of W and U at 3 places, and 3 of x.
    expect(contractions("gates that are reset")).toEqual([3, 3, 12]);
  });

  it("leave no loop where no step needs another", () => {
    const [w, xs] = tensorsOf(
      [
        [3, 4],
        [6, 2, 3],
      ],
      1,
    ) as [Tensor, Tensor];
    const [, ys] = scan((_: null, x: Tensor) => [null, x.matmul(w).tanh()], null, xs);
    expect(scansOf([ys.current])).toEqual([]);
    const sum = scan((h: Tensor, x: Tensor) => [h.add(x.matmul(w).sum()), null], w.sum(), xs);
    expect(scansOf([sum[0].current])).toEqual([]);
  });

  it("keep for the gradient what is dear, once, and compute the rest again", () => {
    const c = loopCases.find((one) => one.name.startsWith("long"))!;
    const { outputs } = tidyScans(graphOf(step(c, 4)));
    const [forward] = scansOf(outputs).filter((s) => !s.attrs.reverse) as [Node<"scan">];
    const { body, carries } = forward.attrs;
    // h, c before the step; h after it; four gates; tanh of the cell.
    expect(body.outputs.slice(carries).length).toBe(8);
  });

  it("keep nothing that is much larger than what it is made of, nor what is the same at each step", () => {
    const [B, S, H] = [2, 9, 16];
    const list = tensorsOf([[B, H], [B, S, H], [H, H], [H], [5, B, H]], 1) as Tensor[];
    const loss = (...[h, seen, w, v, xs]: Tensor[]) => {
      const [, ys] = scan(
        (h: Tensor, x: Tensor) => {
          const query = h.matmul(w!).unsqueeze(1); // (B, 1, H)
          const scores = query.add(seen!).tanh().mul(v!.exp()).sum(2); // (B, S)
          const read = scores.softmax(1).unsqueeze(1).matmul(seen!).squeeze(1); // (B, H)
          const next = h.add(read).add(x).tanh();
          return [next, next];
        },
        h!,
        xs!,
      );
      return lossOf([ys]);
    };
    const gradients = grad(loss, { argnums: [0, 1, 2, 3, 4] })(...list) as Tensor[];
    const { outputs } = tidyScans(graphOf(gradients));
    const [forward] = scansOf(outputs).filter((s) => !s.attrs.reverse) as [Node<"scan">];
    const { body, carries } = forward.attrs;
    const sizes = body.outputs.slice(carries).map((y) => sizeOf(y.shape));
    expect(Math.max(...sizes)).toBe(B * H);
    // What is seen has a gradient from products, summed after the loop, and one from sums, which is
    // carried: it would be a stack of its own.
    const [backward] = scansOf(outputs).filter((s) => s.attrs.reverse) as [Node<"scan">];
    const back = backward.attrs;
    const stacked = back.body.outputs.slice(back.carries).map((y) => sizeOf(y.shape));
    expect(Math.max(...stacked)).toBe(B * H);
    expect(back.body.outputs.slice(0, back.carries).map((y) => y.shape)).toContainEqual([B, S, H]);
  });
});
