// Attention against its definition written as loops: masks of both kinds and both meanings, queries that
// see nothing, grouped heads, long sequences. What PyTorch computes is compared in tests/golden.
import { beforeEach, describe, expect, it } from "vitest";
import {
  compile,
  device,
  gradients,
  manualSeed,
  nn,
  ones,
  randn,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { inBlocks, inStretches } from "../../src/nn/attention-blocks.ts";
import { devices } from "../tensor/devices.ts";

type See = (b: number, h: number, i: number, j: number) => number;

/** What is added to the score of query i and key j; -∞ hides the key. */
const nothing: See = () => 0;

/** Attention of (B, H, L, E), (B, H, S, E), (B, H, S, F) by the definition, in float64. */
async function byHand(q: Tensor, k: Tensor, v: Tensor, added: See): Promise<number[]> {
  const [B, H, L, E] = q.shape as [number, number, number, number];
  const [S, F] = [k.shape[2]!, v.shape[3]!];
  const [qs, ks, vs] = [await q.data(), await k.data(), await v.data()];
  const out: number[] = [];
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const head = b * H + h;
      for (let i = 0; i < L; i++) {
        const scores = Array.from({ length: S }, (_, j) => {
          let dot = 0;
          for (let e = 0; e < E; e++)
            dot += qs[(head * L + i) * E + e]! * ks[(head * S + j) * E + e]!;
          return dot / Math.sqrt(E) + added(b, h, i, j);
        });
        const high = Math.max(...scores);
        const powers = scores.map((s) => (high === -Infinity ? 0 : Math.exp(s - high)));
        const sum = powers.reduce((a, p) => a + p, 0) || 1;
        for (let f = 0; f < F; f++) {
          out.push(powers.reduce((a, p, j) => a + (p / sum) * vs[(head * S + j) * F + f]!, 0));
        }
      }
    }
  }
  return out;
}

async function expectClose(got: Tensor, want: readonly number[], digits = 5): Promise<void> {
  const values = await got.data();
  expect(values.length).toBe(want.length);
  want.forEach((w, i) => expect(values[i], `element ${i}`).toBeCloseTo(w, digits));
}

const operands = (B = 2, H = 3, L = 4, S = 5, E = 6, F = 7) => [
  randn(B, H, L, E),
  randn(B, H, S, E),
  randn(B, H, S, F),
];

