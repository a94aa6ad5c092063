// The engine: graphs in, buffers out, on one backend. Caches programs by the graph's key and keeps
// runs in order. Not here: tensors, tracing and state (tensor/), or the lowering (pipeline.ts).

import type { Backend, Program } from "../backend/backend.ts";
import { Buffer } from "../ir/buffer.ts";
import type { TypedArray } from "../ir/dtype.ts";
import { type Graph, makeGraph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import { lower } from "./pipeline.ts";

/** A graph ready to run again and again with other buffers and scalars. */
export interface Executable {
  readonly graph: Graph;
  readonly program: Program | Promise<Program>;
}

/** Buffers that hold the results once `done` settles (null: they hold them already). */
export interface Evaluation {
  readonly buffers: readonly Buffer[];
  readonly done: Promise<void> | null;
}

export class Engine {
  readonly backend: Backend;
  private readonly programs = new Map<string, Program | Promise<Program>>();
  /** The last run or compile that has not finished, if any: everything waits for it in order. */
  private tail: Promise<void> | null = null;
  private ready: void | Promise<void> | undefined;
  /** Programs compiled so far, for tests and the benchmark. */
  compiled = 0;
  compileMs = 0;

  constructor(backend: Backend) {
    this.backend = backend;
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
    let program = this.programs.get(graph.key);
    if (program === undefined) {
      this.ready ??= this.backend.init();
      const start = performance.now();
      const compile = () => this.backend.compile(lower(graph, this.backend.target));
      program = this.ready instanceof Promise ? this.ready.then(compile) : compile();
      this.compiled++;
      this.compileMs += performance.now() - start;
      this.programs.set(graph.key, program);
      if (program instanceof Promise) {
        program.then(
          (p) => this.programs.set(graph.key, p),
          () => this.programs.delete(graph.key),
        );
      }
    }
    return { graph, program };
  }

  /** Runs with the given buffers in the order of the graph's inputs. */
  execute(
    executable: Executable,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    assign?: readonly (Buffer | null)[],
  ): Evaluation {
    const { graph } = executable;
    const buffers = graph.outputs.map((o, i) => {
      const size = o.shape.reduce((p, d) => p * d, 1);
      return new Buffer(o.dtype, size, null, assign?.[i]?.state ?? false);
    });
    const known = this.programs.get(graph.key) ?? executable.program;
    const run = (program: Program) => this.backend.run(program, inputs, scalars, buffers);
    if (this.tail === null && !(known instanceof Promise)) {
      const running = run(known);
      return { buffers, done: running ? this.follow(running) : null };
    }
    const before = this.tail ?? Promise.resolve();
    return { buffers, done: this.follow(before.then(() => known).then(run)) };
  }

  /** The elements of a buffer, once all runs before have finished. */
  read(buffer: Buffer): TypedArray | Promise<TypedArray> {
    if (this.tail === null) return this.backend.read(buffer);
    return this.tail.then(() => this.backend.read(buffer));
  }

  private follow(running: Promise<void>): Promise<void> {
    const quiet = running.then(
      () => {},
      () => {},
    );
    this.tail = quiet;
    quiet.then(() => {
      if (this.tail === quiet) this.tail = null;
    });
    return running;
  }
}
