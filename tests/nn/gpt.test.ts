// GPT: nanoGPT's names and initial values; writing with kept keys and values gives what the whole window
// gives, for many rows, long prompts and rows that change places, and compiles once. And what an embedding
// does with tokens that do not exist.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { compile, device, generatorState, manualSeed, nn, optim, Tensor } from "../../src/index.ts";
import { beamSearch, generate, type LanguageModel } from "../../src/text/index.ts";
import { devices } from "../tensor/devices.ts";

const options = { vocabularySize: 11, contextLength: 40, layers: 2, heads: 2, width: 16 };
const tokensOf = (...rows: number[][]) =>
  Tensor.from(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);

/** Any tokens, the same every time. */
const some = (count: number, step = 7) =>
  Array.from({ length: count }, (_, i) => (i * i + step * i) % 11);

function expectClose(got: ArrayLike<number>, want: ArrayLike<number>): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) expect(got[i], `element ${i}`).toBeCloseTo(want[i]!, 4);
}

async function lastLogits(model: nn.GPT, ...rows: number[][]): Promise<ArrayLike<number>> {
  return model
    .forward(tokensOf(...rows))
    .select(1, -1)
    .data();
}

describe("a new GPT", () => {
  beforeEach(() => {
    device("reference");
    manualSeed(1);
  });

  it("has nanoGPT's names, one tied weight, and its initial values", async () => {
    const model = new nn.GPT({ ...options, vocabularySize: 500, width: 64, bias: true });
    const state = model.stateDict();
    const layer = ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"];
    const names = layer.flatMap((name) => [`${name}.weight`, `${name}.bias`]);
    expect(Object.keys(state).sort()).toEqual(
      [
        "transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight",
        "transformer.ln_f.weight", "transformer.ln_f.bias",
        ...[0, 1].flatMap((i) => names.map((name) => `transformer.h.${i}.${name}`)),
      ].sort(),
    ); // biome-ignore format: names
    expect(model.namedParameters().some(([name]) => name === "lm_head.weight")).toBe(false);
    const deviation = async (t: Tensor) => Number(await t.square().mean().sqrt().item());
    expect(await deviation(state["transformer.wte.weight"]!)).toBeCloseTo(0.02, 3);
    expect(await deviation(state["transformer.h.1.mlp.c_proj.weight"]!)).toBeCloseTo(0.01, 3);
    expect((await state["transformer.h.0.mlp.c_fc.bias"]!.data()).every((v) => v === 0)).toBe(true);
    expect(await deviation(state["transformer.ln_f.weight"]!)).toBe(1);
  });

  it("puts matrices into the group that decays", () => {
    const model = new nn.GPT(options);
    const [matrices, vectors] = model.parameterGroups(0.1);
    expect(matrices!.params).toHaveLength(2 + 2 * 4);
    expect(vectors!.params).toHaveLength(2 * 2 + 1);
    expect([matrices!.weightDecay, vectors!.weightDecay]).toEqual([0.1, 0]);
    expect(() => new optim.AdamW([matrices!, vectors!], { lr: 1e-3 })).not.toThrow();
  });

  it("refuses sizes and tokens that do not fit", () => {
    expect(() => new nn.GPT({ ...options, width: 15 })).toThrow(
      "GPT: width 15 does not divide into 2 heads",
    );
    expect(() => new nn.GPT({ ...options, layers: 0 })).toThrow("layers must be a whole number");
    const model = new nn.GPT(options);
    expect(() => model.forward(tokensOf(some(41)))).toThrow(
      "GPT: tokens must be (B, T) with T at most 40, got [1,41]",
    );
  });
});

