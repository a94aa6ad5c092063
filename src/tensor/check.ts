// Check mode: compares two recordings of a compiled function. Where they differ, the function depends on
// something that its trace cannot see, and a replay would go on with what was true at the first call.
// Not here: recording (record.ts), or when the check is made (compile.ts).

import type { Buffer } from "../ir/buffer.ts";
import { StateError } from "../util/errors.ts";
import type { Recording } from "./record.ts";
import { Tensor } from "./tensor.ts";
import type { Spec } from "./tree.ts";

/** Throws a StateError that says what differs between the first trace and the second. */
export function checkSame(first: Recording, second: Recording): void {
  const found =
    scalarsDiffer(first, second) ??
    structureDiffers(first, second) ??
    inputsDiffer(first, second) ??
    resultsDiffer(first.spec, second.spec);
  if (found === null) return;
  throw new StateError("compile", found[0], { hint: found[1] });
}

/** The sentence and the hint. */
type Finding = readonly [string, string] | null;

function scalarsDiffer(first: Recording, second: Recording): Finding {
  const [a, b] = [first.graph.scalars, second.graph.scalars];
  if (first.graph.key !== second.graph.key) return null;
  const drawn = new Set([first.trace.seed, ...first.trace.bases.map((b) => b.node)]);
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i] || drawn.has(a[i]!) || Object.is(a[i]!.value, b[i]!.value)) continue;
    const change = `changed from ${a[i]!.value} to ${b[i]!.value}`;
    return [
      `a captured number ${change} after the first call, but is a constant of the trace`,
      "give it as an argument, or keep it in a 0-d tensor and assign to that",
    ];
  }
  return null;
}

const decide =
  "let nothing but arguments and tensors decide what the function does; " +
  "a number or flag that changes must be an argument";

function structureDiffers(first: Recording, second: Recording): Finding {
  if (first.graph.key === second.graph.key) return null;
  const [a, b] = [first.graph.key.split(";"), second.graph.key.split(";")];
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const step = (key: string[]) => (at < key.length - 1 ? `"${key[at]!.trim()}"` : "nothing more");
  return [
    `the second call computes something else: ${step(b)} instead of ${step(a)} as step ${at + 1}`,
    decide,
  ];
}

function inputsDiffer(first: Recording, second: Recording): Finding {
  const [a, b] = [first.sources, second.sources];
  for (let i = 0; i < a.length; i++) {
    const [p, q] = [a[i]!, b[i]!];
    if (p === q) continue;
    if (typeof p !== "object" || typeof q !== "object" || isTensor(p) || isTensor(q)) {
      return [
        "the second call uses another captured tensor than the first",
        "keep one tensor and assign to it, or give it as an argument",
      ];
    }
    if (!sameData(p as Buffer, q as Buffer)) {
      return [
        "data that the function made a tensor of changed after the first call",
        "make the tensor outside and give it as an argument",
      ];
    }
  }
  const owners = first.assigned.length === second.assigned.length;
  if (owners && first.assigned.every((owner, i) => owner === second.assigned[i])) return null;
  return ["the second call assigns to other tensors than the first", decide];
}

function isTensor(source: object): boolean {
  return source instanceof Tensor;
}

function sameData(a: Buffer, b: Buffer): boolean {
  const [p, q] = [a.host, b.host];
  if (p === null || q === null || p.length !== q.length) return false;
  for (let i = 0; i < p.length; i++) if (!Object.is(p[i], q[i])) return false;
  return true;
}

function resultsDiffer(a: Spec, b: Spec): Finding {
  if (a.kind === "constant" && b.kind === "constant") {
    if (Object.is(a.value, b.value) || typeof a.value === "object") return null;
    return [
      `the result holds ${String(a.value)} at the first call and ${String(b.value)} at the second`,
      "return tensors; what is no tensor is a constant of the trace",
    ];
  }
  if (a.kind === "tensor" && b.kind === "tensor") return null;
  const [p, q] = [itemsOf(a), itemsOf(b)];
  const fits = a.kind === b.kind && p.length === q.length;
  const keys = a.kind !== "object" || b.kind !== "object" || a.keys.join() === b.keys.join();
  if (!fits || !keys) return ["the structure of the result changed after the first call", decide];
  for (let i = 0; i < p.length; i++) {
    const found = resultsDiffer(p[i]!, q[i]!);
    if (found !== null) return found;
  }
  return null;
}

function itemsOf(spec: Spec): readonly Spec[] {
  return spec.kind === "array" || spec.kind === "object" ? spec.items : [];
}
