// The engine: graphs in, buffers out, on one backend. Caches programs by the graph's key and keeps
// runs in order. Not here: tensors, tracing and state (tensor/), or the lowering (pipeline.ts).

import type { Backend, Program } from "../backend/backend.ts";
import { Buffer } from "../ir/buffer.ts";
import type { TypedArray } from "../ir/dtype.ts";
import { type Graph, makeGraph, withoutData } from "../ir/graph.ts";
import { type Node, sizeOf, topological } from "../ir/node.ts";
import { DtypeError } from "../util/errors.ts";
import { lower } from "./lowering.ts";

/** A graph ready to run again and again with other buffers and scalars. Its program is made again when
 *  it was thrown out meanwhile. */
export interface Executable {
  readonly graph: Graph;
  /** The outputs' elements, each. */
  readonly sizes: readonly number[];
  readonly entry: Entry;
}

interface Entry {
  program: Program | Promise<Program> | null;
  used: number;
}

/** Buffers that hold the results once `done` settles (null: they hold them already). */
export interface Evaluation {
  readonly buffers: readonly Buffer[];
  readonly done: Promise<void> | null;
}

/** Inputs that come from elsewhere. */
export interface Gathering {
  /** Settles when they are there; null: they are. */
  readonly all: Promise<unknown> | null;
  /** Called right before the run. */
  restore(): void;
}

/** Programs kept, by default: beyond, those unused for longest are thrown out. */
const keptPrograms = 512;

export class Engine {
  readonly backend: Backend;
  private readonly programs = new Map<string, Entry>();
  private readonly limit: number;
  private clock = 0;
  /** The last run or compile that has not finished, if any: everything waits for it in order. */
  private tail: Promise<void> | null = null;
  /** The last run that a backend which queues them has not been handed yet, if any. */
  private handing: Promise<void> | null = null;
  private ready: Promise<void> | null | undefined;
  /** Programs compiled so far, for tests and the benchmark. */
  compiled = 0;
  compileMs = 0;

  constructor(backend: Backend, limit: number = keptPrograms) {
    this.backend = backend;
    this.limit = limit;
  }

  get name(): string {
    return this.backend.name;
  }

  /** Computes the nodes. `assign[i]` names the buffer whose memory output i takes over. */
  evaluate(nodes: readonly Node[], assign?: readonly (Buffer | null)[]): Evaluation {
    const executable = this.prepare(makeGraph(nodes, assign));
    const graph = executable.graph;
    const inputs = graph.inputs.map((n) => n.buffer as Buffer);
    const scalars = graph.scalars.map((n) => n.value);
    return this.execute(executable, inputs, scalars, assign);
  }

  /** Finds or makes the program of a graph. */
  prepare(graph: Graph): Executable {
    let entry = this.programs.get(graph.key);
    if (entry === undefined) {
      this.checkDtypes(graph);
      entry = { program: null, used: 0 };
      this.programs.set(graph.key, entry);
      if (this.programs.size > this.limit) this.throwOut();
    }
    if (entry.program === null) this.compile(graph, entry);
    return { graph, sizes: graph.outputs.map((o) => sizeOf(o.shape)), entry };
  }

  /** Throws where a value is of a dtype that the backend has not. */
  private checkDtypes({ outputs }: Graph): void {
    const { lacks = [], name } = this.backend;
    if (lacks.length === 0) return;
    const all = topological(outputs).filter((node) => lacks.includes(node.dtype));
    const fnOf = (node: Node) => (node.attrs as { fn?: string } | null)?.fn;
    const bad = all.find((node) => fnOf(node) !== undefined) ?? all[0];
    if (bad === undefined) return;
    const op = fnOf(bad) ?? bad.op;
    throw new DtypeError(op, `the device "${name}" has no ${bad.dtype}`, {
      hint: 'use x.float(), or a device that has it: device("wasm")',
      in: bad.scope,
    });
  }

  private compile(graph: Graph, entry: Entry): Program | Promise<Program> {
    if (this.ready === undefined) this.getReady();
    const start = performance.now();
    const structure = withoutData(graph); // programs are kept for long
    const compile = () => this.backend.compile(lower(structure, this.backend.target));
    try {
      const made = this.ready instanceof Promise ? this.ready.then(compile) : compile();
      entry.program = made;
      if (made instanceof Promise) {
        made.then(
          (program) => {
            if (entry.program === made) entry.program = program;
          },
          () => {
            entry.program = null;
          },
        );
      }
      this.compiled++;
      this.programs.set(graph.key, entry);
      return made;
    } finally {
      this.compileMs += performance.now() - start;
      entry.used = ++this.clock;
    }
  }

