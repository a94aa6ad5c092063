// The memory plan: offsets of temporaries in the arena, by liveness, so that buffers that are never
// alive together may share bytes. Not here: inputs and results of their own (backend/).

import { itemSize } from "../ir/dtype.ts";
import type { Plan, PlanBuffer, Step } from "./plan.ts";

/** Bytes that a kernel may read or write past the end of a buffer. */
export const slack = 64;

interface Life {
  readonly buffer: PlanBuffer;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Sets `offset` of every temporary and returns the size of the arena in bytes. */
export function planMemory(
  buffers: readonly PlanBuffer[],
  steps: readonly Step[],
  outputs: Plan["outputs"],
): number {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  steps.forEach((step, at) => {
    for (const b of step.buffers) {
      if (!first.has(b)) first.set(b, at);
      last.set(b, at);
    }
  });
  for (const o of outputs) if (o.buffer >= 0) last.set(o.buffer, steps.length);
  const lives: Life[] = [];
  buffers.forEach((buffer, i) => {
    if (buffer.input >= 0 || !first.has(i)) return;
    const bytes = Math.ceil((buffer.size * itemSize[buffer.dtype] + slack) / 64) * 64;
    lives.push({ buffer, bytes, first: first.get(i) as number, last: last.get(i) as number });
  });
  lives.sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  return placeAll(lives);
}

/** Largest first, each at the lowest offset that is free during its life. */
function placeAll(lives: readonly Life[]): number {
  /** By offset. */
  const placed: Life[] = [];
  let total = 0;
  for (const life of lives) {
    let offset = 0;
    for (const p of placed) {
      if (p.first > life.last || life.first > p.last) continue;
      if (offset + life.bytes <= p.buffer.offset) break;
      offset = Math.max(offset, p.buffer.offset + p.bytes);
    }
    life.buffer.offset = offset;
    const after = placed.findIndex((p) => p.buffer.offset > offset);
    placed.splice(after < 0 ? placed.length : after, 0, life);
    total = Math.max(total, offset + life.bytes);
  }
  return total;
}
