// Tokenizers: there and back for any text, what training gives, what is unknown, files, and bad
// input.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  allSpecials,
  BpeTokenizer,
  CharacterTokenizer,
  loadTokenizer,
  parseTokenizer,
  saveTokenizer,
  type Tokenizer,
  Vocabulary,
  WordTokenizer,
} from "../../src/text/index.ts";
import { Rng } from "../../src/util/rng.ts";

const texts = [
  "Two young, White males are outside near many bushes.",
  "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
  "He said: \"It's 5 o'clock (really) - come!\"",
];
const odd = "  ünï\tcödé 👩‍👩‍👧 \u00a0 日本語  ½ \r\n\n x\u0300 \ufeff end ";

describe("a vocabulary", () => {
  it("orders specials first, then by count, then by spelling", () => {
    const vocabulary = Vocabulary.count("b a c b c c d".split(" "), {
      specials: { pad: "<pad>", unknown: "<unk>" },
      minCount: 1,
      maxSize: 5,
    });
    expect(vocabulary.tokens).toEqual(["<pad>", "<unk>", "c", "b", "a"]);
    expect([vocabulary.pad, vocabulary.unknown, vocabulary.end]).toEqual([0, 1, undefined]);
    expect(vocabulary.id("d")).toBe(1);
    expect(Vocabulary.count(["a", "a", "b"], { minCount: 2 }).tokens).toEqual(["a"]);
  });

  it("refuses what it has not, what it has twice, and specials that it lacks", () => {
    const vocabulary = new Vocabulary(["a", "b"]);
    expect(() => vocabulary.id("z")).toThrow(
      'Vocabulary.id: "z" is not in the vocabulary\n  hint:',
    );
    expect(() => vocabulary.token(2)).toThrow(
      "Vocabulary.token: token 2 is not in a vocabulary of 2",
    );
    expect(() => vocabulary.token(-1)).toThrow("token -1 is not in");
    expect(() => vocabulary.special("end")).toThrow("Vocabulary.special: has no token for end");
    expect(() => new Vocabulary(["a", "a"])).toThrow('Vocabulary: token "a" is there twice');
    expect(() => new Vocabulary(["a"], { end: "e" })).toThrow('the end token "e" is not in it');
  });
});

const trained: [string, Tokenizer][] = [
  ["characters", CharacterTokenizer.train([...texts, odd], { specials: allSpecials })],
  ["words", WordTokenizer.train(texts, { specials: allSpecials })],
  ["byte pairs", BpeTokenizer.train(texts, { size: 300, specials: allSpecials })],
];

describe.each(trained)("%s", (_, tokenizer) => {
  it("give a text back, whole and as a stream", () => {
    for (const text of texts) {
      const tokens = tokenizer.encode(text);
      expect(tokenizer.decode(tokens)).toBe(text);
      const stream = tokenizer.stream();
      expect([...tokens].map((t) => stream.push(t)).join("") + stream.end()).toBe(text);
    }
    expect(tokenizer.encode("")).toEqual(new Int32Array(0));
    expect(tokenizer.decode([])).toBe("");
  });

  it("frame a text with begin and end where they are asked for", () => {
    const { begin, end } = tokenizer.vocabulary;
    const tokens = tokenizer.encode(texts[0], { begin: true, end: true });
    expect([tokens[0], tokens.at(-1)]).toEqual([begin, end]);
    expect(tokenizer.decode(tokens)).toBe(texts[0]);
    expect(tokenizer.decode(tokens, { specials: true })).toContain("</s>");
  });

  it("take a spelled special for text", () => {
    const plain = tokenizer.encode(texts[0]);
    for (const { pad } of [tokenizer.vocabulary]) expect([...plain]).not.toContain(pad);
    expect([...tokenizer.encode("</s>")]).not.toContain(tokenizer.vocabulary.end);
  });

  it("survive JSON and a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "anneal-text-"));
    await saveTokenizer(tokenizer, join(folder, "tokenizer.json"));
    const same = await loadTokenizer(join(folder, "tokenizer.json"));
    expect(same.toJSON()).toEqual(tokenizer.toJSON());
    expect(same.encode(texts[1])).toEqual(tokenizer.encode(texts[1]));
    await rm(folder, { recursive: true });
  });

  it("refuse numbers that are none of theirs, and what is no text", () => {
    const size = tokenizer.vocabulary.size;
    expect(() => tokenizer.decode([size])).toThrow(
      `token ${size} is not in a vocabulary of ${size}`,
    );
    expect(() => tokenizer.encode(undefined as never)).toThrow(
      "the text must be a string, got undefined",
    );
  });
});

describe("characters", () => {
  it("are code points, in their order, as nanoGPT has them", () => {
    const { vocabulary } = CharacterTokenizer.train(["b👍a", "\n"]);
    expect(vocabulary.tokens).toEqual(["\n", "a", "b", "👍"]);
  });

  it("refuse what they have not seen, without an unknown token", () => {
    const tokenizer = CharacterTokenizer.train(["abc"]);
    expect(() => tokenizer.encode("abz")).toThrow('Vocabulary.id: "z" is not in the vocabulary');
    const lenient = CharacterTokenizer.train(["abc"], { specials: { unknown: "?" } });
    expect([...lenient.encode("az")]).toEqual([1, 0]);
    expect(() => CharacterTokenizer.train([""])).toThrow("the texts have no characters");
  });
});

