// jax-js on its WebAssembly backend as a peer of the benchmark: one jitted function a training
// step (loss, gradients and update together), its fastest way.
// Its thread pool asks for the browser's `Worker`; with more than one thread asked for, Node's
// worker_threads stand in under that name (worker-shim.ts).
import { createRequire } from "node:module";
import type { InferSpec, OperationSpec, TrainSpec } from "../workloads.ts";
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
import { installWorker } from "./worker-shim.ts";

const threads = Number(process.argv[2] ?? 1);
if (threads > 1) installWorker(threads);
const { blockUntilReady, defaultDevice, init, jit, nn, numpy, valueAndGrad } = await import(
  "@jax-js/jax"
);
const { forward } = await import("./jax-js-networks.ts");
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

function lossOf(spec: TrainSpec, p: Params, x: Array_, y: Array_): Array_ {
  const out = forward(spec, p, x);
  if (spec.loss === "mse") return numpy.mean(numpy.square(out.sub(y)));
  const hot = nn.oneHot(y, spec.sizes[spec.sizes.length - 1]!); // classes in the last axis
  const logits = spec.loss === "pixels" ? out.transpose([0, 2, 3, 1]) : out;
  return numpy.mean(nn.logSoftmax(logits, -1).mul(hot).sum(-1)).neg();
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

/** With PyTorch's momentum, which sums gradients: `m` is empty where there is none. */
function sgd(s: State, grads: Params, { lr, momentum }: TrainSpec): State {
  const next: State = { params: {}, m: {}, v: {} };
  for (const name of Object.keys(s.params)) {
    const old = s.m[name];
    const move = old ? old.mul(momentum).add(grads[name]!) : grads[name]!;
    if (old) next.m[name] = move.ref;
    next.params[name] = s.params[name]!.sub(move.mul(lr));
  }
  return next;
}

function training(data: WorkData, spec: TrainSpec): Prepared {
  const zeros = () =>
    Object.fromEntries(weightsOf(data).map(([name, a]) => [name, numpy.zeros(a.shape)]));
  const adaptive = spec.optimizer === "adam";
  let state: State = {
    params: Object.fromEntries(weightsOf(data).map(([name, a]) => [name, array(a)])),
    m: adaptive || spec.momentum ? zeros() : {},
    v: adaptive ? zeros() : {},
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
    return { loss, state: sgd(s, grads, spec) };
  });
  const scalar = (value: number) => numpy.array(value, { dtype: "float32" } as never);
  return {
    async step(i) {
      const x = array(get(data, "x", i));
      const y = array(get(data, "y", i));
      const corrections = () => [0.9, 0.999].map((b) => scalar(1 / (1 - b ** (i + 1))));
      const [c1, c2] = adaptive ? corrections() : [];
      const out = (adaptive
        ? withAdam(state, x, y, c1!, c2!)
        : withSgd(state, x, y)) as unknown as Stepped;
      state = out.state;
      const loss = (await out.loss.data())[0]!;
      await blockUntilReady(state);
      return loss;
    },
  };
}

function inference(data: WorkData, spec: InferSpec): Prepared {
  const params = Object.fromEntries(weightsOf(data).map(([name, a]) => [name, array(a)]));
  const answer = jit((p: Params, x: Array_) => forward(spec, p, x));
  return {
    async step(i) {
      const held = Object.fromEntries(Object.entries(params).map(([name, a]) => [name, a.ref]));
      const out = answer(held, array(get(data, "x", i))) as unknown as Array_;
      return (await out.data()) as Float32Array;
    },
  };
}

function operation(data: WorkData, spec: OperationSpec): Prepared {
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

function applyOf(spec: OperationSpec): (a: Array_, b: Array_) => Array_ {
  if (spec.kind === "matmul") return (a, b) => numpy.matmul(a, b);
  if (spec.kind === "eltwise") return (x, y) => numpy.tanh(x.ref.mul(y).add(x)).sum();
  if (spec.kind === "attention") throw new CannotRun("attention is not written for it here.");
  if (spec.op === "softmax") return (a) => nn.softmax(a, -1);
  return (a) => nn.standardize(a, -1, { epsilon: 1e-5 });
}

function prepare(data: WorkData): Prepared {
  const { spec } = data;
  if (spec.kind === "train") return training(data, spec);
  if (spec.kind === "generate") throw new CannotRun("attention is not written for it here.");
  return spec.kind === "infer" ? inference(data, spec) : operation(data, spec);
}

const require = createRequire(import.meta.url);
const { version } = require("../../node_modules/@jax-js/jax/package.json") as { version: string };
await serve(
  { name: "jax-js (wasm)", version, note: `${threads} thread${threads === 1 ? "" : "s"}` },
  prepare,
);
