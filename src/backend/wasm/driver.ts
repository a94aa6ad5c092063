// The resident driver: a small wasm module, one instance a thread, that runs programs. One thread alone
// walks the commands. Several share the program's phases (driver-share.ts); a run needs nobody but the
// main thread, and the others take part when they come in time. When one traps, all leave; a worker
// that never comes back ends the run after a while. Workers stay inside `serve` between runs. Not here:
// the layout of its words (driver-control.ts), what phases hold (program-share.ts), and who starts
// workers (threads.ts, worker.ts).

import type { FuncBuilder, FuncRef } from "./assembler.ts";
import { ModuleBuilder } from "./assembler.ts";
import { command, commandBytes, control, statusFault, statusLost } from "./driver-control.ts";
import {
  renderAdvance,
  renderCall,
  renderCommands,
  renderCount,
  renderFail,
  renderHelp,
  renderItem,
  renderTake,
} from "./driver-share.ts";
import {
  loadPhase,
  loadWord,
  renderRing,
  renderRingWorkers,
  renderWait,
  storeWord,
} from "./driver-wait.ts";
import { maxPages } from "./memory.ts";

/** Turns of about half a nanosecond. In a run: a sleeper takes 40 to 100 µs to wake, so shorter waits
 *  had better spin. Between runs: the next step of a training follows soon. */
const runSpins = 100_000;
const idleSpins = 400_000;

/** The driver's module. It imports env.memory and env.table. */
export function renderDriver(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory", min: 1, max: maxPages, shared });
  module.importTable("env", "table");
  const ring = renderRing(module);
  const ringWorkers = renderRingWorkers(module, ring);
  const wait = renderWait(module);
  const call = renderCall(module);
  const commands = renderCommands(module, call);
  const advance = renderAdvance(module, { commands, ring, ringWorkers });
  const count = renderCount(module, advance);
  const take = renderTake(module);
  const runItem = renderItem(module, { call, commands });
  const help = renderHelp(module, { take, runItem, count });
  const fail = renderFail(module, { advance, count });
  const finish = renderFinish(module, help, wait);
  module.exportFunc("walk", renderWalk(module, call));
  module.exportFunc("run", renderRun(module, advance, finish));
  module.exportFunc("rescue", renderRescue(module, fail, finish));
  module.exportFunc("mail", renderMail(module, ringWorkers));
  module.exportFunc("serve", renderServe(module, help, wait));
  module.exportFunc("fail", fail);
  return module.toBytes();
}

/** walk(commands, count) -> status: all commands on this thread. */
function renderWalk(module: ModuleBuilder, call: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32"], ["i32"], "walk");
  const [at, count] = [0, 1];
  const again = f.loop();
  f.get(count);
  f.op("i32.eqz");
  f.if();
  f.i32(0);
  f.op("return");
  f.end();
  f.get(at);
  f.mem("i32.load", 4 * command.check);
  f.if();
  loadWord(f, control.faultNumber);
  f.if();
  f.i32(statusFault);
  f.op("return");
  f.end();
  f.end();
  f.get(at);
  f.i32(0);
  f.i32(0);
  f.get(at);
  f.mem("i32.load", 4 * command.extent);
  f.call(call);
  f.increase(at, commandBytes);
  f.increase(count, -1);
  f.br(again);
  f.end();
  f.op("unreachable");
  return f;
}

/** finish(block) -> status: the main thread takes part until no phase is open. */
function renderFinish(module: ModuleBuilder, help: FuncRef, wait: FuncRef): FuncBuilder {
  const f = module.func(["i32"], ["i32"], "finish");
  const [block] = [0];
  const open = f.local("i64");
  const again = f.loop();
  loadPhase(f);
  f.tee(open);
  f.i64(1n);
  f.op("i64.and");
  f.op("i64.eqz");
  f.if();
  loadWord(f, control.abort);
  f.op("return");
  f.end();
  f.i32(0);
  f.get(open);
  f.call(help);
  f.i32(0);
  f.get(open);
  f.i32(runSpins);
  loadWord(f, control.patience);
  f.get(block);
  f.call(wait);
  f.op("i32.eqz");
  f.brIf(again);
  f.end();
  // Should it come back after all, it is not to go on.
  storeWord(f, control.abort, () => f.i32(statusLost));
  f.i32(statusLost);
  return f;
}

function renderRun(module: ModuleBuilder, advance: FuncRef, finish: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32", "i32", "i32"], ["i32"], "run");
  const [phases, count, threads, block] = [0, 1, 2, 3];
  storeWord(f, control.abort, () => f.i32(0));
  storeWord(f, control.orderPhases, () => f.get(phases));
  storeWord(f, control.orderCount, () => f.get(count));
  storeWord(f, control.orderThreads, () => f.get(threads));
  f.i32(0);
  loadPhase(f);
  f.i64(1n);
  f.op("i64.add");
  f.mem("i64.atomic.store", control.orderBase);
  f.i32(0);
  f.i32(0);
  f.call(advance);
  f.get(block);
  f.call(finish);
  return f;
}

function renderRescue(module: ModuleBuilder, fail: FuncRef, finish: FuncRef): FuncBuilder {
  const f = module.func(["i32"], ["i32"], "rescue");
  f.i32(0);
  f.call(fail);
  f.get(0);
  f.call(finish);
  return f;
}

function renderMail(module: ModuleBuilder, ringWorkers: FuncRef): FuncBuilder {
  const f = module.func(["i32"], [], "mail");
  f.i32(0);
  f.i64(2n);
  f.mem("i64.atomic.rmw.add", control.phase);
  f.op("drop");
  f.get(0);
  f.call(ringWorkers);
  return f;
}

/** serve(thread, installed): helps with every phase that opens while this thread has all modules. */
function renderServe(module: ModuleBuilder, help: FuncRef, wait: FuncRef): FuncBuilder {
  const f = module.func(["i32", "i32"], [], "serve");
  const [thread, installed] = [0, 1];
  const [open, spins] = [f.local("i64"), f.local("i32")];
  const again = f.loop();
  loadPhase(f);
  f.set(open);
  loadWord(f, control.posted);
  f.get(installed);
  f.op("i32.ne");
  f.if();
  f.op("return");
  f.end();
  f.i32(idleSpins);
  f.set(spins);
  f.get(open);
  f.op("i32.wrap_i64");
  f.i32(1);
  f.op("i32.and");
  f.if();
  f.get(thread);
  f.get(open);
  f.call(help);
  f.i32(runSpins);
  f.set(spins);
  f.end();
  f.get(thread);
  f.get(open);
  f.get(spins);
  f.i32(-1);
  f.i32(1);
  f.call(wait);
  f.op("drop");
  f.br(again);
  f.end();
  f.op("unreachable");
  return f;
}
