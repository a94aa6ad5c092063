// The resident driver: a small wasm module, one instance a thread, that walks a program's commands.
// Threads share the large kernels piece by piece (a fixed share for each, by shape only), meet at
// barriers where one kernel needs what another made, and all leave when one of them traps.
// Workers stay inside `serve` between runs. Not here: the layout of its words (driver-control.ts), what
// commands say (program.ts), and who starts workers (threads.ts, worker.ts).

import type { FuncBuilder, FuncRef, ValType } from "./assembler.ts";
import { ModuleBuilder } from "./assembler.ts";
import {
  barrierFlag,
  checkFlag,
  command,
  commandBytes,
  control,
  parallelFlag,
  statusAborted,
  statusFault,
} from "./driver-control.ts";
import { maxPages } from "./memory.ts";

/** About 50 µs: a sleeper takes 40 to 100 µs to wake, so shorter waits had better spin. */
const spins = 100_000;

const kernelParams: readonly ValType[] = ["i32", "i32", "i32"];

/** The driver's module. It imports env.memory and env.table. */
export function renderDriver(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory", min: 1, max: maxPages, shared });
  module.importTable("env", "table");
  const wait = renderWait(module);
  const barrier = renderBarrier(module, wait);
  const walk = renderWalk(module, barrier);
  const abort = renderAbort(module);
  const leave = renderLeave(module);
  const join = renderJoin(module, wait);
  module.exportFunc("run", renderRun(module, walk, join));
  module.exportFunc("rescue", renderRescue(module, abort, join));
  module.exportFunc("mail", renderMail(module));
  module.exportFunc("serve", renderServe(module, wait, walk, leave));
  module.exportFunc("fail", renderFail(module, abort, leave));
  return module.toBytes();
}

/** Pushes an atomically loaded control word. */
function loadWord(f: FuncBuilder, at: number): void {
  f.i32(0);
  f.mem("i32.atomic.load", at);
}

function storeWord(f: FuncBuilder, at: number, value: () => void): void {
  f.i32(0);
  value();
  f.mem("i32.atomic.store", at);
}

/** Adds to a control word; leaves the old value on the stack. */
function addWord(f: FuncBuilder, at: number, value: number): void {
  f.i32(0);
  f.i32(value);
  f.mem("i32.atomic.rmw.add", at);
}

/** Wakes all who sleep on a word, if any do. Whoever changes a word does so before this looks. */
function wake(f: FuncBuilder, word: number, sleepers: number): void {
  loadWord(f, sleepers);
  f.if();
  f.i32(0);
  f.i32(-1);
  f.mem("memory.atomic.notify", word);
  f.op("drop");
  f.end();
}

/** wait(word, sleepers, old, block): until the word is not `old`. Spins, then sleeps where it may. */
function renderWait(module: ModuleBuilder): FuncBuilder {
  const f = module.func(["i32", "i32", "i32", "i32"], [], "wait");
  const [word, sleepers, old, block] = [0, 1, 2, 3];
  const left = f.local("i32");
  f.i32(spins);
  f.set(left);
  const out = f.block();
  const again = f.loop();
  f.get(word);
  f.mem("i32.atomic.load");
  f.get(old);
  f.op("i32.ne");
  f.brIf(out);
  f.get(left);
  f.i32(1);
  f.op("i32.sub");
  f.tee(left);
  f.brIf(again);
  f.i32(1);
  f.set(left);
  f.get(block);
  f.op("i32.eqz");
  f.brIf(again);
  f.get(sleepers);
  f.i32(1);
  f.mem("i32.atomic.rmw.add");
  f.op("drop");
  f.get(word);
  f.get(old);
  f.i64(-1n);
  f.mem("memory.atomic.wait32");
  f.op("drop");
  f.get(sleepers);
  f.i32(1);
  f.mem("i32.atomic.rmw.sub");
  f.op("drop");
  f.br(again);
  f.end();
  f.end();
  return f;
}

/** barrier(threads, check, block) -> status: all threads meet. The last to come decides for all
 *  whether a fault ends the run, so that everyone leaves at the same barrier. */
