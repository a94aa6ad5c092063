// Recurrent networks and cells: unequal lengths against each sample alone, networks against a loop over
// their cell, forms of input, initial values, state, and what bad input gets. What PyTorch computes is
// compared in tests/golden.
import { beforeEach, describe, expect, it } from "vitest";
import { compile, device, manualSeed, nn, optim, randn, Tensor, tensor } from "../../src/index.ts";
import { devices, messageOf } from "../tensor/devices.ts";

const ints = (...values: number[]) => Tensor.from(Int32Array.from(values));

type Network = nn.RNN | nn.LSTM | nn.GRU;

/** The network's output and its final states in one list. */
function run(net: Network, x: Tensor, state: Tensor[] | null, lengths?: nn.Lengths): Tensor[] {
  const options = { lengths };
  if (!(net instanceof nn.LSTM)) return net.forward(x, state?.[0] ?? null, options);
  const [out, last] = net.forward(x, state as [Tensor, Tensor] | null, options);
  return [out, ...last];
}

const networks: [string, (options: nn.LSTMOptions) => Network, number][] = [
  ["RNN", (options) => new nn.RNN(3, 4, options), 1],
  ["RNN with relu", (options) => new nn.RNN(3, 4, { ...options, nonlinearity: "relu" }), 1],
  ["LSTM", (options) => new nn.LSTM(3, 4, options), 2],
  ["LSTM with a projection", (options) => new nn.LSTM(3, 4, { ...options, projSize: 2 }), 2],
  ["GRU", (options) => new nn.GRU(3, 4, options), 1],
];

async function close(a: Tensor, b: Tensor): Promise<void> {
  expect(a.shape).toEqual(b.shape);
  const [p, q] = [await a.data(), await b.data()];
  for (let i = 0; i < p.length; i++) expect(p[i]).toBeCloseTo(q[i]!, 4);
}

/** Initial states (L·D, B, …) for a network of two layers in two directions. */
function statesOf(net: Network, count: number, B: number): Tensor[] {
  const first = net.projSize || net.hiddenSize;
  return [first, net.hiddenSize].slice(0, count).map((size) => randn(4, B, size));
}

