// The step: one program, the loss from before the update, what a changed option costs, groups, clipping,
// state and resume. That the updates are PyTorch's is tested in tests/golden.
import { beforeEach, describe, expect, it } from "vitest";
import { LateBackend } from "../../src/backend/late.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import {
  compile,
  device,
  gradients,
  manualSeed,
  nn,
  noGrad,
  optim,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { engine } from "../../src/tensor/device.ts";
import { traceGeneration } from "../../src/tensor/trace.ts";
import { devices } from "../tensor/devices.ts";

const x = () =>
  tensor([
    [1, 2],
    [3, -1],
    [0.5, 1],
  ]); // (3, 2)
const y = () => tensor([[1], [0], [2]]); // (3, 1)
const numbers = async (t: Tensor) => Array.from(await t.data());

function model(): nn.Sequential {
  manualSeed(5);
  return new nn.Sequential(new nn.Linear(2, 4), new nn.Tanh(), new nn.Linear(4, 1));
}

function weight(value = 1): Tensor {
  return nn.parameter(tensor([value]));
}

async function weightsOf(module: nn.Module): Promise<number[]> {
  return (await Promise.all(module.parameters().map(numbers))).flat();
}

describe.each([...devices, "late"])("a step on %s", (name) => {
  beforeEach(() => {
    if (name === "late") device(new LateBackend(new ReferenceBackend()));
    else device(name as "reference");
  });

  it("gives the loss from before the update, compiled or not", async () => {
    for (const wrap of [(f: () => Tensor) => f, compile<() => Tensor>]) {
      const w = weight(1);
      const optimizer = new optim.SGD([w], { lr: 0.1 });
      const step = wrap(() => {
        const loss = w.square().sum();
        optimizer.step(loss);
        return loss;
      });
      expect(await step().item()).toBe(1);
      expect(await w.item()).toBeCloseTo(0.8, 6);
      expect(await step().item()).toBeCloseTo(0.64, 6);
    }
  });

  it("does the same by backward, compiled, and by step(loss)", async () => {
    const lossOf = (m: nn.Layer) => nn.mseLoss(m.forward(x()), y());
    const results: number[][] = [];
    for (const way of ["idiom", "step", "compiled", "compiled idiom"]) {
      const m = model();
      const optimizer = new optim.AdamW(m.parameters(), { lr: 0.05 });
      const byStep = () => {
        const loss = lossOf(m);
        optimizer.step(loss, { clipNorm: 0.5 });
        return loss;
      };
      const byHand = () => {
        const loss = lossOf(m);
        optimizer.zeroGrad();
        loss.backward();
        optim.clipGradNorm(m.parameters(), 0.5);
        optimizer.step();
        return loss;
      };
      const plain = way.includes("idiom") ? byHand : byStep;
      const run = way.startsWith("compiled") ? compile(plain) : plain;
      const losses: number[] = [];
      for (let i = 0; i < 4; i++) losses.push(await run().item());
      results.push([...losses, ...(await weightsOf(m))]);
    }
    for (const other of results.slice(1)) {
      other.forEach((v, i) => expect(v).toBeCloseTo(results[0]![i]!, 5));
    }
  });

  it("makes no new program for a new learning rate", async () => {
    const w = weight(1);
    const optimizer = new optim.Adam([w], { lr: 0.1 });
    const schedule = new optim.ExponentialLR(optimizer, { gamma: 0.5 });
    const step = compile(() => {
      const loss = w.square().sum();
      optimizer.step(loss);
      return loss;
    });
    await step().item();
    const before = await w.item();
    await step().item();
    const [compiled, generation] = [engine().compiled, traceGeneration()];
    optimizer.lr = 0;
    const kept = await w.item();
    await step().item();
    expect(await w.item()).toBe(kept);
    expect(kept).not.toBe(before);
    schedule.step();
    expect(optimizer.lr).toBeCloseTo(0.05, 12);
    await step().item();
    expect(await w.item()).not.toBe(kept);
    expect([engine().compiled, traceGeneration()]).toEqual([compiled, generation]);
  });

  it("resumes from its state exactly", async () => {
    const train = async (m: nn.Layer, optimizer: optim.Optimizer, steps: number) => {
      for (let i = 0; i < steps; i++) {
        const loss = nn.mseLoss(m.forward(x()), y());
        optimizer.step(loss);
        await loss.item();
      }
    };
    const [a, b] = [model(), model()];
    const first = new optim.NAdam(a.parameters(), { lr: 0.03 });
    await train(a, first, 3);
    const [weights, state] = [a.stateDict(), first.stateDict()];
    await train(a, first, 3);
    b.loadStateDict(weights);
    const second = new optim.NAdam(b.parameters(), { lr: 1 });
    second.loadStateDict({ ...state, groups: JSON.parse(JSON.stringify(state.groups)) });
    expect(second.lr).toBe(0.03);
    await train(b, second, 3);
    expect(await weightsOf(b)).toEqual(await weightsOf(a));
  });
});

