// How threads of the driver share a phase. Every thread has a slot with its own items, in which it goes
// forward from the first; then it steals from the ends of the others' slots. Who is late finds nothing
// left, and nobody waits for a thread that took nothing. The thread that counts the last item as done
// opens the next phase. A slot names its phase: taking looks at phase and items in one word, so a thread
// that slept with an old phase in hand cannot take anything. Slots are never reset: one that names an
// older phase is full.
// Not here: waiting (driver-wait.ts), whole runs (driver.ts), what phases hold (program-share.ts).

import type { FuncBuilder, FuncRef, ModuleBuilder, ValType } from "./assembler.ts";
import {
  command,
  commandBytes,
  control,
  item,
  itemBytes,
  lineBytes,
  phase,
  phaseBytes,
  statusAborted,
  statusFault,
  wakeFrom,
} from "./driver-control.ts";
import { lineOf, lineWord, loadPhase, loadWord, storeLine, storeWord } from "./driver-wait.ts";

const kernelParams: readonly ValType[] = ["i32", "i32", "i32"];

/** Loads the word of a command, phase or item whose address a local holds. */
function field(f: FuncBuilder, at: number, word: number): void {
  f.get(at);
  f.mem("i32.load", 4 * word);
}

/** call(command, thread, low, high): runs a stretch of a command with the thread's own parameters. */
export function renderCall(module: ModuleBuilder): FuncBuilder {
  const f = module.func(["i32", "i32", "i32", "i32"], [], "call");
  const [at, thread, low, high] = [0, 1, 2, 3];
  storeLine(f, thread, "command", () => f.get(at));
  field(f, at, command.params);
  field(f, at, command.stride);
  f.get(thread);
  f.op("i32.mul");
  f.op("i32.add");
  f.get(low);
  f.get(high);
  field(f, at, command.func);
  f.callIndirect(kernelParams, []);
  return f;
}

/** commands(command, count, thread): runs whole commands in order. */
export function renderCommands(module: ModuleBuilder, call: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32", "i32"], [], "commands");
  const [at, count, thread] = [0, 1, 2];
  const out = f.block();
  const again = f.loop();
  f.get(count);
  f.op("i32.eqz");
  f.brIf(out);
  f.get(at);
  f.get(thread);
  f.i32(0);
  field(f, at, command.extent);
  f.call(call);
  f.increase(at, commandBytes);
  f.increase(count, -1);
  f.br(again);
  f.end();
  f.end();
  return f;
}

/** Pushes ⌊count · owner / threads⌋ (`add` 1: of the next owner). */
function pushBound(f: FuncBuilder, count: number, owner: number, add: number, threads: number) {
  f.get(count);
  f.get(owner);
  f.i32(add);
  f.op("i32.add");
  f.op("i32.mul");
  f.get(threads);
  f.op("i32.div_u");
}

/** take(open, count, owner, threads, mine) -> an item of the owner's slot, or -1: the first one if it is
 *  `mine`, else the last. */
export function renderTake(module: ModuleBuilder): FuncBuilder {
  const f = module.func(["i64", "i32", "i32", "i32", "i32"], ["i32"], "take");
  const [open, count, owner, threads, mine] = [0, 1, 2, 3, 4];
  const [low, high, at] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const [slot, of] = [f.local("i64"), f.local("i64")];
  f.get(owner);
  f.i32(lineBytes);
  f.op("i32.mul");
  f.set(at);
  const again = f.loop();
  f.get(at);
  f.mem("i64.atomic.load", control.slots);
  f.tee(slot);
  f.i64(24n);
  f.op("i64.shr_u");
  f.tee(of);
  f.get(open);
  f.op("i64.gt_u");
  f.if();
  f.i32(-1);
  f.op("return");
  f.end();
  f.get(of);
  f.get(open);
  f.op("i64.eq");
  f.if();
  f.get(slot);
  f.op("i32.wrap_i64");
  f.tee(high);
  f.i32(12);
  f.op("i32.shr_u");
  f.i32(4095);
  f.op("i32.and");
  f.set(low);
  f.get(high);
  f.i32(4095);
  f.op("i32.and");
  f.set(high);
  f.else();
  pushBound(f, count, owner, 0, threads);
  f.set(low);
  pushBound(f, count, owner, 1, threads);
  f.set(high);
  f.end();
  f.get(low);
  f.get(high);
  f.op("i32.ge_u");
  f.if();
  f.i32(-1);
  f.op("return");
  f.end();
  f.get(at);
  f.get(slot);
  pushSlot(f, open, low, high, mine);
  f.mem("i64.atomic.rmw.cmpxchg", control.slots);
  f.get(slot);
  f.op("i64.ne");
  f.brIf(again);
  f.end();
  f.get(low);
  f.get(high);
  f.i32(1);
  f.op("i32.sub");
  f.get(mine);
  f.op("select");
  return f;
}

