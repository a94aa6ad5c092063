// How elements come to the device that wants them: buffers that only another device has are read there
// and lie on the host from then on, where the next run takes them; on a device that answers later the
// run waits. Not here: which device that is (device.ts), or what tensors know of it (place.ts).

import type { Buffer } from "../ir/buffer.ts";
import type { TypedArray } from "../ir/dtype.ts";
import type { Engine, Gathering } from "../schedule/engine.ts";
import { engineNamed, engineOf, hasSeveral, ownerOf } from "./device.ts";

/** A buffer that a run on a device that answers later is to fill. */
interface Arrival {
  readonly engine: Engine;
  /** Settles with the run. */
  readonly done: Promise<void>;
}

/** What has not arrived, or will not because its run has failed. */
const arrivals = new WeakMap<Buffer, Arrival>();
/** What is on its way to the host. */
const moving = new WeakMap<Buffer, Promise<TypedArray>>();

/** Settles with the run that fills a buffer; undefined where that is done. */
export function arrivalOf(buffer: Buffer): Promise<void> | undefined {
  return arrivals.get(buffer)?.done;
}

/** Says that a run on `engine` fills the buffers. */
export function expect(buffers: readonly Buffer[], engine: Engine, done: Promise<void>): void {
  for (const buffer of buffers) arrivals.set(buffer, { engine, done });
  done.then(
    () => {
      for (const buffer of buffers) arrivals.delete(buffer);
    },
    () => {}, // whoever reads one is told
  );
}

/** The elements of a buffer, as a copy, as soon as they are there. */
export function elementsOf(buffer: Buffer): TypedArray | Promise<TypedArray> {
  return elementsFrom(buffer, arrivals.get(buffer)?.engine ?? engineOf(buffer));
}

function elementsFrom(buffer: Buffer, engine: Engine): TypedArray | Promise<TypedArray> {
  const arrival = arrivals.get(buffer);
  if (arrival === undefined) return engine.read(buffer);
  // Asked for now, so that a later run cannot write over them; the run's own error comes first.
  const elements = new Promise<TypedArray>((resolve) => resolve(engine.read(buffer)));
  elements.catch(() => {});
  return arrival.done.then(() => elements);
}

/**
 * Moves what only other devices have to where `here` finds it; null: it does. Where the run is `delayed`,
 * what it was given is kept for it: until then another device may take elements over from the host.
 * `homeOf` tells the device that makes a buffer's elements, or alone has them.
 */
export function bring(
  buffers: readonly Buffer[],
  here: Engine,
  delayed: boolean,
  homeOf: (buffer: Buffer) => Engine | null = makerOf,
): Gathering | null {
  if (!hasSeveral()) return null;
  let waits: Promise<unknown>[] | null = null;
  const held = new Map<Buffer, TypedArray>();
  for (const buffer of buffers) {
    const coming = moving.get(buffer) ?? toHere(buffer, here, homeOf(buffer));
    if (coming === null) continue;
    waits ??= [];
    waits.push(coming.then((elements) => held.set(buffer, elements)));
  }
  if (!delayed && waits === null) return null;
  for (const buffer of buffers) if (buffer.host !== null) held.set(buffer, buffer.host);
  const all = waits && Promise.all(waits);
  all?.catch(() => {}); // the run that waits is told
  const restore = () => {
    for (const [buffer, elements] of held) {
      if (buffer.host === null && buffer.owner !== here.name) buffer.host = elements;
    }
  };
  return { all, restore };
}

/** The device that makes a buffer's elements, or alone has them. */
function makerOf(buffer: Buffer): Engine | null {
  return arrivals.get(buffer)?.engine ?? ownerOf(buffer);
}

/** Brings what lies elsewhere to the host; null: it is where `here` finds it. */
function toHere(buffer: Buffer, here: Engine, there: Engine | null): Promise<TypedArray> | null {
  if (there === null || there === here || here.backend.takesFrom?.(there.name)) return null;
  const elements = elementsFrom(buffer, there);
  if (!(elements instanceof Promise)) {
    settle(buffer, elements);
    return null;
  }
  const coming = elements.then((values) => settle(buffer, values));
  moving.set(buffer, coming);
  const over = () => void moving.delete(buffer);
  coming.then(over, over);
  return coming;
}

/** The host has the elements now; the device that had them need keep them no longer. */
function settle(buffer: Buffer, elements: TypedArray): TypedArray {
  const there = engineNamed(buffer.owner);
  buffer.host ??= elements;
  there?.free(buffer);
  return elements;
}
