// What a RemoteBackend knows of the data that its host has for it: under which name each buffer's elements
// lie there. A name is given back when its buffer is garbage; but nothing depends on that, since a page may
// not collect for long: beyond a budget the least recently used data leaves the host. What this side has
// too is let go there, the rest is fetched, and is ordinary garbage here from then on.
// Not here: messages (backend.ts).

import type { Buffer } from "../../ir/buffer.ts";
import { itemSize, type TypedArray } from "../../ir/dtype.ts";

/** Elements that lie with the host. */
export interface Entry {
  readonly table: Held;
  readonly id: number;
  readonly bytes: number;
  /** The buffer has its elements here as well. */
  readonly mirrored: boolean;
  /** The host has them no more. */
  gone: boolean;
  /** The elements, once they were fetched. */
  host: TypedArray | null;
  /** The answer of the run that makes them, until it is there. */
  coming: Promise<void> | null;
}

/** What a buffer holds its entry by: when it is garbage, nobody wants the entry. */
export class Handle {
  readonly entry: Entry;

  constructor(entry: Entry) {
    this.entry = entry;
  }
}

export class Held {
  private readonly budget: number;
  private readonly free: (id: number) => void;
  private readonly fetch: (id: number) => Promise<TypedArray>;
  private readonly registry = new FinalizationRegistry<Entry>((entry) => this.release(entry));
  /** Results and inputs that came again, least recently used first. State stays. */
  private readonly passing = new Map<number, Entry>();
  private bytes = 0;
  private nextId = 0;

  constructor(
    budget: number,
    free: (id: number) => void,
    fetch: (id: number) => Promise<TypedArray>,
  ) {
    this.budget = budget;
    this.free = free;
    this.fetch = fetch;
  }

  /** Names that nobody has, in a row; the first. */
  names(count: number): number {
    this.nextId += count;
    return this.nextId - count;
  }

  /** The buffer's elements lie with the host under this name from now on. */
  hold(buffer: Buffer, id: number, owner: string): Entry {
    const bytes = buffer.size * itemSize[buffer.dtype];
    const mirrored = buffer.host !== null;
    const none = { gone: false, host: null, coming: null };
    const entry: Entry = { table: this, id, bytes, mirrored, ...none };
    const handle = new Handle(entry);
    buffer.device = handle;
    buffer.owner = owner;
    this.registry.register(handle, entry, entry);
    if (!buffer.state) {
      this.passing.set(id, entry);
      this.bytes += bytes;
    }
    return entry;
  }

  /** The entry of a buffer whose elements this host has. */
  entryOf({ device }: Buffer): Entry | null {
    if (!(device instanceof Handle)) return null;
    const { entry } = device;
    return entry.gone || entry.table !== this ? null : entry;
  }

  /** It was used just now. */
  touch(entry: Entry): void {
    if (this.passing.delete(entry.id)) this.passing.set(entry.id, entry);
  }

  /** The host has it no more, and knows. */
  forget(entry: Entry): void {
    if (entry.gone) return;
    entry.gone = true;
    this.registry.unregister(entry);
    if (this.passing.delete(entry.id)) this.bytes -= entry.bytes;
  }

  /** The host need not have it any more. */
  release(entry: Entry): void {
    if (entry.gone) return;
    this.forget(entry);
    this.free(entry.id);
  }

  /** Brings what lies with the host within the budget. */
  keepWithin(): void {
    for (const entry of this.passing.values()) {
      if (this.bytes <= this.budget) return;
      if (entry.mirrored) this.release(entry);
      else this.bringHome(entry);
    }
  }

  /** Runs that are asked for meanwhile still find it there. */
  private bringHome(entry: Entry): void {
    this.passing.delete(entry.id);
    this.bytes -= entry.bytes;
    const keep = (elements: TypedArray) => {
      if (entry.gone) return;
      entry.host = elements;
      this.release(entry);
    };
    this.fetch(entry.id).then(keep, () => {}); // a result that a failed run did not make
  }
}

/** The elements of a buffer that are on this side; null: there are none. */
export function elementsHere({ host, device }: Buffer): TypedArray | null {
  return host ?? (device instanceof Handle ? device.entry.host : null);
}
