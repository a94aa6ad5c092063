// The worker's side of a RemoteBackend: a backend, its programs by number and its data by name. Requests
// are done one after the other, as they come. What fails gives its error to whoever asked and changes
// nothing else. Not here: the thread that it lives on (wasm-host.ts), or what is said (messages.ts).

import { Buffer } from "../../ir/buffer.ts";
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
      if ("number" in request) this.say({ to: request.number, error: flattenError(error) }, []);
    }
  }

  private async serve(request: Request): Promise<void> {
    switch (request.do) {
      case "start":
        (globalThis as { ANNEAL_DEBUG?: number }).ANNEAL_DEBUG = request.debug;
        this.backend = this.make(request.options as never);
        await this.backend.init();
        return this.say({ to: request.number, value: {} }, []);
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
        for (const id of request.ids) this.free(id);
        return;
      case "discard":
        return this.discard(request.program);
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

  private async run(request: RunRequest): Promise<void> {
    const { number, sent, scalars, states } = request;
    for (const { id, dtype, elements, state, keep } of sent) {
      const buffer = new Buffer(dtype, elements.length, elements, state);
      buffer.cameBefore = keep;
      this.data.set(id, buffer);
    }
    try {
      const { program, ms } = await this.programOf(request.program);
      const inputs = request.inputs.map((id) => this.bufferOf(id));
      for (const i of request.shared) inputs[i]!.shared = true;
      const outputs = program.plan.outputs.map(({ dtype, size }, i) => {
        return new Buffer(dtype, size, null, states.includes(i));
      });
      await this.up.run(program, inputs, scalars, outputs);
      outputs.forEach((buffer, i) => void this.data.set(request.outputs + i, buffer));
      for (const { into } of program.plan.outputs) {
        if (into >= 0 && !inputs[into]!.shared) this.data.delete(request.inputs[into]!);
      }
      const value = outputs.map(({ host, state }) => (state ? null : host));
      this.say({ to: number, value, compileMs: ms }, []);
    } finally {
      for (const { id, keep } of sent) if (!keep) this.free(id);
    }
  }

  private bufferOf(id: number): Buffer {
    const buffer = this.data.get(id);
    if (buffer !== undefined) return buffer;
    throw new StateError("run", "it needs a result that was never made");
  }

  private async read(number: number, id: number): Promise<void> {
    const elements = await this.up.read(this.bufferOf(id));
    this.say({ to: number, value: elements }, [elements.buffer as ArrayBuffer]);
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
