// Optimizers, schedules and averages that PyTorch 1.13 does not have, against values.json: Adafactor,
// schedules and averages of PyTorch 2.15, Lion and LAMB by the algorithms 2 of their papers in float64, Muon by PyTorch's formulas in
// float64 (its own iterations are in bfloat16, up to 7e-4 away after six steps).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { compile, device, nn, optim, Tensor, tensor } from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

const values = JSON.parse(readFileSync(join(import.meta.dirname, "values.json"), "utf8"));
const numbers = async (t: Tensor) => Array.from(await t.data());

const makers: Record<string, (params: Tensor[]) => optim.Optimizer> = {
  adafactor: (params) => new optim.Adafactor(params, { lr: 0.05 }),
  adafactorOptions: (params) =>
    new optim.Adafactor(params, {
      ...{ lr: 0.3, beta2Decay: -0.5, eps: [1e-4, 0.5], d: 1.5, weightDecay: 0.1, maximize: true },
    }),
  lion: (params) => new optim.Lion(params, { lr: 0.01, weightDecay: 0.1 }),
  lamb: (params) => new optim.Lamb(params, { lr: 0.05, weightDecay: 0.1 }),
  muon: (params) => new optim.Muon(params, { lr: 0.02 }),
  muonOptions: (params) =>
    new optim.Muon(params, {
      ...{ lr: 0.02, weightDecay: 0, momentum: 0.9, nesterov: false, adjustLr: "matchRmsAdamW" },
    }),
};

describe.each(devices)("on %s", (name) => {
  beforeEach(() => void device(name as "reference"));

  it.each(Object.keys(makers))("%s, inside a compiled step", async (name) => {
    const { shapes, init, grads, params: wanted } = values[name];
    const params = shapes.map((shape: number[], i: number) =>
      nn.parameter(Tensor.from(Float32Array.from(init[i]), shape)),
    );
    const optimizer = makers[name]!(params);
    const step = compile((...slopes: Tensor[]) => {
      const losses = params.map((p: Tensor, i: number) => p.mul(slopes[i]!).sum());
      optimizer.step(losses.reduce((a: Tensor, b: Tensor) => a.add(b)));
    });
    for (const [t, now] of grads.entries()) {
      const slopes = now.map((g: number[], i: number) =>
        Tensor.from(Float32Array.from(g), shapes[i]),
      );
      step(...slopes);
      for (const [i, param] of params.entries()) {
        const found = await numbers(param);
        // Muon's iterations amplify small directions: a rounding of 6e-8 may grow about a hundred times.
        found.forEach((value, k) => void expect(value).toBeCloseTo(wanted[t][i][k], 5));
      }
    }
  });

  it("EMA and SWA follow the weights, and lend their values", async () => {
    for (const [name, make] of [
      ["ema", (p: Tensor[]) => new optim.EMA(p, { decay: 0.9 })],
      ["swa", (p: Tensor[]) => new optim.SWA(p)],
    ] as const) {
      const { values: steps, averages } = values.averages[name];
      const weight = nn.parameter(tensor([7, 7]));
      const average = make([weight]);
      const step = compile((x: Tensor) => {
        weight.assign(x);
        average.update();
      });
      for (const [i, value] of steps.entries()) {
        step(tensor(value));
        const found = await numbers(average.averages[0]!);
        found.forEach((v, k) => void expect(v).toBeCloseTo(averages[i][k], 6));
      }
      const last = averages.at(-1);
      const lent = await average.use(() => numbers(weight));
      lent.forEach((v, k) => void expect(v).toBeCloseTo(last[k], 6));
      expect(await numbers(weight)).toEqual(steps.at(-1).map(Math.fround));
      const other = make([nn.parameter(tensor([0, 0]))]);
      other.loadStateDict(average.stateDict());
      expect(await numbers(other.averages[0]!)).toEqual(await numbers(average.averages[0]!));
      expect(await other.count.item()).toBe(5);
      average.copyTo();
      expect(await numbers(weight)).toEqual(lent);
    }
  });

  it("EMA warms up", async () => {
    const weight = nn.parameter(tensor([1]));
    const ema = new optim.EMA([weight], { decay: 0.5, warmup: true });
    let wanted = 0;
    for (let n = 0; n < 12; n++) {
      weight.assign(tensor([n * n]));
      ema.update();
      const decay = n === 0 ? 0 : Math.min(0.5, (1 + n) / (10 + n));
      wanted = decay * wanted + (1 - decay) * n * n;
      expect(await ema.averages[0]!.item()).toBeCloseTo(wanted, 4);
    }
  });

  it("Lookahead goes half of the way back every k steps, compiled or not, and resumes", async () => {
    // With slopes of 1 and lr 1: -1, -2, -3 → -1.5; -2.5, -3.5, -4.5 → -3.
    const wanted = [-1, -2, -1.5, -2.5, -3.5, -3];
    for (const compiled of [true, false]) {
      const weight = nn.parameter(tensor([0]));
      const make = (p: Tensor) => new optim.Lookahead(new optim.SGD([p], { lr: 1 }), { k: 3 });
      const optimizer = make(weight);
      const once = () => void optimizer.step(weight.sum());
      const step = compiled ? compile(once) : once;
      const found: number[] = [];
      for (let i = 0; i < 4; i++) {
        step();
        found.push(await weight.item());
      }
      const copy = nn.parameter(tensor([await weight.item()]));
      const resumed = make(copy).loadStateDict(optimizer.stateDict());
      for (let i = 0; i < 2; i++) {
        resumed.step(copy.sum());
        found.push(await copy.item());
      }
      expect(found).toEqual(wanted);
    }
  });
});

