// Weights that follow from a seed.

import { manualSeed } from "../index.ts";

/**
 * Seeds the generator, so that what `make` draws (the weights of a model, say) follows from the seed alone.
 *
 * @example
 * const model = seeded(config.seed, () => new nn.Linear(784, 10));
 */
export function seeded<T>(seed: number, make: () => T): T {
  manualSeed(seed);
  return make();
}
