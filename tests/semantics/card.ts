// Card: a device as a graphics card is one: what it computed lies with it alone, and whoever wants the
// elements must ask and wait. It computes as the reference does.
import type { Program } from "../../src/backend/backend.ts";
import { LateBackend, type LateOptions } from "../../src/backend/late.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import type { TypedArray } from "../../src/ir/dtype.ts";

/** Elements that only the card they lie on gives out. */
class Handle {
  readonly elements: TypedArray;

  constructor(elements: TypedArray) {
    this.elements = elements;
  }
}

/** An input of a run that was asked for: the elements that it had then, whatever becomes of the buffer.
 *  What an earlier run is to make has none yet. */
interface Input {
  readonly buffer: Buffer;
  readonly handle: Handle | null;
}

class CardMemory extends ReferenceBackend {
  private readonly owner: string;
  private readonly asked = new WeakMap<Buffer, Input[]>();
  /** Elements that were copied to and from the host. */
  sent = 0;
  received = 0;

  constructor(owner: string) {
    super();
    this.owner = owner;
  }

  override run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void {
    const given = this.asked.get(outputs[0] as Buffer) as Input[];
    const mine = given.map((input) => this.standIn(input));
    super.run(program, mine, scalars, outputs);
    for (const output of outputs) {
      this.give(output, output.host as TypedArray);
      output.host = null;
    }
    for (const { into } of program.plan.outputs) {
      const input = inputs[into];
      if (input !== undefined && !input.shared) this.free(input);
    }
  }

  /** Takes what a run is given, when it is asked for. */
  ask(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    const given = inputs.map((buffer): Input => {
      if (buffer.owner !== this.owner && buffer.host !== null) this.upload(buffer, buffer.host);
      const handle = buffer.owner === this.owner ? (buffer.device as Handle) : null;
      return { buffer, handle };
    });
    this.asked.set(outputs[0] as Buffer, given);
  }

  private upload(buffer: Buffer, host: TypedArray): void {
    this.sent += buffer.size;
    this.give(buffer, host.slice());
    if (buffer.state) buffer.host = null;
  }

  /** For an input: a buffer of its elements. */
  private standIn({ buffer, handle }: Input): Buffer {
    const now = handle ?? (buffer.owner === this.owner ? (buffer.device as Handle) : null);
    if (now === null) throw new Error(`an input of ${this.owner} lies elsewhere`);
    const mine = new Buffer(buffer.dtype, buffer.size, now.elements);
    mine.shared = true;
    return mine;
  }

  private give(buffer: Buffer, elements: TypedArray): void {
    buffer.device = new Handle(elements);
    buffer.owner = this.owner;
  }

  override read(buffer: Buffer): TypedArray {
    if (buffer.owner !== this.owner) return super.read(buffer);
    this.received += buffer.size;
    return (buffer.device as Handle).elements.slice();
  }

  override free(buffer: Buffer): void {
    if (buffer.owner !== this.owner) return;
    buffer.device = null;
    buffer.owner = null;
  }
}

export class Card extends LateBackend {
  override readonly name: string;
  readonly memory: CardMemory;
  runs = 0;

  constructor(name: string, options?: LateOptions) {
    const memory = new CardMemory(name);
    super(memory, options);
    this.name = name;
    this.memory = memory;
  }

  override run(...all: Parameters<LateBackend["run"]>): Promise<void> {
    this.runs++;
    this.memory.ask(all[1], all[3]);
    return super.run(...all);
  }
}
