// einsum: sums of products, written with one letter an axis. Any number of operands; each pair becomes
// one `contract`. Not here: matmul and its kin (ops/linear.ts).

import * as b from "../ir/build.ts";
import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import { nodeOf, wrap } from "./core.ts";
import { argumentError, describe, dtypeError, needTensors, shapeError } from "./ops/common.ts";
import { label } from "./ops/linear.ts";
import * as n from "./ops/nodes.ts";
import type { Tensor } from "./tensor.ts";

/** An operand with one letter for each of its axes. */
interface Term {
  readonly node: Node;
  readonly labels: string[];
}

/**
 * The sum of products that an equation names, as `einsum("bik,bkj->bij", a, b)`. Letters that are not
 * in the result are summed; "..." stands for axes that broadcast; without "->" the letters that occur
 * once are the result, in alphabetical order.
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  if (typeof equation !== "string") {
    throw argumentError("einsum", `takes an equation, got ${describe(equation)}`);
  }
  needTensors("einsum", operands);
  const [left, right, extra] = equation.replaceAll(" ", "").split("->");
  const inputs = left.split(",");
  if (extra !== undefined || !/^[a-zA-Z.,]*$/.test(left + (right ?? ""))) {
    throw argumentError("einsum", `cannot read "${equation}"`, 'write it as "ij,jk->ik"');
  }
  if (inputs.length !== operands.length || operands.length === 0) {
    const count = `${inputs.length} operands are named, ${operands.length} given`;
    throw argumentError("einsum", `"${equation}": ${count}`);
  }
  const dots = Math.max(0, ...inputs.map((text, i) => dotAxes(text, operands[i].shape)));
  const named = operands.map((t, i) => namesOf(equation, inputs[i], t.shape, dots));
  const out = outputOf(equation, right, named, dots);
  checkTypes(operands);
  const sizes = sizesOf(equation, operands, named);
  const terms = operands.map((t, i) => simple({ node: nodeOf(t), labels: named[i] }, sizes));
  return wrap(combine(terms, out, sizes));
}

/** How many axes "..." stands for. */
function dotAxes(text: string, shape: Shape): number {
  return text.includes("...") ? shape.length - text.replace("...", "").length : 0;
}

/** Letters stay; axes of "..." are named by digits from the right, so that they line up. */
function spell(text: string, dots: number, total: number): string[] {
  const at = text.indexOf("...");
  if (at < 0) return [...text];
  const middle = Array.from({ length: dots }, (_, i) => `${total - dots + i}`);
  return [...text.slice(0, at), ...middle, ...text.slice(at + 3)];
}

function namesOf(equation: string, text: string, shape: Shape, total: number): string[] {
  const dots = dotAxes(text, shape);
  const names = dots < 0 ? [] : spell(text, dots, total);
  if (names.length !== shape.length || names.includes(".")) {
    throw shapeError("einsum", `"${equation}": "${text}" does not fit ${b.show(shape)}`);
  }
  return names;
}

function outputOf(
  equation: string,
  right: string | undefined,
  named: string[][],
  dots: number,
): string[] {
  const all = named.flat();
  const digits = Array.from({ length: dots }, (_, i) => `${i}`);
  if (right === undefined) {
    const once = all.filter((l) => /[a-zA-Z]/.test(l) && all.indexOf(l) === all.lastIndexOf(l));
    return [...digits, ...once.sort()];
  }
  const out = spell(right, dots, dots);
  for (const l of out) {
    if (all.includes(l) && out.indexOf(l) === out.lastIndexOf(l)) continue;
    throw argumentError(
      "einsum",
      `"${equation}": the result's "${l}" must be in one operand, once`,
    );
  }
  return out;
}

function checkTypes(operands: readonly Tensor[]): void {
  if (operands.length > 1 && operands[0].dtype === "bool") {
    throw dtypeError("einsum", "is not defined for bool", "use a.float()");
  }
  for (const t of operands) {
    if (t.dtype === operands[0].dtype) continue;
    const hint = `use x.to("${operands[0].dtype}")`;
    throw dtypeError("einsum", `operands are ${operands[0].dtype} and ${t.dtype}`, hint);
  }
}

function sizesOf(equation: string, operands: readonly Tensor[], named: string[][]) {
  const sizes = new Map<string, number>();
  operands.forEach((t, i) => {
    named[i].forEach((l, axis) => {
      const [known, size] = [sizes.get(l) ?? 1, t.shape[axis]];
      if (known !== 1 && size !== 1 && known !== size) {
        throw shapeError("einsum", `"${equation}": axis "${l}" has sizes ${known} and ${size}`);
      }
      sizes.set(l, known === 1 ? size : known);
    });
  });
  return sizes;
}

/** Letters that occur twice become a diagonal; axes of size 1 that broadcast go away. */
function simple(term: Term, sizes: Map<string, number>): Term {
  let { node } = term;
  let labels = [...term.labels];
  for (let i = 0; i < labels.length; i++) {
    for (let j = labels.lastIndexOf(labels[i]); j > i; j = labels.lastIndexOf(labels[i])) {
      const rank = node.shape.length;
      const same = n.eq(n.positions(node.shape[i], i, rank), n.positions(node.shape[j], j, rank));
      node = n.reduce("sum", n.where(same, node, 0), [j], false);
      labels = labels.filter((_, k) => k !== j);
    }
  }
  const ones = labels
    .map((_, k) => k)
    .filter((k) => node.shape[k] === 1 && sizes.get(labels[k]) !== 1);
  return { node: n.drop(node, ones), labels: labels.filter((_, k) => !ones.includes(k)) };
}

/** Contracts the operands from left to right, summing each letter as soon as nobody needs it. */
function combine(terms: Term[], out: string[], sizes: Map<string, number>): Node {
  let [result] = terms;
  for (let i = 1; i < terms.length; i++) {
    const later = new Set([...out, ...terms.slice(i + 1).flatMap((t) => t.labels)]);
    const first = summed(result, (l) => later.has(l) || terms[i].labels.includes(l));
    const second = summed(terms[i], (l) => later.has(l) || first.labels.includes(l));
    const all = [...new Set([...first.labels, ...second.labels])];
    const kept = all.filter((l) => later.has(l));
    const short = (list: string[]) => list.map((l) => label(all.indexOf(l))).join("");
    const spec = { a: short(first.labels), b: short(second.labels), out: short(kept) };
    result = { node: b.contract(first.node, second.node, spec), labels: kept };
  }
  const last = summed(result, (l) => out.includes(l));
  const missing = out.filter((l) => !last.labels.includes(l)); // axes of size 1 everywhere
  const node = b.reshape(last.node, [...last.node.shape, ...missing.map(() => 1)]);
  const labels = [...last.labels, ...missing];
  const shape = out.map((l) => sizes.get(l) as number);
  const ordered = b.permute(
    node,
    out.map((l) => labels.indexOf(l)),
  );
  return sizeOf(ordered.shape) === sizeOf(shape)
    ? b.reshape(ordered, shape)
    : b.broadcastTo(ordered, shape);
}

function summed(term: Term, keep: (l: string) => boolean): Term {
  const gone = term.labels.map((_, i) => i).filter((i) => !keep(term.labels[i]));
  const labels = term.labels.filter((l) => keep(l));
  return { node: n.reduce("sum", term.node, gone, false), labels };
}