/** Pushes the slot without the item that is taken. */
function pushSlot(f: FuncBuilder, open: number, low: number, high: number, mine: number): void {
  f.get(open);
  f.i64(24n);
  f.op("i64.shl");
  f.get(low);
  f.get(mine);
  f.op("i32.add");
  f.i32(12);
  f.op("i32.shl");
  f.get(high);
  f.get(mine);
  f.op("i32.eqz");
  f.op("i32.sub");
  f.op("i32.or");
  f.op("i64.extend_i32_u");
  f.op("i64.or");
}

/** Changes the number of the open phase to the run's first plus 2 · index + add, and wakes the main
 *  thread. */
function publish(f: FuncBuilder, index: number, add: number, ring: FuncRef): void {
  f.i32(0);
  f.i32(0);
  f.mem("i64.load", control.orderBase);
  f.get(index);
  f.op("i64.extend_i32_u");
  f.i64(1n);
  f.op("i64.shl");
  f.op("i64.add");
  f.i64(BigInt(add));
  f.op("i64.add");
  f.mem("i64.atomic.store", control.phase);
  f.i32(0);
  f.call(ring);
}

/** Pushes the address of phase number `index` of the run. */
function phaseAt(f: FuncBuilder, index: number): void {
  loadWord(f, control.orderPhases);
  f.get(index);
  f.i32(phaseBytes);
  f.op("i32.mul");
  f.op("i32.add");
}

/** Sets `owed` to what workers missed with this phase, and pushes what of it is left: nothing if they are
 *  to be rung for now. */
function pushOwed(f: FuncBuilder, at: number, owed: number): void {
  f.i32(0);
  loadWord(f, control.missed);
  field(f, at, phase.cost);
  f.op("i32.add");
  f.tee(owed);
  f.get(owed);
  f.i32(wakeFrom);
  f.op("i32.ge_u");
  f.op("select");
}

/** advance(thread, index): runs what comes before phase `index` and opens it; after the last one, or
 *  when the run is to end, no phase is open. Only whoever ended the phase before calls it. */
export function renderAdvance(
  module: ModuleBuilder,
  { commands, ring, ringWorkers }: { commands: FuncRef; ring: FuncRef; ringWorkers: FuncRef },
): FuncBuilder {
  const f = module.func(["i32", "i32"], [], "advance");
  const [thread, index] = [0, 1];
  const [at, owed] = [f.local("i32"), f.local("i32")];
  storeWord(f, control.done, () => f.i32(0));
  const close = f.block();
  const again = f.loop();
  loadWord(f, control.abort);
  f.brIf(close);
  f.get(index);
  loadWord(f, control.orderCount);
  f.op("i32.ge_u");
  f.brIf(close);
  phaseAt(f, index);
  f.set(at);
  field(f, at, phase.check);
  f.if();
  loadWord(f, control.faultNumber);
  f.if();
  storeWord(f, control.abort, () => f.i32(statusFault));
  f.br(close);
  f.end();
  f.end();
  field(f, at, phase.firstCount);
  f.if();
  storeLine(f, thread, "opening", () => f.i32(1));
  field(f, at, phase.first);
  field(f, at, phase.firstCount);
  f.get(thread);
  f.call(commands);
  storeLine(f, thread, "opening", () => f.i32(0));
  f.end();
  field(f, at, phase.itemCount);
  f.op("i32.eqz");
  f.if();
  f.get(index);
  f.i32(1);
  f.op("i32.add");
  f.set(index);
  f.br(again);
  f.end();
  storeWord(f, control.missed, () => pushOwed(f, at, owed));
  publish(f, index, 0, ring);
  f.get(owed);
  f.i32(wakeFrom);
  f.op("i32.ge_u");
  f.if();
  loadWord(f, control.orderThreads);
  f.call(ringWorkers);
  f.end();
  f.op("return");
  f.end();
  f.end();
  loadWord(f, control.orderCount);
  f.set(index);
  publish(f, index, -1, ring);
  return f;
}

/** count(thread, items, index): the thread's items of phase `index`, of so many, are done. */
export function renderCount(module: ModuleBuilder, advance: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32", "i32"], [], "count");
  const [thread, items, index] = [0, 1, 2];
  const mine = f.local("i32");
  lineOf(f, thread);
  f.mem("i32.load", lineWord("taken"));
  f.set(mine);
  storeLine(f, thread, "taken", () => f.i32(0));
  f.i32(0);
  f.get(mine);
  f.mem("i32.atomic.rmw.add", control.done);
  f.get(mine);
  f.op("i32.add");
  f.get(items);
  f.op("i32.eq");
  f.if();
  f.get(thread);
  f.get(index);
  f.i32(1);
  f.op("i32.add");
  f.call(advance);
  f.end();
  return f;
}

