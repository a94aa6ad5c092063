// The worker threads of one wasm backend: started when the first program wants them, in Node or in a
// cross-origin-isolated page. Each takes part in runs while it has every module; nobody waits for one
// that is not there. They do not keep a process alive. Results are the same with any number of them.
// Not here: what a thread does (worker.ts), or how work is shared (driver-share.ts).

import { builtin, env, say } from "../../util/env.ts";
import { ArgumentError, DeviceError } from "../../util/errors.ts";
import { control, type Driver, maxThreads } from "./driver-control.ts";
import type { WorkerStart } from "./worker.ts";
import type { KernelModule } from "./worker-instance.ts";

/** One worker, in Node or in a page. */
interface Thread {
  send(message: KernelModule): void;
  stop(): void;
}

interface NodePort {
  postMessage(message: unknown): void;
  close(): void;
  unref(): void;
}

interface NodeWorkerThreads {
  readonly Worker: new (
    url: URL,
    options: object,
  ) => {
    on(event: string, listener: (what: unknown) => void): void;
    unref(): void;
    terminate(): Promise<number>;
  };
  readonly MessageChannel: new () => { port1: NodePort; port2: NodePort };
}

/** Naps of 50 ms that the main thread waits for the item that a worker took. */
const patience = 600;

/** The number of threads, the main one included: as asked, else ANNEAL_THREADS, else one a core. */
export function threadCount(asked?: number): number {
  const text = env("ANNEAL_THREADS");
  const wanted = asked ?? (text === undefined || text === "" ? undefined : Number(text));
  if (wanted === undefined) return Math.min(cores(), 16);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > maxThreads) {
    const from = asked === undefined ? `ANNEAL_THREADS=${text}` : `threads: ${asked}`;
    throw new ArgumentError("wasm", `${from} is no number of threads (1 to ${maxThreads})`);
  }
  return wanted;
}

function cores(): number {
  const os = builtin<{ availableParallelism?(): number }>("node:os");
  const scope = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return os?.availableParallelism?.() ?? scope.navigator?.hardwareConcurrency ?? 1;
}

let saidAlone = false;

/** True where memory can be shared with workers. A page that cannot is told why, once. */
export function canShareMemory(): boolean {
  const shares = typeof SharedArrayBuffer !== "undefined";
  if (shares && builtin("node:worker_threads") !== null) return true;
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (shares && crossOriginIsolated) return true;
  if (!saidAlone && crossOriginIsolated === false) {
    say("anneal: this page is not cross-origin isolated; computing on one thread");
  }
  saidAlone = true;
  return false;
}

/** True where this thread may sleep: everywhere but on a page's main thread. */
export function maySleep(): boolean {
  return typeof (globalThis as { document?: unknown }).document === "undefined";
}

export class Threads {
  /** Threads that work may be split among, the main one included. */
  readonly count: number;
  private readonly memory: WebAssembly.Memory;
  private readonly driver: Driver;
  private readonly driverModule: KernelModule["module"];
  private readonly words: Int32Array;
  private workers: Thread[] | null = null;
  private readonly modules: KernelModule[] = [];
  private failed = false;

  constructor(
    count: number,
    memory: WebAssembly.Memory,
    driver: Driver,
    driverModule: KernelModule["module"],
  ) {
    this.count = count;
    this.memory = memory;
    this.driver = driver;
    this.driverModule = driverModule;
    this.words = new Int32Array(memory.buffer, 0, 16384);
    this.words[control.patience >> 2] = patience;
  }

  /** Whether there are workers, ready or not. */
  get working(): boolean {
    return this.workers !== null && !this.failed;
  }

  /** Threads that take part in a run now: those that have all modules, and this one. */
  get usable(): number {
    if (!this.working) return 1;
    const wanted = 1 + this.modules.length;
    let usable = 1;
    for (let thread = 1; thread < this.count; thread++) {
      if (Atomics.load(this.words, (control.ready >> 2) + thread) === wanted) usable++;
    }
    return usable;
  }

  /** Takes a module that programs with shared kernels use from now on. */
  send(module: KernelModule): void {
    this.modules.push(module);
    if (!this.working) return;
    this.post(module);
    this.driver.mail(this.count);
  }

  /** Starts the workers, once. They fetch what has been sent so far. */
  start(): void {
    if (this.workers !== null || this.count < 2) return;
    this.workers = [];
    try {
      for (let thread = 1; thread < this.count; thread++) {
        const start = { thread, memory: this.memory, driver: this.driverModule };
        this.workers.push(this.startOne(start));
      }
    } catch (error) {
      this.giveUp(error);
      return;
    }
    for (const module of this.modules) this.post(module);
    // The first may have looked for mail before there was any.
    this.driver.mail(this.count);
  }

  /** Resolves once all workers take part, or are known never to. */
  async ready(): Promise<void> {
    this.start();
    while (this.count > 1 && !this.failed && this.usable < this.count) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** After a run that a worker did not come back from. */
  lose(): DeviceError {
    this.giveUp("one did not come back");
    const seconds = this.words[control.patience >> 2]! / 20;
    return new DeviceError("wasm", `a worker thread has not answered for ${seconds} s`, {
      hint: "state may be half updated; further runs use one thread",
    });
  }

  dispose(): void {
    this.failed = true;
    for (const worker of this.workers ?? []) worker.stop();
    this.workers = [];
  }

  private post(module: KernelModule): void {
    Atomics.add(this.words, control.posted >> 2, 1);
    try {
      for (const worker of this.workers!) worker.send(module);
    } catch (error) {
      this.giveUp(error);
    }
  }

  private startOne(start: WorkerStart): Thread {
    const node = builtin<NodeWorkerThreads>("node:worker_threads");
    return node ? this.startInNode(node, start) : this.startInPage(start);
  }

  private startInNode(node: NodeWorkerThreads, start: WorkerStart): Thread {
    const { port1, port2 } = new node.MessageChannel();
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    const worker = new node.Worker(new URL(file, import.meta.url), {
      workerData: { start, port: port2 },
      transferList: [port2],
      // Options of the main program (a test runner's loader, an inspector) are not meant for it.
      execArgv: [],
    });
    worker.on("error", (error) => this.giveUp(error));
    worker.on("exit", () => this.giveUp("one ended"));
    worker.unref();
    port1.unref();
    return {
      send: (message) => port1.postMessage(message),
      stop: () => {
        port1.close();
        void worker.terminate();
      },
    };
  }

  private startInPage(start: WorkerStart): Thread {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onerror = (event) => this.giveUp(event.message ?? "the worker's script did not load");
    worker.postMessage(start);
    return {
      send: (message) => worker.postMessage(message),
      stop: () => worker.terminate(),
    };
  }

  /** Goes on with one thread. */
  private giveUp(error: unknown): void {
    if (this.failed) return;
    this.dispose();
    const why = error instanceof Error ? error.message : String(error);
    say(`anneal: no worker threads (${why}); computing on one`);
  }
}
