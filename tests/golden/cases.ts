// What the golden runs share: reading a file of cases, tensors in and out, comparison, scores.
// Not here: which of our names stands for which of PyTorch's (nn.ts, optimizer.ts, trajectory.ts).
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Tensor } from "../../src/index.ts";

/** Beside the checkout; not part of it. */
export const shared = join(import.meta.dirname, "..", "..", "..", "shared", "golden");
/** A few dozen of the same cases, which are part of it (store.ts chose them). */
export const stored = join(import.meta.dirname, "stored");

/** Where cases are read from, and the least tolerance: a device's arithmetic may ask for more. */
export const golden = { folder: existsSync(shared) ? shared : stored, rtol: 0 };

export interface GoldenTensor {
  t: string;
  shape: number[];
  data: (number | string | boolean)[];
  grad?: boolean;
}

/** A score by name of op, module, optimizer, … */
export interface Tally {
  passed: number;
  wrong: string[];
  missing: number;
  /** Why some are missing. */
  reasons: Set<string>;
}

export type Score = Map<string, Tally>;

/** The text of a file of cases, compressed or not; null where there is none. */
function textOf(name: string): string | null {
  const plain = join(golden.folder, name);
  if (existsSync(plain)) return readFileSync(plain, "utf8");
  if (!existsSync(`${plain}.gz`)) return null;
  return gunzipSync(readFileSync(`${plain}.gz`)).toString("utf8");
}

/** The cases of a file, in its order; none where it is not there. */
export function readCases<T>(name: string): T[] {
  const lines = (textOf(`${name}.jsonl`) ?? "").split("\n");
  return lines.flatMap((line) => (line === "" ? [] : [JSON.parse(line) as T]));
}

/** Names of ops in two tiers. */
export function readTiers(): { first: string[]; second: string[] } {
  return JSON.parse(textOf("tiers.json") ?? '{ "first": [], "second": [] }');
}

export function isGolden(value: unknown): value is GoldenTensor {
  return typeof value === "object" && value !== null && "t" in value;
}

/** `{ list: […] }`, tensors and plain values, as arrays, our tensors and plain values. */
export function decode(value: unknown): unknown {
  if (isGolden(value)) return toTensor(value);
  if (typeof value === "object" && value !== null && "list" in value) {
    return (value.list as unknown[]).map(decode);
  }
  return value;
}

export function toTensor(golden: GoldenTensor): Tensor {
  const numbers = golden.data.map(Number);
  const out =
    golden.t === "float32"
      ? Tensor.from(Float32Array.from(numbers), golden.shape)
      : golden.t === "float64"
        ? Tensor.from(Float64Array.from(numbers), golden.shape)
        : Tensor.from(Int32Array.from(numbers), golden.shape); // PyTorch's int64
  if (golden.grad) out.requiresGrad = true;
  return out;
}

export interface Tolerance {
  rtol?: number;
  atol?: number;
  /** Where a NaN is wanted, any number will do. */
  nanIsAny?: boolean;
}

/** The first difference, or null. */
export function difference(
  what: string,
  got: ArrayLike<number>,
  want: readonly (number | string | boolean)[],
  { rtol = 1e-4, atol = 1e-5, nanIsAny = false }: Tolerance = {},
): string | null {
  const relative = Math.max(rtol, golden.rtol);
  if (got.length !== want.length) return `${what}: ${got.length} elements, not ${want.length}`;
  for (let i = 0; i < want.length; i++) {
    const w = Number(want[i]);
    const g = got[i]!;
    if (nanIsAny && Number.isNaN(w)) continue;
    if (Object.is(g, w) || g === w || Math.abs(g - w) <= atol + relative * Math.abs(w)) continue;
    return `${what}[${i}]: ${g}, not ${w}`;
  }
  return null;
}

/** As `difference`, for a tensor, whose shape must fit too. */
export async function tensorDifference(
  what: string,
  got: Tensor,
  want: GoldenTensor,
  tolerance?: Tolerance,
): Promise<string | null> {
  const shapes = `${what}: shape [${got.shape}], not [${want.shape}]`;
  if (String(got.shape) !== String(want.shape)) return shapes;
  return difference(what, await got.data(), want.data, tolerance);
}

export function tallyOf(score: Score, name: string): Tally {
  let tally = score.get(name);
  if (!tally) score.set(name, (tally = { passed: 0, wrong: [], missing: 0, reasons: new Set() }));
  return tally;
}

export function totals(score: Score): { passed: number; wrong: number; missing: number } {
  const sum = { passed: 0, wrong: 0, missing: 0 };
  for (const { passed, wrong, missing } of score.values()) {
    sum.passed += passed;
    sum.wrong += wrong.length;
    sum.missing += missing;
  }
  return sum;
}

/** A case that nothing here could get right, and why. */
export class Missing {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Runs one case into its tally: `check` gives (or throws) what is wrong, null where all is right, "missing"
 *  or a reason where we have nothing that could be right. */
export async function judge(
  score: Score,
  name: string,
  check: () => Promise<string | null | "missing" | Missing>,
): Promise<void> {
  const tally = tallyOf(score, name);
  let found: string | null | Missing;
  try {
    found = await check();
  } catch (error) {
    // What a device has no numbers for it cannot get wrong.
    const [, lack] = /(the device "\w+" has no \w+)/.exec(String(error)) ?? [];
    if (lack !== undefined) found = new Missing(lack);
    else found = error instanceof Missing ? error : `threw ${String(error)}`;
  }
  if (found === null) tally.passed++;
  else if (found === "missing" || found instanceof Missing) {
    tally.missing++;
    tally.reasons.add(found instanceof Missing ? found.reason : "it is not here");
  } else tally.wrong.push(found);
}
