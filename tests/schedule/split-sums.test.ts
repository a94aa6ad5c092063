// Long sums with few results: cut into pieces by the shape, and right.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as b from "../../src/ir/build.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import type { ContractKernel } from "../../src/schedule/kernel.ts";
import { lower } from "../../src/schedule/pipeline.ts";
import { splitSums } from "../../src/schedule/split-sums.ts";
import { PlanBackend } from "./plan-backend.ts";

const target = { columns: 16, lanes: 4 };
const data = (shape: number[]): Node => {
  const size = shape.reduce((p, d) => p * d, 1);
  const host = Float32Array.from({ length: size }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
  return b.bufferNode(new Buffer("float32", size, host, false), shape);
};
const product = (M: number, N: number, K: number) =>
  b.contract(data([K, M]), data([K, N]), { a: "km", b: "kn", out: "mn" }) as Node<"contract">;

describe("split sums", () => {
  it("cuts a long sum with few results into pieces, once", () => {
    const split = splitSums(product(64, 64, 32768)) as Node;
    const partial = split.src[0]!.src[0] as Node<"contract">;
    expect(partial.op).toBe("contract");
    expect(partial.shape).toEqual([16, 64, 64]);
    expect(splitSums(partial)).toBeNull();
  });

  it("leaves short sums, large results and little work alone", () => {
    expect(splitSums(product(784, 512, 128))).toBeNull();
    expect(splitSums(product(1024, 1024, 1024))).toBeNull();
    expect(splitSums(product(8, 8, 4096))).toBeNull();
    expect(splitSums(product(64, 64, 4099))).toBeNull();
  });

  it("cuts the images of a pointwise convolution's weight gradient, in one contraction", () => {
    const [x, w] = [data([16, 48, 16, 16]), data([48, 48, 1, 1])];
    const attrs = { stride: [1, 1], lo: [0, 0], hi: [0, 0], dilation: [1, 1], groups: 1 };
    const y = b.conv(x, w, attrs);
    const g = data([...y.shape]);
    const [dw] = grad([y], [g], [w]) as [Node];
    const plan = lower(makeGraph([dw]), target);
    const kernels = plan.steps.map(({ kernel }) => kernel);
    const contracts = kernels.filter((k): k is ContractKernel => k.kind === "contract");
    expect(contracts).toHaveLength(1);
    const pieces = contracts[0]!.batch.map((axis) => contracts[0]!.axes[axis]!);
    expect(pieces.reduce((p, n) => p * n, 1)).toBe(4);
    const expected = new Float64Array(sizeOf(dw.shape));
    const [xs, gs] = [x, g].map((node) => node.buffer!.host as Float32Array) as [
      Float32Array,
      Float32Array,
    ];
    for (let n = 0; n < 16; n++)
      for (let o = 0; o < 48; o++)
        for (let c = 0; c < 48; c++)
          for (let p = 0; p < 256; p++)
            expected[o * 48 + c]! += gs[(n * 48 + o) * 256 + p]! * xs[(n * 48 + c) * 256 + p]!;
    for (const backend of [new PlanBackend(), new WasmBackend({ threads: 1 })]) {
      const engine = new Engine(backend);
      const got = engine.read(engine.evaluate([dw]).buffers[0]!) as Float32Array;
      const worst = expected.reduce((most, e, i) => Math.max(most, Math.abs(e - got[i]!)), 0);
      expect(worst).toBeLessThan(1e-3);
    }
  });
});
