// A dataset whose samples are made by threads: they decode and augment while the model works. Since
// functions cannot travel between threads, a module of the user's makes the dataset in each of them.
// Not here: what a thread does (data-worker.ts), or batches (loader.ts).
import { builtin } from "../util/env.ts";
import { ArgumentError, DeviceError, StateError } from "../util/errors.ts";
import { Rng, type RngState } from "../util/rng.ts";
import type { Dataset } from "./dataset.ts";
import {
  openModule,
  type Reply,
  type Request,
  receiveError,
  type WorkerStart,
} from "./worker-samples.ts";

export interface WorkerOptions {
  /** How many threads; 0 makes the samples here, for finding faults. */
  workers?: number;
  /** What the module's function is given, copied to each thread; a SharedArrayBuffer is shared. */
  options?: unknown;
}

interface Thread {
  on(event: "message", listener: (reply: Reply) => void): void;
  on(event: "error", listener: (error: unknown) => void): void;
  on(event: "exit", listener: (code: number) => void): void;
  postMessage(request: Request): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<unknown>;
}

interface NodeWorkerThreads {
  readonly Worker: new (file: URL, options: object) => Thread;
}

interface Wanted {
  readonly index: number;
  readonly state: RngState;
  readonly resolve: (sample: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A thread, and what it was asked and has not answered. */
interface Maker {
  readonly thread: Thread;
  readonly asked: Map<number, readonly Wanted[]>;
  /** Samples in all that it was asked. */
  busy: number;
}

/** Samples in a message at most: fewer, and messages cost; more, and the last thread is waited for. */
const mostInMessage = 32;

/**
 * The dataset that a module makes, in threads of its own (Node, Deno and Bun). The module's default
 * export takes `options` and gives a dataset, or a promise of one; its samples are made of plain
 * objects, arrays and typed arrays. Samples are the same for the same seed with any number of threads. A
 * loader's `prefetch` says how many batches are asked for ahead; end with `close()`.
 *
 * @throws ArgumentError for a module without such an export; DeviceError where there are no threads, and
 * in `get` when one has ended. What making a sample throws comes with its own type.
 *
 * @example
 * // pictures.ts
 * export default async ({ root }: { root: string }) => {
 *   const augment = compose(randomResizedCrop(224), randomHorizontalFlip(), toFloat());
 *   const prepare = async (sample: Promise<FolderSample>, rng: Rng) => {
 *     const { image, label } = await sample;
 *     return { x: augment(toLayout(image, "chw"), rng), y: Int32Array.of(label) };
 *   };
 *   return new MapDataset(await ImageFolder.open(root), prepare);
 * };
 * // train.ts
 * const file = new URL("./pictures.ts", import.meta.url);
 * const data = await WorkerDataset.open<Sample>(file, { workers: 2, options: { root } });
 * const loader = new DataLoader(data, { batchSize: 64, shuffle: true, seed: 1, prefetch: 4 });
 */
export class WorkerDataset<T> implements Dataset<Promise<T>> {
  readonly length: number;
  private readonly makers: readonly Maker[];
  private readonly here: Dataset<unknown> | undefined;
  private waiting: Wanted[] = [];
  private messages = 0;
  private ended: Error | undefined;

  private constructor(length: number, makers: readonly Maker[], here?: Dataset<unknown>) {
    this.length = length;
    this.makers = makers;
    this.here = here;
    for (const maker of makers) this.listen(maker);
  }

  /** Starts the threads, and resolves when each has made its dataset. */
  static async open<T>(
    module: URL | string,
    { workers = 1, options }: WorkerOptions = {},
  ): Promise<WorkerDataset<T>> {
    if (!Number.isSafeInteger(workers) || workers < 0 || workers > 256) {
      throw new ArgumentError("WorkerDataset", `workers must be 0 to 256, got ${workers}`);
    }
    if (!URL.canParse(String(module))) {
      const hint = 'new URL("./samples.ts", import.meta.url)';
      throw new ArgumentError("WorkerDataset", `${module} is no URL of a module`, { hint });
    }
    const start = { module: String(module), options };
    if (workers === 0) {
      const dataset = await openModule(start);
      return new WorkerDataset<T>(dataset.length, [], dataset);
    }
    const threads = Array.from({ length: workers }, () => startThread(start));
    try {
      const lengths = await Promise.all(threads.map(lengthOf));
      const [length = 0] = lengths;
      if (lengths.some((other) => other !== length)) {
        const what = `the module gives datasets of ${lengths.join(", ")} samples`;
        throw new ArgumentError("WorkerDataset", what);
      }
      const makers = threads.map((thread): Maker => ({ thread, asked: new Map(), busy: 0 }));
      return new WorkerDataset<T>(length, makers);
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
  }

  /** Sample `index`; outside of a loader the random stream is that of the index alone. */
  async get(index: number, rng: Rng = new Rng(0, 0, index)): Promise<T> {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.length) {
      const what = `index ${index} is not in a dataset of ${this.length} samples`;
      throw new ArgumentError("WorkerDataset.get", what);
    }
    if (this.ended !== undefined) throw this.ended;
    if (this.here !== undefined) return (await this.here.get(index, rng)) as T;
    return new Promise<T>((resolve, reject) => {
      // What is asked for in one go, a batch, leaves in few messages.
      if (this.waiting.length === 0) queueMicrotask(() => this.send());
      const settle = resolve as (sample: unknown) => void;
      this.waiting.push({ index, state: rng.state(), resolve: settle, reject });
    });
  }

  /** Ends the threads. What was asked and not answered rejects with StateError. */
  async close(): Promise<void> {
    this.end(new StateError("WorkerDataset", "it is closed"));
    await Promise.all(this.makers.map(({ thread }) => thread.terminate()));
  }

  private send(): void {
    const wanted = this.waiting;
    this.waiting = [];
    const share = Math.ceil(wanted.length / (2 * this.makers.length));
    const size = Math.min(share, mostInMessage);
    for (let at = 0; at < wanted.length; at += size) {
      const some = wanted.slice(at, at + size);
      const maker = this.makers.reduce((a, b) => (b.busy < a.busy ? b : a));
      const id = this.messages++;
      if (maker.busy === 0) maker.thread.ref(); // a process that waits for samples goes on
      maker.busy += some.length;
      maker.asked.set(id, some);
      maker.thread.postMessage({ id, wanted: some.map(({ index, state }) => ({ index, state })) });
    }
  }

  private listen(maker: Maker): void {
    const { thread, asked } = maker;
    thread.on("message", (reply) => {
      if (!("id" in reply)) return;
      const some = asked.get(reply.id);
      if (some === undefined) return;
      asked.delete(reply.id);
      maker.busy -= some.length;
      if (maker.busy === 0) thread.unref();
      reply.results.forEach((result, i) => {
        const { index, resolve, reject } = some[i] as Wanted;
        if ("sample" in result) resolve(result.sample);
        else reject(receiveError(result.error, `sample ${index}`));
      });
    });
    thread.on("error", (cause) => this.end(broken(cause)));
    thread.on("exit", (code) => this.end(broken(undefined, code)));
  }

  private end(error: Error): void {
    this.ended ??= error;
    const asked = this.makers.flatMap((maker) => [...maker.asked.values()].flat());
    for (const { asked } of this.makers) asked.clear();
    for (const { reject } of [...asked, ...this.waiting]) reject(error);
    this.waiting = [];
  }
}

function startThread(start: WorkerStart): Thread {
  const node = builtin<NodeWorkerThreads>("node:worker_threads");
  if (node === null) {
    const hint = "pass { workers: 0 }";
    throw new DeviceError("WorkerDataset", "there are no worker threads here", { hint });
  }
  const file = import.meta.url.endsWith(".ts") ? "./data-worker.ts" : "./data-worker.js";
  const options = { workerData: { start }, execArgv: loadingOptions() };
  return new node.Worker(new URL(file, import.meta.url), options);
}

/** The program's own options, by which it loads modules (`--import`, `--conditions`), less its text. */
function loadingOptions(): string[] {
  const given = builtin<{ execArgv?: string[] }>("node:process")?.execArgv ?? [];
  const own = /^(-e|-p|-pe|--eval|--print)$/;
  return given.filter((option, i) => {
    if (own.test(option) || own.test(given[i - 1] ?? "")) return false;
    return !/^--(input-type|inspect|eval=|print=)/.test(option);
  });
}

/** The first word of a thread: how many samples it has. */
function lengthOf(thread: Thread): Promise<number> {
  return new Promise((resolve, reject) => {
    thread.on("error", (cause) => reject(broken(cause)));
    thread.on("exit", (code) => reject(broken(undefined, code)));
    thread.on("message", (reply) => {
      if ("refused" in reply) reject(receiveError(reply.refused));
      if (!("length" in reply)) return;
      thread.unref();
      resolve(reply.length);
    });
  });
}

function broken(cause: unknown, code?: number): DeviceError {
  const why = cause instanceof Error ? `: ${cause.message}` : ` with code ${code}`;
  return new DeviceError("WorkerDataset", `a worker thread ended${why}`, { cause });
}
