// A device that lives in a worker of its own, so that nothing which computes ever blocks this thread: a
// page's main thread above all. Graphs go there once and are lowered there; then a run is one message
// with numbers and names of data, and needs no answer before the next is asked for.
// Not here: the other side (host.ts), or how a worker is started (start.ts).

import type { Buffer } from "../../ir/buffer.ts";
import type { DType, TypedArray } from "../../ir/dtype.ts";
import { flattenGraph } from "../../ir/flat.ts";
import type { Plan } from "../../schedule/plan.ts";
import { debugLevel } from "../../util/env.ts";
import { DeviceError } from "../../util/errors.ts";
import type { Backend, Program } from "../backend.ts";
import { type Entry, elementsHere, Held } from "./held.ts";
import { type Answer, type Request, type Sent, unflattenError } from "./messages.ts";

/** A worker and the way to it. */
export interface Link {
  send(request: Request, transfer: readonly ArrayBuffer[]): void;
  /** While work is under way a process should not end. */
  hold(busy: boolean): void;
  stop(): void;
}

/** Starts a worker. `lost` is told when it is gone, or never came. */
export type Connect = (take: (answer: Answer) => void, lost: (why: string) => void) => Link;

export interface RemoteOptions {
  /** Bytes of results, and of inputs that come again, that may lie in the worker. */
  readonly budget?: number;
  /** Dtypes that the backend in the worker cannot hold. */
  readonly lacks?: readonly DType[];
}

interface RemoteProgram extends Program {
  readonly id: number;
  compileMs: number;
}

interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
  readonly program: RemoteProgram | null;
}

const usualBudget = 2 ** 28;
/** Results of so many bytes probably come with the answer of their run. */
const smallBytes = 4096;

type Facts = Record<string, string | number | boolean>;

/** Runs what another backend runs, which lives in a worker. Nothing is there at once but what was read. */
export class RemoteBackend implements Backend {
  readonly name: string;
  /** Graphs go to the worker as they are. */
  readonly target = null;
  readonly queues = true;
  readonly lacks: readonly DType[];
  private readonly connect: Connect;
  private readonly options: object;
  private readonly held: Held;
  private link: Link | null = null;
  private lost: DeviceError | null = null;
  private readonly pending = new Map<number, Pending>();
  private asked = 0;
  private programs = 0;
  private freed: number[] = [];
  private facts: Facts = {};

  /** `options` are those of the backend in the worker. */
  constructor(name: string, connect: Connect, options: object, remote: RemoteOptions = {}) {
    this.name = name;
    this.connect = connect;
    this.options = options;
    const free = (id: number) => this.giveBack(id);
    this.lacks = remote.lacks ?? [];
    this.held = new Held(remote.budget ?? usualBudget, free, (id) => this.fetch(id));
  }

  /** Starts the worker. Should it fail to, whatever is asked of it says so. */
  init(): void {
    if (this.link !== null) return;
    const lose = (why: string) => this.lose(new DeviceError(this.name, why));
    this.link = this.connect((answer) => this.take(answer), lose);
    const started = this.ask<Facts>((number) => {
      return { do: "start", number, options: this.options, debug: debugLevel() };
    });
    started.then(
      (facts) => {
        this.facts = facts;
      },
      (error) => this.lose(error),
    );
  }

  compile(plan: Plan): RemoteProgram {
    this.init();
    const id = this.programs++;
    this.send({ do: "compile", program: id, graph: flattenGraph(plan.graph) });
    return { plan, id, compileMs: 0 };
  }

