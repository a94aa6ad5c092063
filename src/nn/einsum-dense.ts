// EinsumDense: a linear layer whose product is an equation, as Keras's.
// Not here: einsum itself (tensor/einsum.ts).

import { einsum } from "../tensor/einsum.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import * as init from "./init.ts";
import { inScope, Module } from "./module.ts";

export interface EinsumDenseOptions {
  /** Letters of the output that the bias has; none where it is not given. */
  biasAxes?: string | undefined;
}

/**
 * einsum(equation, x, weight) + bias. The sizes are those of the weight's letters.
 *
 * @example
 * // Projects to 4 heads of 16: (B, T, 64) → (B, T, 4, 16)
 * new nn.EinsumDense("btc,chd->bthd", { c: 64, h: 4, d: 16 }, { biasAxes: "hd" });
 */
export class EinsumDense extends Module {
  readonly equation: string;
  weight: Tensor;
  bias: Tensor | null;
  #spread: readonly number[];

  constructor(
    equation: string,
    sizes: Readonly<Record<string, number>>,
    options: EinsumDenseOptions = {},
  ) {
    super();
    const parts = /^([a-zA-Z.]+),([a-zA-Z]+)->([a-zA-Z.]+)$/.exec(equation.replaceAll(" ", ""));
    if (parts === null) {
      const detail = `"${equation}" is not of the form "x,weight->output"`;
      throw new ArgumentError("EinsumDense", detail, { hint: 'use "btc,cd->btd"' });
    }
    const [, inputs, weights, outputs] = parts as unknown as [string, string, string, string];
    const size = (letter: string): number => {
      const found = sizes[letter];
      if (Number.isInteger(found) && found! > 0) return found!;
      throw new ArgumentError("EinsumDense", `needs the size of "${letter}", got ${found}`);
    };
    this.equation = equation;
    const shape = [...weights].map(size);
    const summed = [...weights].filter(
      (letter) => inputs.includes(letter) && !outputs.includes(letter),
    );
    const bound = 1 / Math.sqrt(summed.reduce((n, letter) => n * size(letter), 1));
    this.weight = init.uniform(init.emptyParameter(shape, "EinsumDense"), -bound, bound);
    const { biasAxes = "" } = options;
    const stray = [...biasAxes].find((letter) => !outputs.includes(letter));
    if (stray) throw new ArgumentError("EinsumDense", `biasAxes: "${stray}" is not in the output`);
    // The bias as the output has its axes: size 1 where it is the same, from its first letter on.
    const first = [...outputs].findIndex((letter) => biasAxes.includes(letter));
    const own = [...outputs].filter((letter) => biasAxes.includes(letter));
    this.#spread = [...outputs]
      .slice(first)
      .map((letter) => (own.includes(letter) ? size(letter) : 1));
    const bias = () => init.uniform(init.emptyParameter(own.map(size)), -bound, bound);
    this.bias = biasAxes === "" ? null : bias();
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const product = einsum(this.equation, x, this.weight);
      return this.bias === null ? product : product.add(this.bias.reshape(this.#spread));
    });
  }

  override describe(): string {
    return this.equation;
  }
}
