// The gradients of every smooth row of the op table against finite differences in float64, on every
// backend; where a backend has no float64, its gradients in float32 against the reference's. On the
// reference the gradients of the gradients too.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { gradcheck } from "../../src/autodiff/gradcheck.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import { bufferNode } from "../../src/ir/build.ts";
import { type DType, isFloat, makeArray } from "../../src/ir/dtype.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import { backendsUnderTest, evaluate, lacksFloat64, reference } from "./backends.ts";
import { buildsInFloat32, type Case, instantiate, outputsOf } from "./case.ts";
import { table } from "./table.ts";

/** As finite differences measure it, what `detach` has cut off has a gradient all the same. */
const isCut = (c: Case) => c.name.startsWith("detach");
const smooth = table.filter((c) => c.smooth && !isCut(c)).map((c) => [c.name, c] as const);

/** The case as a function of its float leaves only, and those leaves. */
function differentiable(c: Case) {
  const { leaves } = instantiate(c, "float64");
  const moving = leaves.filter((leaf) => isFloat(leaf.dtype));
  const inputs = moving.map((leaf) => ({
    shape: leaf.shape,
    data: leaf.buffer!.host as Float64Array,
  }));
  const f = (...nodes: Node[]) => {
    const all = leaves.map((leaf) => nodes[moving.indexOf(leaf)] ?? leaf);
    return outputsOf(c, all).filter((node) => isFloat(node.dtype));
  };
  return { f, inputs };
}

// Uneven, so that a sum over a softmax is not a constant.
function cotangent({ dtype, shape }: Node): Node {
  const weights = makeArray(dtype, sizeOf(shape));
  weights.set(Float64Array.from(weights, (_, i) => Math.cos(1.3 * i + 0.2)));
  return bufferNode(new Buffer(dtype, weights.length, weights), shape);
}

/** The gradients of a case's float outputs, weighted unevenly, by its float leaves. */
function gradientsOf(c: Case, dtype: DType): Node[] {
  const { leaves, outputs } = instantiate(c, dtype);
  const floats = outputs.filter((y) => isFloat(y.dtype));
  const wanted = leaves.filter((leaf) => isFloat(leaf.dtype));
  return grad(floats, floats.map(cotangent), wanted).filter((g) => g !== null);
}

const backends = await backendsUnderTest();

for (const on of backends.filter((b) => !lacksFloat64(b))) {
  describe(`gradients on ${on.name}`, () => {
    it.each(smooth)("%s", async (_, c) => {
      const { f, inputs } = differentiable(c);
      const compared = await gradcheck(f, inputs, (nodes) => evaluate(on, nodes), { elements: 5 });
      const empty = inputs.every((input) => sizeOf(input.shape) === 0);
      expect(compared > 0 || empty).toBe(true);
    });
  });
}

for (const on of backends.filter(lacksFloat64)) {
  describe(`gradients in float32 on ${on.name}`, () => {
    it.for(smooth)("%s", async ([, c], { skip }) => {
      if (!buildsInFloat32(c)) skip("the row needs float64");
      const nodes = gradientsOf(c, "float32");
      const expected = await evaluate(reference, nodes);
      const actual = await evaluate(on, nodes);
      expect(nodes.length).toBeGreaterThan(0);
      expected.forEach((values, i) => {
        // What cancels is off by the rounding of what was large.
        const largest = Math.max(1, ...Array.from(values, Math.abs));
        const off = Array.from(values, (v, at) => Math.abs(actual[i]![at]! - v));
        expect(off.length).toBe(actual[i]!.length);
        expect(Math.max(0, ...off)).toBeLessThan(6e-6 * largest * (c.loose ?? 1));
      });
    });
  });
}

describe("gradients of gradients on the reference", () => {
  it.each(smooth)("%s", async (_, c) => {
    const { f, inputs } = differentiable(c);
    const first = (...nodes: Node[]) => {
      const outputs = f(...nodes);
      return grad(outputs, outputs.map(cotangent), nodes).filter((g) => g !== null);
    };
    const tolerances = { elements: 3, rtol: 1e-4, atol: 1e-5 };
    await gradcheck(first, inputs, (nodes) => evaluate(reference, nodes), tolerances);
  });
});
