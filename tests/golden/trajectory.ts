// Golden training trajectories: 20 steps of a network from given weights under three optimizers, the
// losses, gradient norms, final weights and evaluation logits compared with PyTorch's. The loss, the
// gradient, the clipping and the update run as one compiled step, as a user would write it.
import { compile, nn, optim, type Tensor, zeros } from "../../src/index.ts";
import {
  difference,
  type GoldenTensor,
  judge,
  readCases,
  type Score,
  tensorDifference,
  toTensor,
} from "./cases.ts";
import { options } from "./optimizer.ts";

export interface Trajectory {
  name: string;
  x: GoldenTensor;
  y: GoldenTensor;
  init: Record<string, GoldenTensor>;
  optimizer: "SGD" | "Adam" | "AdamW";
  config: Record<string, unknown>;
  clip_grad_norm: number | null;
  loss: number[];
  grad_norm_before_clip: number[];
  final: Record<string, GoldenTensor>;
  eval_logits: GoldenTensor;
}

class Cnn extends nn.Module {
  c1 = new nn.Conv2d(1, 4, 3, { padding: 1 });
  b1 = new nn.BatchNorm2d(4);
  c2 = new nn.Conv2d(4, 6, 3, { stride: 2 });
  f = new nn.Linear(6, 3);

  forward(x: Tensor): Tensor {
    const h = this.b1.forward(this.c1.forward(x)).relu().maxPool2d(2); // (B, 4, 4, 4)
    return this.f.forward(this.c2.forward(h).relu().flatten(1)); // (B, 3)
  }
}

class Encoder extends nn.Module {
  e = new nn.Embedding(8, 8);
  p = nn.parameter(zeros(5, 8));
  t = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, dropout: 0, batchFirst: true });
  f = new nn.Linear(8, 3);

  forward(x: Tensor): Tensor {
    const h = this.t.forward(this.e.forward(x).add(this.p)); // (B, 5, 8)
    return this.f.forward(h.mean(1)); // (B, 3)
  }
}

/** Tokens (B, T) to classes by the output at the last step. */
class Reader extends nn.Module {
  e = new nn.Embedding(8, 5);
  r: nn.RNN | nn.LSTM | nn.GRU;
  f = new nn.Linear(6, 3);

  constructor(Network: typeof nn.RNN | typeof nn.LSTM | typeof nn.GRU) {
    super();
    this.r = new Network(5, 6, { batchFirst: true });
  }

  forward(x: Tensor): Tensor {
    const [out] = this.r.forward(this.e.forward(x)); // (B, T, 6)
    return this.f.forward(out.select(1, -1)); // (B, 3)
  }
}

const networks: Record<string, (() => nn.Layer) | undefined> = {
  mlp: () => new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Linear(8, 3)),
  cnn_bn: () => new Cnn(),
  transformer_encoder: () => new Encoder(),
  rnn_seq: () => new Reader(nn.RNN),
  lstm_seq: () => new Reader(nn.LSTM),
  gru_seq: () => new Reader(nn.GRU),
};

/**
 * A bias before a batch norm has gradient 0 up to rounding, which Adam blows up to whole steps: where it
 * goes is chance, and the running mean follows it. The losses do not depend on either.
 */
const rounding = new Set(["c1.bias", "b1.running_mean"]);

/** So has the bias of keys, the middle third: it moves all scores of a query alike. */
const keyBias = "t.self_attn.in_proj_bias";

function withoutKeyBias(t: GoldenTensor): GoldenTensor {
  const third = t.data.length / 3;
  return { ...t, data: t.data.map((v, i) => (i >= third && i < 2 * third ? "NaN" : v)) };
}

/** All trajectories; those without a network above are missing. */
export function trajectories(): Trajectory[] {
  return readCases<Trajectory>("training-trajectory-cases");
}

const state = (values: Record<string, GoldenTensor>) =>
  Object.fromEntries(Object.entries(values).map(([name, t]) => [name, toTensor(t)]));

export async function runTrajectory(c: Trajectory): Promise<string | null | "missing"> {
  const make = networks[c.name];
  if (!make) return "missing";
  const model = make();
  model.loadStateDict(state(c.init));
  const [x, y] = [toTensor(c.x), toTensor(c.y)];
  const optimizer = new optim[c.optimizer](model.parameters(), options(c.config));
  const clipNorm = c.clip_grad_norm ?? undefined;
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(loss, { clipNorm });
    return loss;
  });
  const losses: number[] = [];
  for (let i = 0; i < c.loss.length; i++) losses.push(await step(x, y).item());
  const relative = { rtol: 1e-4, atol: 0 };
  const wrong = difference("loss", losses, c.loss, relative);
  if (wrong) return wrong;
  for (const [name, tensor] of Object.entries(model.stateDict())) {
    if (c.name === "cnn_bn" && rounding.has(name)) continue;
    const want = name === keyBias ? withoutKeyBias(c.final[name]!) : c.final[name]!;
    const options = { rtol: 1e-3, atol: 1e-4, nanIsAny: name === keyBias };
    const off = await tensorDifference(name, tensor, want, options);
    if (off) return off;
  }
  const chance = Object.entries(c.final).filter(([name]) => rounding.has(name));
  model.loadStateDict(state(Object.fromEntries(chance)), { strict: false });
  const logits = model.eval().forward(x);
  return tensorDifference("logits", logits, c.eval_logits, { rtol: 1e-3, atol: 1e-4 });
}

export async function trajectoryScore(): Promise<Score> {
  const score: Score = new Map();
  for (const c of trajectories()) {
    await judge(score, c.name, async () => {
      const found = await runTrajectory(c);
      return found === null || found === "missing" ? found : `${c.optimizer}: ${found}`;
    });
  }
  return score;
}
