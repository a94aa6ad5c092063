// Golden cases of single ops: decodes a case, runs our op by the adapter table (opinfo-table.ts), compares
// values and gradients with PyTorch's. A case is passed, wrong or missing (no adapter).
// The tolerances are rtol 1e-4 and atol 1e-5; an op that asks for more says why in `tolerance`.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { tensor } from "../../src/tensor/create.ts";
import type { NestedArray } from "../../src/tensor/shape-types.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { StateError } from "../../src/util/errors.ts";
import { adapters, notOurs, tolerance } from "./opinfo-table.ts";

/** Beside the checkout; not part of it. */
export const folder = join(import.meta.dirname, "..", "..", "..", "shared", "golden");
export const present = existsSync(folder);

export interface Score {
  passed: number;
  wrong: number;
  missing: number;
  /** One line a wrong case, and the names without adapter. */
  readonly failures: string[];
  readonly absent: Set<string>;
}

interface GoldenTensor {
  t: string;
  shape: number[];
  data: (number | string | boolean)[];
  grad?: boolean;
}

interface Case {
  op: string;
  variant: string;
  input: unknown;
  args: unknown[];
  kwargs: Record<string, unknown>;
  output: unknown;
  cotangents?: GoldenTensor[];
  grads?: (GoldenTensor | null)[];
  caution?: string;
}

const dtypes: Record<string, "float32" | "float64" | "int32" | "uint8" | "bool"> = {
  float32: "float32",
  float64: "float64",
  int64: "int32",
  int32: "int32",
  uint8: "uint8",
  bool: "bool",
};

function isGolden(v: unknown): v is GoldenTensor {
  return typeof v === "object" && v !== null && "t" in v;
}

function numbers(t: GoldenTensor): number[] {
  return t.data.map(Number);
}

/** A case's value as ours: tensors, arrays, plain values. Tensors with `grad` are collected. */
function decode(value: unknown, leaves: Tensor[]): unknown {
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (isGolden(value)) {
    const dtype = dtypes[value.t];
    if (dtype === undefined) throw new Unsupported(value.t);
    const flat = tensor(numbers(value) as NestedArray, { dtype });
    const out = Tensor.from(flat.dataSync(), value.shape, { dtype });
    if (value.grad) {
      out.requiresGrad = true;
      leaves.push(out);
    }
    return out;
  }
  if ("list" in value) return (value.list as unknown[]).map((v) => decode(v, leaves));
  return value;
}

/** A case that is about something which we do not have (complex numbers, float16). */
class Unsupported extends Error {}

function load(file: string): Case[] {
  const text = gunzipSync(readFileSync(join(folder, file))).toString("utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Case);
}

/** The values of one tier ("first" or "second"). */
export function cases(tier: "first" | "second"): Case[] {
  const tiers = JSON.parse(readFileSync(join(folder, "tiers.json"), "utf8"));
  const names = new Set<string>(tiers[tier]);
  return load("opinfo-cases.jsonl.gz").filter((c) => names.has(c.op) && c.caution === undefined);
}

/** Runs all cases of a tier on the device in use. */
export async function score(tier: "first" | "second"): Promise<Score> {
  const out: Score = { passed: 0, wrong: 0, missing: 0, failures: [], absent: new Set() };
  for (const c of cases(tier)) {
    const adapter = adapters[c.op];
    if (adapter === undefined || notOurs(c)) {
      out.missing++;
      if (adapter === undefined) out.absent.add(c.op);
      continue;
    }
    try {
      const problem = await run(c, adapter);
      if (problem === null) out.passed++;
      else {
        out.wrong++;
        out.failures.push(`${c.op} ${c.variant}: ${problem}`);
      }
    } catch (error) {
      if (error instanceof Unsupported) out.missing++;
      else {
        out.wrong++;
        out.failures.push(`${c.op} ${c.variant}: threw ${String(error).split("\n")[0]}`);
      }
    }
  }
  return out;
}

async function run(c: Case, adapter: (typeof adapters)[string]): Promise<string | null> {
  const leaves: Tensor[] = [];
  const x = decode(c.input, leaves);
  const args = c.args.map((v) => decode(v, leaves));
  const kwargs: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(c.kwargs)) kwargs[key] = decode(value, leaves);
  const recorded = decode(c.output, []);
  const result = await adapter(x as Tensor, args as never[], kwargs as never, recorded);
  const problem = await compare("output", result, c.output, c.op);
  if (problem !== null || !c.grads || !c.cotangents) return problem;
  return gradients(c, result, leaves);
}

