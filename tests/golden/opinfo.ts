// Golden cases of single ops: decodes a case, runs our op by the adapter table (opinfo-table.ts), compares
// values and gradients with PyTorch's. A case is passed, wrong or missing (no adapter).
// The tolerances are rtol 1e-4 and atol 1e-5; an op that asks for more says why in `tolerance`.
import { isComplex, viewAsComplex, viewAsReal } from "../../src/fft/index.ts";
import { fromArray } from "../../src/tensor/create.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { StateError } from "../../src/util/errors.ts";
import {
  difference,
  type GoldenTensor,
  isGolden,
  judge,
  Missing,
  readCases,
  readTiers,
  type Score,
} from "./cases.ts";
import { adapters, notOurs, tolerance } from "./opinfo-table.ts";

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

type Ours = "float32" | "float64" | "int32" | "uint8" | "bool";

const dtypes: Record<string, Ours> = {
  float32: "float32",
  float64: "float64",
  int64: "int32",
  int32: "int32",
  uint8: "uint8",
  bool: "bool",
};

function dtypeOf({ t }: GoldenTensor): Ours {
  const dtype = dtypes[t];
  if (dtype === undefined) throw new Missing(`there is no dtype ${t}`);
  return dtype;
}

function numbers(t: GoldenTensor): number[] {
  return t.data.map(Number);
}

/** Complex data lies as pairs. */
function asPairs(t: GoldenTensor): GoldenTensor {
  return { ...t, t: "float32", shape: [...t.shape, 2] };
}

/** A case's value as ours: tensors, arrays, plain values. Tensors with `grad` are collected. */
function decode(value: unknown, leaves: Tensor[]): unknown {
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (isGolden(value)) {
    if (value.t === "complex64") return viewAsComplex(decode(asPairs(value), []) as Tensor);
    const out = fromArray(Float64Array.from(numbers(value)), value.shape, {
      dtype: dtypeOf(value),
    });
    if (value.grad) {
      out.requiresGrad = true;
      leaves.push(out);
    }
    return out;
  }
  if ("list" in value) return (value.list as unknown[]).map((v) => decode(v, leaves));
  return value;
}

/** The cases of one tier; those whose results are random or not unique are apart. */
export function cases(tier: "first" | "second"): Case[] {
  const names = new Set<string>(readTiers()[tier]);
  const all = readCases<Case>("opinfo-cases");
  return all.filter((c) => names.has(c.op) && c.caution === undefined);
}

/** Runs all cases of a tier on the device in use. */
export async function opinfoScore(tier: "first" | "second"): Promise<Score> {
  const score: Score = new Map();
  for (const c of cases(tier)) {
    await judge(score, c.op, async () => {
      const adapter = adapters[`${c.op} ${c.variant}`] ?? adapters[c.op];
      if (adapter === undefined) return new Missing("it has no adapter");
      const reason = notOurs(c);
      if (reason !== null) return new Missing(reason);
      const problem = await run(c, adapter);
      return problem === null ? null : `${c.variant} ${problem}`.trim();
    });
  }
  return score;
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
  if (wanted.t === "complex64" && isComplex(got)) {
    return compare(what, viewAsReal(got), asPairs(wanted), op);
  }
  if (!(got instanceof Tensor)) return `${what}: not a tensor but ${String(got)}`;
  const dtype = dtypeOf(wanted);
  const shapes = `[${got.shape}], not [${wanted.shape}]`;
  if (String(got.shape) !== String(wanted.shape)) return `${what}: shape ${shapes}`;
  if (got.dtype !== dtype) return `${what}: dtype ${got.dtype}, not ${dtype}`;
  return difference(what, await got.data(), wanted.data, tolerance[op] ?? {});
}
