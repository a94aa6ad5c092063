// The memory plan: offsets of temporaries in the arena, by liveness, so that buffers that are never
// alive together may share bytes. Not here: inputs and results of their own (backend/).

import { takenOver } from "./in-place.ts";
import { bytesOf, type Plan, type PlanBuffer, type Step, type Target, wholeOf } from "./plan.ts";

/** Bytes that a kernel may read past the end of a buffer. */
export const slack = 64;

interface Life {
  /** Those that lie at one place, each over the one before it. */
  readonly buffers: PlanBuffer[];
  readonly bytes: number;
  readonly first: number;
  last: number;
  offset: number;
}

/** Sets `offset` of every temporary and returns the size of the arena in bytes. */
export function planMemory(
  buffers: readonly PlanBuffer[],
  steps: readonly Step[],
  outputs: Plan["outputs"],
  target: Target,
): number {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  steps.forEach((step, at) => {
    for (const each of step.buffers) {
      const b = wholeOf(buffers, each);
      if (!first.has(b)) first.set(b, at);
      last.set(b, at);
    }
  });
  for (const o of outputs) if (o.buffer >= 0) last.set(wholeOf(buffers, o.buffer), steps.length);
  const lives = new Map<number, Life>();
  const isTemp = (b: number) => buffers[b].input < 0 && buffers[b].part === undefined;
  steps.forEach((step, at) => {
    const over = takenOver(
      buffers,
      step,
      (b) => isTemp(b) && first.get(b) !== at && last.get(b) === at,
      (b) => isTemp(b) && first.get(b) === at && (last.get(b) as number) < steps.length,
    );
    for (const each of step.buffers) {
      const b = wholeOf(buffers, each);
      if (!isTemp(b) || lives.has(b)) continue;
      const buffer = buffers[b];
      const bytes = Math.ceil((buffer.size * bytesOf(buffer.dtype, target) + slack) / 64) * 64;
      const before = lives.get(over.get(b) ?? -1);
      const end = last.get(b) as number;
      const life = before ?? { buffers: [], bytes, first: at, last: end, offset: 0 };
      life.buffers.push(buffer);
      life.last = end;
      lives.set(b, life);
    }
  });
  const all = [...new Set(lives.values())];
  all.sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  const total = placeAll(all);
  placeParts(buffers);
  return total;
}

/** Parts follow what they are parts of. */
function placeParts(buffers: readonly PlanBuffer[]): void {
  for (const buffer of buffers) {
    const { part, input } = buffer;
    if (part === undefined) continue;
    buffer.offset = part.start + (input < 0 ? buffers[part.of].offset : 0);
  }
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
      if (offset + life.bytes <= p.offset) break;
      offset = Math.max(offset, p.offset + p.bytes);
    }
    life.offset = offset;
    for (const buffer of life.buffers) buffer.offset = offset;
    const after = placed.findIndex((p) => p.offset > offset);
    placed.splice(after < 0 ? placed.length : after, 0, life);
    total = Math.max(total, offset + life.bytes);
  }
  return total;
}