describe.each(devices)("scaled dot-product attention on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(11);
  });

  it("sees all keys, or those up to the query's own place", async () => {
    const [q, k, v] = operands() as [Tensor, Tensor, Tensor];
    await expectClose(nn.scaledDotProductAttention(q, k, v), await byHand(q, k, v, nothing));
    const causal = await byHand(q, k, v, (_, __, i, j) => (j <= i ? 0 : -Infinity));
    await expectClose(nn.scaledDotProductAttention(q, k, v, { causal: true }), causal);
  });

  it("takes bool masks that show and float masks that are added", async () => {
    const [q, k, v] = operands() as [Tensor, Tensor, Tensor];
    const shown = tensor([[1, 0, 1, 1, 0]]).bool(); // the same for all
    const want = await byHand(q, k, v, (_, __, ___, j) => (j === 1 || j === 4 ? -Infinity : 0));
    await expectClose(nn.scaledDotProductAttention(q, k, v, { mask: shown }), want);
    const bias = randn(2, 1, 4, 5);
    const values = await bias.data();
    const added = await byHand(q, k, v, (b, _, i, j) => values[(b * 4 + i) * 5 + j]!);
    await expectClose(nn.scaledDotProductAttention(q, k, v, { mask: bias }), added);
  });

  it("gives zeros, and gradients of zero, to a query that sees nothing", async () => {
    const [q, k, v] = operands(1, 1, 3, 3, 2, 2) as [Tensor, Tensor, Tensor];
    const mask = tensor([[0, 0, 0], [1, 0, 0], [1, 1, 1]]).bool(); // biome-ignore format: a matrix
    for (const x of [q, k, v]) x.requiresGrad = true;
    const out = nn.scaledDotProductAttention(q, k, v, { mask });
    const want = await byHand(q, k, v, (_, __, i, j) =>
      j <= i && i > 0 && (i > 1 || j < 1) ? 0 : -Infinity,
    );
    expect(want.slice(0, 2)).toEqual([0, 0]);
    await expectClose(out, want);
    out.sum().backward();
    for (const x of [q, k, v]) {
      expect((await x.grad!.data()).every(Number.isFinite)).toBe(true);
    }
    expect([...(await q.grad!.data())].slice(0, 2)).toEqual([0, 0]);
  });

  it("shares keys and values among groups of queries", async () => {
    const [q] = operands(2, 6, 4, 5, 8, 8) as [Tensor];
    const [k, v] = [randn(2, 2, 5, 8), randn(2, 2, 5, 8)];
    const spread = (x: Tensor) => x.repeatInterleave(3, 1);
    for (const mask of [undefined, randn(4, 5), randn(2, 6, 4, 5), randn(2, 1, 4, 5)]) {
      const got = nn.scaledDotProductAttention(q, k, v, { groupedQueries: true, mask });
      const want = nn.scaledDotProductAttention(q, spread(k), spread(v), { mask });
      expect(got.shape).toEqual([2, 6, 4, 8]);
      await expectClose(got, [...(await want.data())]);
    }
  });

  it("drops weights at random and scales the others, on average the same", async () => {
    const [q, k] = [randn(1, 1, 4, 8), randn(1, 1, 4000, 8).mul(0.1)];
    const v = ones(1, 1, 4000, 2);
    const out = await nn.scaledDotProductAttention(q, k, v, { dropout: 0.25 }).data();
    for (const value of out) {
      expect(value).not.toBe(1);
      expect(Math.abs(value - 1)).toBeLessThan(0.06); // about 6 deviations
    }
  });
});

describe.each(devices)("attention in blocks on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(4);
  });

  const attend = (q: Tensor, k: Tensor, v: Tensor, options: nn.AttentionOptions) =>
    nn.scaledDotProductAttention(q, k, v, options);

  it("is attention in one piece, values and gradients, whatever the block", async () => {
    const [q, k, v] = operands(2, 2, 7, 5, 4, 3) as [Tensor, Tensor, Tensor];
    const g = randn(2, 2, 7, 3);
    for (const x of [q, k, v]) x.requiresGrad = true;
    const masks = [{}, { causal: true }, { mask: randn(2, 1, 7, 5) }, { mask: randn(2, 1, 1, 5) }];
    for (const options of [...masks, { mask: randn(7, 5).gt(0), scale: 0.3 }]) {
      const results = (out: Tensor) => [out, ...gradients(out, [q, k, v], g).map((x) => x!)];
      const want = results(attend(q, k, v, options));
      for (const rows of [1, 3, 7]) {
        const got = results(inBlocks(attend, [q, k, v], options, rows));
        for (const [i, t] of want.entries()) await expectClose(got[i]!, [...(await t.data())]);
      }
    }
  });

  it("is causal attention in one piece, stretch of queries after stretch", async () => {
    const [q, k, v] = operands(2, 2, 9, 9, 4, 3) as [Tensor, Tensor, Tensor];
    const g = randn(2, 2, 9, 3);
    for (const x of [q, k, v]) x.requiresGrad = true;
    for (const mask of [undefined, randn(9, 9), randn(2, 1, 1, 9), randn(9)]) {
      const options = { causal: true, mask };
      const results = (out: Tensor) => [out, ...gradients(out, [q, k, v], g).map((x) => x!)];
      const want = results(attend(q, k, v, options));
      const blocks = (x: readonly [Tensor, Tensor, Tensor], own: nn.AttentionOptions) =>
        inBlocks(attend, x, own, 2);
      const got = results(inStretches(blocks, [q, k, v], options));
      for (const [i, t] of want.entries()) await expectClose(got[i]!, [...(await t.data())]);
    }
  });
});

