// Choosing tokens: what is left after temperature, top-k and top-p, how often each comes, and that
// a seed says the same again; then texts written by a model of which all is known.
import { describe, expect, it } from "vitest";
import { beamSearch } from "../../src/text/beam.ts";
import { type Decoding, type LanguageModel, windowed } from "../../src/text/decoding.ts";
import { generate, generateBatch } from "../../src/text/generate.ts";
import { logSoftmax, type SamplingOptions, sampler } from "../../src/text/sampling.ts";
import { Rng } from "../../src/util/rng.ts";

const logits = Float32Array.from([0.5, 0.2, 0.15, 0.1, 0.05], Math.log);

function frequencies(
  options: SamplingOptions,
  row: Float32Array = logits,
  draws = 20_000,
): number[] {
  const choose = sampler({ seed: 7, ...options });
  const counts = new Array<number>(row.length).fill(0);
  for (let i = 0; i < draws; i++) counts[choose(row)]++;
  return counts.map((count) => count / draws);
}

function expectNear(found: number[], wanted: number[]): void {
  // Four deviations of a frequency at p = 1/2 over 20,000 draws are 0.014.
  found.forEach((f, i) => void expect(Math.abs(f - wanted[i])).toBeLessThan(0.015));
}

describe("a sampler", () => {
  it("draws as likely as the logits say", () => {
    expectNear(frequencies({}), [0.5, 0.2, 0.15, 0.1, 0.05]);
  });

  it("sharpens and flattens by temperature", () => {
    const powers = [0.5, 0.2, 0.15, 0.1, 0.05].map((p) => p ** 2);
    const sum = powers.reduce((a, b) => a + b);
    expectNear(
      frequencies({ temperature: 0.5 }),
      powers.map((p) => p / sum),
    );
    expectNear(frequencies({ temperature: 1e6 }), [0.2, 0.2, 0.2, 0.2, 0.2]);
    expect(frequencies({ temperature: 0 })).toEqual([1, 0, 0, 0, 0]);
  });

  it("keeps the k likeliest, and the fewest that reach p", () => {
    expectNear(frequencies({ topK: 2 }), [5 / 7, 2 / 7, 0, 0, 0]);
    expectNear(frequencies({ topP: 0.6 }), [5 / 7, 2 / 7, 0, 0, 0]);
    expect(frequencies({ topP: 0.3 })).toEqual([1, 0, 0, 0, 0]);
    expectNear(frequencies({ topP: 1 }), [0.5, 0.2, 0.15, 0.1, 0.05]);
    // Of the three of top-k, p = 0.8 needs two: 0.7 of 0.85.
    expectNear(frequencies({ topK: 3, topP: 0.8 }), [5 / 7, 2 / 7, 0, 0, 0]);
    expect(frequencies({ topK: 1 })).toEqual([1, 0, 0, 0, 0]);
    expectNear(frequencies({ topK: 99 }), [0.5, 0.2, 0.15, 0.1, 0.05]);
  });

  it("takes the first of equals, and never what is forbidden", () => {
    expect(sampler({ temperature: 0 })(Float32Array.of(1, 3, 3))).toBe(1);
    expect(frequencies({ topK: 1 }, Float32Array.of(1, 1, 1))).toEqual([1, 0, 0]);
    expectNear(frequencies({ forbid: [0] }), [0, 0.4, 0.3, 0.2, 0.1]);
    expect(sampler({ temperature: 0, forbid: [0] })(logits)).toBe(1);
  });

  it("says the same again from the same seed, and something else in another row", () => {
    const draws = (seed: number, row: number) => {
      const choose = sampler({ seed }, row);
      return Array.from({ length: 50 }, () => choose(logits));
    };
    expect(draws(3, 1)).toEqual(draws(3, 1));
    expect(draws(3, 1)).not.toEqual(draws(3, 2));
    expect(draws(3, 1)).not.toEqual(draws(4, 1));
  });

  it("stays with what is possible at the edge of float32", () => {
    const row = Float32Array.of(3e38, -3e38, Number.NEGATIVE_INFINITY);
    expect(frequencies({}, row, 100)).toEqual([1, 0, 0]);
    expect(() => sampler()(Float32Array.of(1, Number.NaN))).toThrow("sampler: logit 1 is NaN");
    const none = Float32Array.of(Number.NEGATIVE_INFINITY);
    expect(() => sampler()(none)).toThrow("sampler: no token is possible");
  });

  it.each([
    [{ temperature: -1 }, "sampler: temperature must be from 0, got -1"],
    [{ topK: 0 }, "sampler: topK must be an integer from 1, got 0"],
    [{ topP: 0 }, "sampler: topP must be above 0 and at most 1, got 0"],
  ])("refuses %j", (options, message) => {
    expect(() => sampler(options)).toThrow(message);
  });

  it("knows logarithms of probabilities", () => {
    const sum = logSoftmax(Float32Array.of(1000, 1001, 999)).reduce((a, b) => a + Math.exp(b), 0);
    expect(sum).toBeCloseTo(1, 12);
  });
});

