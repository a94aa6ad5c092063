// Census: which of the values that were handed out can the program still reach? Whoever owns one holds
// its ticket; a value whose ticket is garbage is wanted by nobody. JavaScript tells nobody about garbage
// within one task, however long its loop: finalizers run between tasks, and a WeakRef keeps its target
// until then. Node can be asked all the same: after a collection of the young garbage (some 50 µs),
// `util.inspect` lists what is left of a WeakSet. Elsewhere finalizers tell, when they run at all.
// Nothing may depend on it: it saves work, it does not decide what a value is.

import { builtin, nodeMajor } from "./env.ts";

const inspected = Symbol.for("nodejs.util.inspect.custom");

interface Util {
  inspect(value: unknown, options: object): string;
}

/** What keeps a value wanted. */
export class Ticket<T> {
  readonly value: T;
  private readonly roll: Roll<T>;

  constructor(value: T, roll: Roll<T>) {
    this.value = value;
    this.roll = roll;
  }

  /** Called by `util.inspect` for each member of the set. */
  [inspected](): string {
    this.roll.found?.add(this.value);
    return "";
  }
}

interface Roll<T> {
  found: Set<T> | null;
}

export class Census<T extends object> {
  private readonly roll: Roll<T> = { found: null };
  private readonly set = new WeakSet<Ticket<T>>();
  private readonly util: Util | null;
  /** Made when it is first wanted: that takes a millisecond or two. */
  private collect: (() => void) | null = null;
  private readonly registry: FinalizationRegistry<T> | null;
  /** A ticket that is there: a list without it is no list. */
  private readonly witness: Ticket<T>;

  /** `lost` is told of values whose ticket was finalized, where nobody can be asked. */
  constructor(lost: (value: T) => void) {
    this.util = nodeMajor() >= 20 ? builtin<Util>("node:util") : null;
    this.registry = this.util === null ? new FinalizationRegistry(lost) : null;
    this.witness = this.issue({} as T);
  }

  /** Whether `take` has somebody to ask. */
  get asks(): boolean {
    return this.util !== null;
  }

  issue(value: T): Ticket<T> {
    const ticket = new Ticket(value, this.roll);
    this.set.add(ticket);
    this.registry?.register(ticket, value, value);
    return ticket;
  }

  /** The value is no concern any more. */
  forget(value: T): void {
    this.registry?.unregister(value);
  }

  /** The values whose tickets are held, and perhaps some others; null where nobody can tell. */
  take(): ReadonlySet<T> | null {
    if (this.util === null) return null;
    this.collect ??= youngCollector();
    this.collect();
    const found = new Set<T>();
    this.roll.found = found;
    try {
      this.util.inspect(this.set, { showHidden: true, maxArrayLength: null, customInspect: true });
    } finally {
      this.roll.found = null;
    }
    return found.has(this.witness.value) ? found : null;
  }
}

/** V8's collection of young objects, as a function. Its flag is for the making of it only. */
function youngCollector(): () => void {
  const v8 = builtin<{ setFlagsFromString(flags: string): void }>("node:v8");
  const vm = builtin<{ runInNewContext(code: string): unknown }>("node:vm");
  let gc = (globalThis as { gc?: unknown }).gc;
  if (typeof gc !== "function" && v8 !== null && vm !== null) {
    v8.setFlagsFromString("--expose-gc");
    gc = vm.runInNewContext("gc");
    v8.setFlagsFromString("--no-expose-gc");
  }
  return typeof gc === "function"
    ? () => void (gc as (o: object) => void)({ type: "minor" })
    : () => {};
}
