// TensorFlow.js on its WebAssembly backend (SIMD; its threads are switched off in Node by the
// library itself) as a peer of the benchmark. Convolutions are NHWC there, so images and weights
// are permuted; the network is the same.
import { createRequire } from "node:module";
import { type InferSpec, type OperationSpec, type TrainSpec, takesTokens } from "../workloads.ts";
import {
  CannotRun,
  checkFigure,
  get,
  type HostArray,
  type Prepared,
  type WorkData,
  weightsOf,
} from "./protocol.ts";
import { serve } from "./serve.ts";

// Node resolves the package to CommonJS, whose names an `import` would not see.
const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs") as typeof import("@tensorflow/tfjs");
const wasm =
  require("@tensorflow/tfjs-backend-wasm") as typeof import("@tensorflow/tfjs-backend-wasm");

type Tensor = import("@tensorflow/tfjs").Tensor;
type Tensor4D = import("@tensorflow/tfjs").Tensor4D;
type Net = (x: Tensor) => Tensor;

function tensor({ data, shape }: HostArray): Tensor {
  return tf.tensor(data, shape, data instanceof Int32Array ? "int32" : "float32");
}

/** (out, in, kh, kw) to (kh, kw, in, out), and the columns of the last layer from CHW to HWC. */
function cnn(data: WorkData, spec: TrainSpec | InferSpec): Net {
  const w = (name: string) => tensor(data.arrays.get(name)!);
  const conv = ["conv1", "conv2"].map((name) => ({
    kernel: tf.variable(w(`${name}.weight`).transpose<Tensor4D>([2, 3, 1, 0])),
    bias: tf.variable(w(`${name}.bias`)),
  }));
  const [, , channels, classes] = spec.sizes as [number, number, number, number];
  const side = spec.input[1]! / 4;
  const fc = w("fc.weight").reshape([classes, channels, side, side]).transpose([2, 3, 1, 0]);
  const weight = tf.variable(fc.reshape([side * side * channels, classes]));
  const bias = tf.variable(w("fc.bias"));
  return (x) => {
    let h = x.transpose<Tensor4D>([0, 2, 3, 1]); // (B, 28, 28, 1)
    for (const layer of conv) {
      h = tf.relu(tf.conv2d(h, layer.kernel as Tensor4D, 1, "same").add<Tensor4D>(layer.bias));
      h = tf.maxPool(h, 2, 2, "valid");
    }
    return tf.add(tf.matMul(h.reshape([h.shape[0], -1]), weight), bias); // (B, 10)
  };
}

function mlp(data: WorkData, spec: TrainSpec | InferSpec): Net {
  const variables = weightsOf(data).map(([, array]) => tf.variable(tensor(array)));
  return (x) => {
    let h = x;
    for (let i = 0; i < variables.length; i += 2) {
      h = tf.add(tf.matMul(h, variables[i]!, false, true), variables[i + 1]!);
      if (i + 2 < variables.length) h = spec.activation === "tanh" ? tf.tanh(h) : tf.relu(h);
    }
    return h;
  };
}

function networkOf(data: WorkData, spec: TrainSpec | InferSpec): Net {
  if (spec.net === "cnn") return cnn(data, spec);
  if (spec.net === "mlp") return mlp(data, spec);
  if (takesTokens(spec)) {
    if (!tf.getKernel("UnsortedSegmentSum", "wasm")) throw lacking("UnsortedSegmentSum");
    throw new CannotRun("its network is not written yet: the backend lacked the kernels for it.");
  }
  // The others could be written, but not trained: say so rather than find out step by step.
  for (const kernel of ["Conv2DBackpropFilter", "DepthwiseConv2dNativeBackpropFilter"]) {
    if (!tf.getKernel(kernel, "wasm")) throw lacking(kernel);
  }
  throw new CannotRun("its network is not written yet: the backend lacked the kernels for it.");
}

function training(data: WorkData, spec: TrainSpec): Prepared {
  const net = networkOf(data, spec);
  const optimizer =
    spec.optimizer === "adam" ? tf.train.adam(spec.lr, 0.9, 0.999, 1e-8) : tf.train.sgd(spec.lr);
  const classes = spec.sizes[spec.sizes.length - 1]!;
  const lossOf = (x: Tensor, y: Tensor) =>
    spec.loss === "mse"
      ? tf.losses.meanSquaredError(y, net(x))
      : tf.losses.softmaxCrossEntropy(tf.oneHot(y, classes), net(x));
  const step = (i: number) => {
    const x = tensor(get(data, "x", i));
    const y = tensor(get(data, "y", i));
    const loss = optimizer.minimize(() => lossOf(x, y).asScalar(), true)!;
    const value = loss.dataSync()[0]!;
    tf.dispose([x, y, loss]);
    return value;
  };
  return { step: (i) => orSay(() => step(i)) };
}

function inference(data: WorkData, spec: InferSpec): Prepared {
  const net = networkOf(data, spec);
  const step = (i: number) => tf.tidy(() => net(tensor(get(data, "x", i))).dataSync());
  return { step: (i) => orSay(() => step(i)) };
}

/** A kernel the backend lacks is a limit of the peer, not a failure of the benchmark. */
function orSay<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    const missing = /Kernel '(\w+)' not registered/.exec(String(error));
    if (!missing) throw error;
    throw lacking(missing[1]!);
  }
}

function lacking(kernel: string): CannotRun {
  return new CannotRun(`its wasm backend has no kernel ${kernel}, which this network needs.`);
}

function prepare(data: WorkData): Prepared {
  const { spec } = data;
  if (spec.kind === "train") return training(data, spec);
  if (spec.kind === "generate") throw new CannotRun("attention is not written for it here.");
  return spec.kind === "infer" ? inference(data, spec) : operation(data, spec);
}

function operation(data: WorkData, spec: OperationSpec): Prepared {
  const operands = Array.from({ length: data.pool }, (_, i) =>
    ["a", "b"]
      .filter((name) => data.arrays.has(name + i))
      .map((name) => tensor(get(data, name, i))),
  ) as [Tensor, Tensor][];
  const apply = applyOf(spec);
  let last: Tensor | undefined;
  return {
    step(i) {
      last?.dispose();
      last = orSay(() => tf.tidy(() => apply(...operands[i % data.pool]!)));
      return 0;
    },
    check: () => checkFigure(last!.dataSync()),
  };
}

function applyOf(spec: OperationSpec): (a: Tensor, b: Tensor) => Tensor {
  if (spec.kind === "matmul") return (a, b) => tf.matMul(a, b);
  if (spec.kind === "eltwise") return (x, y) => x.mul(y).add(x).tanh().sum();
  if (spec.kind === "attention") throw new CannotRun("attention is not written for it here.");
  if (spec.op === "softmax") return (a) => tf.softmax(a, -1);
  return (a) => {
    const { mean, variance } = tf.moments(a, -1, true);
    return a.sub(mean).mul(variance.add(1e-5).rsqrt());
  };
}

await tf.setBackend("wasm");
await tf.ready();
const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
await serve(
  {
    name: "tfjs-wasm",
    version: wasm.version_wasm,
    note: `SIMD ${simd ? "on" : "off"}, ${await threads()}`,
  },
  prepare,
);

async function threads(): Promise<string> {
  const on = await tf.env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT");
  return on ? `${wasm.getThreadsCount()} threads` : "1 thread (the library has none in Node)";
}