/** A model whose next token depends on the last two, by a table of random logits. */
function markov(size: number, seed: number, contextLength?: number) {
  const rng = new Rng(seed);
  const table = Array.from({ length: size * size }, () =>
    Float32Array.from({ length: size }, () => 2 * rng.normal()),
  );
  const fed: number[] = [];
  const logitsAfter = (text: readonly number[]) =>
    table[(text.at(-2) ?? 0) * size + (text.at(-1) ?? 0)];
  const begin = (rows: number): Decoding => {
    let texts = Array.from({ length: rows }, (): number[] => []);
    return {
      async feed(tokens) {
        const more = tokens.length / texts.length;
        fed.push(more);
        texts.forEach((text, i) => text.push(...tokens.subarray(i * more, (i + 1) * more)));
        const full = (texts[0]?.length ?? 0) > (contextLength ?? Number.POSITIVE_INFINITY);
        if (full) throw new Error("the context is full");
        return Float32Array.from(texts.flatMap((text) => [...logitsAfter(text)]));
      },
      select(rows) {
        texts = Array.from(rows, (row) => [...(texts[row] ?? [])]);
      },
    };
  };
  const model: LanguageModel = { vocabularySize: size, contextLength, begin };
  return { model, logitsAfter, fed };
}

async function listOf(tokens: AsyncIterable<number>): Promise<number[]> {
  const list: number[] = [];
  for await (const token of tokens) list.push(token);
  return list;
}