describe("long sequences", () => {
  it("have no matrix of scores, forward and backward", async () => {
    const backend = device("wasm").backend as { memoryBytes?: () => number };
    manualSeed(6);
    const T = 2304; // scores of 21 MB a head
    const [q, k, v] = [randn(1, 2, T, 8), randn(1, 2, T, 8), randn(1, 2, T, 8)];
    for (const x of [q, k, v]) x.requiresGrad = true;
    await Promise.all([q, k, v].map((x) => x.realize()));
    const step = compile(() => {
      const out = nn.scaledDotProductAttention(q, k, v, { causal: true });
      return [out, ...gradients(out.square().sum(), [q, k, v]).map((x) => x!)];
    });
    const before = backend.memoryBytes!();
    const [out, ...grads] = step() as Tensor[];
    const values = await out!.narrow(2, T - 1, 1).data();
    for (const grad of grads) expect((await grad.data()).every(Number.isFinite)).toBe(true);
    expect(backend.memoryBytes!() - before).toBeLessThan(2 * 4 * T * T);
    const last = (x: Tensor) => x.narrow(2, T - 1, 1);
    await expectClose(nn.scaledDotProductAttention(last(q), k, v), [...values]);
  });
});

describe("bad operands of attention", () => {
  beforeEach(() => void device("reference"));

  it("are refused with their shapes", () => {
    const [q, k, v] = operands() as [Tensor, Tensor, Tensor];
    const run =
      (...args: Parameters<typeof nn.scaledDotProductAttention>) =>
      () =>
        nn.scaledDotProductAttention(...args);
    expect(run(q, v, v)).toThrow(
      "scaledDotProductAttention: query [2,3,4,6], key [2,3,5,7], value [2,3,5,7]: query and key differ in size",
    );
    expect(run(q, k, q)).toThrow("key and value differ in length");
    expect(run(q, k, v, { mask: ones(4, 4) })).toThrow("do not broadcast");
    expect(run(q, k, v, { mask: ones(9, 2, 3, 4, 5) })).toThrow(
      "mask [9,2,3,4,5] does not broadcast to the scores [2,3,4,5]",
    );
    expect(run(q, k, v, { mask: ones(4, 5).int() })).toThrow(
      "scaledDotProductAttention: a mask must be bool or float, got int32",
    );
    const two = randn(2, 2, 5, 6);
    expect(run(q, two, two, { groupedQueries: true })).toThrow(
      "3 query heads do not divide among 2 key and 2 value heads",
    );
  });
});

