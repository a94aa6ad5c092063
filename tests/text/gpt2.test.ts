// GPT-2's own vocabulary: our byte pairs give the numbers that its tokenizer gave, as recorded
// beside the vocabulary in the shared fixtures (GGUF of llama.cpp). And Hugging Face's package,
// where it is installed, reads a tokenizer.json made of our merges and agrees with us.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { byteCharacters, bytesOf } from "../../src/text/bytes.ts";
import { BpeTokenizer, fromHuggingFace } from "../../src/text/index.ts";

const fixture = join(import.meta.dirname, "../../../shared/fixtures/gguf/ggml-vocab-gpt-2.gguf");

/** The lists of strings in the header of a GGUF file: as much of the format as this needs. */
function ggufLists(bytes: Buffer): Map<string, string[]> {
  let at = 16;
  const u32 = () => bytes.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(bytes.readBigUInt64LE((at += 8) - 8));
  const text = () => {
    const length = u64();
    return bytes.toString("utf8", at, (at += length));
  };
  const sizes: Record<number, number> = {
    0: 1,
    1: 1,
    2: 2,
    3: 2,
    4: 4,
    5: 4,
    6: 4,
    7: 1,
    10: 8,
    11: 8,
    12: 8,
  };
  const lists = new Map<string, string[]>();
  const value = (type: number): unknown => {
    if (type === 8) return text();
    if (type === 9) {
      const [inner, count] = [u32(), u64()];
      return Array.from({ length: count }, () => value(inner));
    }
    at += sizes[type] as number;
    return undefined;
  };
  for (let left = u64(); left > 0; left--) {
    const key = text();
    const found = value(u32());
    if (Array.isArray(found) && typeof found[0] === "string") lists.set(key, found as string[]);
  }
  return lists;
}

describe("bytes as characters", () => {
  it("are 256 different ones, and come back", () => {
    expect(new Set(byteCharacters).size).toBe(256);
    expect([...(bytesOf(byteCharacters.join("")) ?? [])]).toEqual([...Array(256).keys()]);
    expect([byteCharacters[32], byteCharacters[10], byteCharacters[65]]).toEqual(["Ġ", "Ċ", "A"]);
    expect(bytesOf("日")).toBeUndefined();
  });
});

describe.skipIf(!existsSync(fixture))("GPT-2's vocabulary (needs the shared fixtures)", () => {
  const lists = ggufLists(readFileSync(fixture));
  const tokens = lists.get("tokenizer.ggml.tokens") ?? [];
  const merges = lists.get("tokenizer.ggml.merges") ?? [];
  const vocabJson = JSON.stringify(Object.fromEntries(tokens.map((token, id) => [token, id])));
  const tokenizer = BpeTokenizer.fromGpt2(vocabJson, `#version: 0.2\n${merges.join("\n")}\n`, {
    end: "<|endoftext|>",
  });
  const inputs = readFileSync(`${fixture}.inp`, "utf8").split("\n__ggml_vocab_test__\n");
  const outputs = readFileSync(`${fixture}.out`, "utf8").split("\n");

  it("has all its tokens and merges", () => {
    expect([tokens.length, merges.length]).toEqual([50257, 50000]);
    expect(tokenizer.vocabulary.end).toBe(50256);
    expect(inputs.length).toBeGreaterThan(40);
  });

  it.each(inputs.map((text, i) => [text, outputs[i] as string]))("encodes %j", (text, line) => {
    const wanted = line.trim() === "" ? [] : line.trim().split(/\s+/).map(Number);
    expect([...tokenizer.encode(text)]).toEqual(wanted);
    expect(tokenizer.decode(wanted)).toBe(text);
  });
});

const installed = await import("@huggingface/tokenizers").then(
  () => true,
  () => false,
);

describe("Hugging Face's files", () => {
  const ours = BpeTokenizer.train(
    ["low lower lowest newer wider", "the lowest of the low, isn't it?"],
    { size: 280, specials: { end: "<|endoftext|>" } },
  );
  const { vocabulary, merges } = ours.toJSON();
  const added = {
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  };
  const json = {
    version: "1.0",
    added_tokens: [{ id: 0, content: "<|endoftext|>", ...added }],
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      ...{ dropout: null, unk_token: null, continuing_subword_prefix: "", end_of_word_suffix: "" },
      vocab: Object.fromEntries(vocabulary.tokens.map((token, id) => [token, id])),
      merges,
    },
  };
  const config = { tokenizer_class: "GPT2Tokenizer", eos_token: "<|endoftext|>" };

  it.skipIf(!installed)(
    "read as theirs, agree with ours (needs @huggingface/tokenizers)",
    async () => {
      const theirs = await fromHuggingFace(json, config);
      for (const text of ["the newest lower low!", " Grüße, 日本 👍\n\n x", ""]) {
        const tokens = ours.encode(text);
        expect(theirs.encode(text)).toEqual(tokens);
        expect(theirs.decode(tokens)).toBe(text);
        const stream = theirs.stream();
        expect([...tokens].map((t) => stream.push(t)).join("") + stream.end()).toBe(text);
      }
      expect(theirs.vocabulary.end).toBe(0);
      expect([...theirs.encode("low", { end: true })].at(-1)).toBe(0);
      const long = "lower newest 👍 ".repeat(40);
      const stream = theirs.stream();
      const pushed = [...theirs.encode(long)].map((t) => stream.push(t)).join("");
      expect(pushed + stream.end()).toBe(long);
      expect(() => theirs.decode([999])).toThrow("token 999 is not in a vocabulary");
      await expect(fromHuggingFace({ model: {} })).rejects.toThrow(
        "is not taken by @huggingface/tokenizers",
      );
    },
  );

  it.skipIf(installed)("say which package they need", async () => {
    await expect(fromHuggingFace(json, config)).rejects.toThrow(
      "@huggingface/tokenizers is not installed\n  hint: npm install @huggingface/tokenizers",
    );
  });
});