describe("generate", () => {
  it("writes on from a prompt, token by token", async () => {
    const { model, logitsAfter, fed } = markov(6, 1);
    const text = [1, 2, 3];
    const wanted: number[] = [];
    const choose = sampler({ seed: 5 });
    for (let i = 0; i < 30; i++) wanted.push(choose(logitsAfter([...text, ...wanted])));
    expect(await listOf(generate(model, text, { maxTokens: 30, seed: 5 }))).toEqual(wanted);
    expect(fed).toEqual([3, ...new Array(29).fill(1)]);
  });

  it("ends at the end token, at once where nothing is to be written", async () => {
    const { model } = markov(4, 2);
    const all = await listOf(generate(model, [0], { maxTokens: 40, seed: 1 }));
    const end = all[10];
    const until = await listOf(generate(model, [0], { maxTokens: 40, seed: 1, end }));
    expect(until).toEqual(all.slice(0, all.indexOf(end)));
    expect(await listOf(generate(model, [0], { maxTokens: 0 }))).toEqual([]);
  });

  it("reads the last half anew when the context is full", async () => {
    const endless = markov(5, 3);
    const short = markov(5, 3, 8);
    const options = { maxTokens: 50, seed: 2 };
    // Two tokens are all that this model looks at, so that nothing is lost.
    expect(await listOf(generate(short.model, [1, 2], options))).toEqual(
      await listOf(generate(endless.model, [1, 2], options)),
    );
    expect(short.fed.slice(0, 9)).toEqual([2, 1, 1, 1, 1, 1, 1, 4, 1]);
    const long = Array.from({ length: 30 }, (_, i) => i % 5);
    expect(await listOf(generate(short.model, long, options))).toEqual(
      await listOf(generate(endless.model, long, options)),
    );
  });

  it("can be aborted", async () => {
    const { model } = markov(5, 3);
    const control = new AbortController();
    const found: number[] = [];
    for await (const token of generate(model, [1], { maxTokens: 99, signal: control.signal })) {
      if (found.push(token) === 3) control.abort();
    }
    expect(found).toHaveLength(3);
  });

  it("refuses an empty prompt and tokens out of the vocabulary", async () => {
    const { model } = markov(4, 2);
    const ask = (prompt: number[]) => listOf(generate(model, prompt, { maxTokens: 1 }));
    await expect(ask([])).rejects.toThrow("generate: the prompt is an empty sequence");
    await expect(ask([1, 4])).rejects.toThrow("generate: token 4 at 1 is not in a vocabulary of 4");
    await expect(ask([-1])).rejects.toThrow("generate: token -1 at 0 is not in a vocabulary of 4");
    await expect(ask([0.5])).rejects.toThrow("generate: token 0.5 at 0 is not in");
  });

  it("writes rows side by side, each as it would alone", async () => {
    const { model, logitsAfter } = markov(5, 4);
    const texts = await generateBatch(model, [1], { rows: 3, maxTokens: 20, seed: 9, end: 0 });
    texts.forEach((text, row) => {
      const choose = sampler({ seed: 9 }, row);
      const alone: number[] = [];
      for (let i = 0; i < 20; i++) {
        const token = choose(logitsAfter([1, ...alone]));
        if (token === 0) break;
        alone.push(token);
      }
      expect(text).toEqual(alone);
    });
    expect(new Set(texts.map(String)).size).toBeGreaterThan(1);
  });
});

