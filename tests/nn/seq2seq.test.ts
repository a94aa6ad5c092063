// Sequence to sequence: an encoder, and a decoder that is a loop over target steps with attention inside.
// Teacher forcing's loss and gradients against the same decoder written as an unrolled loop, and what it
// can learn. Not here: the attentions themselves, or translation as a whole.
import { beforeEach, describe, expect, it } from "vitest";
import {
  cat,
  compile,
  device,
  manualSeed,
  nn,
  optim,
  rand,
  scan,
  stack,
  Tensor,
  zeros,
} from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

const [V, E, H] = [7, 5, 6]; // tokens, embedding, hidden

interface Batch {
  source: Tensor; // (B, S)
  lengths: Tensor; // (B)
  target: Tensor; // (B, T), begins with token 1
}

class Translator extends nn.Module {
  embed = new nn.Embedding(V, E);
  encoder = new nn.GRU(E, H, { batchFirst: true, bidirectional: true });
  attention = new nn.AdditiveAttention(H, 2 * H);
  cell = new nn.GRUCell(E + 2 * H, H);
  head = new nn.Linear(H, V);

  encode({ source, lengths }: Batch) {
    const [memory] = this.encoder.forward(this.embed.forward(source), null, { lengths }); // (B, S, 2H)
    return { memory, mask: nn.maskOf(lengths, source.shape[1]!) };
  }

  /** One step: the state asks the memory, and what it finds goes into the cell beside the token. */
  step(h: Tensor, token: Tensor, memory: Tensor, mask: Tensor): Tensor {
    const [context] = this.attention.forward(h, memory, { mask }); // (B, 2H)
    return this.cell.forward(cat([token, context], 1), h); // (B, H)
  }

  /** Logits (T-1, B, V) for each next token; `loop` says how the steps are taken. */
  forward(batch: Batch, loop: (body: Body, h: Tensor, xs: Tensor) => Tensor): Tensor {
    const { memory, mask } = this.encode(batch);
    const given = this.embed.forward(batch.target).transpose(0, 1); // (T, B, E)
    const start = zeros(given.shape[1]!, H);
    const body: Body = (h, token) => this.step(h, token, memory, mask);
    return this.head.forward(loop(body, start, given.narrow(0, 0, given.shape[0]! - 1)));
  }

  loss(batch: Batch, loop: (body: Body, h: Tensor, xs: Tensor) => Tensor): Tensor {
    const logits = this.forward(batch, loop); // (T-1, B, V)
    const wanted = batch.target.transpose(0, 1).narrow(0, 1, logits.shape[0]!); // (T-1, B)
    return nn.crossEntropy(logits.flatten(0, 1), wanted.flatten());
  }
}

type Body = (h: Tensor, x: Tensor) => Tensor;

const scanned = (body: Body, h: Tensor, xs: Tensor): Tensor => {
  const step = (state: Tensor, x: Tensor): [Tensor, Tensor] => {
    const next = body(state, x);
    return [next, next];
  };
  return scan(step, h, xs)[1];
};

const unrolled = (body: Body, h: Tensor, xs: Tensor): Tensor => {
  const states: Tensor[] = [];
  for (const x of xs.unbind(0)) states.push(body(states.at(-1) ?? h, x));
  return stack(states);
};

/** Sources of random length; the target is the source backwards, begun with 1. */
function batchOf(B: number, S: number, seed: number): Batch {
  let state = seed;
  const next = (n: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * n);
  };
  const source = new Int32Array(B * S);
  const target = new Int32Array(B * (S + 1));
  const lengths = Int32Array.from({ length: B }, () => 1 + next(S));
  for (let b = 0; b < B; b++) {
    target[b * (S + 1)] = 1;
    for (let i = 0; i < lengths[b]!; i++) {
      const token = 2 + next(V - 2);
      source[b * S + i] = token;
      target[b * (S + 1) + lengths[b]! - i] = token;
    }
  }
  return {
    source: Tensor.from(source, [B, S]),
    lengths: Tensor.from(lengths),
    target: Tensor.from(target, [B, S + 1]),
  };
}

describe.each(devices)("a decoder that is a scan with attention, on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(4);
  });

  it("has the loss and the gradients of the unrolled one, compiled or not", async () => {
    const model = new Translator();
    const batch = batchOf(3, 4, 9);
    const gradients = async (loop: typeof scanned) => {
      model.zeroGrad();
      const loss = model.loss(batch, loop);
      loss.backward();
      const all = model.namedParameters().map(([path, p]) => [path, p.grad!] as const);
      return [await loss.item(), await Promise.all(all.map(async ([p, g]) => [p, await g.data()]))];
    };
    const [loss, found] = (await gradients(scanned)) as [number, [string, Float32Array][]];
    const [wanted, all] = (await gradients(unrolled)) as [number, [string, Float32Array][]];
    expect(loss).toBeCloseTo(wanted, 5);
    expect(all.length).toBe(model.parameters().length);
    for (const [i, [path, values]] of all.entries()) {
      expect(values.some((v) => v !== 0)).toBe(true);
      values.forEach((v, j) => expect(found[i]![1][j], `${path}[${j}]`).toBeCloseTo(v, 5));
    }
    const compiled = compile((source: Tensor, lengths: Tensor, target: Tensor) =>
      model.loss({ source, lengths, target }, scanned),
    );
    const { source, lengths, target } = batch;
    expect(await compiled(source, lengths, target).item()).toBeCloseTo(wanted, 5);
  });

  // Training is too slow for the reference, whose gradients are compared above.
  it.skipIf(name === "reference")("learns to say a sequence backwards", async () => {
    const model = new Translator();
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
    const step = compile((source: Tensor, lengths: Tensor, target: Tensor) => {
      const loss = model.loss({ source, lengths, target }, scanned);
      optimizer.step(loss);
      return loss;
    });
    const losses: number[] = [];
    for (let i = 0; i < 150; i++) {
      const { source, lengths, target } = batchOf(16, 4, i + 1);
      losses.push(await step(source, lengths, target).item());
    }
    expect(losses[0]).toBeGreaterThan(1.5);
    expect(losses.at(-1)).toBeLessThan(0.4);
  });

  it("drops anew at each step where dropout is inside", async () => {
    const xs = zeros(4, 64).add(1);
    const body = (count: Tensor, x: Tensor): [Tensor, Tensor] => [count.add(1), nn.dropout(x, 0.5)];
    const run = () => scan(body, zeros(1), xs)[1];
    const rows = (await run().array()) as number[][];
    for (const row of rows) expect(row.some((v) => v === 0) && row.some((v) => v === 2)).toBe(true);
    expect(new Set(rows.map(String)).size).toBe(4);
    expect(await run().array()).not.toEqual(rows);
    const x = rand(4, 64);
    await x.realize();
    x.requiresGrad = true;
    const out = scan(body, zeros(1), x)[1];
    out.sum().backward();
    const [y, g, v] = [await out.data(), await x.grad!.data(), await x.data()];
    v.forEach((value, i) => expect(y[i]).toBeCloseTo(g[i]! * value, 5));
  });
});
