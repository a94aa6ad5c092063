// vmap: a function of one sample called for all samples at once, as torch.func.vmap and jax.vmap. The
// function runs once, on stand-ins without the axis of samples; its graph then gets that axis in front.
// Not here: what becomes of each op (autodiff/vmap.ts).

import { standFor } from "../autodiff/loop.ts";
import { batch, lift, type VmapOptions } from "../autodiff/vmap.ts";
import { permute, show } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { axisOf } from "./ops/common.ts";
import { activeTrace, BodyTrace, withTrace } from "./trace.ts";
import { nodesOf, treeOf } from "./tree.ts";

/** Options of {@link vmap}. */
export interface BatchedOptions extends VmapOptions {
  /** Which axis of each argument counts the samples (0): one for all, or one an argument; null for an
   *  argument that is the same for all samples. */
  inAxes?: number | readonly (number | null)[] | undefined;
  /** Where the axis of samples comes in the results (0). */
  outAxes?: number | undefined;
}

/** `node` with one axis moved to another place. */
function moved(node: Node, from: number, to: number): Node {
  const order = node.shape.map((_, i) => i);
  order.splice(to, 0, ...order.splice(from, 1));
  return permute(node, order);
}

/**
 * A function of batches from `f`, a function of one sample: arguments and results are tensors, or arrays and
 * objects of tensors. `f` is called once, may use other tensors (the same for all samples), `grad` and
 * itself `vmap`, but must not read values.
 *
 * @throws ArgumentError for axes that do not fit the arguments, or random numbers without `randomness`;
 * ShapeError where arguments differ in their number of samples.
 *
 * @example
 * const loss = (w: Tensor, x: Tensor) => x.matmul(w).square().sum();
 * const each = vmap(grad(loss), { inAxes: [null, 0] })(w, xs); // a gradient for each sample, (B, D)
 */
export function vmap<A extends unknown[], R>(
  f: (...args: A) => R,
  { inAxes = 0, outAxes = 0, randomness = "error" }: BatchedOptions = {},
): (...args: A) => R {
  return (...args) => {
    if (typeof inAxes !== "number" && inAxes.length !== args.length) {
      const detail = `inAxes names ${inAxes.length} arguments, but the call has ${args.length}`;
      throw new ArgumentError("vmap", detail);
    }
    const [inputs, batches]: [Node[], Node[]] = [[], []];
    const { spec, nodes } = withTrace(new BodyTrace(activeTrace(), "vmap"), () => {
      const given = args.map((arg, i) => {
        const axis = typeof inAxes === "number" ? inAxes : inAxes[i];
        return axis === null || axis === undefined ? arg : sampleOf(arg, axis, inputs, batches);
      });
      checkCounts(batches);
      return nodesOf("vmap", f(...(given as A)));
    });
    if (nodes.length === 0) throw new ArgumentError("vmap", "the function must return tensors");
    const known = new Map(inputs.map((one, i) => [one, { node: batches[i]!, batched: true }]));
    // What was there before the stand-ins is the same for all samples.
    const [since, V] = [inputs[0]!.id, batches[0]!.shape[0]!];
    const outside = (node: Node) => node.id < since;
    const found = batch(nodes, known, V, { randomness, outside }).map((node) => lift(node, V));
    const results = found.map((node) => moved(node, 0, axisOf("vmap", outAxes, node.shape)));
    return treeOf(spec, results) as R;
  };
}

/** An argument with stand-ins of one sample for its tensors, which are added to `inputs` and `batches`. */
function sampleOf(arg: unknown, axis: number, inputs: Node[], batches: Node[]): unknown {
  const { spec, nodes } = nodesOf("vmap", arg);
  const stands = nodes.map((node) => {
    const batch = moved(node, axisOf("vmap", axis, node.shape), 0);
    const one = standFor({ dtype: node.dtype, shape: batch.shape.slice(1) });
    one.tracked = node.tracked;
    inputs.push(one);
    batches.push(batch);
    return one;
  });
  return treeOf(spec, stands);
}

function checkCounts(batches: readonly Node[]): void {
  const counts = batches.map(({ shape }) => shape[0]!);
  if (counts.length === 0) {
    throw new ArgumentError("vmap", "no argument has an axis of samples", {
      hint: "inAxes must name one for at least one tensor",
    });
  }
  if (counts.every((count) => count === counts[0])) return;
  throw new ShapeError("vmap", `arguments differ in their number of samples: ${show(counts)}`);
}