describe("words", () => {
  it("join what stands right behind, keep what is unknown visible, and may be lower-cased", () => {
    const tokenizer = WordTokenizer.train(["A dog, a cat."], { specials: { unknown: "<unk>" } });
    expect(tokenizer.vocabulary.tokens).toEqual(["<unk>", "A", "a", "cat", "dog", "￭,", "￭."]);
    expect(tokenizer.decode(tokenizer.encode("A bird, a cat."))).toBe("A <unk>, a cat.");
    const lower = WordTokenizer.train(["A dog, a cat."], { lowercase: true });
    expect(lower.decode(lower.encode("A Dog."))).toBe("a dog.");
  });
});

describe("byte pairs", () => {
  const [, , [, tokenizer]] = trained as [unknown, unknown, [string, BpeTokenizer]];

  it("write any text, invalid ends as U+FFFD", () => {
    const rng = new Rng(1);
    const random = String.fromCodePoint(
      ...Array.from({ length: 2000 }, () => {
        const point = rng.int(0x10ffff);
        return point >= 0xd800 && point < 0xe000 ? 0x41 : point;
      }),
    );
    for (const text of [odd, random]) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    const snow = tokenizer.encode("☃");
    expect(snow.length).toBe(3);
    expect(tokenizer.decode(snow.slice(0, 2))).toBe("\ufffd");
    const stream = tokenizer.stream();
    expect([...snow].map((t) => stream.push(t))).toEqual(["", "", "☃"]);
  });

  it("merge the most frequent pair first, of equals the older", () => {
    // Words: "ab" 3 times and " ab" twice, "cd" once: a+b 5 times, then " "+ab twice.
    const { merges } = BpeTokenizer.train(["ab\nab ab\nab ab\ncd"], { size: 300 });
    expect(merges.slice(0, 2)).toEqual([
      ["a", "b"],
      ["Ġ", "ab"],
    ]);
    // "Ċ" stands alone before each word, and c+d comes only once.
    expect(merges).toHaveLength(2);
  });

  it("learn as a plain count over the whole text would", () => {
    const text = Array.from({ length: 400 }, (_, i) => "abcab"[(i * i + (i >> 3)) % 5]).join("");
    const words = text.match(/.{1,7}/g) ?? [];
    const { merges } = BpeTokenizer.train([words.join("\n")], { size: 256 + 30 });
    expect(merges).toEqual(slowMerges(words, 30));
    expect(merges.length).toBeGreaterThan(20);
  });

  it("refuse a size below the bytes, and broken merges", () => {
    expect(() => BpeTokenizer.train(texts, { size: 100 })).toThrow(
      "BpeTokenizer.train: size must be an integer from 256 (bytes and specials), got 100",
    );
    const vocabulary = new Vocabulary(["a", "b"]);
    expect(() => new BpeTokenizer(vocabulary, [])).toThrow("is not in the vocabulary");
    expect(() =>
      parseTokenizer(JSON.stringify({ ...tokenizer.toJSON(), merges: ["a b c"] })),
    ).toThrow('tokenizer is a broken tokenizer: BpeTokenizer: "a b c" is no merge of two tokens');
  });
});

/** Merges by counting all pairs anew each time; of words over a, b and c. */
function slowMerges(words: string[], most: number): [string, string][] {
  let split = words.map((word) => [...word]);
  const order = new Map([..."abc"].map((c) => [c, c.charCodeAt(0)]));
  const merges: [string, string][] = [];
  for (let n = 0; n < most; n++) {
    const counts = new Map<string, number>();
    for (const word of split) {
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = `${word[i]} ${word[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const age = (pair: string, at: 0 | 1) => order.get(pair.split(" ")[at] as string) ?? 0;
    const known = new Set(order.keys());
    const ranked = [...counts]
      .filter(([pair, count]) => count >= 2 && !known.has(pair.replace(" ", "")))
      .sort(([a, m], [b, n]) => n - m || age(a, 0) - age(b, 0) || age(a, 1) - age(b, 1));
    const best = ranked[0]?.[0];
    if (best === undefined) break;
    const [left, right] = best.split(" ") as [string, string];
    merges.push([left, right]);
    order.set(left + right, 256 + n);
    split = split.map((word) => {
      const merged: string[] = [];
      for (let i = 0; i < word.length; i++) {
        const here = word[i] === left && word[i + 1] === right;
        merged.push(here ? left + right : (word[i] as string));
        if (here) i++;
      }
      return merged;
    });
  }
  return merges;
}

describe("files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "anneal-text-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("that are no tokenizers are named", async () => {
    const path = join(folder, "x.json");
    await writeFile(path, "{");
    await expect(loadTokenizer(path)).rejects.toThrow(`${path} is not JSON`);
    await writeFile(path, '{"model":{"type":"BPE"}}');
    await expect(loadTokenizer(path)).rejects.toThrow("is not a tokenizer that this version knows");
    await writeFile(path, '{"format":1,"kind":"constructor"}');
    await expect(loadTokenizer(path)).rejects.toThrow("is not a tokenizer that this version knows");
    await writeFile(path, '{"format":1,"kind":"words","vocabulary":{"tokens":["a","a"]}}');
    await expect(loadTokenizer(path)).rejects.toThrow("is there twice");
    await writeFile(path, Uint8Array.of(0x7b, 0xff, 0x7d));
    await expect(loadTokenizer(path)).rejects.toThrow(`${path} is not UTF-8 (byte 1)`);
  });
});
