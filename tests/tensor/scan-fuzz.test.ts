// Random loop bodies: by scan and step by step, values and gradients, in float64 on the reference; then
// on wasm in float32; and a few against finite differences.
import { describe, expect, it } from "vitest";
import { gradcheck } from "../../src/autodiff/gradcheck.ts";
import { interpret } from "../../src/backend/reference/interpret.ts";
import { type Graph, makeGraph } from "../../src/ir/graph.ts";
import { tidyScans } from "../../src/ir/scans.ts";
import { verify } from "../../src/ir/spec.ts";
import { type DeviceName, device } from "../../src/tensor/device.ts";
import { where } from "../../src/tensor/ops/elementwise.ts";
import { cat, stack } from "../../src/tensor/ops/join.ts";
import { type ScanOptions, scan } from "../../src/tensor/scan.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { grad } from "../../src/tensor/transforms.ts";
import { evaluate, reference } from "../ops/backends.ts";
import { stream } from "../ops/case.ts";
import {
  inputsOf,
  type LoopCase,
  type LoopInputs,
  looped,
  lossOf,
  unrolled,
} from "./scan-cases.ts";

const [B, H] = [3, 4];

type Make = (pool: Tensor[], pick: () => Tensor, weights: Tensor[], smooth: boolean) => Tensor;

/** From (B, H) to (B, H). */
const makers: Make[] = [
  (_, pick) => pick().add(pick()),
  (_, pick) => pick().sub(pick().mul(0.5)),
  (_, pick) => pick().mul(pick().tanh()),
  (_, pick) => pick().sigmoid(),
  (_, pick) => pick().tanh(),
  (_, pick, [w]) => pick().matmul(w!).mul(0.5),
  (_, pick, [, u]) => pick().matmul(u!.T).tanh(),
  (_, pick, [, , b]) => pick().add(b!),
  (_, pick, [, , b]) => pick().mul(b!.exp()).mul(0.3),
  (_, pick) =>
    pick()
      .mul(0.5)
      .add(pick().mean(1, { keepdim: true })),
  (_, pick) => pick().softmax(1),
  (_, pick) => cat([pick().narrow(1, 0, 2), pick().narrow(1, 2, 2)], 1),
  (_, pick) => pick().flip(0).reshape(B, 2, 2).transpose(1, 2).reshape(B, H),
  (_, pick, __, smooth) => (smooth ? pick().mul(pick()) : pick().detach().mul(pick())),
  (_, pick, [w]) => pick().unsqueeze(1).matmul(w!).squeeze(1).mul(0.4),
  (_, pick, [w]) => {
    const [outer, other] = [pick(), pick()];
    const body = (g: Tensor): [Tensor, Tensor] => [g.mul(outer).add(other).tanh(), g.matmul(w!)];
    const [last, all] = scan(body, pick(), null, { length: 3 });
    return last.add(all.mean(0));
  },
  (_, pick) => {
    const rows = stack([pick(), pick()]);
    return scan((g: Tensor, x: Tensor) => [g.add(x).sin(), null], pick(), rows)[0];
  },
  (pool, pick, _, smooth) => (smooth ? pick().sin() : where(pick().gt(0), pick(), pool[0]!)),
  (_, pick, __, smooth) => (smooth ? pick().cos() : pick().relu()),
];

/** A body of random ops, the same for the same seed. */
function randomCase(seed: number, smooth: boolean): LoopCase {
  const kind = stream(seed);
  const count = 1 + Math.floor(kind() * 3);
  const sequences = Math.floor(kind() * 3);
  const usesTime = kind() < 0.3;
  return {
    name: `seed ${seed}`,
    weights: [[H, H], [H, H], [H]],
    carry: Array.from({ length: count }, () => [B, H]),
    xs: [...Array.from({ length: sequences }, () => [B, H]), [H]],
    body: (weights, carry, xs, t) => {
      const next = stream(seed + 1000);
      const pool = [...carry, ...xs];
      if (usesTime) pool.push(carry[0]!.mul(t.to(carry[0]!.dtype).mul(0.1)));
      const spread = (x: Tensor) => (x.ndim === 1 ? x.unsqueeze(0).expand(B, H) : x);
      const pick = () => spread(pool[Math.floor(next() * pool.length)]!);
      const steps = 3 + Math.floor(next() * 9);
      for (let i = 0; i < steps; i++) {
        const make = makers[Math.floor(next() * makers.length)]!;
        pool.push(make(pool.map(spread), pick, weights, smooth));
      }
      const last = carry.map(() => (next() < 0.8 ? pick().tanh() : spread(pool.at(-1)!).mul(0.5)));
      const ys = Array.from({ length: Math.floor(next() * 3) }, () => pick());
      return [last, next() < 0.5 ? ys : ys.map((y) => y.matmul(weights[0]!))];
    },
  };
}

type Run = (c: LoopCase, inputs: LoopInputs) => Tensor[];

