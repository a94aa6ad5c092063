// What a program must know of each kind of kernel: who renders it, into how many parts its work is cut
// (by shape alone, so that any division of [0, parts) gives the same bits), and how many bytes of
// scratch memory each thread needs. Not here: how long it takes (program-cost.ts).

import type { Kernel } from "../../schedule/kernel.ts";
import { remember } from "../../util/remember.ts";
import type { FuncBuilder, ModuleBuilder } from "./assembler.ts";
import { contractParts, contractScratch, renderContract } from "./contract.ts";
import type { ContractOptions } from "./contract-tile.ts";
import { renderLoop } from "./loop.ts";
import { renderWinograd } from "./winograd.ts";
import { shapeOf, sumsShapeOf } from "./winograd-shape.ts";
import { renderWinogradSums } from "./winograd-sums.ts";

type Of<K extends Kernel["kind"]> = Extract<Kernel, { kind: K }>;

interface Kind<T extends Kernel> {
  /** As a function `(p, lo, hi)` of the module: addresses at p, parts lo to hi. */
  render(kernel: T, module: ModuleBuilder, options: ContractOptions): FuncBuilder;
  parts(kernel: T): number;
  threadBytes(kernel: T): number;
}

const kinds: { readonly [K in Kernel["kind"]]: Kind<Of<K>> } = {
  loop: { render: renderLoop, parts: ({ axes }) => axes[0]!, threadBytes: () => 0 },
  contract: { render: renderContract, parts: contractParts, threadBytes: contractScratch },
  winograd: {
    render: renderWinograd,
    parts: (kernel) => shapeOf(kernel).blocks.count,
    threadBytes: (kernel) => shapeOf(kernel).scratch.bytes,
  },
  winogradSums: {
    render: renderWinogradSums,
    parts: ({ axes }) => axes[0]!,
    threadBytes: (kernel) => sumsShapeOf(kernel).scratch.bytes,
  },
};

const kindOf = <T extends Kernel>(kernel: T) => kinds[kernel.kind] as unknown as Kind<T>;

/** Renders a kernel. */
export function renderKernel(
  kernel: Kernel,
  module: ModuleBuilder,
  options: ContractOptions,
): FuncBuilder {
  return kindOf(kernel).render(kernel, module, options);
}

/** Into how many parts the kernel's work is cut; 0 where there is nothing to do. */
export const partsOf = remember((kernel: Kernel): number => kindOf(kernel).parts(kernel));

/** Bytes of scratch memory that each thread needs. Where there are any, their address follows the
 *  kernel's scalars among its parameters. */
export const threadBytesOf = remember((kernel: Kernel): number =>
  kindOf(kernel).threadBytes(kernel),
);
