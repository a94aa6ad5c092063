// Grids: workgroups in a dispatch, indices taken apart into axes, and shaders that do nothing once a step
// has failed. Not here: what a point computes.

import type { ShaderText } from "./render-text.ts";
import type { Shader } from "./shader.ts";

const mostGroups = 65535;

/** So many workgroups or a few more, in as many dimensions as it takes. */
export function dispatchOf(groups: number): Shader["dispatch"] {
  if (groups <= mostGroups) return [groups, 1, 1];
  const rows = Math.ceil(groups / mostGroups);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Names the indices `i…` of axes from one index (u32) over all of them, the last running fastest. Where
 *  there are no elements the text must still be one that compiles. */
export function axesFromIndex(
  text: ShaderText,
  index: string,
  extents: readonly number[],
  axes: readonly number[] = extents.map((_, i) => i),
): void {
  let below = 1;
  for (let k = extents.length - 1; k >= 0; k--) {
    const extent = extents[k]!;
    if (extent !== 1) text.line(`let i${axes[k]} = ${digit(index, below, k === 0 ? 0 : extent)};`);
    below *= Math.max(1, extent);
  }
}

/** The part of an index (u32) that counts steps of `below`, up to `extent` of them (0: all). */
export function digit(index: string, below: number, extent: number): string {
  const quotient = below === 1 ? index : `(${index} / ${below}u)`;
  return extent === 0 ? `i32(${quotient})` : `i32(${quotient} % ${extent}u)`;
}

/** Ends the shader at once where the status says that a step has failed. `together`: all invocations of
 *  a workgroup must know that they go the same way, since there are barriers behind. */
export function guard(text: ShaderText, together: boolean): void {
  if (!together) {
    text.line("if (atomicLoad(&status[0]) != 0u) { return; }");
    return;
  }
  text.declare("var<workgroup> failed: u32;");
  text.line("if (lane == 0u) { failed = atomicLoad(&status[0]); }");
  text.line("if (workgroupUniformLoad(&failed) != 0u) { return; }");
}
