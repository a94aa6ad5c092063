// What ends up in one kernel: the promises of the design about fusion, layout and memory.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as b from "../../src/ir/build.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { type LoopKernel, rootsOf, walk } from "../../src/schedule/kernel.ts";
import { lower } from "../../src/schedule/pipeline.ts";
import type { Plan } from "../../src/schedule/plan.ts";

const target = { columns: 16, lanes: 4 };
const data = (shape: number[], state = false): Node => {
  const size = shape.reduce((p, d) => p * d, 1);
  return b.bufferNode(new Buffer("float32", size, new Float32Array(size), state), shape);
};
const plan = (outputs: Node[], into?: (Buffer | null)[]): Plan =>
  lower(makeGraph(outputs, into), target);
const kinds = (p: Plan) => p.steps.map((s) => s.kernel.kind);
const last = (x: Node) => [x.shape.length - 1];

describe("one kernel", () => {
  it("for softmax over rows", () => {
    const x = data([64, 100]);
    const top = b.expand(b.reduce("max", x, last(x)), x.shape);
    const e = b.unary("exp", b.binary("sub", x, top));
    const y = b.binary("div", e, b.expand(b.reduce("sum", e, last(x)), x.shape));
    const p = plan([y]);
    expect(kinds(p)).toEqual(["loop"]);
    expect(p.buffers.filter((buffer) => buffer.input < 0)).toHaveLength(1);
  });

  it("for Adam's three outputs, written where the old values lie", () => {
    const [p, g, m, v] = [0, 1, 2, 3].map(() => data([300, 7], true)) as [Node, Node, Node, Node];
    const c = (x: number) => b.broadcastTo(b.scalar(x, "float32"), p.shape);
    const mul = (x: Node, y: Node) => b.binary("mul", x, y);
    const m2 = b.binary("add", mul(m, c(0.9)), mul(g, c(0.1)));
    const v2 = b.binary("add", mul(v, c(0.999)), mul(mul(g, g), c(0.001)));
    const p2 = b.binary("sub", p, b.binary("div", mul(m2, c(0.01)), b.unary("sqrt", v2)));
    const made = plan([p2, m2, v2], [p.buffer, m.buffer, v.buffer]);
    expect(kinds(made)).toEqual(["loop"]);
    expect(made.arenaBytes).toBe(0);
    expect(made.outputs.map((o) => made.buffers[o.buffer]!.input)).toEqual(
      made.outputs.map((o) => o.into),
    );
    const kernel = made.steps[0]!.kernel as LoopKernel;
    expect(kernel.axes).toEqual([2100]);
  });

  it("for a convolution with bias and relu, channels last, weights in panels", () => {
    const attrs = { stride: [1, 1], lo: [0, 0], hi: [0, 0], dilation: [1, 1], groups: 1 };
    const y = b.conv(data([8, 16, 10, 10]), data([32, 16, 3, 3]), attrs);
    const bias = b.broadcastTo(b.reshape(data([32]), [1, 32, 1, 1]), y.shape);
    const z = b.unary("relu", b.binary("add", y, bias));
    const w2 = data([16, 32, 3, 3]);
    const p = plan([b.reduce("sum", b.conv(z, w2, attrs), [0, 2, 3])]);
    const contracts = p.steps.filter((s) => s.kernel.kind === "contract");
    expect(contracts.map((s) => s.label.split(" ")[0])).toEqual(["contract+relu", "contract"]);
    // The second convolution reads the first one's result as it was laid: no copy between.
    const made = contracts[0]!.buffers.filter((_, i) => contracts[0]!.kernel.operands[i]!.write);
    expect(contracts[1]!.buffers).toContain(made[0]);
  });
});

describe("depthwise convolution", () => {
  const attrs = { stride: [1, 1], lo: [1, 1], hi: [1, 1], dilation: [1, 1], groups: 32 };
  const [x, w, g] = [data([4, 32, 16, 16]), data([32, 1, 3, 3]), data([4, 32, 16, 16])];
  const loops = (p: Plan) => p.steps.map((s) => s.kernel as LoopKernel);

  it("is one pass over the padded image, with weights side by side", () => {
    const p = plan([b.unary("relu", b.conv(x, w, attrs))]);
    const main = loops(p).find((k) => k.operands.length >= 3) as LoopKernel;
    const [taps, result] = main.stages;
    expect([main.stages.length, taps!.stores.length, result!.stores.length]).toEqual([2, 0, 1]);
    expect(taps!.axes.map((a) => main.axes[a])).toEqual([3, 3]);
    const strides = new Set<number>();
    walk([taps!.reduces[0]!.value], (e) => {
      if (e.k === "load") strides.add(e.at.coef[main.vector]!);
    });
    expect(strides).toEqual(new Set([1]));
  });

  it("sums the gradients of all taps in one pass over the images", () => {
    const y = b.conv(x, w, attrs);
    const p = plan(grad([y], [g], [w]) as Node[]);
    const passes = loops(p).filter((k) => k.stages.some((s) => s.reduces.length > 0));
    const size = (k: LoopKernel) => k.axes.reduce((n, d) => n * d, 1);
    const large = passes.filter((k) => size(k) >= 4 * 32 * 16 * 16);
    expect(large.map((k) => k.stages[0]!.reduces.length)).toEqual([9]);
  });
});

