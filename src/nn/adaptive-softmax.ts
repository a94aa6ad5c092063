// The adaptive softmax (Grave et al. 2017): frequent classes in a head, rare ones in tails that are reached
// through it by products of lower rank. Not here: the plain softmax (activations.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { cat } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { Sequential } from "./containers.ts";
import { checkCount, checkOptions, Linear } from "./linear.ts";
import { nllLoss } from "./loss-classes.ts";
import { inScope, Module } from "./module.ts";

export interface AdaptiveSoftmaxOptions {
  /** How much smaller each tail's inner size is than that of the one before (4). */
  divValue?: number | undefined;
  /** True gives the head a bias. */
  headBias?: boolean | undefined;
}

/**
 * Log probabilities of many classes, whose labels go from the most frequent to the rarest, as
 * torch.nn.AdaptiveLogSoftmaxWithLoss. `cutoffs` are where tails begin. All classes of a tail are computed
 * for all samples: it saves parameters, and products of full rank.
 *
 * @example
 * const softmax = new nn.AdaptiveLogSoftmaxWithLoss(64, 10_000, [500, 2000]);
 * const { loss } = softmax.forward(x, labels); // (N, 64), (N) int32
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly inFeatures: number;
  readonly classes: number;
  readonly cutoffs: readonly number[];
  head: Linear;
  tail: Sequential[];

  constructor(
    inFeatures: number,
    classes: number,
    cutoffs: readonly number[],
    options: AdaptiveSoftmaxOptions = {},
  ) {
    super();
    const op = "AdaptiveLogSoftmaxWithLoss";
    checkOptions(this, options, "use { divValue: 4 }");
    const { divValue = 4, headBias = false } = options;
    checkCount(op, "inFeatures", inFeatures);
    checkCount(op, "classes", classes);
    const rising = cutoffs.every((c, i) => Number.isInteger(c) && c > (cutoffs[i - 1] ?? 0));
    if (cutoffs.length === 0 || !rising || cutoffs.at(-1)! >= classes) {
      const detail = `cutoffs must rise from above 0 to below ${classes}, got ${show(cutoffs)}`;
      throw new ArgumentError(op, detail);
    }
    this.inFeatures = inFeatures;
    this.classes = classes;
    this.cutoffs = [...cutoffs, classes];
    this.head = new Linear(inFeatures, cutoffs[0]! + cutoffs.length, { bias: headBias });
    this.tail = cutoffs.map((from, i) => {
      const inner = Math.max(1, Math.floor(inFeatures / divValue ** (i + 1)));
      const own = this.cutoffs[i + 1]! - from;
      const bias = false;
      return new Sequential(
        new Linear(inFeatures, inner, { bias }),
        new Linear(inner, own, { bias }),
      );
    });
  }

  /** Log probabilities of all classes: (N, I) → (N, C). */
  logProb(x: Tensor): Tensor {
    return inScope(this, () => {
      if (x.shape.length !== 2 || x.shape[1] !== this.inFeatures) {
        const detail = `the input must be (N, ${this.inFeatures}), got ${show(x.shape)}`;
        throw new ShapeError("AdaptiveLogSoftmaxWithLoss", detail, { in: currentScope() });
      }
      const [first] = this.cutoffs as [number];
      const head = this.head.forward(x).logSoftmax(1); // (N, first + tails)
      const tails = this.tail.map((tail, i) =>
        tail
          .forward(x)
          .logSoftmax(1)
          .add(head.narrow(1, first + i, 1)),
      );
      return cat([head.narrow(1, 0, first), ...tails], 1); // (N, C)
    });
  }

  /** The log probability of each sample's label (N), and the mean loss. */
  forward(x: Tensor, target: Tensor): { output: Tensor; loss: Tensor } {
    return inScope(this, () => {
      const output = nllLoss(this.logProb(x), target, { reduction: "none" }).neg(); // (N)
      return { output, loss: output.mean().neg() };
    });
  }

  /** The most likely class of each sample: (N, I) → (N) int32. */
  predict(x: Tensor): Tensor {
    return this.logProb(x).argmax(1);
  }

  override describe(): string {
    return `${this.inFeatures} -> ${this.classes} in ${this.cutoffs.length} parts`;
  }
}
