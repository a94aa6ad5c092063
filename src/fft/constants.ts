// The constants of Fourier transforms: matrices, twiddle factors and chirps, computed in float64 on the
// host with angles below an eighth of a turn, and kept as tensors, so that programs know them by identity.
// Not here: what is done with them (dft.ts).

import { Buffer } from "../ir/buffer.ts";
import { bufferNode } from "../ir/build.ts";
import { type DType, makeArray } from "../ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import { nodeOf } from "../tensor/core.ts";
import { Tensor } from "../tensor/tensor.ts";

/** How many constants are kept; the least recently used go first. */
const room = 256;
const known = new Map<string, Tensor>();

/** The constant of a name, made by `fill` (row-major) if nobody has asked for it lately. */
export function constantOf(
  name: string,
  shape: Shape,
  dtype: DType,
  fill: (out: Float64Array) => void,
): Node {
  const key = `${name} ${shape} ${dtype}`;
  let found = known.get(key);
  if (found === undefined) {
    const exact = new Float64Array(sizeOf(shape));
    fill(exact);
    const host = makeArray(dtype, exact.length);
    host.set(exact);
    found = new Tensor(bufferNode(new Buffer(dtype, host.length, host), shape), null);
  } else {
    known.delete(key);
  }
  known.set(key, found);
  if (known.size > room) known.delete(known.keys().next().value!);
  return nodeOf(found);
}

/** cos and sin of `part`/`whole` of a turn, for whole numbers; exact at its quarters. */
export function turn(part: number, whole: number): [cos: number, sin: number] {
  const eighths = (8 * (part % whole)) / whole;
  const quarters = Math.round(eighths / 2);
  const rest = (8 * (part % whole) - 2 * quarters * whole) / whole;
  const [c, s] = [Math.cos((rest * Math.PI) / 4), Math.sin((rest * Math.PI) / 4)];
  const quarter = ((quarters % 4) + 4) % 4;
  if (quarter === 0) return [c, s];
  if (quarter === 1) return [-s, c];
  return quarter === 2 ? [-c, -s] : [s, -c];
}