function renderBarrier(module: ModuleBuilder, wait: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32", "i32"], ["i32"], "barrier");
  const [threads, check, block] = [0, 1, 2];
  const old = f.local("i32");
  loadWord(f, control.barrier);
  f.set(old);
  addWord(f, control.arrived, 1);
  f.get(threads);
  f.i32(1);
  f.op("i32.sub");
  f.op("i32.eq");
  f.if();
  storeWord(f, control.arrived, () => f.i32(0));
  f.get(check);
  f.if();
  loadWord(f, control.faultNumber);
  f.if();
  storeWord(f, control.abort, () => f.i32(statusFault));
  f.end();
  f.end();
  addWord(f, control.barrier, 1);
  f.op("drop");
  wake(f, control.barrier, control.barrierSleepers);
  f.else();
  // An abort changes the barrier's word as well, so that nobody waits for those who left. One that came
  // before we looked at the word would be missed.
  loadWord(f, control.abort);
  f.op("i32.eqz");
  f.if();
  f.i32(control.barrier);
  f.i32(control.barrierSleepers);
  f.get(old);
  f.get(block);
  f.call(wait);
  f.end();
  f.end();
  loadWord(f, control.abort);
  return f;
}

/** walk(commands, count, thread, threads, block) -> status: this thread's share of all commands. */
function renderWalk(module: ModuleBuilder, barrier: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32", "i32", "i32", "i32"], ["i32"], "walk");
  const [at, count, thread, threads, block] = [0, 1, 2, 3, 4];
  const flags = f.local("i32");
  const word = (name: keyof typeof command) => {
    f.get(at);
    f.mem("i32.load", 4 * command[name]);
  };
  const again = f.loop();
  f.get(count);
  f.op("i32.eqz");
  f.if();
  f.i32(0);
  f.op("return");
  f.end();
  f.get(thread);
  f.i32(6);
  f.op("i32.shl");
  f.get(at);
  f.mem("i32.store", control.current);
  word("flags");
  f.set(flags);
  renderMeet(f, barrier, flags, threads, block);
  f.get(threads);
  f.i32(1);
  f.op("i32.gt_u");
  f.get(flags);
  f.i32(parallelFlag);
  f.op("i32.and");
  f.op("i32.and");
  f.if();
  renderShare(f, word, thread, threads);
  f.else();
  f.get(thread);
  f.op("i32.eqz");
  f.if();
  word("params");
  f.i32(0);
  word("extent");
  word("func");
  f.callIndirect(kernelParams, []);
  f.end();
  f.end();
  f.get(at);
  f.i32(commandBytes);
  f.op("i32.add");
  f.set(at);
  f.get(count);
  f.i32(1);
  f.op("i32.sub");
  f.set(count);
  f.br(again);
  f.end();
  f.op("unreachable");
  return f;
}

/** Before a command: the barrier, or for a single thread only the look at faults. */
function renderMeet(
  f: FuncBuilder,
  barrier: FuncRef,
  flags: number,
  threads: number,
  block: number,
): void {
  const status = f.local("i32");
  f.get(flags);
  f.i32(barrierFlag | checkFlag);
  f.op("i32.and");
  f.if();
  f.get(threads);
  f.i32(1);
  f.op("i32.gt_u");
  f.if();
  f.get(threads);
  f.get(flags);
  f.i32(checkFlag);
  f.op("i32.and");
  f.get(block);
  f.call(barrier);
  f.tee(status);
  f.if();
  f.get(status);
  f.op("return");
  f.end();
  f.else();
  f.get(flags);
  f.i32(checkFlag);
  f.op("i32.and");
  f.if();
  loadWord(f, control.faultNumber);
  f.if();
  f.i32(statusFault);
  f.op("return");
  f.end();
  f.end();
  f.end();
  f.end();
}

/** Calls the kernel on this thread's pieces: [pieces·t/n, pieces·(t+1)/n), as one range. */
function renderShare(
  f: FuncBuilder,
  word: (name: keyof typeof command) => void,
  thread: number,
  threads: number,
): void {
  const [low, high] = [f.local("i32"), f.local("i32")];
  const pieceOf = (add: number) => {
    word("pieces");
    f.get(thread);
    f.i32(add);
    f.op("i32.add");
    f.op("i32.mul");
    f.get(threads);
    f.op("i32.div_u");
    word("grain");
    f.op("i32.mul");
  };
  pieceOf(0);
  f.set(low);
  pieceOf(1);
  f.tee(high);
  word("extent");
  f.op("i32.gt_u");
  f.if();
  word("extent");
  f.set(high);
  f.end();
  f.get(low);
  f.get(high);
  f.op("i32.lt_u");
  f.if();
  word("params");
  word("stride");
  f.get(thread);
  f.op("i32.mul");
  f.op("i32.add");
  f.get(low);
  f.get(high);
  word("func");
  f.callIndirect(kernelParams, []);
  f.end();
}