describe("convolution with a stride", () => {
  const attrs = { stride: [2, 2], lo: [1, 1], hi: [1, 1], dilation: [1, 1], groups: 1 };
  const products = (p: Plan) =>
    p.steps
      .filter((s) => s.kernel.kind === "contract")
      .reduce((n, s) => n + s.kernel.axes.reduce((m, d) => m * d, 1), 0);

  it("has a gradient by phases, not over inserted zeros", () => {
    const [x, w, g] = [data([4, 16, 16, 16]), data([32, 16, 3, 3]), data([4, 32, 8, 8])];
    const [dx] = grad([b.conv(x, w, attrs)], [g], [x]) as [Node];
    // Four phases of at most four taps each, where zeros between would make nine taps at each pixel.
    expect(products(plan([dx]))).toBe(4 * 16 * 16 * 16 * 32 * 4);
  });

  it("of one tap is a contraction at the places that it saw", () => {
    const one = { ...attrs, lo: [0, 0], hi: [0, 0] };
    const [x, w, g] = [data([4, 16, 16, 16]), data([32, 16, 1, 1]), data([4, 32, 8, 8])];
    const [dx] = grad([b.conv(x, w, one)], [g], [x]) as [Node];
    expect(products(plan([dx]))).toBe(4 * 8 * 8 * 16 * 32);
  });
});

describe("a change of layout", () => {
  it("runs in tiles, lanes inside the axis that is read side by side", () => {
    const p = plan([b.permute(data([8, 64, 1024]), [0, 2, 1])]);
    const kernel = p.steps[0]!.kernel as LoopKernel;
    expect(kernel.axes).toEqual([8, 8, 1024, 8]);
    expect(kernel.vector).toBe(3);
  });

  it("reads a tile's streams from end to end where its results stay in the cache", () => {
    const padded = (side: number) => {
      const x = b.pad(data([4, 64, side, side]), [0, 0, 1, 1], [0, 0, 1, 1]);
      const p = plan([b.permute(x, [0, 2, 3, 1])]);
      return (p.steps[0]!.kernel as LoopKernel).axes;
    };
    expect(padded(32)).toEqual([4, 8, 34, 34, 8]);
    expect(padded(256)).toEqual([4, 258, 8, 258, 8]);
  });
});

describe("batch norm", () => {
  const [B, C, H] = [8, 16, 32];
  const [x, g] = [data([B, C, H, H]), data([B, C, H, H])];
  const axes = [0, 2, 3];
  const wide = (v: Node) => b.expand(v, x.shape);
  const mean = (v: Node) => {
    const sum = b.reduce("sum", v, axes);
    return b.binary("div", sum, b.full(B * H * H, sum.shape, "float32"));
  };
  const center = b.binary("sub", x, wide(mean(x)));
  const small = (v: Node) => b.reshape(v, [1, C, 1, 1]);
  const [gamma, beta] = [data([C]), data([C])];
  const scale = b.unary("rsqrt", mean(b.binary("mul", center, center)));
  const normal = b.binary("mul", center, wide(scale));
  const y = b.binary("add", b.binary("mul", normal, wide(small(gamma))), wide(small(beta)));
  const passes = (p: Plan) =>
    p.steps.filter((s) => s.kernel.axes.reduce((n, d) => n * d, 1) >= B * C * H * H);

  it("has a gradient of two passes over the data: its two sums, then the gradient", () => {
    const forward = passes(plan([b.unary("relu", y)])).length;
    const out = grad([y], [g], [x, gamma, beta]) as Node[];
    expect(forward).toBe(3);
    // One for the mean, one for the variance and both sums of the gradient, and no third of these for
    // the mean: x - mean sums to zero.
    const made = passes(plan(out));
    expect(made).toHaveLength(3);
    const sums = made.flatMap((s) => (s.kernel as LoopKernel).stages.flatMap((t) => t.reduces));
    expect(sums).toHaveLength(4);
  });
});

