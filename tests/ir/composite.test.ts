// What a composite stands for: primitives only, and a convolution as seven plain loops compute it.
import { describe, expect, it } from "vitest";
import { interpret } from "../../src/backend/reference/interpret.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import { bufferNode, conv } from "../../src/ir/build.ts";
import { expand, isComposite } from "../../src/ir/composite.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { isOp, type Node, topological } from "../../src/ir/node.ts";
import { leaf } from "../ops/case.ts";

const image = leaf([2, 4, 7, 6], "float64"); // (B, C, H, W)

interface Attrs {
  stride: number[];
  lo: number[];
  hi: number[];
  dilation: number[];
  groups: number;
}

function bySeven(weights: ReturnType<typeof leaf>, attrs: Attrs): number[] {
  const { stride: s, lo, hi, dilation: d, groups } = attrs;
  const [B, C, H, W] = image.shape as [number, number, number, number];
  const [O, Cg, K, L] = weights.shape as [number, number, number, number];
  const U = Math.floor((H + lo[0]! + hi[0]! - d[0]! * (K - 1) - 1) / s[0]!) + 1;
  const V = Math.floor((W + lo[1]! + hi[1]! - d[1]! * (L - 1) - 1) / s[1]!) + 1;
  const out: number[] = [];
  for (let b = 0; b < B; b++)
    for (let o = 0; o < O; o++)
      for (let u = 0; u < U; u++)
        for (let v = 0; v < V; v++) {
          let sum = 0;
          for (let c = 0; c < Cg; c++)
            for (let k = 0; k < K; k++)
              for (let l = 0; l < L; l++) {
                const [y, x] = [u * s[0]! + k * d[0]! - lo[0]!, v * s[1]! + l * d[1]! - lo[1]!];
                if (y < 0 || y >= H || x < 0 || x >= W) continue;
                const channel = Math.floor(o / (O / groups)) * Cg + c;
                const pixel = image.data[((b * C + channel) * H + y) * W + x]!;
                sum += pixel * weights.data[((o * Cg + c) * K + k) * L + l]!;
              }
          out.push(sum);
        }
  return out;
}

const rows: [string, number[], Attrs][] = [
  ["plain", [3, 4, 3, 2], { stride: [1, 1], lo: [0, 0], hi: [0, 0], dilation: [1, 1], groups: 1 }],
  ["stride and uneven padding", [3, 4, 3, 3], { stride: [2, 3], lo: [1, 0], hi: [2, 1], dilation: [1, 1], groups: 1 }],
  ["dilation", [5, 4, 2, 3], { stride: [1, 2], lo: [1, 2], hi: [0, 2], dilation: [3, 2], groups: 1 }],
  ["two groups", [6, 2, 3, 3], { stride: [2, 1], lo: [1, 1], hi: [1, 1], dilation: [1, 1], groups: 2 }],
  ["depthwise", [8, 1, 3, 3], { stride: [1, 1], lo: [1, 1], hi: [1, 1], dilation: [2, 1], groups: 4 }],
]; // biome-ignore format: a table

describe("conv", () => {
  it.each(rows)("%s: is what seven loops compute", (_, shape, attrs) => {
    const w = leaf(shape, "float64", 2);
    const [x, k] = [image, w].map((l) => {
      return bufferNode(new Buffer(l.dtype, l.data.length, l.data), l.shape);
    }) as [Node, Node];
    const node = conv(x, k, attrs);
    const graph = makeGraph([node]);
    const [actual] = interpret(graph, [image.data, w.data], []);
    const expected = bySeven(w, attrs);
    expect(actual!.length).toBe(expected.length);
    expected.forEach((value, i) => void expect(actual![i]).toBeCloseTo(value, 12));
  });

  it.each(rows)("%s: expands to primitives of the same shape", (_, shape, attrs) => {
    const w = leaf(shape, "float64", 2);
    const [x, k] = [image, w].map((l) => {
      return bufferNode(new Buffer(l.dtype, l.data.length, l.data), l.shape);
    }) as [Node, Node];
    const node = conv(x, k, attrs);
    if (!isOp(node, "conv")) throw new Error("conv made something else");
    const expanded = expand.conv(node);
    expect(expanded.shape).toEqual(node.shape);
    expect(topological([expanded]).some(isComposite)).toBe(false);
  });
});
