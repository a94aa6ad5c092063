// What tests of derivatives share: gradients of functions of tensors against finite differences in float64,
// to the second order, and matrices to try them on.
import { grad } from "../../src/autodiff/backward.ts";
import { gradcheck } from "../../src/autodiff/gradcheck.ts";
import { Tensor } from "../../src/index.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import { bufferNode } from "../../src/ir/build.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import { evaluate, reference } from "../ops/backends.ts";
import { stream } from "../ops/case.ts";

type F = (...xs: Tensor[]) => Tensor | readonly Tensor[];

/** Numbers between -1 and 1. */
export function random(shape: readonly number[], seed: number): Tensor {
  const next = stream(seed);
  const data = Float64Array.from({ length: sizeOf(shape) }, () => 2 * next() - 1);
  return Tensor.from(data, shape);
}

function overNodes(f: F): (...nodes: Node[]) => Node[] {
  return (...nodes) => {
    const result = f(...nodes.map((node) => new Tensor(node)));
    return [result].flat().map((t) => (t as Tensor).current);
  };
}

// Uneven, so that no error can hide in a sum.
function cotangent(y: Node): Node {
  const weights = Float64Array.from({ length: sizeOf(y.shape) }, (_, i) => Math.cos(1.3 * i + 0.2));
  return bufferNode(new Buffer("float64", weights.length, weights), y.shape);
}

/** Throws unless the first derivatives of f at xs (float64), and the second ones, are right. */
export async function checkGradients(f: F, xs: readonly Tensor[], order: 1 | 2 = 2): Promise<void> {
  const inputs = xs.map((x) => ({ shape: x.shape, data: x.dataSync() as Float64Array }));
  const on = (nodes: readonly Node[]) => evaluate(reference, nodes);
  await gradcheck(overNodes(f), inputs, on, { elements: 4 });
  if (order === 1) return;
  const first = (...nodes: Node[]) => {
    const outputs = overNodes(f)(...nodes).filter((y) => y.dtype === "float64");
    return grad(outputs, outputs.map(cotangent), nodes).filter((g) => g !== null);
  };
  await gradcheck(first, inputs, on, { elements: 2, rtol: 1e-4, atol: 1e-5 });
}