describe.each(devices)("recurrent networks on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(11);
  });

  it.each(networks)("%s: unequal lengths are each sample alone", async (_, make, count) => {
    const net = make({ numLayers: 2, bidirectional: true });
    const lengths = [5, 1, 3];
    const x = randn(5, 3, 3); // (T, B, I)
    const states = statesOf(net, count, 3);
    const together = run(net, x, states, lengths);
    const [out] = together;
    const mixed = await out!.sin().sum().data();
    net.zeroGrad();
    const total = together.map((t) => t.sin().sum()).reduce((a, b) => a.add(b));
    total.backward();
    const gradients = net.parameters().map((p) => p.grad!);
    net.zeroGrad();
    expect(Number.isFinite(mixed[0])).toBe(true);
    for (const [b, length] of lengths.entries()) {
      const own = x.narrow(1, b, 1).narrow(0, 0, length);
      const alone = run(
        net,
        own,
        states.map((s) => s.narrow(1, b, 1)),
      );
      await close(out!.narrow(1, b, 1).narrow(0, 0, length), alone[0]!);
      const rest = await out!
        .narrow(1, b, 1)
        .narrow(0, length, 5 - length)
        .data();
      expect(rest.every((v) => v === 0)).toBe(true);
      for (let i = 1; i <= count; i++) await close(together[i]!.narrow(1, b, 1), alone[i]!);
      alone
        .map((t) => t.sin().sum())
        .reduce((p, q) => p.add(q))
        .backward();
    }
    for (const [i, p] of net.parameters().entries()) await close(gradients[i]!, p.grad!);
  });

  it("a network is a loop over its cell", async () => {
    const pairs: [Network, nn.RNNCell | nn.LSTMCell | nn.GRUCell][] = [
      [new nn.RNN(3, 4), new nn.RNNCell(3, 4)],
      [new nn.LSTM(3, 4), new nn.LSTMCell(3, 4)],
      [new nn.GRU(3, 4), new nn.GRUCell(3, 4)],
    ];
    for (const [net, cell] of pairs) {
      const state = net.stateDict();
      cell.loadStateDict(
        Object.fromEntries(Object.entries(state).map(([key, t]) => [key.replace("_l0", ""), t])),
      );
      const x = randn(3, 2, 3);
      let h: Tensor | [Tensor, Tensor] | null = null;
      const steps: Tensor[] = [];
      for (const slice of x.unbind(0)) {
        h = (cell.forward as (x: Tensor, h: unknown) => Tensor | [Tensor, Tensor]).call(
          cell,
          slice,
          h,
        );
        steps.push(Array.isArray(h) ? h[0] : h);
      }
      const [out, ...last] = run(net, x, null);
      for (const [t, step] of steps.entries()) await close(out!.select(0, t), step);
      for (const [i, s] of [h!].flat().entries()) await close(last[i]!.select(0, 0), s);
    }
  });

  it("one sample without a batch axis, and the batch first", async () => {
    for (const [, make, count] of networks) {
      const net = make({ bidirectional: true, batchFirst: true });
      const x = randn(2, 5, 3); // (B, T, I)
      const batch = run(net, x, null);
      expect(batch[0]!.shape).toEqual([2, 5, 2 * (net.projSize || 4)]);
      const single = run(net, x.select(0, 1), null);
      await close(single[0]!, batch[0]!.select(0, 1));
      for (let i = 1; i <= count; i++) await close(single[i]!, batch[i]!.select(1, 1));
    }
    const cell = new nn.LSTMCell(3, 4);
    const x = randn(2, 3);
    const [h, c] = cell.forward(x);
    const [h1, c1] = cell.forward(x.select(0, 1));
    await close(h1, h.select(0, 1));
    await close(c1, c.select(0, 1));
  });

  it("lengths may be a tensor of a compiled step; one too long or below 1 faults, and changes nothing", async () => {
    const net = new nn.GRU(3, 4);
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 });
    const step = compile((x: Tensor, lengths: Tensor) => {
      const [, last] = net.forward(x, null, { lengths });
      const loss = last.square().sum();
      optimizer.step(loss);
      return loss;
    });
    const x = randn(5, 2, 3);
    const before = await net.weight_hh_l0.data();
    for (const bad of [6, 0, -1]) {
      const tried = async () => step(x, ints(2, bad)).item();
      await expect(tried()).rejects.toThrow("GRU");
      expect(await net.weight_hh_l0.data()).toEqual(before);
    }
    const [, alone] = net.forward(x.narrow(0, 0, 2).narrow(1, 0, 1));
    const [, other] = net.forward(x.narrow(1, 1, 1));
    const wanted = (await alone.square().sum().item()) + (await other.square().sum().item());
    expect(await step(x, ints(2, 5)).item()).toBeCloseTo(wanted, 4);
    expect(await net.weight_hh_l0.data()).not.toEqual(before);
  });

  it("dropout zeros between layers while training, and not behind the last", async () => {
    const net = new nn.LSTM(3, 4, { numLayers: 2, dropout: 1 });
    const other = new nn.LSTM(3, 4);
    other.loadStateDict(
      Object.fromEntries(
        Object.entries(net.stateDict())
          .filter(([key]) => key.endsWith("_l1"))
          .map(([key, t]) => [
            key.replace("_l1", "_l0"),
            t.shape[1] === 4 && key.includes("ih") ? t.narrow(1, 0, 3) : t,
          ]),
      ),
    );
    const x = randn(5, 2, 3);
    const [trained] = net.forward(x);
    const [silent] = other.forward(x.mul(0));
    await close(trained, silent);
    net.eval();
    const [evaluated] = net.forward(x);
    expect(await evaluated.data()).not.toEqual(await trained.data());
  });

  // Training is too slow for the reference, whose gradients are compared above.
  it.skipIf(name === "reference")(
    "learns to say what the sign of a past number was, which needs memory",
    async () => {
      const net = new nn.LSTM(1, 8, { batchFirst: true });
      const head = new nn.Linear(8, 2);
      const optimizer = new optim.Adam([...net.parameters(), ...head.parameters()], { lr: 0.1 });
      const step = compile((x: Tensor, y: Tensor) => {
        const [, [h]] = net.forward(x.unsqueeze(2)); // (1, B, 8)
        const loss = nn.crossEntropy(head.forward(h.select(0, 0)), y);
        optimizer.step(loss);
        return loss;
      });
      const losses: number[] = [];
      for (let i = 0; i < 120; i++) {
        const x = randn(32, 8); // (B, T)
        losses.push(await step(x, x.select(1, 2).gt(0).int()).item());
      }
      const last = losses.slice(-10).reduce((a, b) => a + b, 0) / 10;
      expect(last).toBeLessThan(0.2); // Math.log(2) without memory
    },
  );
});

