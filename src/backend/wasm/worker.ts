// A worker thread's life: it takes modules from the main thread, instantiates them over the shared
// memory with a table of its own, and otherwise stays inside the driver's `serve`. Runs in Node's
// worker_threads (where it fetches its mail itself) and in Web Workers (where mail arrives in the event
// loop, so it returns there while modules are on their way). Not here: who starts it (threads.ts).

import { control, type Driver } from "./driver-control.ts";
import { installModule, type KernelModule, makeTable, noteTrap } from "./worker-instance.ts";

/** What a worker begins with. */
export interface WorkerStart {
  readonly thread: number;
  readonly memory: WebAssembly.Memory;
  readonly driver: WebAssembly.Module | Uint8Array<ArrayBuffer>;
}

interface NodeWorkerThreads {
  readonly isMainThread: boolean;
  readonly workerData: { readonly start: WorkerStart; readonly port: unknown } | undefined;
  receiveMessageOnPort(port: unknown): { message: KernelModule } | undefined;
}

class Worker {
  private readonly thread: number;
  private readonly memory: WebAssembly.Memory;
  private readonly words: Int32Array;
  private readonly table: WebAssembly.Table;
  private readonly driver: Driver;
  private installed = 0;

  constructor({ thread, memory, driver }: WorkerStart) {
    this.thread = thread;
    this.memory = memory;
    // The control words lie in the first page, which no growth moves.
    this.words = new Int32Array(memory.buffer, 0, 16384);
    this.table = makeTable();
    this.driver = installModule({ module: driver, functions: 0 }, memory, this.table) as never;
  }

  install(kernels: KernelModule): void {
    installModule(kernels, this.memory, this.table);
    this.installed++;
  }

  /** Says what it has. */
  report(): void {
    Atomics.store(this.words, (control.ready >> 2) + this.thread, 1 + this.installed);
  }

  get upToDate(): boolean {
    return this.installed === Atomics.load(this.words, control.posted >> 2);
  }

  /** Sleeps for a millisecond. */
  nap(): void {
    const { posted } = control;
    Atomics.wait(this.words, posted >> 2, Atomics.load(this.words, posted >> 2), 1);
  }

  /** Takes part in runs until there is mail. */
  serve(): void {
    for (;;) {
      try {
        this.driver.serve(this.thread, this.installed);
        return;
      } catch (error) {
        noteTrap(this.memory, this.thread, error);
        this.driver.fail(this.thread);
      }
    }
  }
}

function liveInNode(threads: NodeWorkerThreads): void {
  const { start, port } = threads.workerData!;
  const worker = new Worker(start);
  for (;;) {
    for (;;) {
      const mail = threads.receiveMessageOnPort(port);
      if (mail === undefined) break;
      worker.install(mail.message);
    }
    worker.report();
    // In some runtimes mail arrives a little after it was sent.
    if (worker.upToDate) worker.serve();
    else worker.nap();
  }
}

function liveInPage(scope: { onmessage: ((event: { data: unknown }) => void) | null }): void {
  let worker: Worker | null = null;
  scope.onmessage = ({ data }) => {
    if (worker === null) {
      worker = new Worker(data as WorkerStart);
    } else {
      worker.install(data as KernelModule);
    }
    worker.report();
    // More modules have been posted than have come: they arrive after this event.
    if (worker.upToDate) worker.serve();
  };
}

function nodeThreads(): NodeWorkerThreads | null {
  const running = (globalThis as { process?: { getBuiltinModule?(name: string): unknown } })
    .process;
  return (running?.getBuiltinModule?.("node:worker_threads") as NodeWorkerThreads) ?? null;
}

const threads = nodeThreads();
if (threads === null) liveInPage(globalThis as never);
else if (!threads.isMainThread && threads.workerData?.start) liveInNode(threads);
