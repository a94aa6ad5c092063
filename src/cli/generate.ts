// anneal generate: writes on from a prompt with the model of a run, each token on the terminal as
// it comes; with a run of names, names.
// Not here: how a token is chosen (anneal/text).

import type { TextRecipe } from "../../examples/language/training.ts";
import type { Terminal } from "../recipe/index.ts";
import { generate, generateBatch, type SamplingOptions } from "../text/index.ts";
import { ArgumentError } from "../util/errors.ts";
import { openTextRun, type TextRun } from "./text-runs.ts";
import { type MachineOptions, useMachine } from "./train.ts";

export interface GenerateCommand extends MachineOptions, SamplingOptions {
  readonly run?: string;
  readonly prompt?: string;
  /** How many tokens a text has at most. */
  readonly tokens: number;
  /** How many texts are written. */
  readonly count?: number;
}

/** Prints what the model writes. */
export async function generateText(
  recipes: readonly TextRecipe[],
  options: GenerateCommand,
  terminal: Terminal,
): Promise<void> {
  await useMachine(options);
  const run = await openTextRun(recipes, options);
  if (run.tokenizer.vocabulary.begin !== undefined) await printSamples(run, options, terminal);
  else for (let i = 0; i < (options.count ?? 1); i++) await stream(run, options, i, terminal);
}

/** Texts that begin and end by themselves, all at once. */
async function printSamples(
  { model, tokenizer }: TextRun,
  options: GenerateCommand,
  terminal: Terminal,
): Promise<void> {
  const { prompt = "", count: rows = 20, tokens } = options;
  const start = tokenizer.encode(prompt, { begin: true });
  const room = (model.contextLength ?? Number.POSITIVE_INFINITY) - start.length;
  if (room < 1) throw new ArgumentError("--prompt", `${JSON.stringify(prompt)} leaves no room`);
  const { end } = tokenizer.vocabulary;
  const maxTokens = Math.min(tokens, room);
  const texts = await generateBatch(model, start, { ...options, rows, maxTokens, end });
  for (const text of texts) terminal.print(prompt + tokenizer.decode(text));
}

/** One text, token by token. */
async function stream(
  { model, tokenizer }: TextRun,
  options: GenerateCommand,
  index: number,
  terminal: Terminal,
): Promise<void> {
  const { prompt = "\n", tokens: maxTokens, seed = 1 } = options;
  if (prompt === "") throw new ArgumentError("--prompt", "is an empty sequence");
  const text = tokenizer.stream();
  terminal.write(index > 0 ? `\n\n${prompt}` : prompt);
  const end = tokenizer.vocabulary.end;
  const settings = { ...options, maxTokens, end, seed: seed + index };
  for await (const token of generate(model, tokenizer.encode(prompt), settings)) {
    terminal.write(text.push(token));
  }
  terminal.print(text.end());
}
