// What fit refuses before anything is trained or written: options of the wrong kind, batches that
// are none, a folder that cannot be written. Not here: what only training can tell (fit.ts,
// measures.ts).

import { makeFolder } from "../io/index.ts";
import type { Metrics } from "../metrics/metric.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import type { FitOptions } from "./fit.ts";
import type { Batch, Inputs } from "./types.ts";

function refuse(detail: string, hint?: string): never {
  throw new ArgumentError("fit", detail, { hint });
}

function has(value: unknown, ...methods: readonly string[]): boolean {
  const object = value as Record<string, unknown> | null | undefined;
  return methods.every((name) => typeof object?.[name] === "function");
}

/** Throws an ArgumentError for what cannot be trained with. */
export function checkOptions<M extends Metrics>(model: unknown, options: FitOptions<M>): void {
  if (!has(model, "forward", "train", "stateDict")) {
    refuse("the model must be a module", "class Net extends nn.Module { … }");
  }
  if (typeof options !== "object" || options === null) {
    refuse("needs options", "fit(model, { train, loss, optimizer, epochs })");
  }
  const { train, loss, optimizer, metrics = {}, callbacks = [] } = options;
  if (train === undefined || train === null) {
    refuse("train is missing", "train: new DataLoader(dataset, { batchSize: 128 })");
  }
  if (typeof loss !== "function") refuse("loss must be a function", "loss: nn.crossEntropy");
  if (!has(optimizer, "step", "stateDict")) {
    refuse("optimizer must be an optimizer", "optimizer: new optim.AdamW(model.parameters())");
  }
  for (const [name, metric] of Object.entries(metrics)) {
    if (has(metric, "measure")) continue;
    refuse(`metrics.${name} is no metric`, "metrics: { accuracy: accuracy() }");
  }
  for (const callback of callbacks) {
    if (typeof callback !== "object" || callback === null) {
      refuse("callbacks must be objects", "callbacks: [{ onEpoch(run) { … } }]");
    }
  }
  checkNumbers(options);
}

function checkNumbers<M extends Metrics>({ epochs, accumulate, checkpoint }: FitOptions<M>): void {
  const whole = (name: string, value: unknown) => {
    if (Number.isInteger(value) && (value as number) >= 1) return;
    refuse(`${name} must be an integer from 1, got ${String(value)}`);
  };
  whole("epochs", epochs);
  if (accumulate !== undefined) whole("accumulate", accumulate);
  if (checkpoint === undefined) return;
  if (typeof checkpoint?.folder !== "string" || checkpoint.folder === "") {
    refuse("checkpoint.folder must be a path", 'checkpoint: { folder: "runs/1" }');
  }
  for (const name of ["every", "keep"] as const) {
    if (checkpoint[name] !== undefined) whole(`checkpoint.${name}`, checkpoint[name]);
  }
}

/** Makes the folder for checkpoints now: an epoch should not be lost to a path that cannot be. */
export async function checkFolder<M extends Metrics>(options: FitOptions<M>): Promise<void> {
  if (options.checkpoint) await makeFolder(options.checkpoint.folder);
}

/** Throws an ArgumentError for a batch that is not `{ x, y }` of tensors, x by name if several. */
export function checkBatch(batch: Batch): void {
  if (isInput(batch?.x) && batch.y instanceof Tensor) return;
  refuse("a batch must be { x, y }, both tensors", "map it: new DataLoader(…), or [{ x, y }]");
}

function isInput(x: Inputs | undefined | null): boolean {
  if (x instanceof Tensor) return true;
  if (typeof x !== "object" || x === null || Object.getPrototypeOf(x) !== Object.prototype)
    return false;
  const parts = Object.values(x);
  return parts.length > 0 && parts.every((part) => part instanceof Tensor);
}