describe("recurrent modules", () => {
  beforeEach(() => {
    device("reference");
    manualSeed(5);
  });

  it("name their parameters as PyTorch does", () => {
    const net = new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, projSize: 2 });
    const one = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"];
    const ends = ["l0", "l0_reverse", "l1", "l1_reverse"];
    expect(net.namedParameters().map(([key]) => key)).toEqual(
      ends.flatMap((end) => one.map((key) => `${key}_${end}`)),
    );
    expect(net.weight_ih_l1_reverse!.shape).toEqual([16, 4]);
    expect(Object.keys(new nn.GRUCell(3, 4, { bias: false }).stateDict())).toEqual([
      "weight_ih",
      "weight_hh",
    ]);
  });

  it("start uniform within 1/√H, orthogonal or with a forget bias where asked", async () => {
    const net = new nn.GRU(5, 64);
    for (const p of net.parameters()) {
      const values = await p.data();
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1 / 8);
      expect(Math.max(...values)).toBeGreaterThan(0.11);
    }
    const lstm = new nn.LSTM(5, 8, { recurrentInit: "orthogonal", forgetBias: 1 });
    const gate = lstm.weight_hh_l0.narrow(0, 8, 8);
    const product = (await gate.matmul(gate.T).array()) as number[][];
    product.forEach((row, i) => row.forEach((v, j) => expect(v).toBeCloseTo(i === j ? 1 : 0, 5)));
    const bias = await lstm.bias_ih_l0!.add(lstm.bias_hh_l0!).data();
    expect(Array.from(bias.slice(8, 16))).toEqual(Array(8).fill(1));
    expect(bias[0]).not.toBe(bias[1]);
    expect(lstm.parameters()).toHaveLength(4);
    const cell = new nn.LSTMCell(5, 2, { forgetBias: 3 });
    const gates = Array.from(await cell.bias_ih!.add(cell.bias_hh!).data());
    expect(gates.slice(2, 4)).toEqual([3, 3]);
    expect(new Set(gates).size).toBe(7);
  });

  it("blocks of rows are filled one by one, and refused where there are none", async () => {
    const weight = nn.init.ones(new nn.Linear(2, 4).weight);
    nn.init.inBlocks(weight, 2, (block, i) => void (i === 1 && nn.init.constant(block, 5)));
    expect(Array.from(await weight.data())).toEqual([1, 1, 1, 1, 5, 5, 5, 5]);
    const blocks = (n: number) => messageOf(() => nn.init.inBlocks(weight, n, () => {}));
    expect(blocks(3)).toBe("ShapeError: inBlocks: [4,2] has no 3 equal blocks of rows");
    expect(messageOf(() => nn.init.inBlocks(randn(4), 2, () => {}))).toContain(
      "StateError: inBlocks",
    );
  });

  it("print themselves, and have a row in summaries", () => {
    class Net extends nn.Module {
      lstm = new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, batchFirst: true });
      fc = new nn.Linear(8, 2);
      forward(x: Tensor) {
        return this.fc.forward(this.lstm.forward(x)[0]);
      }
    }
    const net = new Net();
    expect(String(net)).toContain("(lstm): LSTM(3 -> 4, 2 layers, bidirectional)");
    const row = nn.summary(net, [5, 3]).rows.find(({ name }) => name === "lstm");
    expect(row).toMatchObject({
      outputShape: [1, 5, 8],
      parameters: 2 * (16 * (3 + 4 + 2) + 16 * (8 + 4 + 2)),
    });
  });

  it("refuse what does not fit", () => {
    const net = new nn.GRU(3, 4, { numLayers: 2 });
    const lstm = new nn.LSTM(3, 4, { batchFirst: true });
    const x = randn(5, 2, 3);
    // biome-ignore lint/suspicious/noExplicitAny: the point is what the types do not allow.
    const any = (value: unknown) => value as any;
    const cases: [() => unknown, string][] = [
      [() => net.forward(randn(5, 2, 4)), "ShapeError: GRU: the input must be (T, B, 3) or (T, 3), got [5,2,4]"],
      [() => lstm.forward(randn(5)), "ShapeError: LSTM: the input must be (B, T, 3) or (T, 3), got [5]"],
      [() => net.forward(randn(0, 2, 3)), "ShapeError: GRU: a sequence needs at least one step, got [0,2,3]"],
      [() => net.forward(ints(1, 2, 1).unsqueeze(0)), "DtypeError: GRU: the input must be float, got int32\n  hint: tokens go through an nn.Embedding first"],
      [() => new nn.RNNCell(3, 4).forward(ints(1, 2, 1)), "DtypeError: RNNCell: the input must be float, got int32"],
      [() => net.forward(any([1])), "ArgumentError: GRU: the input must be a tensor, got an array"],
      [() => net.forward(x, randn(2, 3, 4)), "ShapeError: GRU: the state must be [2,2,4], got [2,3,4]"],
      [() => net.forward(x.select(1, 0), randn(2, 1, 4)), "ShapeError: GRU: the state must be [2,4], got [2,1,4]"],
      [() => lstm.forward(x, any(randn(1, 5, 4))), "ArgumentError: LSTM: the state must be [h, c]"],
      [() => lstm.forward(x, [randn(1, 5, 4), randn(1, 2, 4)]), "ShapeError: LSTM: state c must be [1,5,4], got [1,2,4]"],
      [() => net.forward(x, null, { lengths: [5, 6] }), "ArgumentError: GRU: length 6 of sample 1 is outside of 1 to 5"],
      [() => net.forward(x, null, { lengths: ints(0, 5) }), "ArgumentError: GRU: length 0 of sample 0 is outside of 1 to 5"],
      [() => net.forward(x, null, { lengths: [5] }), "ShapeError: GRU: lengths must be [2], one for each sample, got [1]"],
      [() => net.forward(x, null, { lengths: [5, 1.5] }), "ArgumentError: GRU: lengths must be whole numbers"],
      [() => net.forward(x, null, { lengths: tensor([5, 2], { dtype: "float32" }) }), "DtypeError: GRU: lengths must be int32, got float32"],
      [() => net.forward(x, null, any([5, 2])), "ArgumentError: GRU: options must be an object"],
      [() => new nn.LSTM(3, 4, any(2)), "hint: use { numLayers: 2 }"],
      [() => new nn.LSTM(0, 4), "ArgumentError: LSTM: inputSize must be a whole number of at least 1, got 0"],
      [() => new nn.LSTM(3, 4, { projSize: 4 }), "ArgumentError: LSTM: projSize must be below hiddenSize 4, got 4"],
      [() => new nn.RNN(3, 4, { nonlinearity: any("gelu") }), 'ArgumentError: RNN: no nonlinearity "gelu"'],
      [() => new nn.GRU(3, 4, { recurrentInit: any("eye") }), 'ArgumentError: GRU: no recurrentInit "eye"'],
      [() => new nn.GRU(3, 4, { dropout: 2 }), "ArgumentError: GRU: p must be in [0,1], got 2"],
      [() => new nn.GRUCell(3, 4).forward(randn(2, 4)), "ShapeError: GRUCell: the input must be (B, 3) or (3), got [2,4]"],
      [() => new nn.GRUCell(3, 4).forward(randn(2, 3), randn(3, 4)), "ShapeError: GRUCell: the state must be [2,4], got [3,4]"],
      [() => new nn.LSTMCell(3, 4).forward(randn(2, 3), any(randn(2, 4))), "ArgumentError: LSTMCell: the state must be [h, c]"],
    ]; // biome-ignore format: a table
    for (const [f, message] of cases) expect(messageOf(f)).toContain(message);
    expect(messageOf(() => net.forward(randn(5, 2, 4)))).toContain("in: GRU 3 -> 4, 2 layers");
  });
});

