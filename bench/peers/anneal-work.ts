// The workloads as a user of Anneal would write them, nothing tuned; the same in every runtime.
// Not here: the networks (networks.ts), or where requests come from (anneal.ts, page.ts).
import type {
  GenerateSpec,
  InferSpec,
  NetworkSpec,
  OperationSpec,
  TrainSpec,
} from "../workloads.ts";
import { compile, device, gradients, type Module, nn, optim, Tensor } from "./library.ts";
import { Gpt, networks } from "./networks.ts";
import {
  checkFigure,
  get,
  type HostArray,
  type Prepared,
  type WorkData,
  weightsOf,
} from "./protocol.ts";

/** Sets a workload up. */
export function prepare(data: WorkData): Prepared {
  const { spec } = data;
  if (spec.kind === "train") return training(data, spec);
  if (spec.kind === "generate") return generation(data, spec);
  return spec.kind === "infer" ? inference(data, spec) : operation(data, spec);
}

function tensor({ data, shape }: HostArray): Tensor {
  return Tensor.from(data, shape);
}

/** The network with the file's weights; what the file leaves out (running means) is as it is born. */
function network(data: WorkData, spec: NetworkSpec) {
  return load(networks[spec.net](spec), data);
}

function load<M extends Module>(model: M, data: WorkData): M {
  const weights = weightsOf(data).map(([name, array]) => [name, tensor(array)]);
  return model.loadStateDict(Object.fromEntries(weights), { strict: false });
}

function training(data: WorkData, spec: TrainSpec): Prepared {
  const model = network(data, spec);
  const { lr, momentum } = spec;
  const makers = {
    adam: () => new optim.Adam(model.parameters(), { lr }),
    adamw: () => new optim.AdamW(model.parameters(), { lr }),
    sgd: () => new optim.SGD(model.parameters(), { lr, momentum }),
  };
  const optimizer = makers[spec.optimizer]();
  const lossOf = spec.loss === "mse" ? nn.mseLoss : nn.crossEntropy;
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = lossOf(model.forward(x), y);
    optimizer.step(loss);
    return loss;
  });
  return {
    step: (i) => step(tensor(get(data, "x", i)), tensor(get(data, "y", i))).item(),
    extra: () => ({ compileMs: step.stats.compileMs }),
  };
}

function inference(data: WorkData, spec: InferSpec): Prepared {
  const model = network(data, spec).eval();
  const answer = compile((x: Tensor) => model.forward(x));
  return {
    step: (i) => answer(tensor(get(data, "x", i))).data(),
    extra: () => ({ compileMs: answer.stats.compileMs }),
  };
}

/** A text, each token read when the logits of what follows the one before are there. */
function generation(data: WorkData, spec: GenerateSpec): Prepared {
  const model = load(new Gpt(spec), data).eval();
  return {
    async step(i) {
      const decoding = model.begin(spec.batch);
      let logits = new Float32Array();
      for (const token of get(data, "x", i).data) {
        logits = (await decoding.feed(Int32Array.of(token))) as Float32Array<ArrayBuffer>;
      }
      return logits;
    },
  };
}

function operation(data: WorkData, spec: OperationSpec): Prepared {
  const operands = Array.from({ length: data.pool }, (_, i) =>
    [..."abcd"]
      .filter((name) => data.arrays.has(name + i))
      .map((name) => tensor(get(data, name, i))),
  );
  const apply = compile(applyOf(spec));
  let last: Tensor[] = [];
  return {
    async step(i) {
      const results = apply(...operands[i % data.pool]!);
      for (const result of results) await result.realize();
      for (const old of last) old.dispose(); // as Python lets go of what had the name before
      last = results;
      return 0;
    },
    check: async () => {
      const figures = await Promise.all(last.map(async (t) => checkFigure(await t.data())));
      return figures.reduce((sum, figure) => sum + figure, 0);
    },
    extra: () => ({
      compileMs: apply.stats.compileMs,
      ...(spec.kind === "matmul" ? { tileGflops: tileSpeed() } : {}),
    }),
  };
}

function applyOf(spec: OperationSpec): (...operands: Tensor[]) => Tensor[] {
  if (spec.kind === "attention") return (q, k, v, g) => attention([q!, k!, v!], g!);
  if (spec.kind === "matmul") return (a, b) => [a!.matmul(b!)];
  if (spec.kind === "eltwise") return (x, y) => [x!.mul(y!).add(x!).tanh().sum()];
  if (spec.op === "softmax") return (a) => [a!.softmax(-1)];
  return (a) => [nn.layerNorm(a!, [spec.cols], { eps: 1e-5 })];
}

/** The result and the gradients of query, key and value for a gradient of it. */
function attention(operands: [Tensor, Tensor, Tensor], g: Tensor): Tensor[] {
  for (const x of operands) x.requiresGrad = true;
  const out = nn.scaledDotProductAttention(...operands);
  return [out, ...gradients(out, operands, g).map((x) => x!)];
}

/** GFLOP/s of the fastest register tile on data in the first cache, on this thread, just now. */
function tileSpeed(): number {
  const speeds = Object.entries(device().backend.describe()).filter(([name]) => /tile/.test(name));
  return Math.max(...speeds.map(([, value]) => Number(value)));
}
