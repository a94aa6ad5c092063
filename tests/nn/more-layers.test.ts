// Layers and tools that PyTorch has no numbers for: noise, hooks, parametrisations as they come and go, lazy
// layers, joins, time, constraints. What PyTorch computes is compared in torch.test.ts.
import { beforeEach, describe, expect, it } from "vitest";
import {
  compile,
  device,
  manualSeed,
  nn,
  ones,
  optim,
  randn,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { devices, values } from "../tensor/devices.ts";

const mean = (list: ArrayLike<number>) => Array.from(list).reduce((a, v) => a + v, 0) / list.length;

describe.each(devices)("on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(5);
  });

  it("alpha dropout keeps mean 0 and variance 1, and drops to one value", async () => {
    const x = randn(20_000);
    for (const layer of [new nn.AlphaDropout(0.3), new nn.FeatureAlphaDropout(0.3)]) {
      const y = await layer.forward(x.reshape(20_000, 1)).data();
      expect(mean(y)).toBeCloseTo(0, 1);
      expect(mean(y.map((v) => v * v))).toBeCloseTo(1, 1);
      const [p, saturated] = [0.3, 1.7580993408473766];
      const dropped = (saturated * (p - 1)) / Math.sqrt((saturated ** 2 * p + 1) * (1 - p));
      const count = y.filter((v) => Math.abs(v - dropped) < 1e-5).length;
      expect(count / y.length).toBeCloseTo(0.3, 1);
      const rows = x.reshape(20_000, 1);
      expect(layer.eval().forward(rows)).toBe(rows);
    }
  });

  it("feature alpha dropout drops whole channels", async () => {
    const y = await nn.featureAlphaDropout(zeros(8, 8, 5), 0.5).data();
    for (let c = 0; c < 64; c++) expect(new Set(y.slice(5 * c, 5 * c + 5)).size).toBe(1);
    expect(new Set(y).size).toBe(2);
  });

  it("Gaussian noise and dropout have their deviations, and none in evaluation", async () => {
    const x = ones(20_000);
    const noise = await new nn.GaussianNoise(0.5).forward(x).data();
    expect(mean(noise)).toBeCloseTo(1, 1);
    expect(mean(noise.map((v) => (v - 1) ** 2))).toBeCloseTo(0.25, 1);
    const drop = await new nn.GaussianDropout(0.2).forward(x).data();
    expect(mean(drop.map((v) => (v - 1) ** 2))).toBeCloseTo(0.25, 1);
    expect(new nn.GaussianNoise(0.5).eval().forward(x)).toBe(x);
  });

  it("RReLU draws slopes within its range, anew at each run of a compiled step", async () => {
    const layer = new nn.RReLU(0.2, 0.4);
    const run = compile((x: Tensor) => layer.forward(x));
    const [a, b] = [await run(ones(500).neg()).data(), await run(ones(500).neg()).data()];
    expect(Math.min(...a)).toBeGreaterThanOrEqual(-0.4);
    expect(Math.max(...a)).toBeLessThanOrEqual(-0.2);
    expect(a).not.toEqual(b);
    expect(await values(layer.forward(tensor([3])))).toEqual([3]);
  });

  it("hooks see and change what goes in and comes out, until they are taken off", async () => {
    const model = new nn.Sequential(new nn.Identity(), new nn.ReLU());
    const seen: unknown[] = [];
    const off = [
      nn.registerForwardPreHook(model.at(0), (_, [x]) => [(x as Tensor).add(1)]),
      nn.registerForwardHook(model.at(0), (_, __, y) => void seen.push(y)),
      nn.registerForwardHook(model.at(1), (_, __, y) => (y as Tensor).mul(10)),
    ];
    const run = compile((x: Tensor) => model.forward(x));
    expect(await values(run(tensor([1, -3])))).toEqual([20, 0]);
    expect(seen.length).toBe(1);
    expect(Object.keys(model.stateDict())).toEqual([]);
    for (const remove of off) remove();
    expect(await values(run(tensor([1, -3])))).toEqual([1, 0]);
    expect(Object.getOwnPropertyNames(model.at(0))).not.toContain("forward");
  });

  it("a hook on a gradient changes it on its way", async () => {
    const x = tensor([1, 2]);
    x.requiresGrad = true;
    nn.hookGradient(x.mul(3), (g) => g.mul(-2))
      .sum()
      .backward();
    expect(await values(x.grad!)).toEqual([-6, -6]);
  });

  it("weight norm and spectral norm train, compiled, and come off with the value they have", async () => {
    for (const make of [
      () => nn.weightNorm(new nn.Linear(3, 2)),
      () => nn.weightNorm(new nn.Linear(3, 2), { legacy: true }),
      () => nn.spectralNorm(new nn.Linear(3, 2)),
    ]) {
      const layer = make();
      expect(layer.parameters().length).toBe(layer.namedParameters().length);
      const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1 });
      const step = compile((x: Tensor) => {
        const loss = layer.forward(x).square().mean();
        optimizer.step(loss);
        return loss;
      });
      const x = randn(8, 3);
      const first = await step(x).item();
      let last = first;
      for (let i = 0; i < 20; i++) last = await step(x).item();
      expect(last).toBeLessThan(first);
      layer.eval();
      const before = await values(layer.forward(x));
      const plain = nn.isParametrized(layer)
        ? nn.removeParametrizations(layer)
        : nn.removeWeightNorm(layer);
      expect(Object.keys(plain.stateDict()).sort()).toEqual(["bias", "weight"]);
      const after = await values(plain.forward(x));
      after.forEach((v, i) => expect(v).toBeCloseTo(before[i]!, 5));
      expect(plain.parameters().length).toBe(2);
    }
  });

  it("a parametrisation of the user's own, and a second one on top", async () => {
    class Symmetric extends nn.Module {
      forward(w: Tensor) {
        return w.triu().add(w.triu(1).T);
      }
    }
    class Double extends nn.Module {
      forward(w: Tensor) {
        return w.mul(2);
      }
    }
    const layer = nn.registerParametrization(new nn.Linear(2, 2), "weight", new Symmetric());
    nn.registerParametrization(layer, "weight", new Double());
    layer.loadStateDict({
      bias: zeros(2),
      "parametrizations.weight.original": tensor([
        [1, 2],
        [3, 4],
      ]),
    });
    expect(await values(layer.weight)).toEqual([2, 4, 4, 8]);
    expect(nn.isParametrized(layer, "weight")).toBe(true);
    expect(nn.isParametrized(layer, "bias")).toBe(false);
  });

  it("lazy layers learn their sizes once, and an optimizer that has them keeps them", async () => {
    const model = new nn.Sequential(
      new nn.LazyConv2d(4, 3),
      new nn.LazyBatchNorm2d(),
      new nn.Flatten(),
      new nn.LazyLinear(2),
    );
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
    const step = compile((x: Tensor) => {
      const loss = model.forward(x).square().mean();
      optimizer.step(loss);
      return loss;
    });
    const x = randn(3, 2, 5, 5);
    const losses = [await step(x).item(), await step(x).item(), await step(x).item()];
    expect(losses[2]).toBeLessThan(losses[0]!);
    const shapes = Object.entries(model.stateDict()).map(([key, t]) => [key, [...t.shape]]);
    expect(Object.fromEntries(shapes)).toMatchObject({
      "0.weight": [4, 2, 3, 3],
      "1.running_mean": [4],
      "3.weight": [2, 36],
    });
    expect((model.at(3) as nn.LazyLinear).inFeatures).toBe(36);
    const groups = new nn.LazyConvTranspose1d(4, 2, { groups: 2 });
    expect(groups.forward(randn(1, 6, 3)).shape).toEqual([1, 4, 4]);
    expect(groups.weight.shape).toEqual([6, 2, 2]);
    expect(() => model.forward(randn(3, 3, 5, 5))).toThrow("Conv2d");
  });

  it("joins and shapes", async () => {
    const [a, b] = [tensor([[1, 5]]), tensor([[3, 2]])];
    const merged = async (layer: { forward(...x: Tensor[]): Tensor }) =>
      values(layer.forward(a, b));
    expect(await merged(new nn.Add())).toEqual([4, 7]);
    expect(await merged(new nn.Subtract())).toEqual([-2, 3]);
    expect(await merged(new nn.Multiply())).toEqual([3, 10]);
    expect(await merged(new nn.Average())).toEqual([2, 3.5]);
    expect(await merged(new nn.Maximum())).toEqual([3, 5]);
    expect(await merged(new nn.Minimum())).toEqual([1, 2]);
    expect(await merged(new nn.Concatenate())).toEqual([1, 5, 3, 2]);
    const x = randn(2, 3, 4);
    expect(new nn.Permute(0, 2, 1).forward(x).shape).toEqual([2, 4, 3]);
    expect(new nn.Reshape(-1, 2).forward(x).shape).toEqual([2, 6, 2]);
    expect(new nn.Cropping1d([1, 2]).forward(tensor([[1, 2, 3, 4]])).shape).toEqual([1, 1]);
    expect(
      await values(
        new nn.Cropping2d([1, 0, 0, 1]).forward(
          tensor([
            [1, 2],
            [3, 4],
          ]),
        ),
      ),
    ).toEqual([2]);
    expect(await values(new nn.Rescaling(0.5, { offset: 1 }).forward(tensor([4])))).toEqual([3]);
    expect(await values(new nn.GlobalAvgPool().forward(ones(1, 2, 3, 3)))).toEqual([1, 1]);
    expect(new nn.GlobalMaxPool().forward(randn(2, 3, 4)).shape).toEqual([2, 3]);
  });

  it("normalization takes its statistics from data, and saves them", async () => {
    const layer = await new nn.Normalization(2).adapt(
      tensor([
        [1, 10],
        [3, 30],
      ]),
    );
    expect(await values(layer.forward(tensor([[1, 30]])))).toEqual([-1, 1]);
    expect(await values(layer.stateDict().mean!)).toEqual([2, 20]);
    expect(layer.parameters()).toEqual([]);
  });

  it("time: every step, both directions, steps that do not count", async () => {
    const linear = new nn.Linear(3, 2);
    const x = randn(2, 4, 3);
    const each = new nn.TimeDistributed(linear);
    expect(await values(each.forward(x))).toEqual(await values(linear.forward(x)));
    expect(new nn.RepeatVector(3).forward(randn(2, 5)).shape).toEqual([2, 3, 5]);
    const masking = new nn.Masking(-1);
    const steps = tensor([
      [
        [1, 2],
        [-1, -1],
        [3, -1],
        [-1, -1],
      ],
    ]);
    expect(await values(masking.mask(steps).int())).toEqual([1, 0, 1, 0]);
    expect(await values(masking.lengths(steps))).toEqual([3]);
    expect(await values(masking.forward(steps))).toEqual([1, 2, 0, 0, 3, -1, 0, 0]);
    const both = new nn.GRU(3, 2, { bidirectional: true, batchFirst: true });
    const [one, other] = [0, 1].map(() => new nn.GRU(3, 2, { batchFirst: true }));
    const state = both.stateDict();
    const part = (end: string) =>
      Object.fromEntries(
        ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"].map((key) => [
          key,
          state[key + end]!,
        ]),
      );
    one!.loadStateDict(part(""));
    other!.loadStateDict(part("_reverse"));
    const wrapped = new nn.Bidirectional(one!, other!, { axis: 1 });
    expect(await values(wrapped.forward(x))).toEqual(await values(both.forward(x)[0]));
  });

  it("a convolution LSTM over one pixel is an LSTM", async () => {
    const [T, B, I, H] = [3, 2, 2, 3];
    const conv = new nn.ConvLSTM2d(I, H, 1);
    const lstm = new nn.LSTM(I, H);
    const weight = conv.cell.conv.weight.reshape(4 * H, I + H);
    lstm.loadStateDict({
      weight_ih_l0: weight.narrow(1, 0, I),
      weight_hh_l0: weight.narrow(1, I, H),
      bias_ih_l0: conv.cell.conv.bias!,
      bias_hh_l0: zeros(4 * H),
    });
    const x = randn(T, B, I);
    const [hidden, [h, c]] = conv.forward(x.reshape(T, B, I, 1, 1));
    const [out, [last, cell]] = lstm.forward(x);
    const near = async (a: Tensor, b: Tensor) => {
      const [p, q] = [await a.data(), await b.data()];
      p.forEach((v, i) => expect(v).toBeCloseTo(q[i]!, 5));
    };
    await near(hidden, out);
    await near(h, last);
    await near(c, cell);
  });

  it("separable and depthwise convolutions are convolutions with groups", async () => {
    const layer = new nn.SeparableConv2d(2, 3, 3, { padding: 1, multiplier: 2 });
    const { depthwise, pointwise } = layer;
    expect(depthwise.weight.shape).toEqual([4, 1, 3, 3]);
    expect(Object.keys(layer.stateDict())).toEqual([
      "depthwise.weight",
      "pointwise.weight",
      "pointwise.bias",
    ]);
    const x = randn(1, 2, 5, 5);
    const inner = x.conv2d(depthwise.weight, null, { groups: 2, padding: 1 });
    const wanted = inner.conv2d(pointwise.weight, pointwise.bias);
    expect(await values(layer.forward(x))).toEqual(await values(wanted));
    expect(new nn.SeparableConv1d(2, 3, 3).forward(randn(1, 2, 5)).shape).toEqual([1, 3, 3]);
  });

  it("EinsumDense computes its equation and adds a bias along its letters", async () => {
    const layer = new nn.EinsumDense("btc,chd->bthd", { c: 3, h: 2, d: 4 }, { biasAxes: "h" });
    const x = randn(2, 5, 3);
    const wanted = x
      .matmul(layer.weight.flatten(1))
      .reshape(2, 5, 2, 4)
      .add(layer.bias!.reshape(2, 1));
    const [got, want] = [await layer.forward(x).data(), await wanted.data()];
    got.forEach((v, i) => expect(v).toBeCloseTo(want[i]!, 5));
  });

  it("LoRA starts as the layer it has, trains two small matrices, and merges", async () => {
    const linear = new nn.Linear(6, 4);
    const layer = new nn.LoRALinear(linear, { rank: 2, alpha: 4 });
    const x = randn(5, 6);
    expect(await values(layer.forward(x))).toEqual(await values(linear.forward(x)));
    const optimizer = new optim.Adam(
      layer.parameters().filter((p) => p.requiresGrad),
      { lr: 0.05 },
    );
    for (let i = 0; i < 5; i++) optimizer.step(layer.forward(x).square().mean());
    const [out, same] = [await layer.forward(x).data(), await layer.merged().forward(x).data()];
    out.forEach((v, i) => expect(v).toBeCloseTo(same[i]!, 5));
    expect(await values(layer.forward(x))).not.toEqual(await values(linear.forward(x)));
    expect(Object.keys(layer.stateDict())).toEqual(["weight", "bias", "lora_A", "lora_B"]);
  });

  it("constraints hold after each compiled update; penalties are sums", async () => {
    const layer = new nn.Linear(3, 2, { bias: false });
    layer.loadStateDict({
      weight: tensor([
        [3, 4, 0],
        [0.1, 0, 0],
      ]),
    });
    const weights = [layer.weight];
    const norms = () => values(layer.weight.norm(2, 1));
    nn.constrain(weights, nn.maxNorm(2));
    expect(await norms()).toEqual([2, 0.1]);
    nn.constrain(weights, nn.minMaxNorm(0.5, 1, { rate: 0.5 }));
    expect(await norms()).toEqual([1.5, 0.3]);
    nn.constrain(weights, nn.unitNorm());
    expect(await norms()).toEqual([1, 1]);
    expect(await values(nn.l1Penalty(weights, 0.5))).toEqual([1.2]);
    expect(await values(nn.l2Penalty(weights, 0.5))).toEqual([1]);
    const optimizer = new optim.SGD(weights, { lr: 1 });
    const step = compile((x: Tensor) => {
      const loss = layer.forward(x).sum();
      optimizer.step(loss);
      nn.constrain(weights, nn.nonNeg());
      return loss;
    });
    await step(ones(1, 3)).item();
    expect(Math.min(...(await layer.weight.data()))).toBe(0);
  });

  it("parameters as a vector and back", async () => {
    const layer = new nn.Linear(2, 1);
    nn.vectorToParameters(tensor([1, 2, 3]), layer.parameters());
    expect(await values(layer.weight)).toEqual([1, 2]);
    expect(await values(nn.parametersToVector(layer.parameters()))).toEqual([1, 2, 3]);
  });

  it("lists of parameters have PyTorch's keys and train", async () => {
    const list = new nn.ParameterList([ones(2), ones(1)]);
    const dict = new nn.ParameterDict({ left: ones(2) });
    expect(Object.keys(list.stateDict())).toEqual(["0", "1"]);
    expect(dict.namedParameters().map(([key]) => key)).toEqual(["left"]);
    expect(list.at(-1).shape).toEqual([1]);
    expect([...list].length).toBe(2);
  });

  it("pretrained embeddings are frozen unless told otherwise", async () => {
    const rows = tensor([
      [1, 2],
      [3, 4],
    ]);
    const layer = nn.Embedding.fromPretrained(rows);
    expect(layer.weight.requiresGrad).toBe(false);
    expect(await values(layer.forward(tensor([1], { dtype: "int32" })))).toEqual([3, 4]);
    expect(nn.Embedding.fromPretrained(rows, { freeze: false }).weight.requiresGrad).toBe(true);
  });
});

describe("initial values", () => {
  it("of LeCun and with scaled variances", async () => {
    manualSeed(1);
    const variance = async (t: Tensor) => mean((await t.data()).map((v) => v * v));
    expect(await variance(nn.init.lecunNormal(zeros(200, 100)))).toBeCloseTo(0.01, 3);
    expect(await variance(nn.init.lecunUniform(zeros(200, 100)))).toBeCloseTo(0.01, 3);
    const wide = nn.init.varianceScaling(zeros(200, 100), {
      scale: 2,
      mode: "fanAvg",
      distribution: "normal",
    });
    expect(await variance(wide)).toBeCloseTo(2 / 150, 3);
  });

  it("with so many zeros in each column", async () => {
    const w = await nn.init.sparse(zeros(10, 4), 0.25).array();
    for (let c = 0; c < 4; c++) {
      expect((w as number[][]).filter((row) => row[c] === 0).length).toBe(3);
    }
  });
});