async function gradients(c: Case, result: unknown, leaves: Tensor[]): Promise<string | null> {
  const outputs = [result].flat(2).filter((t) => t instanceof Tensor && isFloat(t)) as Tensor[];
  const { cotangents = [], grads = [] } = c;
  if (outputs.length < cotangents.length) return `${outputs.length} outputs have gradients`;
  let loss: Tensor | null = null;
  cotangents.forEach((golden, i) => {
    const term = outputs[i].mul(decode({ ...golden, grad: false }, []) as Tensor).sum();
    loss = loss === null ? term : loss.add(term);
  });
  try {
    (loss as Tensor | null)?.backward();
  } catch (error) {
    // No gradient flows through floor and its kin: then PyTorch's must all be 0, which is tested below.
    if (!(error instanceof StateError)) throw error;
  }
  for (let i = 0; i < grads.length; i++) {
    const wanted = grads[i];
    const got = leaves[i].grad;
    if (wanted === null) continue;
    if (got === null) {
      if (numbers(wanted).every((v) => v === 0)) continue;
      return `gradient ${i} is missing`;
    }
    const problem = await compare(`gradient ${i}`, got, wanted, c.op);
    if (problem !== null) return problem;
  }
  return null;
}

function isFloat(t: Tensor): boolean {
  return t.dtype === "float32" || t.dtype === "float64";
}

/** What differs, or null. */
async function compare(
  what: string,
  got: unknown,
  wanted: unknown,
  op: string,
): Promise<string | null> {
  if (typeof wanted === "object" && wanted !== null && "list" in wanted) {
    const list = wanted.list as unknown[];
    if (!Array.isArray(got) || got.length !== list.length)
      return `${what}: not ${list.length} values`;
    for (let i = 0; i < list.length; i++) {
      const problem = await compare(`${what} ${i}`, got[i], list[i], op);
      if (problem !== null) return problem;
    }
    return null;
  }
  if (!isGolden(wanted)) {
    return Object.is(got, wanted) ? null : `${what}: ${String(got)}, not ${String(wanted)}`;
  }
  if (!(got instanceof Tensor)) return `${what}: not a tensor but ${String(got)}`;
  const dtype = dtypes[wanted.t];
  if (dtype === undefined) throw new Unsupported(wanted.t);
  const shapes = `[${got.shape}], not [${wanted.shape}]`;
  if (String(got.shape) !== String(wanted.shape)) return `${what}: shape ${shapes}`;
  if (got.dtype !== dtype) return `${what}: dtype ${got.dtype}, not ${dtype}`;
  return different(what, await got.data(), numbers(wanted), tolerance[op] ?? {});
}

function different(
  what: string,
  got: ArrayLike<number>,
  wanted: number[],
  { rtol = 1e-4, atol = 1e-5 }: { rtol?: number; atol?: number },
): string | null {
  for (let i = 0; i < wanted.length; i++) {
    const [p, q] = [got[i], wanted[i]];
    if (p === q || (Number.isNaN(p) && Number.isNaN(q))) continue;
    if (Math.abs(p - q) <= atol + rtol * Math.abs(q)) continue;
    return `${what}: element ${i} is ${p}, not ${q}`;
  }
  return null;
}
