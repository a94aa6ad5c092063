// evaluate and predict: a model over data, in evaluation mode and without gradients.
// Not here: training (fit.ts), or what metrics are (metrics/).

import type { Metrics } from "../metrics/metric.ts";
import type { Module } from "../nn/index.ts";
import { compile } from "../tensor/compile.ts";
import { noGrad } from "../tensor/core.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { type Evaluation, Measures } from "./measures.ts";
import { Pace } from "./pace.ts";
import type { Batches, Inputs, Loss, Model, TypedArray } from "./types.ts";

export interface EvaluateOptions<M extends Metrics> {
  /** Its mean over the samples is the result's `loss`. */
  loss: Loss;
  metrics?: M | undefined;
  /** Ends the evaluation after the batch in progress, with the results so far. */
  signal?: AbortSignal | undefined;
}

/**
 * The mean loss and the metrics of a model over data, with dropout off and batch norm at rest.
 *
 * @example
 * const test = await evaluate(model, loader, {
 *   loss: nn.crossEntropy,
 *   metrics: { accuracy: accuracy() },
 * });
 * console.log(test.accuracy);
 */
export async function evaluate<M extends Metrics = Record<never, never>>(
  model: Model,
  data: Batches,
  options: EvaluateOptions<M>,
): Promise<Evaluation<M>> {
  const { loss, metrics = {} as M, signal } = options;
  const result = await new Evaluator(model, loss, metrics).run(data, signal);
  if (result !== null) return result;
  throw new ArgumentError("evaluate", "the data gave no batches");
}

/** An evaluation that can be repeated without tracing its step anew each time. */
export class Evaluator<M extends Metrics> {
  private readonly model: Model;
  private readonly measures: Measures<M>;
  private readonly step: (x: Inputs, y: Tensor) => { loss: Tensor; kept: Tensor[][] };

  constructor(model: Model, loss: Loss, metrics: M) {
    this.model = model;
    this.measures = new Measures(metrics);
    this.step = compile((x: Inputs, y: Tensor) => {
      const output = noGrad(() => model.forward(x as never));
      const value = noGrad(() => loss(output, y));
      return { loss: value, kept: this.measures.add(output, y, value) };
    });
  }

  /** The results; null without batches. Stops after the batch in progress when it is aborted. */
  async run(data: Batches, signal?: AbortSignal): Promise<Evaluation<M> | null> {
    const pace = new Pace(100);
    this.measures.reset();
    await inEvaluation(this.model, async () => {
      for await (const { x, y } of loop(data)) {
        const { loss, kept } = this.step(x, y);
        this.measures.keep(kept);
        await pace.follow(loss);
        if (pace.due()) await pace.rest();
        if (signal?.aborted) break;
      }
    });
    const results = await this.measures.read();
    pace.check();
    return results;
  }
}

/**
 * The outputs of a model, in evaluation mode. A tensor of samples is one batch; for data, the
 * outputs of all batches one after the other.
 *
 * @example
 * const digits = (await predict(model, images)).argmax(1); // (B)
 */
export async function predict(
  model: Model,
  data: Tensor | Batches<Tensor | { readonly x: Inputs }>,
): Promise<Tensor> {
  const forward = compile((x: Inputs) => noGrad(() => model.forward(x as never)));
  const parts: TypedArray[] = [];
  let shape: readonly number[] = [];
  let dtype: Tensor["dtype"] = "float32";
  let count = 0;
  await inEvaluation(model, async () => {
    for await (const batch of data instanceof Tensor ? [data] : loop(data)) {
      const output = forward(batch instanceof Tensor ? batch : batch.x);
      ({ shape, dtype } = output);
      count += shape[0] ?? 1;
      parts.push(await output.data());
    }
  });
  if (parts.length === 0) throw new ArgumentError("predict", "the data gave no batches");
  return Tensor.from(joined(parts), shape.length === 0 ? [] : [count, ...shape.slice(1)], {
    dtype,
  });
}

function joined(parts: readonly TypedArray[]): TypedArray {
  if (parts.length === 1) return parts[0];
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new (parts[0].constructor as new (size: number) => TypedArray)(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Batches as `for await` takes them. */
export function loop<B>(data: Batches<B>): AsyncIterable<B> | Iterable<B> {
  if (data[Symbol.asyncIterator] || data[Symbol.iterator]) return data as Iterable<B>;
  throw new ArgumentError("data", "must be a DataLoader, or an array of batches", {
    hint: "new DataLoader(dataset, { batchSize: 128 })",
  });
}

/** Runs `f` with the model in evaluation mode; every module gets its own mode back. */
export async function inEvaluation<T>(model: Module, f: () => Promise<T>): Promise<T> {
  const before = model.modules().map((module) => [module, module.training] as const);
  model.eval();
  try {
    return await f();
  } finally {
    for (const [module, training] of before) module.training = training;
  }
}
