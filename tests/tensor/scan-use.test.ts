// scan as it is used: on every device, compiled and not, with unequal lengths, checkpoints, random
// numbers, layers and noGrad; and what bad input gets.
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import {
  compile,
  detectNaN,
  device,
  manualSeed,
  nn,
  noGrad,
  optim,
  rand,
  scan,
  Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { isOp, type Node, topological } from "../../src/ir/node.ts";
import { tidyScans } from "../../src/ir/scans.ts";
import { dropout } from "../../src/nn/dropout.ts";
import { grad } from "../../src/tensor/transforms.ts";
import { devices, messageOf } from "./devices.ts";
import {
  inputsOf,
  type LoopCase,
  type LoopInputs,
  loopCases,
  looped,
  lossOf,
  tensorsOf,
  unrolled,
} from "./scan-cases.ts";

type Run = (c: LoopCase, inputs: LoopInputs) => Tensor[];

async function expectClose(actual: readonly Tensor[], wanted: readonly Tensor[], tol: number) {
  expect(actual.map((t) => t.shape)).toEqual(wanted.map((t) => t.shape));
  for (let i = 0; i < actual.length; i++) {
    const [p, q] = [await actual[i]!.data(), await wanted[i]!.data()];
    for (let j = 0; j < q.length; j++) {
      const error = Math.abs(p[j]! - q[j]!) / (1 + Math.abs(q[j]!));
      if (!(error <= tol)) throw new Error(`tensor ${i}, element ${j}: ${p[j]}, not ${q[j]}`);
    }
  }
}

function gradients(run: Run, c: LoopCase, inputs: LoopInputs): Tensor[] {
  const list = [...inputs.weights, ...inputs.carry, ...inputs.xs];
  const [w, s] = [c.weights.length, c.carry.length];
  const loss = (...given: Tensor[]) => {
    const tree = {
      weights: given.slice(0, w),
      carry: given.slice(w, w + s),
      xs: given.slice(w + s),
    };
    return lossOf(run(c, tree));
  };
  return grad(loss, { argnums: list.map((_, i) => i) })(...list);
}

const caseOf = (name: string) => loopCases.find((c) => c.name.startsWith(name))!;

function scansOf(tensors: readonly Tensor[]): Node<"scan">[] {
  const { outputs } = tidyScans(makeGraph(tensors.map((t) => t.current)));
  return topological(outputs).filter((node): node is Node<"scan"> => isOp(node, "scan"));
}

for (const name of devices) {
  describe(`scan on ${name}`, () => {
    beforeEach(() => void device(name));

    for (const c of loopCases) {
      it(`is the loop written out, with its gradients: ${c.name}`, async () => {
        for (const reverse of [false, true]) {
          const inputs = inputsOf(c, 6, "float32");
          const byScan: Run = (c, inputs) => looped(c, inputs, { reverse });
          const byHand: Run = (c, inputs) => unrolled(c, inputs, { reverse });
          await expectClose(byScan(c, inputs), byHand(c, inputs), 1e-5);
          await expectClose(gradients(byScan, c, inputs), gradients(byHand, c, inputs), 1e-4);
        }
      });
    }

    it("takes a batch of unequal lengths, each from its own end in reverse", async () => {
      for (const c of [caseOf("Elman"), caseOf("long"), caseOf("gates")]) {
        for (const reverse of [false, true]) {
          const options = { reverse, lengths: [4, 0, 2] };
          const inputs = inputsOf(c, 4, "float32");
          const byScan: Run = (c, inputs) => looped(c, inputs, options);
          const byHand: Run = (c, inputs) => unrolled(c, inputs, options);
          await expectClose(byScan(c, inputs), byHand(c, inputs), 1e-5);
          await expectClose(gradients(byScan, c, inputs), gradients(byHand, c, inputs), 1e-4);
          const lengths = Tensor.from(Int32Array.of(4, 0, 2), [3]);
          await expectClose(looped(c, inputs, { reverse, lengths }), byHand(c, inputs), 1e-5);
        }
      }
    });

    it("refuses a length beyond the sequence when it runs", async () => {
      const inputs = inputsOf(caseOf("Elman"), 4, "float32");
      const lengths = Tensor.from(Int32Array.of(4, 5, 2), [3]);
      const [last] = looped(caseOf("Elman"), inputs, { lengths });
      await expect((async () => last!.data())()).rejects.toThrow("is outside [0, 5)");
    });

    it("gives the same with checkpoints", async () => {
      for (const c of [caseOf("long"), caseOf("two"), caseOf("a loop")]) {
        for (const reverse of [false, true]) {
          const inputs = inputsOf(c, 7, "float32");
          const byHand: Run = (c, inputs) => looped(c, inputs, { reverse });
          for (const checkpoint of [true, 1, 2, 7, 20]) {
            const byScan: Run = (c, inputs) => looped(c, inputs, { reverse, checkpoint });
            await expectClose(byScan(c, inputs), byHand(c, inputs), 1e-5);
            await expectClose(gradients(byScan, c, inputs), gradients(byHand, c, inputs), 1e-4);
          }
        }
      }
    });

    it("learns inside a compiled step as it does outside", async () => {
      const run = async (compiled: boolean) => {
        manualSeed(3);
        const cell = new nn.GRUCell(2, 8);
        const head = new nn.Linear(8, 1);
        const all = [...cell.parameters(), ...head.parameters()];
        const optimizer = new optim.Adam(all, { lr: 0.05 });
        const step = (xs: Tensor, y: Tensor) => {
          const [h] = scan((h: Tensor, x: Tensor) => [cell.forward(x, h), null], zeros(16, 8), xs);
          const loss = head.forward(h).sub(y).square().mean();
          optimizer.step(loss);
          return loss;
        };
        const f = compiled ? compile(step) : step;
        const losses: number[] = [];
        for (let i = 0; i < 20; i++) {
          const xs = rand(5, 16, 2);
          losses.push(await f(xs, xs.sum(0).sum(1, { keepdim: true }).mul(0.2)).item());
        }
        return losses;
      };
      const [a, b] = [await run(false), await run(true)];
      a.forEach((loss, i) => void expect(loss).toBeCloseTo(b[i]!, 4));
      expect(b.at(-1)!).toBeLessThan(b[0]! / 4);
    });

    it("uses what the function around it made, also in a loop in a loop", async () => {
      const [w, xs] = tensorsOf([[3], [4, 3]], 5, "float32") as [Tensor, Tensor];
      w.requiresGrad = true;
      const f = (xs: Tensor) => {
        const scaled = w.mul(xs.sum(0)).sin();
        const [last] = scan(
          (h: Tensor, x: Tensor) => {
            const here = scaled.mul(x);
            const [inner] = scan((g: Tensor) => [g.add(here).mul(scaled), null], h, null, {
              length: 3,
            });
            return [inner.tanh(), null];
          },
          scaled,
          xs,
        );
        const loss = last.mul(last).sum();
        loss.backward();
        return loss;
      };
      const run = async (g: typeof f) => {
        w.grad = null;
        const loss = await g(xs).item();
        return [loss, ...(await w.grad!.data())];
      };
      const [plain, compiled] = [await run(f), await run(compile(f))];
      plain.forEach((v, i) => void expect(compiled[i]).toBeCloseTo(v, 5));
      expect(Math.abs(plain[1]!)).toBeGreaterThan(1e-6);
    });

    it("says which op of the body made a NaN", async () => {
      detectNaN(true);
      try {
        const f = () => {
          return scan(
            (h: Tensor) => [h.sub(1), nn.inScope(new nn.Tanh(), () => h.log())],
            tensor([2.5]),
            null,
            { length: 5 },
          );
        };
        await expect((async () => f()[1].data())()).rejects.toThrow(/log: made NaN.*\n.*Tanh/);
      } finally {
        detectNaN(false);
      }
    });

    it("draws other numbers at each step, the same compiled and not", async () => {
      const x = Tensor.from(new Float32Array(64).fill(1), [64]);
      const f = (x: Tensor) => {
        const [h, ys] = scan(
          (h: Tensor) => {
            const y = dropout(x);
            return [h.add(y), y];
          },
          zeros(64),
          null,
          { length: 5 },
        );
        return [h, ys, dropout(x)];
      };
      manualSeed(1);
      const [h, ys, after] = await Promise.all(f(x).map((t) => t.data()));
      const rows = [0, 1, 2, 3, 4].map((t) => ys!.slice(64 * t, 64 * t + 64).join());
      expect(new Set([...rows, after!.join()]).size).toBe(6);
      const sum = Array.from(h!, (_, i) =>
        [0, 1, 2, 3, 4].reduce((s, t) => s + ys![64 * t + i]!, 0),
      );
      expect([...h!]).toEqual(sum);
      const compiled = compile(f);
      for (let i = 0; i < 2; i++) {
        manualSeed(1);
        const again = await Promise.all(compiled(x).map((t: Tensor) => t.data()));
        expect(again).toEqual([h, ys, after]);
      }
    });

    it("keeps the mask of each step for the gradient", async () => {
      const x = Tensor.from(new Float32Array(32).fill(1), [4, 8]);
      x.requiresGrad = true;
      manualSeed(2);
      const [, ys] = scan(
        (h: Tensor, x: Tensor) => [h.mul(0.5), dropout(x).mul(h)],
        zeros(8).add(1),
        x,
      );
      ys.sum().backward();
      const [y, g] = [await ys.data(), await x.grad!.data()];
      expect([...g].map((v) => v !== 0)).toEqual([...y].map((v) => v !== 0));
      expect(new Set(y).size).toBeGreaterThan(3);
    });
  });
}

describe("scan", () => {
  beforeEach(() => void device("reference"));
  const [h, xs] = tensorsOf([[3], [5, 3]], 1, "float32") as [Tensor, Tensor];

  it("does what its example says", async () => {
    const file = join(import.meta.dirname, "../../src/tensor/scan.ts");
    const [, text] = /@example\n((?: \*(?: .*)?\n)+?) \*\//.exec(readFileSync(file, "utf8"))!;
    const lines = stripTypeScriptTypes(text!.replace(/^ \* ?/gm, ""));
    const script = lines.replace(/^(await .+); \/\/ (.+)$/gm, "check($1, $2);");
    expect(script.match(/check/g)!.length).toBe(2);
    const run = (async () => {}).constructor as FunctionConstructor;
    const check = (found: unknown, wanted: unknown) => expect(found).toEqual(wanted);
    await new run("scan", "tensor", "check", script)(scan, tensor, check);
  });

  it("takes trees, and gives them back", async () => {
    const [last, ys] = scan(
      ({ a, rest: [b] }: { a: Tensor; rest: Tensor[] }, x: { p: Tensor }, t: Tensor) => [
        { a: a.add(x.p), rest: [b!.sub(1)] },
        { sum: a.sum(), at: t },
      ],
      { a: h, rest: [h] },
      { p: xs },
    );
    expect([last.a.shape, last.rest[0]!.shape, ys.sum.shape, ys.at.dtype]).toEqual([
      [3],
      [3],
      [5],
      "int32",
    ]);
    expect([...(await ys.at.data())]).toEqual([0, 1, 2, 3, 4]);
  });

  it("cuts the gradient in noGrad, around it and inside", () => {
    const w = tensor([1, 2, 3]);
    w.requiresGrad = true;
    const body = (h: Tensor, x: Tensor): [Tensor, Tensor] => [h.mul(w).add(x), h];
    expect(noGrad(() => scan(body, h, xs))[0].current.tracked).toBe(false);
    const inside = (h: Tensor, x: Tensor): [Tensor, Tensor] => [noGrad(() => h.mul(w)).add(x), h];
    const start = h.mul(w);
    const [last] = scan(inside, start, xs);
    expect(messageOf(() => last.sum().backward())).toContain("depends on no tensor");
    expect(w.grad).toBe(null);
  });

  it("saves the carries alone where it has checkpoints", () => {
    const c = caseOf("long");
    const inputs = inputsOf(c, 16);
    const saved = (checkpoint: boolean) => {
      const run: Run = (c, inputs) => looped(c, inputs, { checkpoint });
      const forward = scansOf(gradients(run, c, inputs)).filter((s) => !s.attrs.reverse);
      const sizes = forward.map(({ attrs: { body, carries, length } }) =>
        body.outputs
          .slice(carries)
          .reduce((sum, y) => sum + length * y.shape.reduce((p, d) => p * d, 1), 0),
      );
      return sizes.reduce((p, q) => p + q, 0);
    };
    expect(saved(true)).toBeLessThan(saved(false) / 2);
  });

  it("keeps the scope of layers", () => {
    const layer = new nn.Linear(3, 3);
    const net = new (class Net extends nn.Module {
      inner = layer;
      forward(x: Tensor): Tensor {
        return nn.inScope(
          this,
          () => scan((h: Tensor) => [layer.forward(h), h], x, null, { length: 3 })[0],
        );
      }
    })();
    const [loop] = scansOf([net.forward(h.unsqueeze(0))]);
    const inside = topological(loop!.attrs.body.outputs).filter((n) => n.op === "contract");
    expect(inside.map((n) => n.scope).join()).toContain("Net.Linear");
  });

  const add = (h: Tensor, x: Tensor): [Tensor, Tensor] => [h.add(x), h];
  const bad: [string, () => unknown, string][] = [
    ["another shape of the carry", () => scan((h: Tensor, x: Tensor) => [h.sum().add(x.sum()), h], h, xs),
      "ShapeError: scan: carry 0 begins as float32 [3] and is float32 [] after a step"],
    ["another dtype of the carry", () => scan((h: Tensor) => [h.int(), h], h, xs),
      'DtypeError: scan: carry 0 begins as float32 [3] and is int32 [3] after a step\n  hint: use .to("float32")'],
    ["another structure of the carry", () => scan((h: Tensor) => [[h] as never, h], h, xs),
      "ArgumentError: scan: the body returned a carry of another structure"],
    ["no pair", () => scan((h: Tensor) => h as never, h, xs),
      "ArgumentError: scan: the body must return [carry, y]"],
    ["sequences of different lengths", () => scan((h: Tensor) => [h, h], h, [xs, h]),
      "ShapeError: scan: xs differ in their number of steps: [5,3] and [3]"],
    ["a length that is not the sequence's", () => scan(add, h, xs, { length: 4 }),
      "ShapeError: scan: xs differ in their number of steps: [5,3], length is 4"],
    ["no length at all", () => scan((h: Tensor) => [h, h], h, null),
      "ArgumentError: scan: how many steps?\n  hint: give xs, or { length: 10 }"],
    ["a scalar sequence", () => scan(add, h, xs.sum()), "ShapeError: scan: xs need an axis of steps"],
    ["a wrong length", () => scan(add, h, null as never, { length: 1.5 }),
      "ArgumentError: scan: length must be a whole number, got 1.5"],
    ["a wrong checkpoint", () => scan(add, h, xs, { checkpoint: -1 }),
      "ArgumentError: scan: checkpoint must be a whole number of steps, got -1"],
    ["lengths beyond the sequence", () => scan(add, h, xs, { lengths: [5, 6, 1] }),
      "ArgumentError: scan: lengths must be whole, from 0 to 5, got 6"],
    ["float lengths", () => scan(add, h, xs, { lengths: h }), "DtypeError: scan: lengths must be int32, got float32"],
    ["lengths of another batch", () => scan(add, h, xs, { lengths: [5, 1] }),
      "ShapeError: scan: 2 lengths do not fit [3]: its first axis must be the batch"],
    ["a value read in the body", () => scan((h: Tensor) => { void h.dataSync(); return [h, h]; }, h, xs),
      "StateError: compile: a value cannot be read while its function is being traced"],
    ["an assignment in the body", () => scan((g: Tensor) => { h.assign(g); return [g, g]; }, h, xs),
      "StateError: assign: cannot be done inside the body of a scan"],
  ]; // biome-ignore format: a table

  for (const [what, f, text] of bad) {
    it(`refuses ${what}`, () => expect(messageOf(f)).toContain(text));
  }

  it("refuses a tensor of the body that is used later, compiled or not", () => {
    const keep = () => {
      let kept: Tensor | null = null;
      scan((g: Tensor, x: Tensor) => [(kept = g.add(x)), null], h, xs);
      return kept!.add(1);
    };
    const text = "StateError: scan: a tensor made inside a body was used outside it";
    expect(messageOf(keep)).toContain(text);
    expect(messageOf(() => compile(keep)())).toContain(text);
  });
});