describe("unequal lengths", () => {
  beforeEach(() => {
    device("reference");
  });

  it("pad, and lengths and masks give each other", async () => {
    const [a, b] = [tensor([[1], [2], [3]]), tensor([[4]])];
    const padded = nn.padSequence([a, b], { batchFirst: true, paddingValue: -1 });
    expect(await padded.array()).toEqual([
      [[1], [2], [3]],
      [[4], [-1], [-1]],
    ]);
    expect(nn.padSequence([a, b]).shape).toEqual([3, 2, 1]);
    const again = nn.unpadSequence(padded, ints(3, 1), { batchFirst: true });
    expect(await Promise.all(again.map((x) => x.array()))).toEqual([[[1], [2], [3]], [[4]]]);
    const first = nn.unpadSequence(nn.padSequence([a, b]), [3, 0]);
    expect(first.map((x) => x.shape)).toEqual([
      [3, 1],
      [0, 1],
    ]);
    expect(messageOf(() => nn.unpadSequence(padded, [3, 1]))).toContain("lengths must be [3]");
    expect(messageOf(() => nn.unpadSequence(a, ints(4)))).toContain("length 4 of sample 0");
    expect(messageOf(() => nn.unpadSequence(a, ints(1).add(1)))).toContain("StateError");
    expect(await nn.padSequence([ints(1, 2), ints(3)]).array()).toEqual([
      [1, 3],
      [2, 0],
    ]);
    const mask = nn.maskOf([3, 1], 4);
    expect(await mask.array()).toEqual([
      [true, true, true, false],
      [true, false, false, false],
    ]);
    expect(await nn.lengthsOf(mask).array()).toEqual([3, 1]);
    expect(await nn.lengthsOf(tensor([[0, 0]])).array()).toEqual([0]);
    expect(messageOf(() => nn.padSequence([]))).toContain("needs at least one sequence");
    expect(messageOf(() => nn.padSequence([tensor([[1]]), tensor([[1, 2]])]))).toContain(
      "ShapeError: padSequence: [1,1] and [1,2] differ behind their first axis",
    );
    expect(messageOf(() => nn.lengthsOf(ints(1)))).toContain("the mask must be (B, T), got [1]");
  });
});
