// Pace: when the loop looks up. It must not wait for every result, must not run far ahead of a
// device that answers later, must not go on after a step that failed there, and must let timers and
// signals through now and then.
// Not here: what happens when it looks up (fit.ts).

import { readTensor } from "../tensor/core.ts";
import { arrivalOf } from "../tensor/moves.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Steps between two marks in the queue of a device that answers later, and how many marks may be
 *  open. */
const stride = 4;
const openMarks = 4;

export class Pace {
  private readonly interval: number;
  private last = performance.now();
  private steps = 0;
  private readonly marks: Promise<unknown>[] = [];
  private failure: { readonly error: unknown } | null = null;

  /** `interval` is in milliseconds. */
  constructor(interval: number) {
    this.interval = interval;
  }

  /** Whether it is time to look up. */
  due(): boolean {
    return performance.now() - this.last >= this.interval;
  }

  /** Says that the loop has looked up, and lets the event loop have its turn. */
  async rest(): Promise<void> {
    await nextTurn();
    this.last = performance.now();
  }

  /** Throws what a step has failed with on a device that answers later: its update was not made. */
  check(): void {
    if (this.failure !== null) throw this.failure.error;
  }

  /** Waits, where the device answers later and is many steps behind. Throws as `check` does. */
  follow(result: Tensor): Promise<unknown> | undefined {
    const { buffer } = result.current;
    const run = buffer === null ? undefined : arrivalOf(buffer);
    run?.catch((error) => {
      this.failure ??= { error };
    });
    this.check();
    if (this.steps++ % stride !== 0) return undefined;
    const mark = readTensor(result);
    if (!(mark instanceof Promise)) return undefined;
    mark.catch(() => {}); // told when it is waited for, or by the next read
    this.marks.push(mark);
    return this.marks.length > openMarks ? this.marks.shift() : undefined;
  }
}

/** A turn of the event loop: signals and timers come through, which awaiting alone never lets. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel(); // setTimeout waits 4 ms in pages
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
