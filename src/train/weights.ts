// Weights as files: a model's state dict in safetensors, written atomically.
// Not here: all else that a resume needs (checkpoint.ts).

import { readSafetensorsFile, type Safetensors, writeSafetensorsFile } from "../io/index.ts";
import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Entries, entryOf, tensorOf } from "./pack.ts";

/**
 * Writes a model's parameters and buffers as safetensors, under their state-dict names. The file is
 * replaced in one step.
 *
 * @example
 * await saveWeights(model, "model.safetensors");
 */
export async function saveWeights(
  model: Module,
  path: string,
  metadata: Record<string, string> = {},
): Promise<void> {
  await writeSafetensorsFile(path, await weightsOf(model), metadata);
}

/** Loads what saveWeights wrote. Throws LoadError, with nothing changed, if it does not fit the
 *  model. */
export async function loadWeights(model: Module, path: string): Promise<void> {
  model.loadStateDict(tensorsOf(await readSafetensorsFile(path), path), { source: path });
}

/** The state dict as entries of a file. */
export async function weightsOf(model: Module): Promise<Entries> {
  const dict = Object.entries(model.stateDict());
  return new Map(
    await Promise.all(dict.map(async ([name, tensor]) => [name, await entryOf(tensor)] as const)),
  );
}

/** The entries of a file as tensors. */
export function tensorsOf({ tensors }: Safetensors, file: string): Map<string, Tensor> {
  return new Map([...tensors].map(([name, entry]) => [name, tensorOf(entry, `${file}: ${name}`)]));
}