describe("an optimizer", () => {
  beforeEach(() => {
    device("reference");
  });

  it("has groups with options of their own", async () => {
    const [a, b, c] = [weight(), weight(), weight()];
    const optimizer = new optim.SGD([{ params: [a] }, { params: [b, c], lr: 1 }], { lr: 0.25 });
    expect(optimizer.groups.map((group) => group.lr)).toEqual([0.25, 1]);
    optimizer.step(a.add(b).add(c.mul(2)).sum());
    expect([await a.item(), await b.item(), await c.item()]).toEqual([0.75, 0, -1]);
    optimizer.groups[1]!.lr = 0;
    optimizer.step(a.add(b).sum());
    expect([await a.item(), await b.item(), await c.item()]).toEqual([0.5, 0, -1]);
  });

  it("leaves frozen parameters and those without a gradient alone", async () => {
    const [a, b, c] = [weight(), weight(), weight()];
    const optimizer = new optim.Adam([a, b, c], { lr: 0.5 });
    b.requiresGrad = false;
    optimizer.step(a.mul(b).sum());
    expect(await a.item()).toBeCloseTo(0.5, 5);
    expect([await b.item(), await c.item()]).toEqual([1, 1]);
    // What joins later has a clock of its own: its first step is as large as anybody's first.
    b.requiresGrad = true;
    optimizer.step(b.sum());
    expect(await b.item()).toBeCloseTo(0.5, 5);
  });

  it("takes a momentum that is switched on later", async () => {
    const w = weight(0);
    const optimizer = new optim.SGD([w], { lr: 1 });
    const step = compile(() => {
      const loss = w.sum();
      optimizer.step(loss);
      return loss;
    });
    await step().item();
    optimizer.groups[0]!.set({ momentum: 0.5 });
    await step().item();
    await step().item();
    expect(await w.item()).toBeCloseTo(-1 - 1 - 1.5, 6);
  });

  it("clips by the common norm and by value", async () => {
    const [a, b] = [weight(3), weight(4)];
    a.mul(3).add(b.mul(4)).sum().backward();
    const total = optim.clipGradNorm([a, b], 1);
    expect(await total.item()).toBeCloseTo(5, 5);
    expect([await a.grad!.item(), await b.grad!.item()].map((v) => v.toFixed(4))).toEqual([
      "0.6000",
      "0.8000",
    ]);
    optim.clipGradValue([a, b], 0.7);
    expect(await b.grad!.item()).toBeCloseTo(0.7, 6);
    expect(await a.grad!.item()).toBeCloseTo(0.6, 4);
    const optimizer = new optim.SGD([a, b], { lr: 1 });
    optimizer.zeroGrad();
    expect([a.grad, b.grad]).toEqual([null, null]);
  });

  it("gives gradients that agree with the pure ones", async () => {
    const w = weight(2);
    const loss = w.square().sum();
    const [g] = gradients(loss, [w]);
    loss.backward();
    expect(await g!.item()).toBe(await w.grad!.item());
  });

  it("says what is wrong", async () => {
    const w = weight();
    const optimizer = new optim.SGD([w], { lr: 0.1 });
    expect(() => optimizer.step()).toThrow(
      "step: no parameter has a gradient\n  hint: call loss.backward() before, or optimizer.step(loss)",
    );
    const elsewhere = weight();
    expect(() => optimizer.step(elsewhere.sum())).toThrow(
      "step: the loss depends on none of the optimizer's parameters",
    );
    expect(() => optimizer.step(noGrad(() => w.sum()))).toThrow("depends on none");
    expect(() => new optim.SGD([])).toThrow("SGD: has no parameters to train");
    expect(() => new optim.SGD([w, w])).toThrow("SGD: a parameter is listed twice");
    expect(() => new optim.Adam([w], { lr: -1 })).toThrow("Adam: lr must not be negative, got -1");
    expect(() => new optim.Adam([w], { betas: [0.9, 1] })).toThrow(
      "betas[1] must be in [0,1), got 1",
    );
    expect(() => new optim.SGD([w], { nesterov: true })).toThrow("nesterov needs a momentum");
    expect(() => optimizer.step(w.sum(), { clipNorm: 0 })).toThrow("must be positive, got 0");
    const inside = compile(() => {
      optimizer.lr = 1;
      return w.sum();
    });
    expect(() => inside()).toThrow("ParamGroup.set: cannot be called inside a compiled function");
    const other = new optim.SGD([w, elsewhere]);
    expect(() => other.loadStateDict(optimizer.stateDict())).toThrow(
      "the optimizer's state does not fit this SGD\n  groups of [1] parameters, here [2]",
    );
    expect(await w.item()).toBe(1);
  });
});

