// scan against the same loop written out: values, gradients, gradients of gradients, and tangents, in
// float64 on the reference.
import { beforeEach, describe, expect, it } from "vitest";
import { vmap } from "../../src/autodiff/vmap.ts";
import { device } from "../../src/tensor/device.ts";
import { stack } from "../../src/tensor/ops/join.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { grad, jvp } from "../../src/tensor/transforms.ts";
import {
  inputsOf,
  type LoopCase,
  type LoopInputs,
  loopCases,
  looped,
  lossOf,
  unrolled,
} from "./scan-cases.ts";

beforeEach(() => void device("reference"));

async function expectClose(actual: readonly Tensor[], wanted: readonly Tensor[], tol = 1e-11) {
  expect(actual.map((t) => t.shape)).toEqual(wanted.map((t) => t.shape));
  expect(actual.map((t) => t.dtype)).toEqual(wanted.map((t) => t.dtype));
  for (let i = 0; i < actual.length; i++) {
    const [p, q] = [await actual[i]!.data(), await wanted[i]!.data()];
    for (let j = 0; j < q.length; j++) {
      const error = Math.abs(p[j]! - q[j]!) / (1 + Math.abs(q[j]!));
      if (!(error <= tol)) throw new Error(`tensor ${i}, element ${j}: ${p[j]}, not ${q[j]}`);
    }
  }
}

type Run = (c: LoopCase, inputs: LoopInputs) => Tensor[];

const listOf = ({ weights, carry, xs }: LoopInputs) => [...weights, ...carry, ...xs];

function treeOf(c: LoopCase, list: readonly Tensor[]): LoopInputs {
  const [w, s] = [c.weights.length, c.carry.length];
  return { weights: list.slice(0, w), carry: list.slice(w, w + s), xs: list.slice(w + s) };
}

/** The gradients of a loss of everything, with respect to everything. */
function gradients(run: Run, c: LoopCase, inputs: LoopInputs): Tensor[] {
  const loss = (...list: Tensor[]) => lossOf(run(c, treeOf(c, list)));
  const list = listOf(inputs);
  return grad(loss, { argnums: list.map((_, i) => i) })(...list);
}

for (const reverse of [false, true]) {
  const byScan: Run = (c, inputs) => looped(c, inputs, { reverse });
  const byHand: Run = (c, inputs) => unrolled(c, inputs, { reverse });
  describe(reverse ? "scan in reverse" : "scan", () => {
    for (const c of loopCases) {
      it(`is the loop written out: ${c.name}`, async () => {
        for (const T of [1, 2, 7]) {
          const inputs = inputsOf(c, T);
          await expectClose(byScan(c, inputs), byHand(c, inputs));
        }
      });

      it(`has its gradients: ${c.name}`, async () => {
        for (const T of [1, 2, 5]) {
          const inputs = inputsOf(c, T);
          await expectClose(gradients(byScan, c, inputs), gradients(byHand, c, inputs));
        }
      });

      it(`has its second gradients: ${c.name}`, async () => {
        const inputs = inputsOf(c, 3);
        const again = (run: Run) => {
          const norm: Run = (_, given) => gradients(run, c, given);
          return gradients(norm, c, inputs);
        };
        await expectClose(again(byScan), again(byHand), 1e-9);
      });

      it(`has its tangents: ${c.name}`, async () => {
        const inputs = inputsOf(c, 4);
        const along = listOf(inputs).map((x) => x.mul(x).add(0.3));
        const push = (run: Run) => {
          const f = (...list: Tensor[]) => run(c, treeOf(c, list));
          return jvp(f, listOf(inputs), along)[1] as Tensor[];
        };
        await expectClose(push(byScan), push(byHand));
      });
    }
  });
}

describe("scan of nothing", () => {
  it("gives the carry and no results", async () => {
    for (const c of loopCases) {
      const inputs = inputsOf(c, 0);
      const all = looped(c, inputs);
      await expectClose(all.slice(0, c.carry.length), inputs.carry);
      for (const y of all.slice(c.carry.length)) expect(y.shape[0]).toBe(0);
    }
  });
});

describe("scan for a batch of samples", () => {
  const batched = (x: Tensor) => stack([x, x.mul(0.5).add(0.1), x.neg()]);

  for (const c of loopCases) {
    it(`is the scan of each: ${c.name}`, async () => {
      const list = listOf(inputsOf(c, 4));
      // Every set of sources that have a batch, up to eight of them.
      for (let mask = 1; mask < 2 ** Math.min(3, list.length); mask++) {
        const has = list.map((_, i) => ((mask >> (i % 3)) & 1) === 1);
        const nodes = list.map((x) => x.current);
        const outputs = looped(c, treeOf(c, list)).map((y) => y.current);
        const inputs = nodes.filter((_, i) => has[i]);
        const batches = list.filter((_, i) => has[i]).map((x) => batched(x).current);
        const all = vmap(outputs, inputs, batches).map((node) => new Tensor(node));
        const each = [0, 1, 2].map((v) => {
          const given = list.map((x, i) => (has[i] ? batched(x).at(v) : x));
          return looped(c, treeOf(c, given));
        });
        const wanted = outputs.map((_, i) => stack(each.map((one) => one[i]!)));
        await expectClose(all, wanted);
      }
    });
  }
});
