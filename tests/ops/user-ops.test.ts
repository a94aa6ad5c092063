// What users call, on wasm against the reference, generated from user-table.ts: values at several shapes, every
// dtype, empty tensors, NaN and infinities, broadcasting against operands spread out by hand, gradients against
// finite differences in float64 and between devices. What throws must throw the same on both.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gradcheck } from "../../src/autodiff/gradcheck.ts";
import { device, Tensor } from "../../src/index.ts";
import type { DType, TypedArray } from "../../src/ir/dtype.ts";
import { dtypes, isFloat } from "../../src/ir/dtype.ts";
import type { Node, Shape } from "../../src/ir/node.ts";
import { sizeOf } from "../../src/ir/node.ts";
import { evaluate, reference } from "./backends.ts";
import { corners, filled, type Leaf, leaf, ranged } from "./case.ts";
import { difference } from "./close.ts";
import { type UserOp, userTable } from "./user-table.ts";

/** A composition rounds more than once: a few times the tolerance of one op. */
const several = 4;

const tensorOf = ({ data, shape, dtype }: Leaf): Tensor =>
  Tensor.from(data.slice(), shape, { dtype });

/** The tensors that an op gave. */
function resultsOf(made: unknown): Tensor[] {
  const list = Array.isArray(made)
    ? made
    : made instanceof Tensor
      ? [made]
      : Object.values(made as object);
  return list.flat() as Tensor[];
}

interface Result {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TypedArray;
}

/** What comes out on a device: results, or the error's text. */
async function outcome(name: "reference" | "wasm", f: () => unknown): Promise<Result[] | string> {
  device(name);
  try {
    const results = resultsOf(f());
    const data = await Promise.all(results.map((t) => t.data()));
    return results.map(({ dtype, shape }, i) => ({ dtype, shape, data: data[i]! }));
  } catch (error) {
    return String(error);
  }
}

function compare(actual: Result[] | string, wanted: Result[] | string, loose: number): void {
  if (typeof wanted === "string" || typeof actual === "string") {
    // The reference knows which index it was.
    const plain = (text: unknown) => String(text).replace(/index -?\d+ is/, "an index is");
    expect(plain(actual)).toBe(plain(wanted));
    return;
  }
  expect(actual.map((r) => [r.dtype, r.shape])).toEqual(wanted.map((r) => [r.dtype, r.shape]));
  wanted.forEach((want, i) => {
    expect(difference(actual[i]!.data, want.data, want.dtype, loose), `result ${i}`).toBeNull();
  });
}

async function same(op: UserOp, leaves: readonly Leaf[]): Promise<Result[] | string> {
  const run = () => op.run(...(leaves.map(tensorOf) as [Tensor, Tensor]));
  const wanted = await outcome("reference", run);
  compare(await outcome("wasm", run), wanted, several * (op.loose ?? 1));
  return wanted;
}

/** Arguments of an op, floats where it is defined. */
function argumentsOf(op: UserOp, shape: Shape, dtype: DType): Leaf[] {
  return Array.from({ length: op.arity }, (_, i) =>
    op.range && isFloat(dtype)
      ? ranged(shape, dtype, ...op.range, i + 1)
      : leaf(shape, dtype, i + 1),
  );
}

const usual: Shape = [5, 7];
const shapes: readonly Shape[] = [[1, 1], [3, 33], [6], []];
const empties: readonly Shape[] = [[0], [0, 3], [2, 0]];
const spreads: readonly (readonly [Shape, Shape])[] = [
  [[], [5]],
  [[3, 1], [1, 4]],
  [[33], [2, 33]],
  [[2, 1, 9], [4, 1]],
  [[0, 1], [3]],
  [[2, 3], [4]],
]; // biome-ignore format: a table

const rows = (ops: readonly UserOp[]) => ops.map((op) => [op.name, op] as const);
const all = Object.values(userTable).flat();

beforeAll(() => void expect(new Set(all.map((op) => op.name)).size).toBe(all.length));
afterAll(() => void device("wasm"));

