// The gradients of every smooth row of the op table against finite differences in float64, on every
// backend; on the reference the gradients of the gradients too.
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { gradcheck } from "../../src/autodiff/gradcheck.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import { bufferNode } from "../../src/ir/build.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import { backendsUnderTest, evaluate, reference } from "./backends.ts";
import { type Case, instantiate, outputsOf } from "./case.ts";
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
function cotangent(y: Node): Node {
  const weights = Float64Array.from({ length: sizeOf(y.shape) }, (_, i) => Math.cos(1.3 * i + 0.2));
  return bufferNode(new Buffer("float64", weights.length, weights), y.shape);
}

const backends = await backendsUnderTest();

for (const on of backends) {
  describe(`gradients on ${on.name}`, () => {
    it.each(smooth)("%s", async (_, c) => {
      const { f, inputs } = differentiable(c);
      const compared = await gradcheck(f, inputs, (nodes) => evaluate(on, nodes), { elements: 5 });
      const empty = inputs.every((input) => sizeOf(input.shape) === 0);
      expect(compared > 0 || empty).toBe(true);
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