/** runItem(item, thread), unless the run is to end. */
export function renderItem(
  module: ModuleBuilder,
  { call, commands }: { call: FuncRef; commands: FuncRef },
): FuncBuilder {
  const f = module.func(["i32", "i32"], [], "runItem");
  const [at, thread] = [0, 1];
  loadWord(f, control.abort);
  f.if();
  f.op("return");
  f.end();
  field(f, at, item.count);
  f.if();
  field(f, at, item.command);
  field(f, at, item.count);
  f.get(thread);
  f.call(commands);
  f.else();
  field(f, at, item.command);
  f.get(thread);
  field(f, at, item.low);
  field(f, at, item.high);
  f.call(call);
  f.end();
  return f;
}

/** Pushes the index in its run of the phase with a number; what it reads is right if that phase is
 *  open. */
function pushIndex(f: FuncBuilder, open: number): void {
  f.get(open);
  f.i32(0);
  f.mem("i64.atomic.load", control.orderBase);
  f.op("i64.sub");
  f.i64(1n);
  f.op("i64.shr_u");
  f.op("i32.wrap_i64");
}

/** help(thread, open): takes what is left of a phase, if it is still open. */
export function renderHelp(
  module: ModuleBuilder,
  { take, runItem, count }: { take: FuncRef; runItem: FuncRef; count: FuncRef },
): FuncBuilder {
  const f = module.func(["i32", "i64"], [], "help");
  const [thread, open] = [0, 1];
  const i32 = () => f.local("i32");
  const [index, at, items, itemCount, threads] = [i32(), i32(), i32(), i32(), i32()];
  const [owner, turns, got, taken] = [i32(), i32(), i32(), i32()];
  pushIndex(f, open);
  f.set(index);
  phaseAt(f, index);
  f.set(at);
  field(f, at, phase.items);
  f.set(items);
  field(f, at, phase.itemCount);
  f.set(itemCount);
  loadWord(f, control.orderThreads);
  f.tee(threads);
  f.set(turns);
  // What was read holds for this phase only if it is still the open one.
  loadPhase(f);
  f.get(open);
  f.op("i64.ne");
  f.if();
  f.op("return");
  f.end();
  f.get(thread);
  f.set(owner);
  const all = f.loop();
  const next = f.block();
  const again = f.loop();
  for (const local of [open, itemCount, owner, threads, owner, thread]) f.get(local);
  f.op("i32.eq");
  f.call(take);
  f.tee(got);
  f.i32(0);
  f.op("i32.lt_s");
  f.brIf(next);
  storeLine(f, thread, "taken", () => {
    f.get(taken);
    f.i32(1);
    f.op("i32.add");
    f.tee(taken);
  });
  f.get(items);
  f.get(got);
  f.i32(itemBytes);
  f.op("i32.mul");
  f.op("i32.add");
  f.get(thread);
  f.call(runItem);
  f.br(again);
  f.end();
  f.end();
  nextOwner(f, owner, threads);
  f.get(turns);
  f.i32(1);
  f.op("i32.sub");
  f.tee(turns);
  f.brIf(all);
  f.end();
  f.get(taken);
  f.if();
  for (const local of [thread, itemCount, index]) f.get(local);
  f.call(count);
  f.end();
  return f;
}

/** owner = (owner + 1) mod threads */
function nextOwner(f: FuncBuilder, owner: number, threads: number): void {
  f.i32(0);
  f.get(owner);
  f.i32(1);
  f.op("i32.add");
  f.tee(owner);
  f.get(owner);
  f.get(threads);
  f.op("i32.eq");
  f.op("select");
  f.set(owner);
}

/** fail(thread): after a trap of this thread: ends the run, and counts as done what it took. */
export function renderFail(
  module: ModuleBuilder,
  { advance, count }: { advance: FuncRef; count: FuncRef },
): FuncBuilder {
  const f = module.func(["i32"], [], "fail");
  const [thread] = [0];
  const [index, open] = [f.local("i32"), f.local("i64")];
  storeWord(f, control.abort, () => f.i32(statusAborted));
  lineOf(f, thread);
  f.mem("i32.load", lineWord("opening"));
  f.if();
  storeLine(f, thread, "opening", () => f.i32(0));
  f.get(thread);
  f.i32(0);
  f.call(advance);
  f.op("return");
  f.end();
  lineOf(f, thread);
  f.mem("i32.load", lineWord("taken"));
  f.if();
  loadPhase(f);
  f.set(open);
  pushIndex(f, open);
  f.set(index);
  f.get(thread);
  phaseAt(f, index);
  f.mem("i32.load", 4 * phase.itemCount);
  f.get(index);
  f.call(count);
  f.end();
  return f;
}