describe.each(devices)("MultiheadAttention on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(5);
  });

  const layer = (options: nn.MultiheadAttentionOptions = {}) =>
    new nn.MultiheadAttention(8, 2, { batchFirst: true, ...options });

  it("hides where a mask is true, whatever kind it is, and joins masks", async () => {
    const mha = layer();
    const x = randn(2, 4, 8);
    const padding = tensor([[0, 0, 0, 1], [0, 0, 0, 0]]).bool(); // biome-ignore format: a matrix
    const hidden = nn.causalMask(4).logicalNot();
    const float = nn.Transformer.generateSquareSubsequentMask(4);
    const run = (options: nn.MultiheadAttentionCall) => mha.forward(x, x, x, options);
    const [out, weights] = run({ keyPaddingMask: padding, attnMask: hidden });
    const seen = (await weights!.array()) as number[][][];
    seen.forEach((rows, b) =>
      rows.forEach((row, i) =>
        row.forEach((w, j) => expect(w > 0).toBe(j <= i && !(b === 0 && j === 3))),
      ),
    );
    const want = [...(await out.data())];
    await expectClose(run({ keyPaddingMask: padding, attnMask: float })[0], want);
    await expectClose(run({ keyPaddingMask: padding, causal: true })[0], want);
    const each = hidden.expand(4, 4, 4); // for every head of every sequence
    await expectClose(run({ keyPaddingMask: padding, attnMask: each })[0], want);
    const spared = run({ keyPaddingMask: padding, causal: true, needWeights: false });
    expect(spared[1]).toBe(null);
    await expectClose(spared[0], want);
  });

  it("projects once, twice or three times to the same result", async () => {
    const mha = layer();
    const x = randn(2, 4, 8);
    const copy = () => x.clone();
    const [once] = mha.forward(x, x, x);
    const want = [...(await once.data())];
    const kv = copy();
    await expectClose(mha.forward(copy(), kv, kv)[0], want);
    await expectClose(mha.forward(copy(), copy(), copy())[0], want);
  });

  it("takes time first by default, and sequences without a batch", async () => {
    const first = layer();
    const mha = new nn.MultiheadAttention(8, 2).loadStateDict(first.stateDict());
    const x = randn(2, 4, 8);
    const want = [...(await first.forward(x, x, x)[0].data())];
    const t = x.transpose(0, 1);
    await expectClose(mha.forward(t, t, t)[0].transpose(0, 1), want);
    const one = x.select(0, 0);
    const [out, weights] = mha.forward(one, one, one, { averageAttnWeights: false });
    expect(weights!.shape).toEqual([2, 4, 4]);
    await expectClose(out, want.slice(0, 32));
  });

  it("always sees the learned key and the key of zeros", async () => {
    const mha = layer({ addBiasKv: true, addZeroAttn: true });
    const x = randn(1, 3, 8);
    const all = ones(1, 3).bool();
    const [, weights] = mha.forward(x, x, x, { keyPaddingMask: all, causal: true });
    expect(weights!.shape).toEqual([1, 3, 5]);
    for (const row of (await weights!.squeeze(0).array()) as number[][]) {
      expect(row.slice(0, 3)).toEqual([0, 0, 0]);
      expect(row[3]! + row[4]!).toBeCloseTo(1, 5);
    }
  });

  it("drops weights while training only", async () => {
    const mha = layer({ dropout: 0.5 });
    const x = randn(2, 4, 8);
    const run = compile((x: Tensor) => mha.forward(x, x, x)[0]);
    expect(await run(x).data()).not.toEqual(await run(x).data());
    mha.eval();
    expect(await run(x).data()).toEqual(await run(x).data());
  });

  it("starts as PyTorch's does", async () => {
    const mha = new nn.MultiheadAttention(64, 4, { addBiasKv: true });
    const bound = Math.sqrt(6 / (64 + 192));
    const weight = Float32Array.from(await mha.in_proj_weight!.data());
    expect(Math.max(...weight)).toBeLessThanOrEqual(bound);
    expect(Math.max(...weight)).toBeGreaterThan(bound * 0.99);
    expect((await mha.in_proj_bias!.data()).every((v) => v === 0)).toBe(true);
    expect((await mha.out_proj.bias!.data()).every((v) => v === 0)).toBe(true);
    expect(Object.keys(mha.stateDict()).sort()).toEqual([
      "bias_k",
      "bias_v",
      "in_proj_bias",
      "in_proj_weight",
      "out_proj.bias",
      "out_proj.weight",
    ]);
  });

  it("refuses inputs and masks that do not fit", () => {
    const mha = layer();
    const x = randn(2, 4, 8);
    expect(() => new nn.MultiheadAttention(8, 3)).toThrow(
      "MultiheadAttention: embedDim 8 does not divide into 3 heads",
    );
    expect(() => mha.forward(x, x, randn(2, 5, 8))).toThrow("key and value differ in length");
    expect(() => mha.forward(x, randn(3, 4, 8), randn(3, 4, 8))).toThrow("the batches differ");
    expect(() => mha.forward(x, x, randn(2, 4, 7))).toThrow("the last axes must be [8,8,8]");
    expect(() => mha.forward(x, x, x, { keyPaddingMask: ones(4, 2).bool() })).toThrow(
      "MultiheadAttention: keyPaddingMask must be [2,4], got [4,2]",
    );
    expect(() => mha.forward(x, x, x, { attnMask: ones(3, 4).bool() })).toThrow(
      "MultiheadAttention: attnMask must be [4,4], got [3,4]",
    );
  });
});
