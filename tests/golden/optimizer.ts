// Golden trajectories of optimizers (12 steps on two functions) and of learning-rate schedules (20
// steps). Our names are PyTorch's in camelCase, so the options translate by rule.
import { optim, Tensor } from "../../src/index.ts";
import { difference, judge, readCases, type Score } from "./cases.ts";

interface OptimizerCase {
  optimizer: string;
  config: Record<string, unknown>;
  fn: string;
  A?: number[][];
  b?: number[];
  w0: number[];
  loss: number[];
  w: number[][];
}

/** weight_decay → weightDecay, T_max → tMax. */
export function camel(name: string): string {
  const joined = name.replace(/_([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
  return joined[0]!.toLowerCase() + joined.slice(1);
}

export function options(config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [camel(name), value]));
}

type Maker = new (...args: unknown[]) => optim.Optimizer | optim.LBFGS;
const made = optim as unknown as Record<string, Maker | undefined>;

/** The functions that the trajectories descend: a quadratic form and Rosenbrock's with 10 for 100. */
function lossOf(c: OptimizerCase, w: Tensor): Tensor {
  if (c.fn === "quad") {
    const A = Tensor.from(Float32Array.from(c.A!.flat()), [w.shape[0]!, w.shape[0]!]);
    const b = Tensor.from(Float32Array.from(c.b!));
    return w.dot(A.matmul(w)).mul(0.5).sub(b.dot(w));
  }
  const [x, y] = [w.select(0, 0), w.select(0, 1)];
  return x.rsub(1).square().add(y.sub(x.square()).square().mul(10));
}

async function oneStep(optimizer: optim.Optimizer | optim.LBFGS, closure: () => Tensor) {
  if (optimizer instanceof optim.LBFGS) return optimizer.step(closure);
  const value = closure();
  optimizer.step(value);
  return value.item();
}

async function runOptimizer(c: OptimizerCase): Promise<string | null | "missing"> {
  const Class = made[c.optimizer];
  if (!Class) return "missing";
  const w = Tensor.from(Float32Array.from(c.w0));
  w.requiresGrad = true;
  const optimizer = new Class([w], options(c.config));
  // L-BFGS stops where the float32 loss no longer changes; there the last bit of the loss decides, and a
  // difference of 3e-4 in w is one of 1e-7 in the loss.
  const tolerance = c.optimizer === "LBFGS" ? { atol: 5e-4 } : {};
  for (let i = 0; i < c.w.length; i++) {
    const loss = await oneStep(optimizer, () => lossOf(c, w));
    const wrong =
      difference(`step ${i} loss`, [loss], [c.loss[i]!]) ??
      difference(`step ${i} w`, await w.data(), c.w[i]!, tolerance);
    if (wrong) return `${JSON.stringify(c.config)} ${c.fn}: ${wrong}`;
  }
  return null;
}

export async function optimizerScore(): Promise<Score> {
  const score: Score = new Map();
  for (const c of readCases<OptimizerCase>("optimizer-cases")) {
    await judge(score, c.optimizer, () => runOptimizer(c));
  }
  return score;
}

interface ScheduleCase {
  scheduler: string;
  config: Record<string, unknown>;
  base_lr: number;
  metric: number[] | null;
  lr: number[];
  momentum: number[];
}

interface AnySchedule {
  step(metric?: number): void;
}

async function runSchedule(c: ScheduleCase): Promise<string | null | "missing"> {
  const Class = (optim as unknown as Record<string, new (...args: unknown[]) => AnySchedule>)[
    c.scheduler
  ];
  if (!Class) return "missing";
  const w = Tensor.from(new Float32Array(2));
  w.requiresGrad = true;
  const optimizer = new optim.SGD([w], { lr: c.base_lr, momentum: 0.9 });
  const schedule = new Class(optimizer, options(c.config));
  const lr: number[] = [];
  const momentum: number[] = [];
  for (let i = 0; i < c.lr.length; i++) {
    lr.push(optimizer.lr);
    momentum.push(optimizer.groups[0]!.options.momentum);
    if (i + 1 < c.lr.length) schedule.step(c.metric?.[i]);
  }
  const exact = { rtol: 1e-9, atol: 1e-12 };
  const wrong =
    difference("lr", lr, c.lr, exact) ?? difference("momentum", momentum, c.momentum, exact);
  return wrong && `${JSON.stringify(c.config)}: ${wrong}`;
}

export async function scheduleScore(): Promise<Score> {
  const score: Score = new Map();
  for (const c of readCases<ScheduleCase>("lr-scheduler-cases")) {
    await judge(score, c.scheduler, () => runSchedule(c));
  }
  return score;
}