describe("schedules", () => {
  const schedules: Record<string, (o: optim.SGD) => optim.LRScheduler> = {
    multiplicative: (o) => new optim.MultiplicativeLR(o, (epoch) => 0.9 + 0.01 * epoch),
    chained: (o) =>
      new optim.ChainedScheduler(o, [
        new optim.ConstantLR(o, { factor: 0.1, totalIters: 3 }),
        new optim.ExponentialLR(o, { gamma: 0.9 }),
      ]),
    swaCos: (o) => new optim.SWALR(o, { swaLr: 0.02, annealEpochs: 5 }),
    swaLinear: (o) =>
      new optim.SWALR(o, { swaLr: 0.02, annealEpochs: 4, annealStrategy: "linear" }),
  };
  const optimizer = () => new optim.SGD([nn.parameter(tensor([0]))], { lr: 0.1 });

  it.each(Object.keys(schedules))("%s", (name) => {
    const own = optimizer();
    const schedule = schedules[name]!(own);
    values.schedules[name].forEach((lr: number, i: number) => {
      if (i > 0) schedule.step();
      expect(own.lr).toBeCloseTo(lr, 10);
    });
  });

  it("SWALR begins where another schedule has come", () => {
    const own = optimizer();
    const before = new optim.ExponentialLR(own, { gamma: 0.5 });
    before.step();
    const schedule = new optim.SWALR(own, {
      swaLr: 0.01,
      annealEpochs: 2,
      annealStrategy: "linear",
    });
    const found = [own.lr];
    for (let i = 0; i < 3; i++) {
      schedule.step();
      found.push(own.lr);
    }
    [0.05, 0.03, 0.01, 0.01].forEach((lr, i) => void expect(found[i]).toBeCloseTo(lr, 12));
  });

  it("up, along and down", () => {
    const shapes = {
      linear: [0.5, 0.25],
      cosine: [0.5, (1 - Math.SQRT1_2) / 2],
      sqrt: [1 - Math.SQRT1_2, 1 - Math.sqrt(0.75)],
    } as const;
    for (const [shape, [half, late]] of Object.entries(shapes)) {
      const own = optimizer();
      const options = { warmup: 3, stable: 2, decay: 4, floor: 0.1, shape: shape as "linear" };
      const schedule = new optim.WarmupStableDecayLR(own, options);
      const found = [own.lr / 0.1];
      for (let i = 1; i < 12; i++) {
        schedule.step();
        found.push(own.lr / 0.1);
      }
      [0.25, 0.5, 0.75, 1, 1, 1].forEach((part, i) => void expect(found[i]).toBeCloseTo(part, 12));
      expect(found[7]).toBeCloseTo(0.1 + 0.9 * half, 12);
      expect(found[8]).toBeCloseTo(0.1 + 0.9 * late, 12);
      expect(found[9]).toBeCloseTo(0.1, 12);
      expect(found[11]).toBeCloseTo(0.1, 12);
    }
  });
});

describe("bad input", () => {
  const weight = () => nn.parameter(tensor([1, 2]));

  it("throws where it is given", () => {
    expect(() => new optim.Muon([weight()])).toThrow(
      "Muon: trains matrices, got a parameter of shape [2]",
    );
    const matrix = [nn.parameter(tensor([[1]]))];
    expect(() => new optim.Muon(matrix, { adjustLr: "no" as never })).toThrow('no adjustLr "no"');
    expect(() => new optim.Lion([weight()], { betas: [1, 0.9] })).toThrow(
      "betas[0] must be in [0,1)",
    );
    expect(() => new optim.Adafactor([weight()], { beta2Decay: 0.8 })).toThrow(
      "-beta2Decay must not be negative, got -0.8",
    );
    expect(() => new optim.EMA([weight()], { decay: 1 })).toThrow("EMA: decay must be in [0,1)");
    expect(() => new optim.SWA([])).toThrow("SWA: has no tensors to average");
    const sgd = new optim.SGD([weight()], { lr: 1 });
    expect(() => new optim.Lookahead(sgd, { k: 0 })).toThrow("k must be a positive whole number");
    expect(() => new optim.Lookahead([] as never)).toThrow("Lookahead: takes an optimizer first");
    const ema = new optim.EMA([weight()]);
    const other = new optim.EMA([nn.parameter(tensor([1]))]).stateDict();
    expect(() => ema.loadStateDict(other)).toThrow("is of other tensors");
    const phases = { warmup: 1, stable: 1, decay: 1 };
    expect(() => new optim.WarmupStableDecayLR(sgd, { ...phases, shape: "no" as never })).toThrow(
      'there is no shape "no"',
    );
    expect(() => new optim.SWALR(sgd, { swaLr: 1, annealStrategy: "no" as never })).toThrow(
      'there is no annealStrategy "no"',
    );
  });
});
