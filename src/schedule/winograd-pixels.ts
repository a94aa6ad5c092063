// How the kernels of a Winograd convolution read images: as they lie where the channels of a pixel are
// neighbours, else from a copy. Not here: what they do with them (winograd.ts).

import { type Node, sizeOf } from "../ir/node.ts";
import { dotForms, SplitAxis } from "./affine.ts";
import type { Pixels } from "./kernel.ts";
import { addAxes, emitStore, withSplits } from "./loops.ts";
import { Lowerer } from "./lower.ts";
import type { Planner } from "./planner.ts";

/** How a kernel of `lowerer` reads the pixels of a node (B, C, H, W): as they lie if their channels are
 *  neighbours, else from a copy. */
export function pixelsOf(
  planner: Planner,
  lowerer: Lowerer,
  x: Node,
  [top, left]: readonly number[],
): Pixels {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const { buffer, base, strides } = inPlace(planner, x) ?? copied(planner, x);
  const operand = lowerer.operand(buffer);
  return { operand, base, strides, height, width, channels, top: top!, left: left! };
}

interface Lying {
  readonly buffer: number;
  readonly base: number;
  readonly strides: readonly [number, number, number];
}

function inPlace(planner: Planner, x: Node): Lying | null {
  const probe = new Lowerer(planner);
  const { coords } = addAxes(
    probe,
    x.shape.map((extent) => [extent]),
  );
  try {
    const expr = probe.expr(x, coords);
    if (expr.k !== "load") return null;
    const [b, c, y, xs] = x.shape.map((_, axis) => expr.at.coef[axis] ?? 0) as [
      number,
      number,
      number,
      number,
    ];
    const near = c === 1 && [b, y, xs].every((step) => step >= 0) && xs <= 4 * x.shape[1]!;
    const buffer = probe.buffers[expr.operand]!;
    return near ? { buffer, base: expr.at.base, strides: [b, y, xs] } : null;
  } catch (error) {
    if (error instanceof SplitAxis) return null;
    throw error;
  }
}

function copied(planner: Planner, x: Node): Lying {
  const [, C, H, W] = x.shape as [number, number, number, number];
  const buffer = planner.temp(x.dtype, sizeOf(x.shape));
  const strides = [H * W * C, W * C, C] as const;
  withSplits(x.shape, (factors) => {
    const lowerer = new Lowerer(planner);
    const { coords, ids } = addAxes(lowerer, factors);
    const at = dotForms(coords, [strides[0], 1, strides[1], strides[2]]);
    emitStore(planner, lowerer, ids.flat(), lowerer.expr(x, coords), at, buffer, [x]);
  });
  return { buffer, base: 0, strides };
}