describe("the plan", () => {
  it("cuts a long reduction into pieces that run in parallel", () => {
    const p = plan([b.reduce("sum", data([100_000]), [0])]);
    expect(kinds(p)).toEqual(["loop", "loop"]);
    expect(p.steps[0]!.kernel.axes[0]).toBeGreaterThan(8);
  });

  it("reuses the memory of what is dead", () => {
    let x = b.contract(data([64, 64]), data([64, 64]), { a: "ik", b: "kj", out: "ij" });
    for (let i = 0; i < 20; i++) {
      x = b.contract(x, data([64, 64]), { a: "ik", b: "kj", out: "ij" });
    }
    const p = plan([b.reduce("sum", x, [0, 1])]);
    expect(p.arenaBytes).toBeLessThan(4 * 64 * 64 * 4);
  });

  it("multiplies a vector as a product and a sum, not in panels", () => {
    const p = plan([b.contract(data([1, 300]), data([50, 300]), { a: "bk", b: "ok", out: "bo" })]);
    expect(kinds(p)).toEqual(["loop"]);
  });

  it("keeps a gradient of a linear layer to one contraction an operand", () => {
    const [x, w] = [data([32, 48]), data([64, 48])];
    const y = b.contract(x, w, { a: "bk", b: "ok", out: "bo" });
    const grads = grad([y], [b.full(1, y.shape, "float32")], [x, w]) as Node[];
    const g = data([32, 64]);
    const real = grad([b.binary("mul", y, g)], [b.full(1, y.shape, "float32")], [x, w]) as Node[];
    expect(grads).toHaveLength(2);
    expect(kinds(plan(real)).filter((k) => k === "contract")).toHaveLength(2);
  });

  it("lays the gradient of a transposed weight as the weight is", () => {
    const [x, w] = [data([32, 48]), data([64, 48])];
    const y = b.contract(x, b.permute(w, [1, 0]), { a: "bk", b: "ko", out: "bo" });
    expect(y.src[1]).toBe(w);
    const [g] = grad([y], [b.full(1, y.shape, "float32")], [w]) as [Node];
    const root = g.op === "permute" ? null : g;
    expect(root?.shape).toEqual([64, 48]);
  });

  it("computes nothing for a number that the user changes between runs", () => {
    const x = data([10]);
    const key = (value: number) =>
      makeGraph([b.binary("mul", x, b.broadcastTo(b.scalar(value, "float32"), [10]))]).key;
    expect(key(2)).toBe(key(3));
  });

  describe("computes again what several read", () => {
    const shape = [256, 16];
    const pixels = data(shape);
    const channels = () => b.expand(data([1, 16]), shape);
    const scaled = (x: Node) => b.binary("add", b.binary("mul", x, channels()), channels());
    /** Values that are stored: two sums read `x`, which no kernel can share. */
    const stored = (x: Node) => {
      const p = plan([b.reduce("sum", x, [0]), b.reduce("sum", b.binary("mul", x, pixels), [1])]);
      return p.buffers.filter((buffer) => buffer.input < 0 && buffer.size === 256 * 16).length;
    };

    it("from one stream of data and numbers of its channels", () => {
      expect(stored(b.unary("relu", scaled(scaled(scaled(pixels)))))).toBe(0);
    });

    it("not from two streams, nor by dear operations", () => {
      expect(stored(scaled(scaled(scaled(b.binary("mul", pixels, data(shape))))))).toBe(1);
      expect(stored(b.unary("exp", scaled(scaled(scaled(pixels)))))).toBe(1);
    });
  });
});

describe("pieces side by side", () => {
  const pad = (x: Node, at: number, whole: number) =>
    b.pad(x, [0, at], [0, whole - at - x.shape[1]!]);

  it("are one kernel with what they are made of, a store for each", () => {
    const [x, y] = [data([32, 8]), data([32, 8])];
    const sum = b.unary("tanh", b.binary("add", x, y));
    const pieces = [b.binary("mul", sum, x), b.unary("exp", sum), b.unary("neg", y)];
    const whole = pieces
      .map((piece, i) => pad(piece, 8 * i, 24))
      .reduce((p, q) => b.binary("add", p, q));
    const p = plan([whole, b.binary("mul", sum, y)]);
    expect(kinds(p)).toEqual(["loop"]);
    const kernel = p.steps[0]!.kernel as LoopKernel;
    expect(kernel.stages.flatMap((s) => s.stores)).toHaveLength(4);
    expect(kernel.axes).toEqual([32, 8]);
    walk(kernel.stages.flatMap(rootsOf), (e) => expect(e.k).not.toBe("masked"));
  });

  it("of other sizes, or that overlap, are asked for at each element", () => {
    const [x, y] = [data([32, 8]), data([32, 16])];
    for (const whole of [
      b.binary("add", pad(x, 0, 24), pad(y, 8, 24)),
      b.binary("add", pad(x, 0, 16), pad(x, 4, 16)),
      b.binary("add", pad(x, 0, 24), pad(x, 8, 24)),
    ]) {
      let masks = 0;
      const p = plan([whole]);
      walk((p.steps[0]!.kernel as LoopKernel).stages.flatMap(rootsOf), (e) => {
        if (e.k === "masked") masks++;
      });
      expect([kinds(p), masks]).toEqual([["loop"], 2]);
    }
  });
});