describe("schedules", () => {
  it("steps the one-cycle schedule past its end as PyTorch 1.13 does", () => {
    const optimizer = optimizerOf();
    const schedule = new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 10 });
    for (let i = 0; i < 10; i++) schedule.step();
    expect(optimizer.lr).toBeCloseTo(0.04951936798652623, 6);
  });

  // PyTorch divides by 0 here.
  it("begins at the top where the way up is one step", () => {
    const optimizer = optimizerOf();
    const options = { maxLr: 1, totalSteps: 5, pctStart: 0.2 };
    const schedule = new optim.OneCycleLR(optimizer, options);
    expect(lrs(optimizer, schedule, 5)).toEqual([1, 0.853554, 0.500002, 0.14645, 0.000004]);
  });

  const optimizerOf = (lr = 1) => new optim.SGD([weight()], { lr, momentum: 0.9 });
  const lrs = (optimizer: optim.Optimizer, schedule: { step(): void }, steps: number) =>
    Array.from({ length: steps }, () => {
      const { lr } = optimizer;
      schedule.step();
      return Number(lr.toFixed(6));
    });

  it("follow one another", () => {
    const optimizer = optimizerOf();
    const warmup = new optim.LinearLR(optimizer, { startFactor: 0.5, totalIters: 2 });
    const decay = new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.1 });
    const schedule = new optim.SequentialLR(optimizer, [warmup, decay], { milestones: [2] });
    expect(lrs(optimizer, schedule, 5)).toEqual([0.5, 0.75, 1, 0.1, 0.01]);
  });

  it("resume where they were", () => {
    const a = optimizerOf();
    const first = new optim.CosineAnnealingLR(a, { tMax: 10 });
    lrs(a, first, 4);
    const state = JSON.parse(JSON.stringify(first.stateDict()));
    const b = optimizerOf(a.lr); // as if the optimizer's state had been loaded before
    const second = new optim.CosineAnnealingLR(b, { tMax: 10 }).loadStateDict(state);
    expect(lrs(b, second, 6)).toEqual(lrs(a, first, 6));
  });

  it("follow a function of the step", () => {
    const optimizer = optimizerOf(2);
    const schedule = new optim.LambdaLR(optimizer, (step) => 1 / (1 + step));
    expect(lrs(optimizer, schedule, 3)).toEqual([2, 1, 0.666667]);
  });

  it("refuse to go on after their end", () => {
    const optimizer = optimizerOf();
    const schedule = new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 3 });
    schedule.step();
    schedule.step();
    schedule.step(); // after the last batch, as PyTorch's loop does
    expect(() => schedule.step()).toThrow("OneCycleLR: step 4 is after the last of 3 steps");
  });
});
