// The losses as modules, with PyTorch's names: each keeps the options of its function.
// Not here: the formulas (loss-*.ts).

import type { Tensor } from "../tensor/tensor.ts";
import * as ctc from "./ctc.ts";
import type { Lengths } from "./lengths.ts";
import * as classes from "./loss-classes.ts";
import * as pairs from "./loss-pairs.ts";
import * as regression from "./loss-regression.ts";
import { Loss } from "./reduction.ts";

type OptionsOf<F> = F extends (...args: infer A) => Tensor ? Extract<LastOf<A>, object> : never;
type LastOf<A extends unknown[]> = Required<A> extends [...unknown[], infer L] ? L : never;

/** {@link mseLoss} as a module. */
export class MSELoss extends Loss<OptionsOf<typeof regression.mseLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return regression.mseLoss(input, target, this.options);
  }
}

/** {@link l1Loss} as a module. */
export class L1Loss extends Loss<OptionsOf<typeof regression.l1Loss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return regression.l1Loss(input, target, this.options);
  }
}

/** {@link smoothL1Loss} as a module. */
export class SmoothL1Loss extends Loss<OptionsOf<typeof regression.smoothL1Loss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return regression.smoothL1Loss(input, target, this.options);
  }
}

/** {@link huberLoss} as a module. */
export class HuberLoss extends Loss<OptionsOf<typeof regression.huberLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return regression.huberLoss(input, target, this.options);
  }
}

/** {@link poissonNLLLoss} as a module. */
export class PoissonNLLLoss extends Loss<OptionsOf<typeof regression.poissonNLLLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return regression.poissonNLLLoss(input, target, this.options);
  }
}

/** {@link bceLoss} as a module. */
export class BCELoss extends Loss<OptionsOf<typeof regression.bceLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return regression.bceLoss(input, target, this.options);
  }
}

/** {@link bceWithLogits} as a module. */
export class BCEWithLogitsLoss extends Loss<OptionsOf<typeof regression.bceWithLogits>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return regression.bceWithLogits(input, target, this.options);
  }
}

/** {@link klDiv} as a module. */
export class KLDivLoss extends Loss<OptionsOf<typeof regression.klDiv>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return regression.klDiv(input, target, this.options);
  }
}

/** {@link nllLoss} as a module. */
export class NLLLoss extends Loss<OptionsOf<typeof classes.nllLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return classes.nllLoss(input, target, this.options);
  }
}

/** {@link crossEntropy} as a module. */
export class CrossEntropyLoss extends Loss<OptionsOf<typeof classes.crossEntropy>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return classes.crossEntropy(input, target, this.options);
  }
}

/** {@link ctcLoss} as a module. */
export class CTCLoss extends Loss<OptionsOf<typeof ctc.ctcLoss>> {
  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Lengths | number,
    targetLengths: Lengths | number,
  ): Tensor {
    return ctc.ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}

/** {@link multiMarginLoss} as a module. */
export class MultiMarginLoss extends Loss<OptionsOf<typeof classes.multiMarginLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return classes.multiMarginLoss(input, target, this.options);
  }
}

/** {@link multiLabelMarginLoss} as a module. */
export class MultiLabelMarginLoss extends Loss<OptionsOf<typeof classes.multiLabelMarginLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return classes.multiLabelMarginLoss(input, target, this.options);
  }
}

/** {@link multiLabelSoftMarginLoss} as a module. */
export class MultiLabelSoftMarginLoss extends Loss<
  OptionsOf<typeof classes.multiLabelSoftMarginLoss>
> {
  forward(input: Tensor, target: Tensor): Tensor {
    return classes.multiLabelSoftMarginLoss(input, target, this.options);
  }
}

/** {@link hingeEmbeddingLoss} as a module. */
export class HingeEmbeddingLoss extends Loss<OptionsOf<typeof pairs.hingeEmbeddingLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return pairs.hingeEmbeddingLoss(input, target, this.options);
  }
}

/** {@link softMarginLoss} as a module. */
export class SoftMarginLoss extends Loss<OptionsOf<typeof pairs.softMarginLoss>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return pairs.softMarginLoss(input, target, this.options);
  }
}

/** {@link gaussianNLLLoss} as a module. */
export class GaussianNLLLoss extends Loss<OptionsOf<typeof regression.gaussianNLLLoss>> {
  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return regression.gaussianNLLLoss(input, target, variance, this.options);
  }
}

/** {@link marginRankingLoss} as a module. */
export class MarginRankingLoss extends Loss<OptionsOf<typeof pairs.marginRankingLoss>> {
  forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return pairs.marginRankingLoss(a, b, target, this.options);
  }
}

/** {@link cosineEmbeddingLoss} as a module. */
export class CosineEmbeddingLoss extends Loss<OptionsOf<typeof pairs.cosineEmbeddingLoss>> {
  forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return pairs.cosineEmbeddingLoss(a, b, target, this.options);
  }
}

/** {@link tripletMarginLoss} as a module. */
export class TripletMarginLoss extends Loss<OptionsOf<typeof pairs.tripletMarginLoss>> {
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return pairs.tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/** {@link cosineSimilarity} as a module. */
export class CosineSimilarity extends Loss<OptionsOf<typeof pairs.cosineSimilarity>> {
  forward(a: Tensor, b: Tensor): Tensor {
    return pairs.cosineSimilarity(a, b, this.options);
  }
}

/** {@link pairwiseDistance} as a module. */
export class PairwiseDistance extends Loss<OptionsOf<typeof pairs.pairwiseDistance>> {
  forward(a: Tensor, b: Tensor): Tensor {
    return pairs.pairwiseDistance(a, b, this.options);
  }
}
