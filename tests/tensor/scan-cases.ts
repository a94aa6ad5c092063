// Loop bodies of many kinds, and the same loops written out step by step.

import { stack } from "../../src/tensor/ops/join.ts";
import { type ScanOptions, scan } from "../../src/tensor/scan.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { stream } from "../ops/case.ts";

/** A tree of tensors. */
// biome-ignore lint/suspicious/noExplicitAny: the trees of these tests have many structures.
export type Tree = any;

export interface LoopCase {
  readonly name: string;
  /** Shapes of the weights, of the carry's tensors and of one step of the xs. */
  readonly weights: readonly (readonly number[])[];
  readonly carry: readonly (readonly number[])[];
  readonly xs: readonly (readonly number[])[];
  readonly body: (weights: Tensor[], carry: Tensor[], xs: Tensor[], t: Tensor) => [Tensor[], Tree];
}

export const [B, H, I] = [3, 4, 2];

export const loopCases: readonly LoopCase[] = [
  {
    name: "running sum",
    weights: [],
    carry: [[B]],
    xs: [[B]],
    body: (_, [h], [x]) => [[h!.add(x!)], h!.add(x!)],
  },
  {
    name: "products of what was and what comes",
    weights: [[B]],
    carry: [[B]],
    xs: [[B]],
    body: ([w], [h], [x]) => [[h!.mul(x!).add(w!.mul(0.5))], [h!.mul(h!), x!.sin()]],
  },
  {
    name: "Elman's network",
    weights: [[I, H], [H, H], [H]],
    carry: [[B, H]],
    xs: [[B, I]],
    body: ([w, u, b], [h], [x]) => {
      const next = x!.matmul(w!).add(h!.matmul(u!)).add(b!).tanh();
      return [[next], next];
    },
  },
  {
    name: "long short-term memory with a projection of its results",
    weights: [[4 * H, I], [4 * H, H], [4 * H], [H, 5], [5]],
    carry: [
      [B, H],
      [B, H],
    ],
    xs: [[B, I]],
    body: ([w, u, b, p, q], [h, c], [x]) => {
      const gates = x!.matmul(w!.T).add(h!.matmul(u!.T)).add(b!); // (B, 4H)
      const part = (k: number) => gates.narrow(1, k * H, H);
      const kept = part(1)
        .sigmoid()
        .mul(c!)
        .add(part(0).sigmoid().mul(part(2).tanh()));
      const next = part(3).sigmoid().mul(kept.tanh());
      return [[next, kept], next.matmul(p!).add(q!).sigmoid()];
    },
  },
  {
    name: "gates that are reset",
    weights: [
      [3, I, H],
      [3, H, H],
    ],
    carry: [[B, H]],
    xs: [[B, I]],
    body: ([w, u], [h], [x]) => {
      const of = (k: number) => x!.matmul(w!.at(k)).add(h!.matmul(u!.at(k)));
      const [r, z] = [of(0).sigmoid(), of(1).sigmoid()];
      const fresh = x!
        .matmul(w!.at(2))
        .add(r.mul(h!).matmul(u!.at(2)))
        .tanh();
      const next = z.mul(h!).add(z.neg().add(1).mul(fresh));
      return [[next], { next, gate: z }];
    },
  },
  {
    name: "two sequences, a counter, and the number of the step",
    weights: [[H]],
    carry: [[H], []],
    xs: [[H], []],
    body: ([w], [a, s], [x, k], t) => {
      const time = t.to(a!.dtype).add(1).reciprocal();
      const next = a!.mul(0.5).add(x!.mul(w!).mul(time)).add(k!);
      return [
        [next, s!.add(next.sum()).mul(0.3)],
        [next.exp().sum(), k!.mul(2)],
      ];
    },
  },
  {
    name: "results that no carry needs and carries that no result needs",
    weights: [[I, H], [H]],
    carry: [[H], [H], [H]],
    xs: [[I]],
    body: ([w, b], [a, c, d], [x]) => {
      const y = x!.unsqueeze(0).matmul(w!).squeeze(0).add(b!).tanh();
      return [[a!.add(y), c!, d!.mul(a!.sigmoid())], y.mul(c!)];
    },
  },
  {
    name: "a carry that is replaced",
    weights: [[H]],
    carry: [[H], [H]],
    xs: [[H]],
    body: ([w], [a, b], [x]) => [[b!, x!.mul(w!)], a!.add(b!)],
  },
  {
    name: "softmax attention over what was seen",
    weights: [
      [H, H],
      [H, H],
    ],
    carry: [[5, H]],
    xs: [[H]],
    body: ([k, v], [m], [x]) => {
      const scores = m!.matmul(k!).matmul(x!.unsqueeze(1)).softmax(0); // (5, 1)
      const read = scores.mul(m!.matmul(v!)).sum(0); // (H)
      return [[m!.mul(0.9).add(scores.mul(x!.unsqueeze(0)))], read];
    },
  },
  {
    name: "a loop inside a loop",
    weights: [[H, H]],
    carry: [[H]],
    xs: [[3, H]],
    body: ([u], [h], [x]) => {
      const [last, all] = scan(
        (g: Tensor, row: Tensor) => {
          const next = g.unsqueeze(0).matmul(u!).squeeze(0).add(row).tanh();
          return [next, next.mul(h!)];
        },
        h!,
        x!,
      );
      return [[last.add(h!.mul(0.1))], all.sum(0)];
    },
  },
];

