// Reading memory a line at a time and dropping what comes: whoever computes with it next finds it in the
// second-level cache. The memory's own prefetching follows a walk from end to end, and few others.
// Not here: what is worth it (loop-fetch.ts, contract-fetch.ts).

import type { FuncBuilder } from "./assembler.ts";

const cacheLine = 64;
/** Lines that one turn of the loop reads. */
const lines = 8;

/** The fewest bytes that {@link emitReadAhead} reads. */
export const leastRead = lines * cacheLine;

/** Emits the reading of what lies from the address in local `at` on, `leastRead` bytes at a time, while
 *  that ends before the address in local `end`. Moves `at`. */
export function emitReadAhead(f: FuncBuilder, at: number, end: number): void {
  const fits = () => {
    f.get(at);
    f.i32(leastRead);
    f.op("i32.add");
    f.get(end);
    f.op("i32.le_u");
  };
  fits();
  f.if();
  const again = f.loop();
  for (let line = 0; line < lines; line++) {
    f.get(at);
    f.mem("i32.load", line * cacheLine);
    f.op("drop");
  }
  f.increase(at, leastRead);
  fits();
  f.brIf(again);
  f.end();
  f.end();
}
