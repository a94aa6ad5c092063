// Convolutions by Winograd's transforms: on every backend near to the reference, with the same bits at
// any number of threads, for sizes that fill their tiles and sizes that do not. Small convolutions do
// not take this way, so each case also asserts that its plan does.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import * as b from "../../src/ir/build.ts";
import type { TypedArray } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { lower } from "../../src/schedule/pipeline.ts";
import { backendsUnderTest, evaluate, reference } from "./backends.ts";
import { type Case, instantiate, type Leaf, leaf } from "./case.ts";

interface Layer {
  readonly batch: number;
  readonly size: readonly [number, number];
  readonly channels: number;
  readonly outputs: number;
  /** Rows above, columns to the left; rows below, columns to the right. */
  readonly lo: readonly [number, number];
  readonly hi: readonly [number, number];
}

const layer = (
  batch: number,
  size: [number, number],
  channels: number,
  outputs: number,
  lo: [number, number] = [1, 1],
  hi: [number, number] = lo,
): Layer => ({ batch, size, channels, outputs, lo, hi });

const layers: readonly Layer[] = [
  layer(4, [16, 16], 16, 16),
  layer(2, [14, 14], 32, 64),
  layer(1, [28, 28], 16, 32),
  layer(6, [8, 8], 64, 48),
  layer(32, [4, 4], 32, 32),
  layer(3, [17, 19], 20, 17, [1, 1]),
  layer(2, [23, 18], 17, 20, [0, 0]),
  layer(2, [9, 30], 33, 16, [2, 2]),
  layer(40, [5, 3], 48, 32, [1, 1]),
  layer(3, [13, 21], 16, 40, [0, 2], [1, 0]),
];

function nameOf({ batch, size, channels, outputs, lo, hi }: Layer): string {
  return `${batch}×${channels}×${size.join("×")} to ${outputs}, padding ${lo} ${hi}`;
}

/** The reference runs in float32 with one rounding a sum; transforms of 64 channels are off by 7e-7 of
 *  the result's root mean square in the mean, and by 7e-6 at most (measured over 1e6 results of each
 *  kind of data; see ir/winograd-algebra.ts). */
const tolerance = 1e-5;

function rootMeanSquare(x: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! ** 2;
  return Math.sqrt(sum / Math.max(1, x.length));
}

/** A number that differs where any bit does. */
function digest(x: TypedArray): number {
  const words = new Int32Array(x.buffer, x.byteOffset, x.byteLength / 4);
  return words.reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, x.length);
}

function convolve({ lo, hi }: Layer, x: Node, w: Node): Node {
  return b.conv(x, w, { stride: [1, 1], lo, hi, dilation: [1, 1], groups: 1 });
}

function leavesOf({ batch, size, channels, outputs }: Layer): Leaf[] {
  return [
    leaf([batch, channels, ...size], "float32", 1),
    leaf([outputs, channels, 3, 3], "float32", 2),
    leaf([outputs, 1, 1], "float32", 3),
  ];
}

/** Brings sums of a few hundred products down to where tanh and sin do not magnify their errors. */
const small = (x: Node) => b.binary("mul", x, b.full(0.01, x.shape, "float32"));
const broadcast = (x: Node, to: Node) => b.broadcastTo(x, to.shape);

type Build = (l: Layer, x: Node, w: Node, bias: Node) => Node[];

const forward: Build = (l, x, w) => [convolve(l, x, w)];
const withBias: Build = (l, x, w, bias) => {
  const y = convolve(l, x, w);
  return [b.unary("relu", b.binary("add", y, broadcast(bias, y)))];
};
/** A residual, and a heavy end that the kernel does not take. */
const ends: Build = (l, x, w, bias) => {
  const y = convolve(l, x, w);
  const z = b.unary("relu", convolve(l, b.unary("neg", x), w));
  return [b.binary("add", y, z), b.unary("tanh", b.binary("mul", small(y), broadcast(bias, y)))];
};
const gradients: Build = (l, x, w, bias) => {
  const y = convolve(l, x, w);
  const z = small(b.binary("add", y, broadcast(bias, y)));
  return grad([z], [b.unary("sin", z)], [x, w, bias]) as Node[];
};

const builds: Record<string, Build> = { forward, withBias, ends, gradients };
const backends = await backendsUnderTest();

describe.each(Object.keys(builds))("%s", (what) => {
  it.each(layers.map((l) => [nameOf(l), l] as const))("%s", async (_, l) => {
    const c: Case = {
      name: what,
      leaves: leavesOf(l),
      build: (x, w, bias) => builds[what]!(l, x!, w!, bias!),
    };
    const outputs = () => instantiate(c).outputs;
    const plan = lower(makeGraph(outputs()), { columns: 16, lanes: 4, winograd: true });
    const kinds = plan.steps.map((s) => s.kernel.kind);
    expect(kinds).toContain("winograd");
    if (what === "gradients") expect(kinds).toContain("winogradSums");
    const expected = await evaluate(reference, outputs());
    let bits: number[] | null = null;
    for (const on of backends) {
      const actual = await evaluate(on, outputs());
      actual.forEach((y, i) => {
        const limit = tolerance * rootMeanSquare(expected[i]!);
        let worst = 0;
        for (let k = 0; k < y.length; k++) {
          const off = Math.abs(y[k]! - expected[i]![k]!);
          if (!(off <= worst)) worst = off;
        }
        expect(worst, `output ${i} on ${on.name}`).toBeLessThanOrEqual(limit);
      });
      // Strict mode sums as the definition says.
      if (!on.name.startsWith("wasm,")) continue;
      const mine = actual.map(digest);
      bits ??= mine;
      expect(mine, `bits on ${on.name}`).toEqual(bits);
    }
  });
});