describe.each(Object.entries(userTable))("%s", (_, ops) => {
  it.each(rows(ops))("%s: values", async (_, op) => {
    const found = await same(op, argumentsOf(op, op.shape ?? usual, op.dtype ?? "float32"));
    expect(typeof found, String(found)).toBe("object"); // it does not throw
  });

  describe.each(shapes.map((s) => [`[${s}]`, s] as const))("at %s", (_, shape) => {
    it.each(rows(ops))(
      "%s",
      async (_, op) => void (await same(op, argumentsOf(op, shape, "float32"))),
    );
  });

  describe.each(dtypes.filter((d) => d !== "float32"))("of %s", (dtype) => {
    it.each(rows(ops))("%s", async (_, op) => {
      await same(op, argumentsOf(op, op.shape ?? usual, dtype));
    });
  });

  describe.each(empties.map((s) => [`[${s}]`, s] as const))("empty %s", (_, shape) => {
    it.each(rows(ops))(
      "%s",
      async (_, op) => void (await same(op, argumentsOf(op, shape, "float32"))),
    );
  });

  it.each(rows(ops))("%s: NaN, infinities, large and small", async (_, op) => {
    const list = corners.float32;
    const turned = [...list.slice(5), ...list.slice(0, 5)];
    const shape = op.shape ? [2, 8] : [4, 4];
    const leaves = [filled(shape, "float32", list), filled(shape, "float32", turned)];
    await same(op, leaves.slice(0, op.arity));
  });

  const smooth = ops.filter((op) => op.smooth);
  if (smooth.length === 0) return;

  it.each(rows(smooth))("%s: gradients against finite differences", async (_, op) => {
    device("reference");
    const leaves = argumentsOf(op, op.shape ?? usual, "float64");
    const inputs = leaves.map(({ shape, data }) => ({ shape, data: data as Float64Array }));
    const f = (...nodes: Node[]) =>
      resultsOf(op.run(...(nodes.map((n) => new Tensor(n)) as [Tensor, Tensor])))
        .filter((t) => isFloat(t.dtype))
        .map((t) => t.current);
    const compared = await gradcheck(f, inputs, (nodes) => evaluate(reference, nodes), {
      elements: 3,
    });
    expect(compared).toBeGreaterThan(0);
  });

  it.each(rows(smooth))("%s: gradients on both", async (_, op) => {
    const leaves = argumentsOf(op, op.shape ?? usual, "float32");
    const slopes = () => {
      const inputs = leaves.map(tensorOf);
      for (const x of inputs) x.requiresGrad = true;
      const terms = resultsOf(op.run(...(inputs as [Tensor, Tensor])))
        .filter((t) => isFloat(t.dtype))
        .map((t) => t.mul(tensorOf(ranged(t.shape, "float32", 0.5, 1.5, 9))).sum());
      terms.reduce((p, q) => p.add(q)).backward();
      return inputs.flatMap((x) => (x.grad === null ? [] : [x.grad]));
    };
    const wanted = await outcome("reference", slopes);
    compare(await outcome("wasm", slopes), wanted, 10 * several * (op.loose ?? 1));
    expect(typeof wanted, String(wanted)).toBe("object");
  });
});

// Only what works element by element broadcasts; the result must be that of operands spread out.
describe.each(spreads.map(([p, q]) => [`[${p}] and [${q}]`, p, q] as const))(
  "%s broadcast",
  (_, p, q) => {
    it.each(rows(userTable.pairs!))("%s", async (_, op) => {
      const make = (shape: Shape, seed: number) =>
        op.range ? ranged(shape, "float32", ...op.range, seed) : leaf(shape, "float32", seed);
      const leaves = [make(p, 1), make(q, 2)];
      const found = await same(op, leaves);
      if (typeof found === "string") {
        expect(found).toMatch(/do not broadcast|needs ints|does not expand/);
        return;
      }
      const spread = await outcome("reference", () => {
        const [x, y] = leaves.map(tensorOf) as [Tensor, Tensor];
        const shape = x.add(y).shape;
        return op.run(x.expand(shape).clone(), y.expand(shape).clone());
      });
      compare(found, spread, 1);
      expect(sizeOf(found[0]!.shape)).toBe(found[0]!.data.length);
    });
  },
);