describe("beam search", () => {
  /** Every text of at most `most` tokens, the best by score first. */
  function exhaustive(after: (text: number[]) => Float32Array, most: number, penalty: number) {
    const found: { tokens: number[]; score: number }[] = [];
    const visit = (tokens: number[], sum: number) => {
      const next = logSoftmax(after([1, ...tokens]));
      next.forEach((log, token) => {
        const length = tokens.length + 1;
        const score = (sum + log) / length ** penalty;
        if (token === 0) found.push({ tokens, score });
        else if (length === most) found.push({ tokens: [...tokens, token], score });
        else visit([...tokens, token], sum + log);
      });
    };
    visit([], 0);
    return found.sort((a, b) => b.score - a.score);
  }

  it.each([
    [1, 0],
    [2, 1],
    [3, 0.6],
    [4, 2],
  ])(
    "finds the best when it is as wide as there are texts (seed %i, penalty %f)",
    async (seed, penalty) => {
      const { model, logitsAfter } = markov(4, seed);
      const options = { begin: 1, end: 0, maxTokens: 5, lengthPenalty: penalty };
      const [found] = await beamSearch(model, { ...options, beams: 400 });
      const best = exhaustive(logitsAfter, 5, penalty);
      // Further down, texts of the same pairs tie but for rounding.
      expect(found[0].tokens).toEqual(best[0].tokens);
      found
        .slice(0, 5)
        .forEach(({ score }, i) => void expect(score).toBeCloseTo(best[i].score, 10));
    },
  );

  it("takes logarithms of probabilities as they are", async () => {
    const { model } = markov(5, 8);
    const normalized: LanguageModel = {
      ...model,
      normalized: true,
      async begin(rows) {
        const inner = await model.begin(rows);
        const feed = async (tokens: Int32Array) => {
          const logits = await inner.feed(tokens);
          const parts = Array.from({ length: rows }, (_, r) =>
            logSoftmax(logits.subarray(r * 5, r * 5 + 5)),
          );
          return Float32Array.from(parts.flatMap((part) => [...part]));
        };
        return { ...inner, feed };
      },
    };
    const options = { begin: 1, end: 0, maxTokens: 8, beams: 3, forbid: [3] };
    const [plain] = await beamSearch(model, options);
    const [same] = await beamSearch(normalized, options);
    expect(same.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
    same.forEach(({ score }, i) => void expect(score).toBeCloseTo(plain[i].score, 5));
    expect(plain.flatMap(({ tokens }) => tokens)).not.toContain(3);
  });

  it("with one beam is greedy, and with more at least as good", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { model } = markov(6, seed);
      const options = { begin: 1, end: 0, maxTokens: 12, lengthPenalty: 0 };
      const [[one]] = await beamSearch(model, { ...options, beams: 1 });
      const greedy = await listOf(generate(model, [1], { temperature: 0, maxTokens: 12, end: 0 }));
      expect(one.tokens).toEqual(greedy);
      expect(one.ended).toBe(greedy.length < 12);
      const [[many]] = await beamSearch(model, { ...options, beams: 64 });
      expect(many.logProbability).toBeGreaterThanOrEqual(one.logProbability);
    }
  });

  it("searches for several sources as for each alone", async () => {
    // Sources differ by their first token, which `begin` cannot tell: so by row.
    const { model, logitsAfter } = markov(5, 11);
    const bySource: LanguageModel = {
      vocabularySize: 5,
      begin(rows) {
        let texts = Array.from({ length: rows }, (_, row) => [Math.floor((2 * row) / rows) + 2]);
        return {
          async feed(tokens) {
            texts.forEach((text, i) => void text.push(tokens[i] as number));
            return Float32Array.from(texts.flatMap((text) => [...logitsAfter(text)]));
          },
          select(from) {
            texts = Array.from(from, (row) => [...(texts[row] ?? [])]);
          },
        };
      },
    };
    const alone = (source: number): LanguageModel => ({
      vocabularySize: 5,
      async begin(rows) {
        const inner = await model.begin(rows);
        await inner.feed(new Int32Array(rows).fill(source));
        return inner;
      },
    });
    const options = { begin: 1, end: 0, maxTokens: 9, beams: 3 };
    const [first, second] = await beamSearch(bySource, { ...options, sources: 2 });
    expect(first).toEqual((await beamSearch(alone(2), options))[0]);
    expect(second).toEqual((await beamSearch(alone(3), options))[0]);
  });

  it("refuses what cannot be searched", async () => {
    const { model } = markov(4, 1);
    const options = { begin: 1, end: 0, maxTokens: 4 };
    await expect(beamSearch(model, { ...options, beams: 0 })).rejects.toThrow(
      "beamSearch: beams must be an integer from 1, got 0",
    );
    await expect(beamSearch(model, { ...options, end: 9 })).rejects.toThrow(
      "beamSearch: token 9 at 1 is not in a vocabulary of 4",
    );
    const { begin } = model;
    const plain = async (rows: number) => ({ feed: (await begin(rows)).feed });
    await expect(beamSearch({ vocabularySize: 4, begin: plain }, options)).rejects.toThrow(
      "beamSearch: the model has no select",
    );
  });
});

describe("windowed", () => {
  it("gives a model without a cache the interface of one with", async () => {
    const { model, logitsAfter } = markov(5, 6);
    const slow = windowed(
      async (tokens, [rows, width]) =>
        Array.from({ length: rows }, (_, row) =>
          Array.from({ length: width }, (_, t) => {
            const text = [...tokens.subarray(row * width, row * width + t + 1)];
            return [...logitsAfter(text)];
          }),
        ).flat(2),
      { vocabularySize: 5, contextLength: 16 },
    );
    const options = { maxTokens: 10, seed: 3 };
    expect(await listOf(generate(slow, [1, 2], options))).toEqual(
      await listOf(generate(model, [1, 2], options)),
    );
    const beams = { begin: 1, end: 0, maxTokens: 8, beams: 3 };
    expect(await beamSearch(slow, beams)).toEqual(await beamSearch(model, beams));
    const full = await slow.begin(1);
    await expect(full.feed(new Int32Array(17))).rejects.toThrow("feed: 17 tokens exceed 16");
  });
});
