// Every special function of one tensor: values from mpmath in both dtypes, gradients to the second order
// against finite differences, PyTorch's corners, ints, empty tensors, and what is no tensor.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { device, type Tensor, tensor, zeros } from "../../src/index.ts";
import * as special from "../../src/special/index.ts";
import { checkGradients } from "../linalg/check.ts";
import { devices, messageOf } from "../tensor/devices.ts";
import { type Row, rows } from "./table.ts";

const file = join(import.meta.dirname, "values.json");
const known = JSON.parse(readFileSync(file, "utf8")) as Record<string, number[][]>;

const names = Object.keys(rows);
const epsilon = { float32: 2 ** -23, float64: 2 ** -52 };

/** The first result that is too far off, or null. float64 may be off by a little more: the functions that
 *  these are made of are (exp, log, sin). */
async function faraway(
  f: (...x: Tensor[]) => Tensor,
  points: readonly number[][],
  dtype: "float32" | "float64",
  { ulps = 3, near = 0 }: { ulps?: number | undefined; near?: number | undefined },
): Promise<string | null> {
  const count = points[0]!.length - 1;
  const columns = Array.from({ length: count }, (_, i) => points.map((p) => p[i]!));
  const got = await f(...columns.map((c) => tensor(c, { dtype }))).data();
  const unit = epsilon[dtype];
  for (let i = 0; i < points.length; i++) {
    const wanted = points[i]![count]!;
    const least = dtype === "float32" ? 1.2e-38 : 2.3e-308;
    const limit = (ulps * Math.abs(wanted) + near) * unit + least;
    if (Math.abs(got[i]! - wanted) <= limit) continue;
    if (got[i] === (dtype === "float32" ? Math.fround(wanted) : wanted)) continue;
    return `f(${points[i]!.slice(0, count)}) is ${got[i]}, not ${wanted}`;
  }
  return null;
}

describe.each(devices)("special functions on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it.each(names)("%s has mpmath's values", async (which) => {
    const row = rows[which]!;
    expect(await faraway(row.f, known[which]!, "float32", row)).toBeNull();
    const { ulps = 3, near = 0 } = row;
    const wider = { ulps: 2 * ulps, near: 4 * near };
    expect(await faraway(row.f, known[which]!, "float64", wider)).toBeNull();
  });

  it.each(names)("%s has PyTorch's corners", async (which) => {
    const { f, corners } = rows[which]!;
    for (const dtype of ["float32", "float64"] as const) {
      const got = await f(
        tensor(
          corners.map(([x]) => x),
          { dtype },
        ),
      ).data();
      corners.forEach(([x, wanted], i) => {
        const same = Number.isNaN(wanted)
          ? Number.isNaN(got[i])
          : Math.abs(got[i]! - wanted) < 1e-6;
        expect(same || got[i] === wanted, `f(${x}) is ${got[i]}, not ${wanted}`).toBe(true);
      });
    }
  });

  it.each(names)("%s takes ints, empty tensors and any shape", async (which) => {
    const { f } = rows[which]!;
    const ints = f(tensor([1, 2, 3], { dtype: "int32" }));
    expect(ints.dtype).toBe("float32");
    const floats = await f(tensor([1, 2, 3])).data();
    expect(await ints.data()).toEqual(floats);
    expect(f(zeros([2, 0, 3])).shape).toEqual([2, 0, 3]);
    expect((await f(zeros([2, 0, 3])).data()).length).toBe(0);
    const x = tensor([
      [[0.25], [0.5]],
      [[0.75], [1]],
    ]);
    expect(f(x).shape).toEqual([2, 2, 1]);
    expect(f(tensor(0.5)).shape).toEqual([]);
  });

  type Pair = Pick<Row, "ulps" | "near"> & { f: (...x: Tensor[]) => Tensor };
  const pairs: Record<string, Pair> = {
    igamma: { f: special.igamma, ulps: 90, near: 3 },
    igammac: { f: special.igammac, ulps: 60, near: 3 },
    zeta: { f: special.zeta, ulps: 6, near: 3 },
    xlog1py: { f: special.xlog1py },
    hypot: { f: special.hypot },
  };
  // Where igamma is 1e-20 its exponent is -46, and a unit in the last place of that is 46 of the result's.
  it.each(Object.entries(pairs))("%s has mpmath's values", async (which, row) => {
    expect(await faraway(row.f, known[which]!, "float32", row)).toBeNull();
    const { ulps = 3, near = 0 } = row;
    const wider = { ulps: 8 * ulps, near: 8 * near };
    expect(await faraway(row.f, known[which]!, "float64", wider)).toBeNull();
  });
});

describe("gradients of special functions", () => {
  it.each(names)("of %s", async (which) => {
    const { f, smooth } = rows[which]!;
    await checkGradients((x) => f(x!), [tensor([...smooth], { dtype: "float64" })]);
  });

  const float64 = (x: number[]) => tensor(x, { dtype: "float64" });
  const a = [0.4, 1.5, 3, 25, 30];
  const x = [0.7, 0.9, 5, 22, 60];
  it.each([
    ["igamma", (v: Tensor) => special.igamma(float64(a), v), x],
    ["igammac", (v: Tensor) => special.igammac(float64(a), v), x],
    ["zeta", (q: Tensor) => special.zeta(float64([2, 3.5, 4, 2, 5]), q), [0.5, 2, 7, 12, 0.9]],
    ["mvlgamma", (v: Tensor) => special.mvlgamma(v, 3), [2.5, 4, 1.2]],
    ["ldexp", (v: Tensor) => special.ldexp(v, float64([1.5, -2, 3])), [2.5, -4, 1.2]],
    ["copysign", (v: Tensor) => special.copysign(v, float64([1.5, -2, 3])), [2.5, -4, -1.2]],
    ["frexp", (v: Tensor) => special.frexp(v).mantissa, [2.5, -4.5, 1e-5]],
    ["floatPower", (v: Tensor) => special.floatPower(v, 2.5), [2.5, 4, 1.2]],
  ] as [string, (v: Tensor) => Tensor, number[]][])("of %s", async (_, f, points) => {
    await checkGradients((v) => f(v!), [float64(points)]);
  });

  it("of functions of two tensors", async () => {
    const pair = () => [float64([0.5, -1.5, 2]), float64([0.3, 2.5, -0.4])];
    await checkGradients((p, q) => special.hypot(p!, q!), pair());
    await checkGradients((p, q) => special.xlog1py(p!, q!), pair());
    await checkGradients(
      (p, q) => special.floatPower(p!, q!),
      pair().map((t) => t.abs()),
    );
  });
});

describe("arguments of special functions", () => {
  it("must be tensors", () => {
    expect(messageOf(() => special.lgamma(3 as never))).toBe(
      "ArgumentError: lgamma: the operand must be a tensor, got a number\n  hint: make it one: tensor(x)",
    );
    expect(messageOf(() => special.hypot("a" as never, 1))).toBe(
      "ArgumentError: hypot: takes tensors and numbers, got a string",
    );
  });

  it("must broadcast", () => {
    expect(messageOf(() => special.igamma(zeros([2]), zeros([3])))).toContain(
      "ShapeError: igamma: [2] and [3] do not broadcast: sizes 2 and 3 differ",
    );
  });

  it("have orders that are whole", () => {
    expect(messageOf(() => special.polygamma(-1, zeros([1])))).toBe(
      "ArgumentError: polygamma: the order must be whole and not negative, got -1",
    );
    expect(messageOf(() => special.mvlgamma(zeros([1]), 0))).toBe(
      "ArgumentError: mvlgamma: p must be a whole number from 1 on, got 0",
    );
  });
});
