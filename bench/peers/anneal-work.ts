// The workloads as a user of Anneal would write them, nothing tuned; the same in every runtime.
// Not here: the networks (networks.ts), or where requests come from (anneal.ts, page.ts).
import type { InferSpec, OperationSpec, TrainSpec } from "../workloads.ts";
import { compile, device, nn, optim, Tensor } from "./library.ts";
import { networks } from "./networks.ts";
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
  return spec.kind === "infer" ? inference(data, spec) : operation(data, spec);
}

function tensor({ data, shape }: HostArray): Tensor {
  return Tensor.from(data, shape);
}

/** The network with the file's weights; what the file leaves out (running means) is as it is born. */
function network(data: WorkData, spec: TrainSpec | InferSpec) {
  const weights = weightsOf(data).map(([name, array]) => [name, tensor(array)]);
  const model = networks[spec.net](spec);
  model.loadStateDict(Object.fromEntries(weights), { strict: false });
  return model;
}

function training(data: WorkData, spec: TrainSpec): Prepared {
  const model = network(data, spec);
  const { lr, momentum } = spec;
  const optimizer =
    spec.optimizer === "adam"
      ? new optim.Adam(model.parameters(), { lr })
      : new optim.SGD(model.parameters(), { lr, momentum });
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

function operation(data: WorkData, spec: OperationSpec): Prepared {
  const operands = Array.from({ length: data.pool }, (_, i) =>
    ["a", "b"]
      .filter((name) => data.arrays.has(name + i))
      .map((name) => tensor(get(data, name, i))),
  ) as [Tensor, Tensor][];
  const apply = compile(applyOf(spec));
  let last: Tensor | undefined;
  return {
    async step(i) {
      const result = apply(...operands[i % data.pool]!);
      await result.realize();
      last?.dispose(); // as Python lets a result go when its name is given to the next one
      last = result;
      return 0;
    },
    check: async () => checkFigure(await last!.data()),
    extra: () => ({
      compileMs: apply.stats.compileMs,
      ...(spec.kind === "matmul" ? { tileGflops: tileSpeed() } : {}),
    }),
  };
}

function applyOf(spec: OperationSpec): (a: Tensor, b: Tensor) => Tensor {
  if (spec.kind === "matmul") return (a, b) => a.matmul(b);
  if (spec.kind === "eltwise") return (x, y) => x.mul(y).add(x).tanh().sum();
  if (spec.op === "softmax") return (a) => a.softmax(-1);
  return (a) => nn.layerNorm(a, [spec.cols], { eps: 1e-5 });
}

/** GFLOP/s of the fastest register tile on data in the first cache, on this thread, just now. */
function tileSpeed(): number {
  const speeds = Object.entries(device().backend.describe()).filter(([name]) => /tile/.test(name));
  return Math.max(...speeds.map(([, value]) => Number(value)));
}
