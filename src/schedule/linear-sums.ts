// Sums of products: factors that are the same for all that is summed come out of the sum, and what sums
// to zero by its making is left out. The gradient of a batch norm then needs two sums that one pass
// makes, of the gradient and of its product with x - mean, where its rules ask for five in three passes.
// Values differ by rounding only. Not here: long sums in pieces (prepare.ts, split-sums.ts).

import { binary, broadcastTo, constant, full, reduce, unary } from "../ir/build.ts";
import { weightOf } from "../ir/cost.ts";
import { isFloat, roundTo } from "../ir/dtype.ts";
import { isOp, type Node } from "../ir/node.ts";
import { constValue, type Rules } from "../ir/simplify.ts";

export const sumRules: Rules = { reduce: simplerSum };

/** What is dear to compute is read where its scaled value lies, not computed again without the scale. */
const dear = 4;

interface Product {
  /** Factors that differ among the summed elements. */
  readonly factors: Node[];
  /** Factors and divisors that do not, with size 1 along the summed axes. */
  readonly outside: { readonly fn: "mul" | "div"; readonly value: Node }[];
  negative: boolean;
}

function simplerSum(n: Node<"reduce">): Node | null {
  const { fn, axes } = n.attrs;
  const [x] = n.src;
  if (fn !== "sum" || !isFloat(n.dtype)) return null;
  if (sumsToZero(x, axes)) return full(0, n.shape, n.dtype);
  if (isOp(x, "binary") && (x.attrs.fn === "add" || x.attrs.fn === "sub")) {
    const [p, q] = x.src;
    if (sumsToZero(q, axes)) return reduce("sum", p, axes);
    if (!sumsToZero(p, axes)) return null;
    const rest = reduce("sum", q, axes);
    return x.attrs.fn === "add" ? rest : unary("neg", rest);
  }
  const { factors, outside, negative } = productOf(x, axes);
  if (factors.length === 0 || (outside.length === 0 && !negative)) return null;
  if (factors.some((f) => weightOf(f) >= dear)) return null;
  let sum = reduce(
    "sum",
    factors.reduce((p, q) => binary("mul", p, q)),
    axes,
  );
  for (const { fn: op, value } of outside) sum = binary(op, sum, value);
  return negative ? unary("neg", sum) : sum;
}

/** The factors of a product, in their order. */
function productOf(root: Node, axes: readonly number[]): Product {
  const product: Product = { factors: [], outside: [], negative: false };
  const stack: { node: Node; fn: "mul" | "div" }[] = [{ node: root, fn: "mul" }];
  while (stack.length > 0) {
    const { node, fn } = stack.pop() as { node: Node; fn: "mul" | "div" };
    const value = constantOver(node, axes);
    if (value) product.outside.push({ fn, value });
    else if (isOp(node, "unary") && node.attrs.fn === "neg") {
      product.negative = !product.negative;
      stack.push({ node: node.src[0], fn });
    } else if (isOp(node, "binary") && node.attrs.fn === "mul") {
      stack.push({ node: node.src[1], fn }, { node: node.src[0], fn });
    } else if (isOp(node, "binary") && node.attrs.fn === "div") {
      const divisor = constantOver(node.src[1], axes);
      if (!divisor) product.factors.push(node);
      else stack.push({ node: node.src[1], fn: "div" }, { node: node.src[0], fn });
    } else product.factors.push(node);
  }
  return product;
}

/** A value that is the same along axes, with size 1 there; null where it is not known to be. */
function constantOver(node: Node, axes: readonly number[]): Node | null {
  const small = node.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const value = constValue(node);
  if (value !== null) return broadcastTo(constant(value, node.dtype), small);
  if (node.op !== "expand" || axes.some((a) => node.src[0].shape[a] !== 1)) return null;
  return broadcastTo(node.src[0], small);
}

/** Whether a product is k · (x - mean of x along the axes), with k the same along them. */
function sumsToZero(root: Node, axes: readonly number[]): boolean {
  const { factors } = productOf(root, axes);
  const [centered] = factors;
  if (factors.length !== 1 || !isOp(centered, "binary") || centered.attrs.fn !== "sub")
    return false;
  const [x, repeated] = centered.src;
  if (repeated.op !== "expand") return false;
  const [mean] = repeated.src;
  if (!isOp(mean, "binary") || mean.attrs.fn !== "div") return false;
  const [sum, count] = mean.src;
  const size = axes.reduce((p, a) => p * x.shape[a], 1);
  return (
    isOp(sum, "reduce") &&
    sum.attrs.fn === "sum" &&
    sum.src[0] === x &&
    sum.attrs.axes.length === axes.length &&
    sum.attrs.axes.every((a) => axes.includes(a)) &&
    constValue(count) === roundTo[x.dtype](size)
  );
}
