// The worker's side of a RemoteBackend: a backend, its programs by number and its data by name. Requests
// are done one after the other, as they come. What fails gives its error to whoever asked and changes
// nothing else. Not here: the thread that it lives on (wasm-host.ts), or what is said (messages.ts).

import { Buffer } from "../../ir/buffer.ts";
import type { TypedArray } from "../../ir/dtype.ts";
import { unflattenGraph } from "../../ir/flat.ts";
import type { Graph } from "../../ir/graph.ts";
import { lower } from "../../schedule/pipeline.ts";
import { StateError } from "../../util/errors.ts";
import type { Backend, Program } from "../backend.ts";
import { type Answer, flattenError, type Request, type RunRequest } from "./messages.ts";

type Say = (answer: Answer, transfer: readonly ArrayBuffer[]) => void;

interface Known {
  readonly graph: Graph;
  /** Null until it was made; should that fail, the next run tries again and says why it cannot. */
  program: Program | null;
  ms: number;
}

export class Host {
  private readonly make: (options: never) => Backend;
  private readonly say: Say;
  private backend: Backend | null = null;
  private readonly programs = new Map<number, Known>();
  private readonly data = new Map<number, Buffer>();
  /** What was asked last. */
  private last: Promise<void> = Promise.resolve();
  /** Runs and reads that a backend which queues them has been handed. */
  private running: Promise<void> = Promise.resolve();

  /** `make` makes the backend that the first request describes. */
  constructor(make: (options: never) => Backend, say: Say) {
    this.make = make;
    this.say = say;
  }

  take(request: Request): void {
    this.last = this.last.then(() => this.answer(request));
  }

  private async answer(request: Request): Promise<void> {
    try {
      await this.serve(request);
    } catch (error) {
      if ("number" in request) this.refuse(request.number, error);
    }
  }

  private refuse(number: number, error: unknown): void {
    this.say({ to: number, error: flattenError(error) }, []);
  }

  private async serve(request: Request): Promise<void> {
    switch (request.do) {
      case "start":
        (globalThis as { ANNEAL_DEBUG?: number }).ANNEAL_DEBUG = request.debug;
        this.backend = this.make(request.options as never);
        await this.backend.init();
        // What gets ready over time (threads) is measured when somebody asks.
        if ("ready" in this.up) return this.say({ to: request.number, value: {} }, []);
        return this.describe(request.number);
      case "describe":
        await (this.up as { ready?(): Promise<void> }).ready?.();
        return this.describe(request.number);
      case "compile":
        this.programs.set(request.program, {
          graph: unflattenGraph(request.graph),
          program: null,
          ms: 0,
        });
        return void (await this.programOf(request.program));
      case "run":
        return this.run(request);
      case "read":
        return this.read(request.number, request.id);
      case "free":
        // Runs that were handed over may still need them.
        return void this.running.then(() => request.ids.forEach((id) => void this.free(id)));
      case "discard":
        return void this.running.then(() => this.discard(request.program));
    }
  }

  private get up(): Backend {
    if (this.backend === null) throw new StateError("start", "the device has not started");
    return this.backend;
  }

  /** What the backend says, and how many buffers are held by name. */
  private describe(number: number): void {
    const held = this.data.size;
    this.say({ to: number, value: { ...this.up.describe(), held } }, []);
  }

  private async programOf(number: number): Promise<Known & { readonly program: Program }> {
    const known = this.programs.get(number)!;
    if (known.program === null) {
      const start = performance.now();
      known.program = await this.up.compile(lower(known.graph, this.up.target));
      known.ms = performance.now() - start;
    }
    return known as Known & { readonly program: Program };
  }

  /** Hands a run to the backend. One that queues runs need not have made it before the next is handed. */
  private async run(request: RunRequest): Promise<void> {
    for (const { id, dtype, elements, state, keep } of request.sent) {
      const buffer = new Buffer(dtype, elements.length, elements, state);
      buffer.cameBefore = keep;
      this.data.set(id, buffer);
    }
    let made: Promise<void> | null = null;
    try {
      const { program, ms } = await this.programOf(request.program);
      made = this.hand(request, program, ms);
    } finally {
      const passing = request.sent.flatMap(({ id, keep }) => (keep ? [] : [id]));
      const leave = () => passing.forEach((id) => void this.free(id));
      if (made === null) leave();
      else made = made.finally(leave);
    }
    return this.inOrder(request.number, made);
  }

  private async hand(request: RunRequest, program: Program, ms: number): Promise<void> {
    const inputs = request.inputs.map((id) => this.bufferOf(id));
    for (const i of request.shared) inputs[i]!.shared = true;
    const outputs = program.plan.outputs.map(({ dtype, size }, i) => {
      return new Buffer(dtype, size, null, request.states.includes(i));
    });
    const running = this.up.run(program, inputs, request.scalars, outputs);
    const names = outputs.map((_, i) => request.outputs + i);
    for (let i = 0; i < names.length; i++) this.data.set(names[i]!, outputs[i]!);
    try {
      await running;
    } catch (error) {
      for (const id of names) this.data.delete(id);
      throw error;
    }
    for (const { into } of program.plan.outputs) {
      if (into >= 0 && !inputs[into]!.shared) this.data.delete(request.inputs[into]!);
    }
    const value = outputs.map(({ host, state }) => (state ? null : host));
    this.say({ to: request.number, value, compileMs: ms }, []);
  }

  /** Waits for work, unless the backend keeps the order of what it is asked for. */
  private async inOrder(number: number, work: Promise<void>): Promise<void> {
    if (this.up.queues !== true) return work;
    const done = work.catch((error) => this.refuse(number, error));
    this.running = Promise.all([this.running, done]).then(() => {});
  }

  private bufferOf(id: number): Buffer {
    const buffer = this.data.get(id);
    if (buffer !== undefined) return buffer;
    throw new StateError("run", "it needs a result that was never made");
  }

  private read(number: number, id: number): Promise<void> {
    const elements = this.up.read(this.bufferOf(id));
    const tell = (value: TypedArray) =>
      this.say({ to: number, value }, [value.buffer as ArrayBuffer]);
    return this.inOrder(number, Promise.resolve(elements).then(tell));
  }

  private free(id: number): void {
    const buffer = this.data.get(id);
    if (buffer === undefined) return;
    this.data.delete(id);
    this.up.free(buffer);
  }

  private discard(number: number): void {
    const program = this.programs.get(number)?.program ?? null;
    this.programs.delete(number);
    if (program !== null) this.up.discard(program);
  }
}