function treeOf(c: LoopCase, list: readonly Tensor[]): LoopInputs {
  const [w, s] = [c.weights.length, c.carry.length];
  return { weights: list.slice(0, w), carry: list.slice(w, w + s), xs: list.slice(w + s) };
}

function gradients(run: Run, c: LoopCase, inputs: LoopInputs): Tensor[] {
  const list = [...inputs.weights, ...inputs.carry, ...inputs.xs];
  const loss = (...given: Tensor[]) => lossOf(run(c, treeOf(c, given)));
  return grad(loss, { argnums: list.map((_, i) => i) })(...list);
}

async function expectClose(actual: readonly Tensor[], wanted: readonly Tensor[], tol: number) {
  expect(actual.map((t) => t.shape)).toEqual(wanted.map((t) => t.shape));
  for (let i = 0; i < actual.length; i++) {
    const [p, q] = [await actual[i]!.data(), await wanted[i]!.data()];
    const size = Array.from(q).reduce((most, v) => Math.max(most, Math.abs(v)), 1);
    for (let j = 0; j < q.length; j++) {
      if (Math.abs(p[j]! - q[j]!) <= tol * size) continue;
      throw new Error(`tensor ${i}, element ${j}: ${p[j]}, not ${q[j]}`);
    }
  }
}

/** Lengths, checkpoints and direction by the seed. */
function optionsOf(seed: number, T: number): ScanOptions {
  const next = stream(seed + 5000);
  const options: ScanOptions = { reverse: next() < 0.4 };
  if (next() < 0.3) options.lengths = Array.from({ length: B }, () => Math.floor(next() * (T + 1)));
  if (next() < 0.3) options.checkpoint = 1 + Math.floor(next() * T);
  return options;
}

const lengths = [1, 2, 3, 5, 7];

function check(name: DeviceName, dtype: "float32" | "float64", tol: number) {
  return async (seed: number) => {
    device(name);
    const c = randomCase(seed, dtype === "float32");
    const T = lengths[seed % lengths.length]!;
    const options = optionsOf(seed, T);
    const inputs = inputsOf(c, T, dtype);
    const byScan: Run = (c, inputs) => looped(c, inputs, options);
    const byHand: Run = (c, inputs) => unrolled(c, inputs, options);
    await expectClose(byScan(c, inputs), byHand(c, inputs), tol);
    await expectClose(gradients(byScan, c, inputs), gradients(byHand, c, inputs), tol * 10);
  };
}

const seeds = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe("random loops", () => {
  it.each(seeds(1, 120))(
    "are what they are step by step: seed %i",
    check("reference", "float64", 1e-10),
  );
  it.each(seeds(300, 60))(
    "keep their bits when they are made fewer and smaller: seed %i",
    (seed) => {
      device("reference");
      const c = randomCase(seed, false);
      const options = optionsOf(seed, 5);
      const byScan: Run = (c, inputs) => looped(c, inputs, options);
      const inputs = inputsOf(c, 5);
      const tensors = [...byScan(c, inputs), ...gradients(byScan, c, inputs)];
      const graph = makeGraph(tensors.map((t) => t.current));
      verify(graph);
      const small = tidyScans(graph);
      verify(makeGraph(small.outputs));
      const run = ({ outputs }: Graph) => {
        const data = graph.inputs.map((n) => n.buffer!.host!);
        const scalars = graph.scalars.map((n) => n.value);
        return interpret({ ...graph, outputs }, data, scalars);
      };
      expect(run(small)).toEqual(run(graph));
    },
  );
  it.each(seeds(500, 40))("are so on wasm: seed %i", check("wasm", "float32", 2e-5));

  it.each(seeds(900, 12))("have the gradients of finite differences: seed %i", async (seed) => {
    device("reference");
    const c = randomCase(seed, true);
    const options = optionsOf(seed, 4);
    const { weights, carry, xs } = inputsOf(c, 4);
    const list = [...weights, ...carry, ...xs];
    const leaves = await Promise.all(
      list.map(async (t) => ({ shape: t.shape, data: (await t.data()) as Float64Array })),
    );
    const compared = await gradcheck(
      (...nodes) => {
        const given = treeOf(
          c,
          nodes.map((node) => new Tensor(node)),
        );
        return looped(c, given, options).map((t) => t.current);
      },
      leaves,
      (nodes) => evaluate(reference, nodes),
      { elements: 3 },
    );
    expect(compared).toBeGreaterThan(10);
  });

  it("are so over 64 steps", async () => {
    device("reference");
    for (const seed of [2001, 2002, 2003]) {
      const c = randomCase(seed, false);
      const inputs = inputsOf(c, 64);
      const byScan: Run = (c, inputs) => looped(c, inputs, { checkpoint: true });
      await expectClose(byScan(c, inputs), unrolled(c, inputs), 1e-9);
      await expectClose(gradients(byScan, c, inputs), gradients(unrolled, c, inputs), 1e-8);
    }
  });
});
