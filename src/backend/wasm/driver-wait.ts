// How threads of the driver wait for the next phase and how sleepers are woken: a thread spins, then
// sleeps on a word of its own line, which says so, and is rung. Sleeping is what gives the core to
// whoever holds the missing piece when there are more threads than cores. Also access to control words.
// Not here: what phases are (driver-share.ts).

import type { FuncBuilder, FuncRef, ModuleBuilder } from "./assembler.ts";
import { control, line, lineBytes } from "./driver-control.ts";

/** Nanoseconds of a nap of a thread whose patience ends. */
const napTime = 50_000_000n;
/** The same in turns of a spinning thread that may not sleep. */
const napSpins = 100_000_000;

/** Pushes an atomically loaded control word. */
export function loadWord(f: FuncBuilder, at: number): void {
  f.i32(0);
  f.mem("i32.atomic.load", at);
}

export function storeWord(f: FuncBuilder, at: number, value: () => void): void {
  f.i32(0);
  value();
  f.mem("i32.atomic.store", at);
}

/** Pushes the number of the open phase. */
export function loadPhase(f: FuncBuilder): void {
  f.i32(0);
  f.mem("i64.atomic.load", control.phase);
}

/** Pushes what a thread's words are addressed from, with offsets from {@link lineWord}. */
export function lineOf(f: FuncBuilder, thread: number): void {
  f.get(thread);
  f.i32(lineBytes);
  f.op("i32.mul");
}

export function lineWord(name: keyof typeof line): number {
  return control.lines + line[name];
}

export function storeLine(
  f: FuncBuilder,
  thread: number,
  name: keyof typeof line,
  value: () => void,
): void {
  lineOf(f, thread);
  value();
  f.mem("i32.store", lineWord(name));
}

/** ring(thread): wakes a thread if it sleeps. What it waits for has been changed before. */
export function renderRing(module: ModuleBuilder): FuncBuilder {
  const f = module.func(["i32"], [], "ring");
  const at = f.local("i32");
  lineOf(f, 0);
  f.tee(at);
  f.mem("i32.atomic.load", lineWord("sleeping"));
  f.if();
  f.get(at);
  f.i32(1);
  f.mem("i32.atomic.rmw.add", lineWord("bell"));
  f.op("drop");
  f.get(at);
  f.i32(-1);
  f.mem("memory.atomic.notify", lineWord("bell"));
  f.op("drop");
  f.end();
  return f;
}

/** ringWorkers(threads): wakes all of them but the main one. */
export function renderRingWorkers(module: ModuleBuilder, ring: FuncRef): FuncBuilder {
  const f = module.func(["i32"], [], "ringWorkers");
  const thread = f.local("i32");
  const out = f.block();
  const again = f.loop();
  f.get(thread);
  f.i32(1);
  f.op("i32.add");
  f.tee(thread);
  f.get(0);
  f.op("i32.ge_u");
  f.brIf(out);
  f.get(thread);
  f.call(ring);
  f.br(again);
  f.end();
  f.end();
  return f;
}

/** wait(thread, phase, spins, naps, block) -> 1 if it lost patience: until another phase is open. It
 *  spins, then naps `naps` times (-1: sleeps until it is rung). */
export function renderWait(module: ModuleBuilder): FuncBuilder {
  const f = module.func(["i32", "i64", "i32", "i32", "i32"], ["i32"], "wait");
  const [thread, phase, left, naps, block] = [0, 1, 2, 3, 4];
  const again = f.loop();
  loadPhase(f);
  f.get(phase);
  f.op("i64.ne");
  f.if();
  f.i32(0);
  f.op("return");
  f.end();
  f.get(left);
  f.i32(1);
  f.op("i32.sub");
  f.tee(left);
  f.i32(0);
  f.op("i32.gt_s");
  f.brIf(again);
  f.get(naps);
  f.op("i32.eqz");
  f.if();
  f.i32(1);
  f.op("return");
  f.end();
  f.get(naps);
  f.i32(0);
  f.op("i32.gt_s");
  f.if();
  f.get(naps);
  f.i32(1);
  f.op("i32.sub");
  f.set(naps);
  f.end();
  f.get(block);
  f.if();
  renderNap(f, thread, phase, naps);
  f.else();
  f.i32(napSpins);
  f.set(left);
  f.end();
  f.br(again);
  f.end();
  f.op("unreachable");
  return f;
}

/** Says that it sleeps, looks once more, and does. */
function renderNap(f: FuncBuilder, thread: number, phase: number, naps: number): void {
  const [at, bell] = [f.local("i32"), f.local("i32")];
  lineOf(f, thread);
  f.tee(at);
  f.i32(1);
  f.mem("i32.atomic.store", lineWord("sleeping"));
  f.get(at);
  f.mem("i32.atomic.load", lineWord("bell"));
  f.set(bell);
  loadPhase(f);
  f.get(phase);
  f.op("i64.eq");
  f.if();
  f.i32(lineWord("bell"));
  f.get(at);
  f.op("i32.add");
  f.get(bell);
  f.i64(-1n);
  f.i64(napTime);
  f.get(naps);
  f.i32(0);
  f.op("i32.lt_s");
  f.op("select");
  f.mem("memory.atomic.wait32");
  f.op("drop");
  f.end();
  f.get(at);
  f.i32(0);
  f.mem("i32.atomic.store", lineWord("sleeping"));
}