/** Tensors of these shapes between -1 and 1. */
export function tensorsOf(
  shapes: readonly (readonly number[])[],
  seed: number,
  dtype: "float32" | "float64" = "float64",
): Tensor[] {
  return shapes.map((shape, i) => {
    const next = stream(seed * 131 + i);
    const size = shape.reduce((p, d) => p * d, 1);
    const data = Float64Array.from({ length: size }, () => next() * 2 - 1);
    return Tensor.from(dtype === "float64" ? data : Float32Array.from(data), shape);
  });
}

export interface LoopInputs {
  readonly weights: Tensor[];
  readonly carry: Tensor[];
  readonly xs: Tensor[];
}

export function inputsOf(c: LoopCase, T: number, dtype?: "float32" | "float64"): LoopInputs {
  return {
    weights: tensorsOf(c.weights, 1, dtype),
    carry: tensorsOf(c.carry, 2, dtype),
    xs: tensorsOf(
      c.xs.map((s) => [T, ...s]),
      3,
      dtype,
    ),
  };
}

/** The loop by `scan`: the last carry, and everything stacked. */
export function looped(c: LoopCase, inputs: LoopInputs, options: ScanOptions = {}): Tensor[] {
  const { weights, carry, xs } = inputs;
  const [last, ys] = scan(
    (h: Tensor[], x: Tensor[], t: Tensor) => c.body(weights, h, x, t),
    carry,
    xs,
    options,
  );
  return [...last, ...leavesOf(ys)];
}

/** The same, step by step. */
export function unrolled(c: LoopCase, inputs: LoopInputs, options: ScanOptions = {}): Tensor[] {
  const { weights, carry, xs } = inputs;
  const T = xs[0]!.shape[0]!;
  let state = carry;
  const ys: Tensor[][] = Array.from({ length: T });
  const ends = options.lengths as readonly number[] | undefined;
  for (let i = 0; i < T; i++) {
    const t = options.reverse ? T - 1 - i : i;
    const step = xs.map((x) => x.at(t));
    const number = Tensor.from(Int32Array.of(t), []);
    const [next, y] = c.body(weights, state, step, number);
    const held = (a: Tensor, before: Tensor) => {
      if (ends === undefined) return a;
      const rows = ends.map((end, row) => (t < end ? a : before).at(row));
      return stack(rows);
    };
    ys[t] = leavesOf(y).map((leaf) => held(leaf, leaf.mul(0)));
    state = next.map((a, k) => held(a, state[k]!));
  }
  const first = ys[0] ?? [];
  return [...state, ...first.map((_, k) => stack(ys.map((y) => y[k]!)))];
}

export function leavesOf(tree: Tree): Tensor[] {
  if (tree instanceof Tensor) return [tree];
  if (tree === null) return [];
  return Object.values(tree).flatMap(leavesOf);
}

/** A number that every element of the tensors enters with a weight of its own. */
export function lossOf(tensors: readonly Tensor[]): Tensor {
  const weights = tensorsOf(
    tensors.map((t) => t.shape),
    9,
    tensors[0]!.dtype as "float64",
  );
  const terms = tensors.map((t, i) => t.mul(weights[i]!).add(t.mul(t).mul(0.3)).sum());
  return terms.reduce((p, q) => p.add(q));
}
