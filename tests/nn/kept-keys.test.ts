// Attention that goes on token by token with kept keys and values gives what it gives for the whole
// sequence at once; one program serves all places; what does not fit changes nothing.
import { beforeEach, describe, expect, it } from "vitest";
import {
  cat,
  compile,
  device,
  manualSeed,
  nn,
  noGrad,
  randn,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

async function near(a: Tensor, b: Tensor): Promise<void> {
  expect(a.shape).toEqual(b.shape);
  const [p, q] = [await a.data(), await b.data()];
  p.forEach((v, i) => expect(v).toBeCloseTo(q[i]!, 5));
}

/** Pieces of 2, 1, 1 and 2 of six places, one after the other. */
const pieces = [2, 1, 1, 2];

function inPieces(x: Tensor, axis: number, step: (piece: Tensor) => Tensor): Tensor {
  let from = 0;
  const out = pieces.map((count) => {
    from += count;
    return step(x.narrow(axis, from - count, count));
  });
  return cat(out, axis);
}

describe.each(devices)("kept keys on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(2);
  });

  it.each([true, false])("MultiheadAttention, batchFirst %s", async (batchFirst) => {
    const layer = new nn.MultiheadAttention(8, 2, { batchFirst }).eval();
    const x = batchFirst ? randn(3, 6, 8) : randn(6, 3, 8);
    const axis = batchFirst ? 1 : 0;
    const [whole, weights] = layer.forward(x, x, x, { causal: true });
    const cache = layer.cacheFor(3, 6);
    const shown: Tensor[] = [];
    const step = compile((piece: Tensor) => {
      const [y, w] = layer.forward(piece, piece, piece, { cache });
      cache.advance(piece.shape[axis]!);
      return [y, w!] as const;
    });
    const parts = inPieces(x, axis, (piece) => {
      const [y, w] = step(piece);
      shown.push(w);
      return y;
    });
    await near(parts, whole);
    await near(cat(shown, 1), weights!);
    cache.reset();
    const again = inPieces(x, axis, (piece) => {
      const [y] = layer.forward(piece, piece, piece, { cache, needWeights: false });
      cache.advance(piece.shape[axis]!);
      return y;
    });
    await near(again, whole);
  });

  it("TransformerDecoder, whose caches move by themselves", async () => {
    const layer = new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
    const decoder = new nn.TransformerDecoder(layer, 2).eval();
    const [tgt, memory] = [randn(2, 6, 8), randn(2, 4, 8)];
    const whole = noGrad(() => decoder.forward(tgt, memory, { causal: true }));
    const caches = decoder.cachesFor(2, 8);
    const step = compile((x: Tensor) => noGrad(() => decoder.forward(x, memory, { caches })));
    await near(inPieces(tgt, 1, step), whole);
    const one = tensor([1, 1], { dtype: "int32" });
    for (const cache of caches) cache.select(one);
    const [last] = [await step(randn(1, 1, 8).expand(2, 1, 8)).array()] as number[][][][];
    expect(last![0]).not.toEqual(last![1]); // the rows' memories differ
    await expect((async () => (await step(randn(2, 2, 8))).data())()).rejects.toThrow("outside");
  });

  it("GroupedQueryAttention, with rotary positions", async () => {
    const layer = new nn.GroupedQueryAttention(8, 4, 2);
    const x = randn(2, 6, 8);
    const whole = layer.forward(x);
    const cache = layer.cacheFor(2, 6);
    const step = compile((piece: Tensor) => {
      const y = layer.forward(piece, { cache });
      cache.advance(piece.shape[1]!);
      return y;
    });
    await near(inPieces(x, 1, step), whole);
    // The same with every key and value head written out for its group.
    const heads = (t: Tensor, n: number) => t.unflatten(-1, [n, 2]).transpose(1, 2);
    const spread = (t: Tensor) => t.repeatInterleave(2, 1);
    const q = nn.rotaryPositions(heads(layer.q_proj.forward(x), 4));
    const k = spread(nn.rotaryPositions(heads(layer.k_proj.forward(x), 2)));
    const v = spread(heads(layer.v_proj.forward(x), 2));
    const y = nn.scaledDotProductAttention(q, k, v, { causal: true });
    await near(layer.o_proj.forward(y.transpose(1, 2).flatten(2)), whole);
  });
});

describe("what does not go with a cache", () => {
  it("says so", () => {
    const x = randn(3, 2, 8);
    const layer = new nn.MultiheadAttention(8, 2, { addZeroAttn: true });
    expect(() => layer.forward(x, x, x, { cache: layer.cacheFor(2, 4) })).toThrow(
      "MultiheadAttention: a cache goes with batches only, not with masks, addBiasKv or addZeroAttn",
    );
    expect(() => new nn.KeyValueCache([1, 2, 0, 4])).toThrow(
      "KeyValueCache: takes sizes (B, H, M, D), got [1,2,0,4]",
    );
    const decoder = new nn.TransformerDecoder(new nn.TransformerDecoderLayer(8, 2), 2);
    expect(() => decoder.forward(x, x, { caches: decoder.cachesFor(2, 4).slice(1) })).toThrow(
      "TransformerDecoder: 1 caches for 2 layers",
    );
  });
});
