// What the driver, the workers and the main thread agree on: where control words lie, what a command
// is made of, and what the driver exports. Not here: code (driver.ts).

/** Byte addresses of the control words in the reserved part of memory. What threads spin on lies on
 *  cache lines of its own. */
export const control = {
  /** Kernels write these two: the address of their parameters, and their fault's number plus one. */
  faultParams: 16,
  faultNumber: 20,
  /** Counts orders; idle workers wait for it to change. */
  order: 64,
  /** The order: command list, its length, threads (0: return to JS, there is mail). */
  orderCommands: 128,
  orderCount: 132,
  orderThreads: 136,
  /** Threads that have reached the barrier. */
  arrived: 192,
  /** Counts barriers; 1 in `abort` ends the run (2: a fault). */
  barrier: 256,
  abort: 260,
  /** Workers that have left the run. */
  left: 320,
  /** How many sleep on `order`, `barrier` and `left`: nobody is notified in vain. */
  orderSleepers: 384,
  barrierSleepers: 388,
  leftSleepers: 392,
  /** Modules sent to the workers so far. */
  posted: 448,
  /** One word a thread: 1 + modules that it has. */
  ready: 512,
  /** One word a thread, 64 bytes apart: the command that it is at. */
  current: 4096,
  /** What a trapping thread leaves: 1 + its number, the length of a text, the text. */
  trapThread: 8256,
  trapLength: 8260,
  trapText: 8320,
} as const;

export const maxThreads = 64;

/** Words of a command. */
export const commandWords = 8;
export const commandBytes = 4 * commandWords;
export const command = {
  func: 0,
  /** Address of the parameters, and what to add for each further thread. */
  params: 1,
  stride: 2,
  /** Of the range: its end, the size of a piece, the number of pieces. */
  extent: 3,
  grain: 4,
  pieces: 5,
  flags: 6,
} as const;

/** Flags of a command. */
export const parallelFlag = 1;
/** All threads meet before it. */
export const barrierFlag = 2;
/** Faults so far end the run before it (only together with a barrier). */
export const checkFlag = 4;

export const statusAborted = 1;
export const statusFault = 2;

/** The driver's exports. */
export interface Driver {
  /** Runs a command list; 0 or a status. `block`: 1 where this thread may sleep. */
  run(commands: number, count: number, threads: number, block: number): number;
  /** After a trap of the main thread: frees the others and waits until they have left. */
  rescue(threads: number, block: number): void;
  /** Tells the workers that there is mail. */
  mail(): void;
  /** A worker's life: takes orders until one says mail; returns that order's number. */
  serve(thread: number, seen: number): number;
  /** After a trap of a worker: frees the others and leaves the run. */
  fail(): void;
}
