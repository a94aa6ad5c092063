// BLEU against sacreBLEU's own figures: sacrebleu.json holds inputs and results of version 2.6.0
// (corpus_bleu with these options; Tokenizer13a for the cuts).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type BleuOptions, bleu, tokenize13a } from "../../src/metrics/bleu.ts";

interface Case {
  name: string;
  hypotheses: string[];
  references: (string | string[])[];
  options: BleuOptions;
  score: number;
  precisions: number[];
  brevityPenalty: number;
  lengths: [number, number];
}

const known: { cases: Case[]; cuts: [string, string][] } = JSON.parse(
  readFileSync(join(import.meta.dirname, "sacrebleu.json"), "utf8"),
);

describe("BLEU is sacreBLEU's", () => {
  it.each(known.cases)("$name", ({ hypotheses, references, options, ...wanted }) => {
    const found = bleu(hypotheses, references, options);
    expect(found.score).toBeCloseTo(wanted.score, 9);
    found.precisions.forEach((p, i) => void expect(p).toBeCloseTo(wanted.precisions[i], 9));
    expect(found.brevityPenalty).toBeCloseTo(wanted.brevityPenalty, 12);
    expect([found.hypothesisLength, found.referenceLength]).toEqual(wanted.lengths);
  });

  it.each(known.cuts)("cuts %j", (text, words) => {
    expect(tokenize13a(text)).toBe(words);
  });
});

describe("BLEU", () => {
  it("of a text with itself is 100", () => {
    expect(bleu(["a b c d e"], ["a b c d e"]).score).toBeCloseTo(100, 9);
  });

  it("refuses other numbers of lines", () => {
    expect(() => bleu(["a"], ["a", "b"])).toThrow("bleu: 1 hypotheses for 2 references");
    expect(() => bleu([], [])).toThrow("bleu: 0 hypotheses for 0 references");
    expect(() => bleu(["a"], [[]])).toThrow("bleu: line 1 has no reference");
  });
});
