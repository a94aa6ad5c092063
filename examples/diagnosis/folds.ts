// Cross-validation all at once: every fold has weights of its own, and one program trains them side by side.
// What a fold knows of the data (means, spreads) comes from its own training patients.
// Not here: reading patients (data.ts), or judging (../diagnosis.ts).

import { nn, stack, Tensor, zeros } from "anneal";
import { Rng, stratifiedFolds } from "anneal/data";
import type { Patients } from "./data.ts";

/** Which fold tests whom: F rows of N, 1 for a patient that the fold is tested on. */
export function testRows(
  ill: Uint8Array,
  { folds, repeats, seed }: { folds: number; repeats: number; seed: number },
): Uint8Array[] {
  const rows: Uint8Array[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const patients of stratifiedFolds(ill, folds, new Rng(seed, repeat))) {
      const row = new Uint8Array(ill.length);
      for (const patient of patients) row[patient] = 1;
      rows.push(row);
    }
  }
  return rows;
}

/** Patients as each fold sees them, (F, N, D): of mean 0 and spread 1 over its training patients; what is not
 *  known is the mean. */
export function standardized(
  { columns, values, ill }: Patients,
  tests: readonly Uint8Array[],
): Tensor {
  const [count, width] = [ill.length, columns.length];
  const out = new Float32Array(tests.length * count * width);
  tests.forEach((test, fold) => {
    for (let c = 0; c < width; c++) {
      const known: number[] = [];
      for (let i = 0; i < count; i++) {
        const value = values[i * width + c]!;
        if (test[i] === 0 && !Number.isNaN(value)) known.push(value);
      }
      const mean = known.reduce((a, b) => a + b, 0) / known.length;
      const spread = Math.sqrt(known.reduce((a, b) => a + (b - mean) ** 2, 0) / known.length);
      for (let i = 0; i < count; i++) {
        const value = values[i * width + c]!;
        const z = Number.isNaN(value) || spread === 0 ? 0 : (value - mean) / spread;
        out[(fold * count + i) * width + c] = z;
      }
    }
  });
  return Tensor.from(out, [tests.length, count, width]);
}

/** A linear layer for each of F folds: (F, N, I) → (F, N, O). */
export class FoldedLinear extends nn.Module {
  weight: Tensor; // (F, I, O)
  bias: Tensor; // (F, 1, O)

  constructor(folds: number, inputs: number, outputs: number) {
    super();
    const bound = 1 / Math.sqrt(inputs);
    this.weight = nn.init.uniform(nn.parameter(zeros([folds, inputs, outputs])), -bound, bound);
    this.bias = nn.init.uniform(nn.parameter(zeros([folds, 1, outputs])), -bound, bound);
  }

  forward(x: Tensor): Tensor {
    return x.matmul(this.weight).add(this.bias);
  }
}

/** A perceptron with one hidden layer, and a logistic regression to compare it with: (F, N, D) → logits
 *  (2, F, N). */
export class FoldedPair extends nn.Module {
  hidden: FoldedLinear;
  dropout: nn.Dropout;
  out: FoldedLinear;
  logistic: FoldedLinear;

  constructor(folds: number, inputs: number, units: number, dropout: number) {
    super();
    this.hidden = new FoldedLinear(folds, inputs, units);
    this.dropout = new nn.Dropout(dropout);
    this.out = new FoldedLinear(folds, units, 1);
    this.logistic = new FoldedLinear(folds, inputs, 1);
  }

  forward(x: Tensor): Tensor {
    const hidden = this.dropout.forward(this.hidden.forward(x).relu()); // (F, N, units)
    const logits = [this.out.forward(hidden), this.logistic.forward(x)];
    return stack(logits.map((each) => each.squeeze(-1)));
  }
}

/** The binary cross entropies of both models, added, in the mean over folds. Targets (2, F, N) are who
 *  is ill, and who counts. */
export function foldedLoss(logits: Tensor, target: Tensor): Tensor {
  const [ill, counts] = [target.select(0, 0), target.select(0, 1)]; // (F, N) each
  const losses = logits.clamp(0, null).sub(logits.mul(ill)).add(logits.abs().neg().exp().log1p());
  const means = losses.mul(counts).sum(2).div(counts.sum(1)); // (2, F)
  return means.sum(0).mean();
}
