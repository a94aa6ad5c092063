// Checks gradients against finite differences, in float64, on whatever evaluates graphs.
// Not here: a device. The caller says how nodes become numbers.

import { Buffer } from "../ir/buffer.ts";
import { binary, bufferNode, cast, full, reduce, reshape } from "../ir/build.ts";
import { isFloat, type TypedArray } from "../ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import { ArgumentError, NumericError } from "../util/errors.ts";
import { grad } from "./backward.ts";

/** Computes nodes; the arrays come in the same order. */
export type Evaluate = (nodes: readonly Node[]) => TypedArray[] | Promise<TypedArray[]>;

export interface GradInput {
  readonly shape: Shape;
  readonly data: Float64Array;
}

export interface GradcheckOptions {
  /** Step of the central difference, relative to 1 + |x|. */
  eps?: number;
  rtol?: number;
  atol?: number;
  /** Elements tried for each input, evenly spread; one random direction through all is always tried. */
  elements?: number;
}

/**
 * Differentiates a random projection of all float outputs of `f` and compares with central differences.
 * `f` must be smooth at the given points, take float64 leaves, and build new nodes at each call.
 *
 * @returns the number of derivatives compared
 * @throws NumericError naming the first element that differs
 */
export async function gradcheck(
  f: (...inputs: Node[]) => Node | readonly Node[],
  inputs: readonly GradInput[],
  evaluate: Evaluate,
  options: GradcheckOptions = {},
): Promise<number> {
  const { eps = 1e-6, rtol = 1e-5, atol = 1e-7, elements = 16 } = options;
  for (const { shape, data } of inputs) {
    if (sizeOf(shape) !== data.length) {
      throw new ArgumentError("gradcheck", `${data.length} elements do not fit [${shape}]`);
    }
  }
  const points = inputs.map((input) => input.data);
  const lossAt = async (at: readonly Float64Array[]) => {
    const [value] = await evaluate([lossOf(f, leaves(inputs, at))]);
    return value![0]!;
  };
  const gradients = await analytic(f, leaves(inputs, points), evaluate);
  let compared = 0;
  for (let which = 0; which < inputs.length; which++) {
    for (const direction of directions(points[which]!.length, elements)) {
      const h = eps * (1 + norm(points[which]!, direction.at));
      const along = async (sign: number) => {
        const moved = points[which]!.map((x, i) => x + sign * h * direction.of(i));
        return lossAt(points.map((p, i) => (i === which ? moved : p)));
      };
      const numeric = ((await along(1)) - (await along(-1))) / (2 * h);
      let exact = 0;
      gradients[which]!.forEach((g, i) => void (exact += g * direction.of(i)));
      compare(exact, numeric, atol + rtol * Math.max(Math.abs(exact), Math.abs(numeric)), () => {
        return `input ${which}, ${direction.at < 0 ? "all elements" : `element ${direction.at}`}`;
      });
      compared++;
    }
  }
  return compared;
}

function leaves(inputs: readonly GradInput[], data: readonly Float64Array[]): Node[] {
  return inputs.map(({ shape }, i) => {
    return bufferNode(new Buffer("float64", data[i]!.length, data[i]!), shape);
  });
}

// Σ of all outputs, each element with a weight of its own, so that no error can hide in a sum.
function lossOf(f: (...inputs: Node[]) => Node | readonly Node[], nodes: Node[]): Node {
  const made = f(...nodes);
  const outputs = (Array.isArray(made) ? made : [made]) as Node[];
  let loss = full(0, [], "float64");
  outputs.forEach((output, at) => {
    if (!isFloat(output.dtype)) return;
    const y = cast(output, "float64");
    const size = sizeOf(y.shape);
    const weights = Float64Array.from({ length: size }, (_, i) => weight(i + 101 * at));
    const projection = bufferNode(new Buffer("float64", size, weights), y.shape);
    const axes = y.shape.map((_, i) => i);
    const sum = reduce("sum", binary("mul", y, projection), axes);
    loss = binary("add", loss, reshape(sum, []));
  });
  return loss;
}

async function analytic(
  f: (...inputs: Node[]) => Node | readonly Node[],
  nodes: Node[],
  evaluate: Evaluate,
): Promise<TypedArray[]> {
  const loss = lossOf(f, nodes);
  const gradients = grad([loss], [full(1, [], "float64")], nodes);
  return evaluate(gradients.map((g, i) => g ?? full(0, nodes[i]!.shape, "float64")));
}

interface Direction {
  /** The only element that moves, or -1 for all of them. */
  at: number;
  of: (i: number) => number;
}

function directions(size: number, elements: number): Direction[] {
  if (size === 0) return [];
  const count = Math.min(size, elements);
  const single = Array.from({ length: count }, (_, i) => {
    const at = Math.floor((i * size) / count);
    return { at, of: (j: number) => (j === at ? 1 : 0) };
  });
  return [...single, { at: -1, of: (j) => weight(j + 7) }];
}

function norm(point: Float64Array, at: number): number {
  return at < 0 ? 0 : Math.abs(point[at]!);
}

// Between -1 and 1, without a pattern that a shape could share.
function weight(i: number): number {
  return Math.sin(12.9898 * (i + 1) + 0.37 * (i % 7));
}

function compare(exact: number, numeric: number, tolerance: number, where: () => string): void {
  if (Math.abs(exact - numeric) <= tolerance) return;
  const both = `the gradient is ${exact}, finite differences say ${numeric}`;
  throw new NumericError("gradcheck", `${where()}: ${both}`);
}
