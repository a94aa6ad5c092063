// customVjp: a function with a gradient written by hand, where that of its parts would be slow,
// unstable or wrong (a loop that converges, a choice of pivots). Forward mode and vmap are made of
// the same rule. Not here: how a rule is walked through (autodiff/), or kept in a graph
// (ir/gradient-rule.ts).

import { custom, sameShape, show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { GradientRule } from "../ir/gradient-rule.ts";
import type { Node } from "../ir/node.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { isGradEnabled, nodeOf, noGrad, valueNode, withGrad, wrap } from "./core.ts";
import { Tensor } from "./tensor.ts";
import { activeTrace } from "./trace.ts";

/** The gradient of one result; of several, one each: null where none arrives. */
export type ResultGradient<R> = R extends Tensor ? Tensor : readonly (Tensor | null)[];

/** From the gradient of the result, the arguments and the result to the gradients of the arguments.
 *  */
export type Backward<A, R> = (
  gradient: ResultGradient<R>,
  args: A,
  result: R,
) => readonly (Tensor | null)[];

/**
 * `forward` with the gradient that `backward` gives: one for each argument, null where none flows
 * (to numbers, options and int tensors always). As PyTorch's autograd.Function.
 *
 * `forward` takes tensors and plain values and returns a tensor or an array of tensors; what
 * happens in it is not differentiated. `backward` must be linear in the gradient and may be
 * differentiated in turn: the arguments and results that it is handed count as functions of the
 * arguments. Where there are several results it is called once for each one that a gradient arrives
 * at. `jvp` and batching are derived from it.
 *
 * Make it once, beside the module's other functions: a function made anew at each call is another
 * one, and loops around it are compiled again.
 *
 * @throws ShapeError where a gradient does not fit its argument; ArgumentError where their number
 * differs.
 *
 * @example
 * const clipped = customVjp(
 *   (x: Tensor, limit: number) => x,
 *   (g, [, limit]) => [g.clamp(-limit, limit), null],
 * );
 */
export function customVjp<const A extends readonly unknown[], R extends Tensor | readonly Tensor[]>(
  forward: (...args: A) => R,
  backward: Backward<A, R>,
): (...args: A) => R {
  const rule = new GradientRule((node, g) => pull(node, g, backward as Backward<unknown, unknown>));
  return (...args) => {
    const made = noGrad(() => forward(...args));
    if (!isGradEnabled()) return made;
    const several = Array.isArray(made);
    const results = (several ? made : [made]) as Tensor[];
    const tensors = args.filter((a) => a instanceof Tensor);
    const sources = [...results.map(valueNode), ...tensors.map(nodeOf)];
    const given = [several, ...args.map((a) => (a instanceof Tensor ? placeholder : [a]))];
    const shared = { rule, given, outputs: results.length };
    const out = results.map((result, index) =>
      isFloat(result.dtype) ? wrap(custom(sources, { ...shared, index })) : result,
    );
    return (several ? out : out[0]) as R;
  };
}

/** Stands for a tensor among the arguments; a plain value is in an array. */
const placeholder = 0;

function pull(
  node: Node<"custom">,
  g: Node,
  backward: Backward<unknown, unknown>,
): (Node | null)[] {
  const { outputs, index, given } = node.attrs;
  const [several, ...places] = given as [boolean, ...(typeof placeholder | [unknown])[]];
  const inputs = node.src.slice(outputs);
  const open = (v: Node) => new Tensor(v, activeTrace());
  const results = node.src.slice(0, outputs).map((s, i) => {
    if (i === index) return open(node);
    return open(isFloat(s.dtype) ? custom(node.src, { ...node.attrs, index: i }) : s);
  });
  let next = 0;
  const args = places.map((p) => (p === placeholder ? open(inputs[next++]!) : p[0]));
  const gradient = several ? results.map((_, i) => (i === index ? open(g) : null)) : open(g);
  const found = withGrad(true, () =>
    backward(gradient as ResultGradient<unknown>, args, several ? results : results[0]),
  );
  if (found.length !== args.length) {
    const counts = `${args.length} arguments and ${found.length} gradients`;
    throw new ArgumentError(
      "customVjp",
      `backward must give one gradient an argument, got ${counts}`,
    );
  }
  const gradients = found.flatMap((x, i) =>
    args[i] instanceof Tensor ? [fitting(x, args[i])] : [],
  );
  return [...Array<null>(outputs).fill(null), ...gradients];
}

function fitting(gradient: Tensor | null, argument: Tensor): Node | null {
  if (gradient === null || !isFloat(argument.dtype)) return null;
  const [got, wanted] = [gradient, argument].map((t) => `${t.dtype} ${show(t.shape)}`);
  const fits = sameShape(gradient.shape, argument.shape) && gradient.dtype === argument.dtype;
  if (fits) return valueNode(gradient);
  throw new ShapeError("customVjp", `the gradient of ${wanted} is ${got}`);
}
