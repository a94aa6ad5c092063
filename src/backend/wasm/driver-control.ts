// What the driver, the workers and the main thread agree on: where control words lie, what commands,
// phases and items are made of, and what the driver exports. Not here: code (driver.ts).

/** Byte addresses of the control words in the reserved part of memory. What threads spin on lies on
 *  cache lines of its own. */
export const control = {
  /** Kernels write these two: the address of their parameters, and their fault's number plus one. */
  faultParams: 16,
  faultNumber: 20,
  /** 64 bits: the phase that is open. Phases of all runs are numbered through with odd numbers; an even
   *  one says that none is open. */
  phase: 64,
  /** The run: its phases, how many, threads that may take part, and (64 bits) its first number. */
  orderPhases: 128,
  orderCount: 132,
  orderThreads: 136,
  orderBase: 144,
  /** Microseconds of phases that opened since workers were last rung for. */
  missed: 152,
  /** Items of the open phase that are done. */
  done: 192,
  /** 1 ends the run (2: a fault): items are taken but not run, and the phase is the last. */
  abort: 256,
  /** How long the main thread waits for one item of a worker: naps of 50 ms. */
  patience: 320,
  /** Modules sent to the workers so far. */
  posted: 448,
  /** One word a thread: 1 + modules that it has. */
  ready: 512,
  /** A line a thread, see {@link line}. */
  lines: 4096,
  /** What a trapping thread leaves: 1 + its number, the length of a text, the text. */
  trapThread: 8256,
  trapLength: 8260,
  trapText: 8320,
  /** 64 bits a thread, 64 bytes apart: the items of a phase that are its own and not yet taken, as
   *  phase · 2^24 + first · 2^12 + end. */
  slots: 12288,
} as const;

/** Bytes between the lines, and between the slots, of two threads. */
export const lineBytes = 64;

/** What a thread says of itself. */
export const line = {
  /** The command that it is at. */
  command: 0,
  /** Items of the open phase that it took and has not yet counted as done. */
  taken: 4,
  /** 1 while it runs what comes before a phase. */
  opening: 8,
  /** 1 while it sleeps, or is about to; and the word that it sleeps on. */
  sleeping: 12,
  bell: 16,
} as const;

export const maxThreads = 64;

/** Words of a command: a kernel and what it works on. */
export const commandWords = 8;
export const commandBytes = 4 * commandWords;
export const command = {
  func: 0,
  /** Address of the parameters, and what to add for each further thread. */
  params: 1,
  stride: 2,
  /** The end of its range. */
  extent: 3,
  /** 1: faults so far end the run before it. */
  check: 4,
} as const;

/** Words of a phase: commands that one thread runs first, then items that threads share. A phase opens
 *  when the one before it is done. */
export const phaseWords = 8;
export const phaseBytes = 4 * phaseWords;
export const phase = {
  /** Commands that come first: the address of the first one, and how many. */
  first: 0,
  firstCount: 1,
  /** The address of the items, and how many: at most 4095. */
  items: 2,
  itemCount: 3,
  /** 1: faults so far end the run before it. */
  check: 4,
  /** Microseconds that workers could help with; {@link wakeFrom} says what becomes of them. */
  cost: 5,
} as const;

/** Microseconds of phases worth waking sleeping workers for: one long phase, or short ones that sleepers
 *  missed, of one run or of many. Short phases pay together for a bell that costs as much as one. */
export const wakeFrom = 150;

/** Words of an item: a stretch of one command's range, or (`count` > 0) whole commands in order. */
export const itemWords = 4;
export const itemBytes = 4 * itemWords;
export const item = { command: 0, count: 1, low: 2, high: 3 } as const;

export const statusAborted = 1;
export const statusFault = 2;
/** A worker took work and did not give it back. */
export const statusLost = 3;

/** The driver's exports. */
export interface Driver {
  /** Runs commands one after the other on this thread; 0 or a status. */
  walk(commands: number, count: number): number;
  /** Runs phases on all threads that come in time; 0 or a status. `block`: 1 where this thread may
   *  sleep. */
  run(phases: number, count: number, threads: number, block: number): number;
  /** After a trap of the main thread in `run`: ends the run, and waits for what others took. */
  rescue(block: number): number;
  /** Calls all workers out of `serve`, to fetch their mail. */
  mail(threads: number): void;
  /** A worker's life: takes part in runs until there are more than `installed` modules. */
  serve(thread: number, installed: number): void;
  /** After a trap of a worker: ends the run. */
  fail(thread: number): void;
}