describe.each(devices)("GPT on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(1);
  });

  it("does not see what comes later", async () => {
    const model = new nn.GPT(options);
    const all = model.forward(tokensOf(some(12))).narrow(1, 0, 5);
    expectClose(await model.forward(tokensOf(some(5))).data(), await all.data());
  });

  it("writes with kept keys and values what it writes from the whole window", async () => {
    const model = new nn.GPT(options).eval();
    const decoding = model.begin(2);
    const [a, b] = [some(40), some(40, 3)];
    let read = 0;
    for (const count of [3, 1, 1, 33, 2]) {
      const parts = [a, b].flatMap((row) => row.slice(read, read + count));
      read += count;
      const logits = await decoding.feed(Int32Array.from(parts));
      expectClose(logits, await lastLogits(model, a.slice(0, read), b.slice(0, read)));
    }
    expect(decoding.length).toBe(40);
    await expect(decoding.feed(Int32Array.of(1, 1))).rejects.toThrow(
      "feed: 41 tokens do not fit into a context of 40",
    );
  });

  it("compiles nothing for a token after the first, nor for another text", async () => {
    const model = new nn.GPT(options).eval();
    const compiled = vi.spyOn(WebAssembly, "Module");
    await model.begin().feed(Int32Array.of(1));
    const first = compiled.mock.calls.length;
    expect(first > 0).toBe(name === "wasm");
    const decoding = model.begin();
    for (let token = 0; token < 10; token++) await decoding.feed(Int32Array.of(token));
    expect(compiled.mock.calls.length).toBe(first);
    compiled.mockRestore();
  });

  it("keeps what each of several decodings has read, whoever takes turns", async () => {
    const model = new nn.GPT(options).eval();
    const [a, c] = [some(9), some(9, 3)];
    const first = model.begin();
    await first.feed(Int32Array.from(a.slice(0, 5)));
    const second = model.begin();
    await second.feed(Int32Array.from(c.slice(0, 3)));
    const third = model.begin(2);
    await third.feed(Int32Array.of(1, 2));
    const logits = await first.feed(Int32Array.from(a.slice(5)));
    expectClose(logits, await lastLogits(model, a));
    expectClose(await second.feed(Int32Array.from(c.slice(3))), await lastLogits(model, c));
    expectClose(await third.feed(Int32Array.of(3, 4)), await lastLogits(model, [1, 3], [2, 4]));
  });

  it("is what samplers and searches take", async () => {
    const model: LanguageModel = new nn.GPT({ ...options, contextLength: 8 }).eval();
    const written: number[] = [];
    for await (const token of generate(model, [1, 2, 3], { maxTokens: 12, temperature: 0 })) {
      written.push(token); // past the context: it begins anew on the way
    }
    expect(written).toHaveLength(12);
    const [[best]] = await beamSearch(model, { begin: 1, end: 0, maxTokens: 4, beams: 3 });
    expect(best!.score).toBeLessThan(0);
  });

  it("lets rows go on from others", async () => {
    const model = new nn.GPT(options).eval();
    const decoding = model.begin(3);
    await decoding.feed(Int32Array.of(1, 2, 3, 4, 5, 6)); // (3, 2)
    decoding.select(Int32Array.of(2, 0, 2));
    const logits = await decoding.feed(Int32Array.of(7, 8, 9));
    expectClose(logits, await lastLogits(model, [5, 6, 7], [1, 2, 8], [5, 6, 9]));
    expect(() => decoding.select(Int32Array.of(0, 3, 0))).toThrow(
      "select: takes one of 3 rows for each row, got [0,3,0]",
    );
  });

  it("sees new weights, and draws no random numbers", async () => {
    const model = new nn.GPT({ ...options, dropout: 0.5 }).eval();
    const decoding = model.begin();
    const before = generatorState();
    await decoding.feed(Int32Array.of(1, 2));
    model.transformer.wte.weight.assign(model.transformer.wte.weight.mul(2));
    const fresh = model.begin();
    const logits = await fresh.feed(Int32Array.of(1, 2));
    expect(generatorState()).toEqual(before);
    expectClose(logits, await lastLogits(model, [1, 2]));
  });

  it("refuses tokens that do not exist, by name and with nothing read", async () => {
    const model = new nn.GPT(options).eval();
    const decoding = model.begin();
    await expect(decoding.feed(Int32Array.of(1, 11))).rejects.toThrow(
      "feed: token 11 at 1 is not in a vocabulary of 11",
    );
    await expect(decoding.feed(Int32Array.of())).rejects.toThrow("feed: 0 tokens do not divide");
    expect(decoding.length).toBe(0);
    expectClose(await decoding.feed(Int32Array.of(1)), await lastLogits(model, [1]));
  });

  it("a token out of range is an error of the step, and no weight has changed", async () => {
    const model = new nn.GPT(options);
    const optimizer = new optim.AdamW(model.parameters(), { lr: 0.1 });
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = nn.crossEntropy(model.forward(x).flatten(0, 1), y.flatten());
      optimizer.step(loss);
      return loss;
    });
    await step(tokensOf(some(6)), tokensOf(some(6, 1))).item();
    const before = await model.transformer.wte.weight.data();
    for (const bad of [11, -1, 2 ** 30]) {
      const inputs = [...some(5), bad];
      const run = async () => step(tokensOf(inputs), tokensOf(some(6))).item();
      await expect(run).rejects.toThrow(/outside (of )?\[0, ?11\)/);
      await expect(run).rejects.toMatchObject({ name: "ArgumentError" });
      const targets = async () => step(tokensOf(some(6)), tokensOf(inputs)).item();
      await expect(targets).rejects.toMatchObject({ name: "ArgumentError" });
    }
    expect(await model.transformer.wte.weight.data()).toEqual(before);
    const loss = await step(tokensOf(some(6)), tokensOf(some(6, 1))).item();
    expect(Number.isFinite(loss)).toBe(true);
  });

  it("an embedding's padding row gets no gradient; rows that come twice get both", async () => {
    const table = new nn.Embedding(4, 2, { paddingIdx: 1 });
    table
      .forward(tokensOf([0, 1, 3, 3]))
      .sum()
      .backward();
    expect(await table.weight.grad!.array()).toEqual([[1, 1], [0, 0], [0, 0], [2, 2]]); // biome-ignore format: rows
    expect([...(await table.weight.select(0, 1).data())]).toEqual([0, 0]);
  });
});
