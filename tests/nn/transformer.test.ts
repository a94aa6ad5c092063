// Transformer layers, positions and the attention of sequence-to-sequence models, by their properties.
// What PyTorch computes is compared in tests/golden.
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
} from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

async function expectClose(got: Tensor, want: Tensor): Promise<void> {
  const [a, b] = [await got.data(), await want.data()];
  expect(a.length).toBe(b.length);
  b.forEach((w, i) => expect(a[i], `element ${i}`).toBeCloseTo(w, 5));
}

describe.each(devices)("transformers on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(2);
  });

  it("stack copies that start alike and go their own ways", async () => {
    const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
    const encoder = new nn.TransformerEncoder(layer, 3, new nn.LayerNorm(8));
    const state = encoder.stateDict();
    expect(Object.keys(state)).toHaveLength(3 * 12 + 2);
    await expectClose(state["layers.2.linear1.weight"]!, state["layers.0.linear1.weight"]!);
    const optimizer = new optim.Adam(encoder.parameters(), { lr: 0.01 });
    const step = compile((x: Tensor) => {
      const loss = encoder
        .forward(x)
        .square()
        .mul(tensor([1, 2, 3, 4, 5, 6, 7, 8]))
        .mean();
      optimizer.step(loss);
      return loss;
    });
    const x = randn(4, 5, 8);
    for (let i = 0; i < 3; i++) await step(x).item();
    const after = encoder.stateDict();
    const [a, c] = [after["layers.0.linear1.weight"]!, after["layers.2.linear1.weight"]!];
    expect(await a.data()).not.toEqual(await c.data());
  });

  it("hide the future from a causal encoder and a causal decoder", async () => {
    const model = new nn.Transformer({
      dModel: 8, heads: 2, encoderLayers: 1, decoderLayers: 2, dimFeedforward: 16, batchFirst: true,
    }).eval(); // biome-ignore format: options
    const [src, tgt] = [randn(2, 3, 8), randn(2, 5, 8)];
    const full = model.forward(src, tgt, { causal: true });
    const part = model.forward(src, tgt.narrow(1, 0, 3), { causal: true });
    await expectClose(part, full.narrow(1, 0, 3));
    const masked = model.forward(src, tgt, {
      tgtMask: nn.Transformer.generateSquareSubsequentMask(5),
    });
    await expectClose(masked, full);
    const encoded = model.encoder.forward(src, { causal: true });
    await expectClose(
      model.encoder.forward(src.narrow(1, 0, 2), { causal: true }),
      encoded.narrow(1, 0, 2),
    );
  });

  it("pay no heed to padding", async () => {
    const model = new nn.Transformer({
      dModel: 8, heads: 2, encoderLayers: 2, decoderLayers: 1, dimFeedforward: 16, batchFirst: true,
    }).eval(); // biome-ignore format: options
    const [src, tgt] = [randn(1, 4, 8), randn(1, 3, 8)];
    const hidden = tensor([[0, 0, 1, 1]]).bool();
    const masks = { srcKeyPaddingMask: hidden, memoryKeyPaddingMask: hidden };
    const want = model.forward(src.narrow(1, 0, 2), tgt);
    await expectClose(model.forward(src, tgt, masks), want);
  });

  it("refuse unknown activations and odd sizes", () => {
    const make = (activation: string) =>
      new nn.TransformerEncoderLayer(8, 2, { activation: activation as "relu" });
    expect(() => make("swish")).toThrow('TransformerLayer: there is no activation "swish"');
    expect(() => new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 0 })).toThrow(
      "TransformerDecoderLayer: dimFeedforward must be a whole number of at least 1, got 0",
    );
  });

  it("rotary positions leave products to the distance alone, in both arrangements", async () => {
    for (const interleaved of [false, true]) {
      const [q, k] = [randn(1, 8).expand(6, 8), randn(1, 8).expand(6, 8)];
      const [a, c] = [q, k].map((x) => nn.rotaryPositions(x, { interleaved })) as [Tensor, Tensor];
      const products = (await a.matmul(c.T).array()) as number[][];
      for (let i = 0; i < 5; i++) {
        for (let j = 0; j < 5; j++) {
          expect(products[i]![j]).toBeCloseTo(products[i + 1]![j + 1]!, 4);
        }
      }
      expect(products[0]![0]).not.toBeCloseTo(products[0]![3]!, 2);
      await expectClose(
        nn.rotaryPositions(q.narrow(0, 0, 2), { interleaved, offset: 3 }),
        a.narrow(0, 3, 2),
      );
      const place = tensor(3, { dtype: "int32" });
      await expectClose(
        nn.rotaryPositions(q.narrow(0, 0, 2), { interleaved, offset: place }),
        a.narrow(0, 3, 2),
      );
    }
  });

  it("sinusoidal positions are sines and cosines in turn; learned ones are trained", async () => {
    const table = (await nn.sinusoidalPositions(4, 6).array()) as number[][];
    expect(table[0]).toEqual([0, 1, 0, 1, 0, 1]);
    expect(table[3]![0]).toBeCloseTo(Math.sin(3), 5);
    expect(table[3]![3]).toBeCloseTo(Math.cos(3 / 10000 ** (2 / 6)), 5);
    const fixed = new nn.SinusoidalPositions(6, { maxLength: 4 });
    expect(fixed.parameters()).toEqual([]);
    await expectClose(
      fixed.forward(randn(2, 3, 6).mul(0)).select(0, 1),
      nn.sinusoidalPositions(3, 6),
    );
    expect(() => fixed.forward(randn(1, 5, 6))).toThrow(
      "SinusoidalPositions: 5 places, but there are positions for 4",
    );
    const learned = new nn.LearnedPositions(4, 6);
    learned
      .forward(randn(2, 3, 6))
      .sum()
      .backward();
    expect([...(await learned.weight.grad!.sum(1).data())]).toEqual([12, 12, 12, 0]);
    expect(() => learned.rows(5)).toThrow("LearnedPositions: 5 places");
  });

  it("additive and multiplicative attention score as their papers say", async () => {
    const [query, memory] = [randn(2, 3, 4), randn(2, 5, 6)];
    const additive = new nn.AdditiveAttention(4, 6, 7);
    const [context, weights] = additive.forward(query, memory);
    expect(context.shape).toEqual([2, 3, 6]);
    const asked = query.matmul(additive.query_layer.weight.T).select(1, 1).select(0, 0); // (H)
    const keys = memory.matmul(additive.key_layer.weight.T).select(0, 0); // (S, H)
    const energy = asked.add(keys).tanh().matmul(additive.energy_layer.weight.select(0, 0)); // (S)
    await expectClose(weights.select(0, 0).select(0, 1), energy.softmax(0));
    await expectClose(context, weights.matmul(memory));
    const general = new nn.MultiplicativeAttention(4, 6);
    const scores = query.matmul(general.key_layer!.weight).matmul(memory.mT);
    await expectClose(general.forward(query, memory)[1], scores.softmax(-1));
    const dot = new nn.MultiplicativeAttention(6, 6, { score: "dot" });
    await expectClose(dot.forward(memory, memory)[1], memory.matmul(memory.mT).softmax(-1));
    expect(() => new nn.MultiplicativeAttention(4, 6, { score: "dot" })).toThrow(
      'MultiplicativeAttention: score "dot" needs one size, got 4 and 6',
    );
  });

  it("memory attention takes one query at a time, and masks", async () => {
    const [query, memory] = [randn(2, 4), randn(2, 5, 6)];
    const attention = new nn.AdditiveAttention(4, 6);
    const mask = tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]).bool(); // biome-ignore format: a matrix
    const [context, weights] = attention.forward(query, memory, { mask });
    expect([context.shape, weights.shape]).toEqual([[2, 6], [2, 5]]); // biome-ignore format: shapes
    expect([...(await weights.data())].slice(2, 5)).toEqual([0, 0, 0]);
    await expectClose(weights.sum(-1), ones(2));
    expect(() => attention.forward(randn(4), memory)).toThrow(
      "AdditiveAttention: query [4] must be (B, Q) or (B, L, Q), memory [2,5,6] (B, S, M)",
    );
  });
});