  private getReady(): void {
    const coming = this.backend.init() ?? null;
    this.ready = coming;
    coming?.then(
      () => {
        this.ready = null;
      },
      () => {
        this.ready = undefined; // the next compile asks again
      },
    );
  }

  /** Throws out the older half of the programs, but none that is being made or waited for. */
  private throwOut(): void {
    if (this.tail !== null) return;
    const byAge = [...this.programs].sort((p, q) => p[1].used - q[1].used);
    for (const [key, entry] of byAge.slice(0, byAge.length >> 1)) {
      if (entry.program instanceof Promise || entry.program === null) continue;
      this.backend.discard(entry.program);
      entry.program = null;
      this.programs.delete(key);
    }
  }

  /** Runs with the given buffers in the order of the graph's inputs, once those have arrived. */
  execute(
    executable: Executable,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    assign?: readonly (Buffer | null)[],
    given: Gathering | null = null,
  ): Evaluation {
    const { graph, sizes } = executable;
    const { outputs } = graph;
    const buffers: Buffer[] = [];
    for (let i = 0; i < sizes.length; i++) {
      const state = assign?.[i]?.state ?? false;
      buffers.push(new Buffer(outputs[i]!.dtype, sizes[i]!, null, state));
    }
    return { buffers, done: this.fill(executable, inputs, scalars, buffers, given) };
  }

  /** Runs into fresh buffers. The promise (null: it is done) is that of the run. */
  fill(
    { graph, entry }: Executable,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    buffers: readonly Buffer[],
    given: Gathering | null,
  ): Promise<void> | null {
    const known = entry.program ?? this.compile(graph, entry);
    entry.used = ++this.clock;
    const run = (program: Program) => {
      given?.restore();
      return this.backend.run(program, inputs, scalars, buffers);
    };
    const { before } = this;
    const coming = given?.all ?? null;
    if (before === null && coming === null && !(known instanceof Promise)) {
      const running = run(known);
      return running ? this.follow(running) : null;
    }
    const program = (before ?? Promise.resolve()).then(() => coming).then(() => known);
    // An object is no promise: it is there once the run has been handed over.
    const handed = program.then((made) => ({ running: run(made) }));
    this.hand(handed);
    return this.follow(handed.then(({ running }) => running));
  }

  /** Whether a run that is asked for now would begin later. */
  delays({ entry }: Executable): boolean {
    return this.before !== null || entry.program === null || entry.program instanceof Promise;
  }

  /** What is to be waited for before something is asked of the backend. */
  private get before(): Promise<void> | null {
    return this.backend.queues === true ? this.handing : this.tail;
  }

  private hand(handed: Promise<unknown>): void {
    const quiet = settledQuietly(handed);
    this.handing = quiet;
    void quiet.then(() => {
      if (this.handing === quiet) this.handing = null;
    });
  }

  /** Gives a fresh buffer a copy of the elements on the device, where that saves another copy. */
  place(buffer: Buffer, elements: TypedArray): boolean {
    return this.before === null && (this.backend.place?.(buffer, elements) ?? false);
  }

  /** The elements of a buffer, once all runs before have finished. */
  read(buffer: Buffer): TypedArray | Promise<TypedArray> {
    const { before } = this;
    if (before === null) return this.backend.read(buffer);
    return before.then(() => this.backend.read(buffer));
  }

  /** Gives the device's memory of a buffer back, once all runs before have finished. */
  free(buffer: Buffer): void {
    if (this.tail === null) this.backend.free(buffer);
    else void this.tail.then(() => this.backend.free(buffer));
  }

  private follow(running: Promise<void>): Promise<void> {
    const quiet = settledQuietly(running);
    this.tail = quiet;
    quiet.then(() => {
      if (this.tail === quiet) this.tail = null;
    });
    return running;
  }
}

function settledQuietly(work: Promise<unknown>): Promise<void> {
  return work.then(
    () => {},
    () => {},
  );
}