/** abort(): ends the run for all, wherever they wait. */
function renderAbort(module: ModuleBuilder): FuncBuilder {
  const f = module.func([], [], "abort");
  storeWord(f, control.abort, () => f.i32(statusAborted));
  addWord(f, control.barrier, 1);
  f.op("drop");
  wake(f, control.barrier, control.barrierSleepers);
  return f;
}

/** leave(): this worker has done its share. */
function renderLeave(module: ModuleBuilder): FuncBuilder {
  const f = module.func([], [], "leave");
  addWord(f, control.left, 1);
  f.op("drop");
  wake(f, control.left, control.leftSleepers);
  return f;
}

/** join(threads, block): the main thread waits until all workers have left. */
function renderJoin(module: ModuleBuilder, wait: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32"], [], "join");
  const [threads, block] = [0, 1];
  const seen = f.local("i32");
  const out = f.block();
  const again = f.loop();
  loadWord(f, control.left);
  f.tee(seen);
  f.get(threads);
  f.i32(1);
  f.op("i32.sub");
  f.op("i32.eq");
  f.brIf(out);
  f.i32(control.left);
  f.i32(control.leftSleepers);
  f.get(seen);
  f.get(block);
  f.call(wait);
  f.br(again);
  f.end();
  f.end();
  return f;
}

function renderRun(module: ModuleBuilder, walk: FuncRef, join: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32", "i32", "i32"], ["i32"], "run");
  const [commands, count, threads, block] = [0, 1, 2, 3];
  const status = f.local("i32");
  f.get(threads);
  f.i32(1);
  f.op("i32.le_u");
  f.if();
  f.get(commands);
  f.get(count);
  f.i32(0);
  f.i32(1);
  f.i32(0);
  f.call(walk);
  f.op("return");
  f.end();
  storeWord(f, control.arrived, () => f.i32(0));
  storeWord(f, control.abort, () => f.i32(0));
  storeWord(f, control.left, () => f.i32(0));
  storeWord(f, control.orderCommands, () => f.get(commands));
  storeWord(f, control.orderCount, () => f.get(count));
  storeWord(f, control.orderThreads, () => f.get(threads));
  addWord(f, control.order, 1);
  f.op("drop");
  wake(f, control.order, control.orderSleepers);
  f.get(commands);
  f.get(count);
  f.i32(0);
  f.get(threads);
  f.get(block);
  f.call(walk);
  f.set(status);
  f.get(threads);
  f.get(block);
  f.call(join);
  // A worker may have trapped after our last barrier.
  f.get(status);
  loadWord(f, control.abort);
  f.get(status);
  f.op("select");
  return f;
}

function renderRescue(module: ModuleBuilder, abort: FuncRef, join: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32"], [], "rescue");
  f.call(abort);
  f.get(0);
  f.get(1);
  f.call(join);
  return f;
}

function renderMail(module: ModuleBuilder): FuncBuilder {
  const f = module.func([], [], "mail");
  storeWord(f, control.orderThreads, () => f.i32(0));
  addWord(f, control.order, 1);
  f.op("drop");
  wake(f, control.order, control.orderSleepers);
  return f;
}

function renderServe(
  module: ModuleBuilder,
  wait: FuncRef,
  walk: FuncRef,
  leave: FuncRef,
): FuncBuilder {
  const f = module.func(["i32", "i32"], ["i32"], "serve");
  const [thread, seen] = [0, 1];
  const threads = f.local("i32");
  const again = f.loop();
  f.i32(control.order);
  f.i32(control.orderSleepers);
  f.get(seen);
  f.i32(1);
  f.call(wait);
  loadWord(f, control.order);
  f.set(seen);
  loadWord(f, control.orderThreads);
  f.tee(threads);
  f.op("i32.eqz");
  f.if();
  f.get(seen);
  f.op("return");
  f.end();
  loadWord(f, control.orderCommands);
  loadWord(f, control.orderCount);
  f.get(thread);
  f.get(threads);
  f.i32(1);
  f.call(walk);
  f.op("drop");
  f.call(leave);
  f.br(again);
  f.end();
  f.op("unreachable");
  return f;
}

function renderFail(module: ModuleBuilder, abort: FuncRef, leave: FuncRef): FuncBuilder {
  const f = module.func([], [], "fail");
  f.call(abort);
  f.call(leave);
  return f;
}
