// Functions of functions: grad, valueAndGrad, vjp, jvp, jacobian, hessian. They call `f` on stand-ins for
// its arguments and differentiate what it gives; `f` may use other tensors, which count as constants.
// Not here: backward and .grad (autograd.ts), or vmap.

import { binary, detach, full, pad, reshape, sameShape, show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { Node, sizeOf } from "../ir/node.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import { reverse } from "./autograd.ts";
import { isGradEnabled, nodeOf, valueNode, withGrad, wrap } from "./core.ts";
import { Tensor } from "./tensor.ts";
import { flatten, type Spec, unflatten } from "./tree.ts";

// biome-ignore lint/suspicious/noExplicitAny: the arguments are the user's: tensors, or trees of tensors.
type AnyFunction = (...args: any[]) => any;

export interface GradOptions {
  /** Which arguments to differentiate: a position, or several (the gradients then come as an array). */
  argnums?: number | readonly number[] | undefined;
  /** `f` gives `[loss, more]`; what is beside the loss is handed through. */
  hasAux?: boolean | undefined;
}

/** The same value as a node of its own, so that its gradient is not mixed with other uses of the value. */
function standIn(node: Node): Node {
  const own = new Node("reshape", node.dtype, node.shape, [node], null);
  own.tracked = true;
  return own;
}

/** One differentiated argument: its structure, its stand-ins. */
interface Part {
  readonly spec: Spec;
  readonly nodes: readonly Node[];
}

function openArgument(op: string, value: unknown): Part {
  const tensors: Tensor[] = [];
  const spec = flatten(op, value, tensors);
  for (const t of tensors) {
    if (isFloat(t.dtype)) continue;
    throw new DtypeError(op, `only float tensors have gradients, got ${t.dtype}`);
  }
  return { spec, nodes: tensors.map((t) => standIn(withGrad(true, () => nodeOf(t)))) };
}

function fill(part: Part, nodes: readonly Node[]): unknown {
  let i = 0;
  return unflatten(part.spec, () => wrap(nodes[i++]!));
}

/** The result of a transform, cut from the gradient inside noGrad. */
function give(node: Node): Tensor {
  return wrap(isGradEnabled() ? node : detach(node));
}

/** Gradients of outputs with respect to stand-ins; zeros where nothing depends on one. */
function pull(
  outputs: readonly Node[],
  cotangents: readonly Node[],
  nodes: readonly Node[],
): Node[] {
  const wanted = new Set(nodes);
  const oldest = nodes.reduce((least, n) => Math.min(least, n.id), Infinity);
  const found = reverse(outputs, cotangents, (n) => (wanted.has(n) ? n : null), oldest);
  return nodes.map((n) => found.get(n) ?? full(0, n.shape, n.dtype));
}

function positions(op: string, argnums: number | readonly number[], count: number): number[] {
  const list = typeof argnums === "number" ? [argnums] : [...argnums];
  for (const at of list) {
    if (Number.isInteger(at) && at >= 0 && at < count) continue;
    throw new ArgumentError(op, `argnums names argument ${at}, but the call has ${count}`);
  }
  return list;
}

function checkLoss(op: string, loss: unknown): Tensor {
  if (!(loss instanceof Tensor)) {
    throw new ArgumentError(op, "the function must return a tensor", {
      hint: "for a function that returns [loss, more] use { hasAux: true }",
    });
  }
  if (!isFloat(loss.dtype)) throw new DtypeError(op, `the loss must be float, got ${loss.dtype}`);
  if (sizeOf(loss.shape) === 1) return loss;
  throw new ShapeError(op, `the loss must have one element, got ${show(loss.shape)}`, {
    hint: "use loss.mean() or loss.sum(), or jacobian(f)",
  });
}

/**
 * A function that gives `[f(…), gradient]`; with hasAux `[[loss, more], gradient]`. The gradient has the
 * structure of the argument that argnums names (the first), or is an array of such.
 *
 * @example
 * const [loss, g] = valueAndGrad((w: Tensor) => w.mul(w).sum())(w);
 */
export function valueAndGrad(f: AnyFunction, options: GradOptions = {}): AnyFunction {
  const { argnums = 0, hasAux = false } = options;
  return (...args: unknown[]) => {
    const op = "grad";
    const at = positions(op, argnums, args.length);
    const parts = at.map((i) => openArgument(op, args[i]));
    const given = [...args];
    at.forEach((i, k) => void (given[i] = fill(parts[k]!, parts[k]!.nodes)));
    const [output, found] = withGrad(true, () => {
      const result = f(...given);
      const loss = checkLoss(op, hasAux ? result?.[0] : result);
      const root = valueNode(loss);
      const nodes = parts.flatMap((part) => part.nodes);
      return [result, pull([root], [full(1, root.shape, root.dtype)], nodes)] as const;
    });
    let next = 0;
    const trees = parts.map((part) => unflatten(part.spec, () => give(found[next++]!)));
    return [output, typeof argnums === "number" ? trees[0] : trees];
  };
}

/**
 * A function that gives the gradient of `f` (with hasAux: `[gradient, more]`). Applied twice it gives
 * second derivatives.
 *
 * @example
 * const cube = (x: Tensor) => x.pow(3).sum();
 * const slope = grad(cube)(x); // 3x²
 */
export function grad(f: AnyFunction, options: GradOptions = {}): AnyFunction {
  const both = valueAndGrad(f, options);
  return (...args: unknown[]) => {
    const [value, gradient] = both(...args);
    return options.hasAux ? [gradient, value[1]] : gradient;
  };
}

/** The tensors of a function's result. */
function outputsOf(op: string, result: unknown): { spec: Spec; nodes: Node[] } {
  const tensors: Tensor[] = [];
  const spec = flatten(op, result, tensors);
  if (tensors.length === 0) throw new ArgumentError(op, "the function must return tensors");
  return { spec, nodes: tensors.map(valueNode) };
}

/** The nodes of `value`, which must fit `like` one for one. */
function fitting(op: string, what: string, value: unknown, like: readonly Node[]): Node[] {
  const tensors: Tensor[] = [];
  flatten(op, value, tensors);
  if (tensors.length !== like.length) {
    throw new ArgumentError(op, `needs ${like.length} ${what}, got ${tensors.length}`);
  }
  return tensors.map((t, i) => {
    const { shape, dtype } = like[i]!;
    if (sameShape(t.shape, shape) && t.dtype === dtype) return nodeOf(t);
    const got = `${t.dtype} ${show(t.shape)}`;
    throw new ShapeError(op, `${what} ${i} must be ${dtype} ${show(shape)}, got ${got}`);
  });
}

/**
 * `f(…primals)`, and the function from a gradient of that result to those of the primals (an array, one
 * an argument): vector times Jacobian.
 */
export function vjp(
  f: AnyFunction,
  ...primals: unknown[]
): [unknown, (cotangent: unknown) => unknown[]] {
  const parts = primals.map((p) => openArgument("vjp", p));
  const result = withGrad(true, () => f(...parts.map((part) => fill(part, part.nodes))));
  const { nodes: outputs } = outputsOf("vjp", result);
  const back = (cotangent: unknown) => {
    const seeds = fitting("vjp", "cotangents", cotangent, outputs);
    const found = pull(
      outputs,
      seeds,
      parts.flatMap((part) => part.nodes),
    );
    let next = 0;
    return parts.map((part) => unflatten(part.spec, () => give(found[next++]!)));
  };
  return [result, back];
}

/**
 * `f(…primals)` and its change along `tangents` (one an argument): Jacobian times vector. Computed as the
 * gradient of the linear map u ↦ uᵀJ.
 */
export function jvp(
  f: AnyFunction,
  primals: readonly unknown[],
  tangents: readonly unknown[],
): [unknown, unknown] {
  const parts = primals.map((p) => openArgument("jvp", p));
  const inputs = parts.flatMap((part) => part.nodes);
  const directions = fitting("jvp", "tangents", [...tangents], inputs);
  const result = withGrad(true, () => f(...parts.map((part) => fill(part, part.nodes))));
  const { spec, nodes: outputs } = outputsOf("jvp", result);
  for (const { dtype } of outputs) {
    if (isFloat(dtype)) continue;
    throw new DtypeError("jvp", `only float tensors have gradients, got ${dtype}`);
  }
  const seeds = outputs.map((y) => standIn(full(0, y.shape, y.dtype)));
  const linear = pull(outputs, seeds, inputs);
  const moved = pull(linear, directions, seeds);
  let next = 0;
  return [result, unflatten(spec, () => give(moved[next++]!))];
}

/**
 * A function that gives the Jacobian of `f`, a function of tensors that returns one tensor, with respect
 * to its first argument (a tensor): shape [...output, ...input]. One backward walk a row.
 */
export function jacobian(f: AnyFunction): (x: Tensor, ...rest: unknown[]) => Tensor {
  return (x, ...rest) => {
    const part = openArgument("jacobian", x);
    const result = withGrad(true, () => f(fill(part, part.nodes), ...rest));
    if (!(result instanceof Tensor)) {
      throw new ArgumentError("jacobian", "the function must return a tensor");
    }
    const y = valueNode(result);
    const [n, m] = [sizeOf(y.shape), sizeOf(x.shape)];
    let rows: Node = full(0, [n, m], x.dtype);
    for (let i = 0; i < n; i++) {
      const one = reshape(pad(full(1, [1], y.dtype), [i], [n - 1 - i]), y.shape);
      const row = reshape(pull([y], [one], part.nodes)[0]!, [1, m]);
      rows = binary("add", rows, pad(row, [i, 0], [n - 1 - i, 0]));
    }
    return give(reshape(rows, [...y.shape, ...x.shape]));
  };
}

/** A function that gives the second derivatives of `f`, a function of a tensor that returns one number:
 *  shape [...input, ...input]. */
export function hessian(f: AnyFunction): (x: Tensor, ...rest: unknown[]) => Tensor {
  return jacobian(grad(f));
}
