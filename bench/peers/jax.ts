// jax-js on its WebAssembly backend as a peer of the benchmark: one jitted function a training
// step (loss, gradients and update together), its fastest way.
// Its thread pool asks for the browser's `Worker`; with more than one thread asked for, Node's
// worker_threads stand in under that name (workerShim.ts).
import { createRequire } from "node:module";
import type { EltwiseSpec, MatmulSpec, RowsSpec, Spec, TrainSpec } from "../workloads.ts";
import {
  checkFigure,
  get,
  type HostArray,
  type Prepared,
  serve,
  type WorkData,
  weightsOf,
} from "./serve.ts";
import { installWorker } from "./workerShim.ts";

const threads = Number(process.argv[2] ?? 1);
if (threads > 1) installWorker(threads);
const { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy, valueAndGrad } = await import(
  "@jax-js/jax"
);
await init("wasm");
defaultDevice("wasm");

type Array_ = import("@jax-js/jax").Array;
type Params = Record<string, Array_>;
type State = { params: Params; m: Params; v: Params };
type Stepped = { loss: Array_; state: State };

function array({ data, shape }: HostArray): Array_ {
  return numpy.array(
    data as never,
    { shape, dtype: data instanceof Int32Array ? "int32" : "float32" } as never,
  );
}

/** Consumes the parameters and `x`, as every function of jax-js does. */
function forward(spec: TrainSpec, p: Params, x: Array_): Array_ {
  const linear = (h: Array_, name: string) =>
    numpy.matmul(h, p[`${name}.weight`]!.transpose()).add(p[`${name}.bias`]!);
  if (spec.net === "mlp") {
    const layers = spec.sizes.length - 1;
    for (let i = 1; i <= layers; i++) {
      x = linear(x, `fc${i}`);
      if (i < layers) x = spec.activation === "tanh" ? numpy.tanh(x) : nn.relu(x);
    }
    return x;
  }
  for (const name of ["conv1", "conv2"]) {
    const bias = p[`${name}.bias`]!;
    const channels = bias.shape[0]!;
    x = lax.conv(
      x,
      p[`${name}.weight`]!,
      [1, 1],
      [
        [1, 1],
        [1, 1],
      ],
    );
    x = nn.relu(x.add(bias.reshape([1, channels, 1, 1]))); // (B, C, H, W)
    const [b, c, h, w] = x.shape as [number, number, number, number];
    x = numpy.max(x.reshape([b, c, h / 2, 2, w / 2, 2]), [3, 5]); // (B, C, H/2, W/2)
  }
  return linear(x.reshape([x.shape[0]!, -1]), "fc");
}

function lossOf(spec: TrainSpec, p: Params, x: Array_, y: Array_): Array_ {
  const out = forward(spec, p, x);
  if (spec.loss === "mse") return numpy.mean(numpy.square(out.sub(y)));
  const hot = nn.oneHot(y, spec.sizes[spec.sizes.length - 1]!);
  return numpy.mean(nn.logSoftmax(out, -1).mul(hot).sum(-1)).neg();
}

/** Adam as in Kingma and Ba (2015), PyTorch's defaults; `c1`, `c2` correct the bias of the means. */
function adam(s: State, grads: Params, lr: number, c1: Array_, c2: Array_): State {
  const next: State = { params: {}, m: {}, v: {} };
  for (const name of Object.keys(s.params)) {
    const g = grads[name]!;
    const m = s.m[name]!.mul(0.9).add(g.ref.mul(0.1));
    const v = s.v[name]!.mul(0.999).add(numpy.square(g).mul(0.001));
    const root = numpy.sqrt(v.ref.mul(c2.ref)).add(1e-8);
    next.params[name] = s.params[name]!.sub(m.ref.mul(c1.ref).div(root).mul(lr));
    next.m[name] = m;
    next.v[name] = v;
  }
  c1.dispose();
  c2.dispose();
  return next;
}

function sgd(s: State, grads: Params, lr: number): State {
  const next: State = { params: {}, m: {}, v: {} };
  for (const name of Object.keys(s.params)) {
    next.params[name] = s.params[name]!.sub(grads[name]!.mul(lr));
  }
  return next;
}

function training(data: WorkData, spec: TrainSpec): Prepared {
  const zeros = () =>
    Object.fromEntries(weightsOf(data).map(([name, a]) => [name, numpy.zeros(a.shape)]));
  const moments = spec.optimizer === "adam";
  let state: State = {
    params: Object.fromEntries(weightsOf(data).map(([name, a]) => [name, array(a)])),
    m: moments ? zeros() : {},
    v: moments ? zeros() : {},
  };
  const gradient = valueAndGrad((p: Params, x: Array_, y: Array_) => lossOf(spec, p, x, y));
  const params = (p: Params): Params =>
    Object.fromEntries(Object.entries(p).map(([name, a]) => [name, a.ref]));
  const withAdam = jit((s: State, x: Array_, y: Array_, c1: Array_, c2: Array_): Stepped => {
    const [loss, grads] = gradient(params(s.params), x, y) as [Array_, Params];
    return { loss, state: adam(s, grads, spec.lr, c1, c2) };
  });
  const withSgd = jit((s: State, x: Array_, y: Array_): Stepped => {
    const [loss, grads] = gradient(params(s.params), x, y) as [Array_, Params];
    return { loss, state: sgd(s, grads, spec.lr) };
  });
  return {
    async step(i) {
      const x = array(get(data, "x", i));
      const y = array(get(data, "y", i));
      const scalar = (value: number) => numpy.array(value, { dtype: "float32" } as never);
      const out = (moments
        ? withAdam(
            state,
            x,
            y,
            scalar(1 / (1 - 0.9 ** (i + 1))),
            scalar(1 / (1 - 0.999 ** (i + 1))),
          )
        : withSgd(state, x, y)) as unknown as Stepped;
      state = out.state;
      const loss = (await out.loss.data())[0]!;
      await blockUntilReady(state);
      return loss;
    },
  };
}

function operation(data: WorkData, spec: Exclude<Spec, TrainSpec>): Prepared {
  const operands = Array.from({ length: data.pool }, (_, i) =>
    ["a", "b"].filter((name) => data.arrays.has(name + i)).map((name) => array(get(data, name, i))),
  );
  const apply = jit(applyOf(spec) as never) as unknown as (...args: Array_[]) => Array_;
  let last: Array_ | undefined;
  return {
    async step(i) {
      last?.dispose();
      last = apply(...operands[i % data.pool]!.map((a) => a.ref));
      await last.blockUntilReady();
      return 0;
    },
    check: async () => checkFigure((await last!.ref.data()) as Float32Array),
  };
}

function applyOf(spec: MatmulSpec | EltwiseSpec | RowsSpec): (a: Array_, b: Array_) => Array_ {
  if (spec.kind === "matmul") return (a, b) => numpy.matmul(a, b);
  if (spec.kind === "eltwise") return (x, y) => numpy.tanh(x.ref.mul(y).add(x)).sum();
  if (spec.op === "softmax") return (a) => nn.softmax(a, -1);
  return (a) => nn.standardize(a, -1, { epsilon: 1e-5 });
}

const require = createRequire(import.meta.url);
const { version } = require("../node_modules/@jax-js/jax/package.json") as { version: string };
await serve(
  { name: "jax-js (wasm)", version, note: `${threads} thread${threads === 1 ? "" : "s"}` },
  (data) => (data.spec.kind === "train" ? training(data, data.spec) : operation(data, data.spec)),
);
