// The random generator of tensors: a seed and a base that grows with every draw. Inside a trace the
// program takes the seed and the base of each draw as inputs, so that every call draws the numbers that
// it would draw without compile. Not here: distributions (create.ts).

import { random, scalar } from "../ir/build.ts";
import type { Node, Shape } from "../ir/node.ts";
import { ArgumentError } from "../util/errors.ts";
import { activeTrace, BodyTrace, LoopTrace, refuseInTrace, type Trace } from "./trace.ts";

/** What a checkpoint keeps of the generator. */
export interface GeneratorState {
  readonly seed: number;
  readonly base: number;
}

const generator = { seed: 0, base: 0 };

function checkWhole(op: string, name: string, value: unknown): void {
  if (Number.isSafeInteger(value)) return;
  throw new ArgumentError(op, `${name} must be a whole number below 2^53, got ${String(value)}`);
}

/** Folds a whole number to 32 bits; those that fit into 32 bits stay themselves. */
function fold(n: number): number {
  const upper = Math.floor(n / 2 ** 32);
  if (upper === 0 || upper === -1) return n | 0;
  return Math.imul(upper | 0, 0x9e3779b1) ^ (n | 0);
}

/** Starts the generator over: the same seed gives the same numbers on every device. */
export function manualSeed(seed: number): void {
  refuseInTrace("manualSeed");
  checkWhole("manualSeed", "the seed", seed);
  generator.seed = fold(seed);
  generator.base = 0;
}

/** The generator's place, to go back to with {@link setGeneratorState}. */
export function generatorState(): GeneratorState {
  return { seed: generator.seed, base: generator.base };
}

export function setGeneratorState(state: GeneratorState): void {
  checkWhole("setGeneratorState", "seed", state.seed);
  checkWhole("setGeneratorState", "base", state.base);
  generator.seed = state.seed;
  generator.base = state.base;
}

/** The seed, and the first of `count` bases that no one else draws with: one base a draw. */
export function nextBase(count = 1): GeneratorState {
  const state = generatorState();
  generator.base = (generator.base + count) | 0;
  return state;
}

/** 32 fresh random bits an element, int32. */
export function nextRandom(shape: Shape): Node {
  const { seed, base } = draw(activeTrace(), 1);
  return random(shape, seed, base, 0);
}

/** Seed and base of the next `count` draws. In a loop each iteration has bases of its own. */
function draw(trace: Trace | null, count: number): { seed: Node; base: Node } {
  if (trace instanceof LoopTrace) {
    const { seed, base } = draw(trace.outer, count * trace.length);
    return { seed, base: trace.baseOf(base, count) };
  }
  if (trace instanceof BodyTrace) return draw(trace.outer, count);
  if (trace !== null) return { seed: trace.seed, base: trace.draw(count) };
  const { seed, base } = nextBase(count);
  return { seed: scalar(seed, "int32"), base: scalar(base, "int32") };
}
