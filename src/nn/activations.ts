// Activations as layers. Not here: their formulas (tensor/ops/activations.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import type { GeluOptions } from "../tensor/ops/activations.ts";
import * as act from "../tensor/ops/activations.ts";
import { tanh } from "../tensor/ops/math.ts";
import * as red from "../tensor/ops/reduce.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ShapeError } from "../util/errors.ts";
import * as init from "./init.ts";
import { checkCount } from "./linear.ts";
import { inScope, Module } from "./module.ts";

// --- without numbers ----------------------------------------------------------------------------------

abstract class Plain extends Module {
  protected abstract compute(x: Tensor): Tensor;

  forward(x: Tensor): Tensor {
    return inScope(this, () => this.compute(x));
  }
}

export class ReLU extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.relu(x);
  }
}

export class ReLU6 extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.relu6(x);
  }
}

export class Sigmoid extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.sigmoid(x);
  }
}

export class Tanh extends Plain {
  protected compute(x: Tensor): Tensor {
    return tanh(x);
  }
}

export class SiLU extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.silu(x);
  }
}

export class SELU extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.selu(x);
  }
}

export class Mish extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.mish(x);
  }
}

export class Softsign extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.softsign(x);
  }
}

export class LogSigmoid extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.logsigmoid(x);
  }
}

export class Tanhshrink extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.tanhshrink(x);
  }
}

export class Hardswish extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.hardswish(x);
  }
}

export class Hardsigmoid extends Plain {
  protected compute(x: Tensor): Tensor {
    return act.hardsigmoid(x);
  }
}

// --- with numbers -------------------------------------------------------------------------------------

/** x above 0, slope · x below. */
export class LeakyReLU extends Plain {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }

  protected compute(x: Tensor): Tensor {
    return act.leakyRelu(x, this.negativeSlope);
  }

  override describe(): string {
    return `slope ${this.negativeSlope}`;
  }
}

/** Leaky relu with a learned slope: one, or one for each channel. */
export class PReLU extends Plain {
  weight: Tensor; // (1) or (C)

  constructor(count = 1, initial = 0.25) {
    super();
    this.weight = init.constant(
      init.emptyParameter([checkCount("PReLU", "count", count)]),
      initial,
    );
  }

  protected compute(x: Tensor): Tensor {
    return act.prelu(x, this.weight);
  }
}

/** x · Φ(x), Φ being the normal distribution function; or its approximation by tanh. */
export class GELU extends Plain {
  readonly approximate: "none" | "tanh";

  constructor(options: GeluOptions = {}) {
    super();
    this.approximate = options.approximate ?? "none";
  }

  protected compute(x: Tensor): Tensor {
    return act.gelu(x, { approximate: this.approximate });
  }

  override describe(): string {
    return this.approximate === "none" ? "" : this.approximate;
  }
}

export class ELU extends Plain {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  protected compute(x: Tensor): Tensor {
    return act.elu(x, { alpha: this.alpha });
  }
}

export class CELU extends Plain {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  protected compute(x: Tensor): Tensor {
    return act.celu(x, { alpha: this.alpha });
  }
}

/** log(1 + exp(beta · x)) / beta; x itself above the threshold. */
export class Softplus extends Plain {
  readonly beta: number;
  readonly threshold: number;

  constructor(beta = 1, threshold = 20) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }

  protected compute(x: Tensor): Tensor {
    return act.softplus(x, { beta: this.beta, threshold: this.threshold });
  }
}

export class Hardtanh extends Plain {
  readonly low: number;
  readonly high: number;

  constructor(low = -1, high = 1) {
    super();
    this.low = low;
    this.high = high;
  }

  protected compute(x: Tensor): Tensor {
    return act.hardtanh(x, this.low, this.high);
  }
}

export class Hardshrink extends Plain {
  readonly lambda: number;

  constructor(lambda = 0.5) {
    super();
    this.lambda = lambda;
  }

  protected compute(x: Tensor): Tensor {
    return act.hardshrink(x, this.lambda);
  }
}

export class Softshrink extends Plain {
  readonly lambda: number;

  constructor(lambda = 0.5) {
    super();
    this.lambda = lambda;
  }

  protected compute(x: Tensor): Tensor {
    return act.softshrink(x, this.lambda);
  }
}

/** x where it is above the threshold, else the value. */
export class Threshold extends Plain {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number) {
    super();
    this.threshold = threshold;
    this.value = value;
  }

  protected compute(x: Tensor): Tensor {
    return act.threshold(x, this.threshold, this.value);
  }
}

// --- along an axis ------------------------------------------------------------------------------------

abstract class Along extends Plain {
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  override describe(): string {
    return `axis ${this.axis}`;
  }
}

export class Softmax extends Along {
  protected compute(x: Tensor): Tensor {
    return red.softmax(x, this.axis);
  }
}

export class LogSoftmax extends Along {
  protected compute(x: Tensor): Tensor {
    return red.logSoftmax(x, this.axis);
  }
}

export class Softmin extends Along {
  protected compute(x: Tensor): Tensor {
    return red.softmin(x, this.axis);
  }
}

/** The first half of an axis times the sigmoid of the second. */
export class GLU extends Along {
  protected compute(x: Tensor): Tensor {
    return act.glu(x, this.axis);
  }
}

/** Softmax over the channels of (B, C, H, W) or (C, H, W). */
export class Softmax2d extends Plain {
  protected compute(x: Tensor): Tensor {
    if (x.shape.length !== 3 && x.shape.length !== 4) {
      const detail = `the input must be (B, C, H, W) or (C, H, W), got ${show(x.shape)}`;
      throw new ShapeError("Softmax2d", detail, { in: currentScope() });
    }
    return red.softmax(x, -3);
  }
}
