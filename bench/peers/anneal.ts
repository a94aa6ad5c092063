// Anneal as a peer of its own benchmark: what a user would write, nothing tuned.
import { readFileSync } from "node:fs";
import { compile, nn, optim, Tensor } from "../../src/index.ts";
import type { Spec, TrainSpec } from "../workloads.ts";
import {
  checkFigure,
  get,
  type HostArray,
  type Prepared,
  serve,
  type WorkData,
  weightsOf,
} from "./serve.ts";

class Cnn extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  fc: nn.Linear;

  constructor([a, b, c, classes]: number[], side: number) {
    super();
    this.conv1 = new nn.Conv2d(a!, b!, 3, { padding: 1 });
    this.conv2 = new nn.Conv2d(b!, c!, 3, { padding: 1 });
    this.fc = new nn.Linear(c! * side * side, classes!);
  }

  forward(x: Tensor): Tensor {
    x = this.conv1.forward(x).relu().maxPool2d(2); // (B, 32, 14, 14)
    x = this.conv2.forward(x).relu().maxPool2d(2); // (B, 64, 7, 7)
    return this.fc.forward(x.flatten(1)); // (B, 10)
  }
}

class Mlp extends nn.Module {
  fc1: nn.Linear;
  fc2: nn.Linear;
  fc3: nn.Linear | undefined;
  activation: TrainSpec["activation"];

  constructor(sizes: number[], activation: TrainSpec["activation"]) {
    super();
    this.activation = activation;
    this.fc1 = new nn.Linear(sizes[0]!, sizes[1]!);
    this.fc2 = new nn.Linear(sizes[1]!, sizes[2]!);
    if (sizes.length > 3) this.fc3 = new nn.Linear(sizes[2]!, sizes[3]!);
  }

  forward(x: Tensor): Tensor {
    const act = (h: Tensor) => (this.activation === "tanh" ? h.tanh() : h.relu());
    const h = this.fc2.forward(act(this.fc1.forward(x))); // (B, sizes[2])
    return this.fc3 ? this.fc3.forward(act(h)) : h;
  }
}

function tensor({ data, shape }: HostArray): Tensor {
  return Tensor.from(data, shape);
}

function training(data: WorkData, spec: TrainSpec): Prepared {
  const model =
    spec.net === "cnn"
      ? new Cnn(spec.sizes, spec.input[1]! / 4)
      : new Mlp(spec.sizes, spec.activation);
  model.loadStateDict(
    Object.fromEntries(weightsOf(data).map(([name, array]) => [name, tensor(array)])),
  );
  const parameters = model.parameters();
  const optimizer =
    spec.optimizer === "adam"
      ? new optim.Adam(parameters, { lr: spec.lr })
      : new optim.SGD(parameters, { lr: spec.lr });
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

function operation(data: WorkData, spec: Exclude<Spec, TrainSpec>): Prepared {
  const operands = Array.from({ length: data.pool }, (_, i) =>
    ["a", "b"]
      .filter((name) => data.arrays.has(name + i))
      .map((name) => tensor(get(data, name, i))),
  ) as [Tensor, Tensor][];
  const apply = compile(applyOf(spec));
  let last: Tensor;
  return {
    async step(i) {
      last = apply(...operands[i % data.pool]!);
      await last.realize();
      return 0;
    },
    check: async () => checkFigure(await last.data()),
    extra: () => ({ compileMs: apply.stats.compileMs }),
  };
}

function applyOf(spec: Exclude<Spec, TrainSpec>): (a: Tensor, b: Tensor) => Tensor {
  if (spec.kind === "matmul") return (a, b) => a.matmul(b);
  if (spec.kind === "eltwise") return (x, y) => x.mul(y).add(x).tanh().sum();
  if (spec.op === "softmax") return (a) => a.softmax(-1);
  return (a) => nn.layerNorm(a, [spec.cols], { eps: 1e-5 });
}

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };
await serve({ name: "Anneal", version }, (data) =>
  data.spec.kind === "train" ? training(data, data.spec) : operation(data, data.spec),
);
