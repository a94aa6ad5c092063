// Contractions that the register tile does not take (other dtypes, odd strides, empty sums) as loop
// kernels: a sum of products over the summed axes, then the epilogue at the point.
// Not here: how loop kernels are rendered (loop.ts).

import type { DType } from "../../ir/dtype.ts";
import type { Affine, ContractKernel, Expr, LoopKernel, Operand } from "../../schedule/kernel.ts";
import { mapExpr } from "./contract-shape.ts";

/** The loop kernel that computes a simplified contraction; a part is one index of its first axis. */
export function loopOfContract(kernel: ContractKernel): LoopKernel {
  const { axes, dtype, a, b, store } = kernel;
  const reg = kernel.regs.length;
  const sum: Expr = { k: "reg", dtype, reg };
  const product: Expr = {
    k: "binary",
    dtype,
    fn: "mul",
    x: factor(kernel.operands, a, dtype),
    y: factor(kernel.operands, b, dtype),
  };
  const value = mapExpr(
    store.value,
    (at) => at,
    (e) => (e.k === "acc" ? sum : e),
  );
  return {
    kind: "loop",
    axes,
    parallel: kernel.lane + 1,
    vector: kernel.lane,
    operands: kernel.operands,
    regs: [...kernel.regs, dtype],
    scalars: kernel.scalars,
    stages: [
      { axes: kernel.sums, reduces: [{ reg, fn: "sum", value: product }], stores: [] },
      { axes: [], reduces: [], stores: [{ ...store, value }] },
    ],
    grain: 1,
  };
}

function factor(
  operands: readonly Operand[],
  { operand, at }: { operand: number; at: Affine },
  dtype: DType,
): Expr {
  const load: Expr = { k: "load", dtype: operands[operand]!.dtype, operand, at };
  return load.dtype === dtype ? load : { k: "cast", dtype, x: load };
}