  run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): Promise<void> {
    const mine = program as RemoteProgram;
    for (const buffer of inputs) if (this.held.entryOf(buffer) === null) this.mustHave(buffer);
    const sent: Sent[] = [];
    const entries = inputs.map((buffer) => this.nameOf(buffer, sent));
    const shared = places(inputs, ({ shared }) => shared);
    const first = this.held.names(outputs.length);
    const answer = this.ask<(TypedArray | null)[]>(
      (number) => ({
        do: "run",
        number,
        program: mine.id,
        sent,
        inputs: entries.map((entry) => (typeof entry === "number" ? entry : entry.id)),
        scalars: [...scalars],
        outputs: first,
        states: places(outputs, ({ state }) => state),
        shared,
      }),
      sent.map(({ elements }) => elements.buffer as ArrayBuffer),
      mine,
    );
    const made = outputs.map((buffer, i) => this.held.hold(buffer, first + i, this.name));
    this.held.keepWithin();
    const replaced = mine.plan.outputs.flatMap(({ into }) => {
      return into < 0 || shared.includes(into) ? [] : [into];
    });
    const done = answer.then(
      (values) => {
        for (const i of replaced) this.handOver(inputs[i]!, entries[i]!);
        for (let i = 0; i < made.length; i++) this.arrive(outputs[i]!, made[i]!, values[i] ?? null);
      },
      (error) => {
        for (const entry of made) this.held.forget(entry);
        throw error;
      },
    );
    for (const entry of made) entry.coming = done;
    return done;
  }

  /** Under which name the host has the elements, or will have with this message. */
  private nameOf(buffer: Buffer, sent: Sent[]): Entry | number {
    const known = this.held.entryOf(buffer);
    if (known !== null) {
      this.held.touch(known);
      return known;
    }
    const { dtype, state } = buffer;
    const elements = this.mustHave(buffer).slice();
    const id = this.held.names(1);
    const keep = state || buffer.cameBefore;
    sent.push({ id, dtype, elements, state, keep });
    buffer.cameBefore = true;
    return keep ? this.held.hold(buffer, id, this.name) : id;
  }

  /** An update in place has written over an input: the host has it no more. */
  private handOver(buffer: Buffer, entry: Entry | number): void {
    if (typeof entry === "number") return;
    this.held.forget(entry);
    if (this.isHolding(buffer, entry)) leave(buffer);
  }

  /** A run has made an output. What came with the answer need not stay there. */
  private arrive(buffer: Buffer, entry: Entry, elements: TypedArray | null): void {
    entry.coming = null;
    if (elements === null) return;
    buffer.host = elements;
    this.held.release(entry);
    if (this.isHolding(buffer, entry)) leave(buffer);
  }

  private isHolding({ device }: Buffer, entry: Entry): boolean {
    return (device as { entry?: Entry } | null)?.entry === entry;
  }

  private mustHave(buffer: Buffer): TypedArray {
    const elements = elementsHere(buffer);
    if (elements !== null) return elements;
    const where = buffer.owner === null ? "nowhere" : `only on the device "${buffer.owner}"`;
    const what = `${buffer.dtype}[${buffer.size}]`;
    throw new DeviceError(this.name, `the elements of a ${what} buffer are ${where}`, {
      hint: "read it on its own device first",
    });
  }

  read(buffer: Buffer): TypedArray | Promise<TypedArray> {
    const entry = this.held.entryOf(buffer);
    const here = elementsHere(buffer);
    if (entry === null || here !== null) return this.mustHave(buffer).slice();
    const soon = entry.coming !== null && !buffer.state && entry.bytes <= smallBytes;
    if (!soon) return this.fetch(entry.id);
    return entry.coming!.then(() => elementsHere(buffer)?.slice() ?? this.fetch(entry.id));
  }

  private fetch(id: number): Promise<TypedArray> {
    return this.ask((number) => ({ do: "read", number, id }));
  }

  discard(program: Program): void {
    this.send({ do: "discard", program: (program as RemoteProgram).id });
  }

  free(buffer: Buffer): void {
    const entry = this.held.entryOf(buffer);
    if (entry === null) return;
    this.held.release(entry);
    leave(buffer);
  }

  /** Many names are given back at once, before whatever is said next. */
  private giveBack(id: number): void {
    this.freed.push(id);
    if (this.freed.length === 1) setTimeout(() => this.sayFreed());
  }

  private sayFreed(): void {
    const ids = this.freed;
    this.freed = [];
    if (ids.length > 0 && this.lost === null) this.link?.send({ do: "free", ids }, []);
  }

  /** Resolves once the worker has started and all of its own threads take part. */
  async ready(): Promise<void> {
    this.init();
    this.facts = await this.ask<Facts>((number) => ({ do: "describe", number }));
  }

  /** What was so when the worker last said it: see `ready`. */
  describe(): Facts {
    return { ...this.facts, worker: true };
  }

  /** Ends the worker and what it has. */
  dispose(): void {
    this.link?.stop();
    this.lose(new DeviceError(this.name, "the device was disposed of"));
  }

  private send(request: Request, transfer: readonly ArrayBuffer[] = []): void {
    if (this.lost !== null) return;
    this.sayFreed();
    this.link!.send(request, transfer);
  }

  private ask<T>(
    request: (number: number) => Request,
    transfer: readonly ArrayBuffer[] = [],
    program: RemoteProgram | null = null,
  ): Promise<T> {
    if (this.lost !== null) return Promise.reject(this.lost);
    const number = this.asked++;
    return new Promise<T>((resolve, reject) => {
      this.pending.set(number, { resolve, reject, program });
      if (this.pending.size === 1) this.link!.hold(true);
      this.send(request(number), transfer);
    });
  }

  private take({ to, value, error, compileMs }: Answer): void {
    const waiting = this.pending.get(to);
    if (waiting === undefined) return;
    this.pending.delete(to);
    if (this.pending.size === 0) this.link!.hold(false);
    if (waiting.program !== null && compileMs !== undefined) waiting.program.compileMs = compileMs;
    if (error === undefined) waiting.resolve(value as never);
    else waiting.reject(unflattenError(error));
  }

  private lose(error: DeviceError): void {
    if (this.lost !== null) return;
    this.lost = error;
    this.link?.hold(false);
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}

function leave(buffer: Buffer): void {
  buffer.device = null;
  buffer.owner = null;
}

function places<T>(list: readonly T[], holds: (item: T) => boolean): number[] {
  const found: number[] = [];
  for (let i = 0; i < list.length; i++) if (holds(list[i]!)) found.push(i);
  return found;
}
