// A Buffer is one version of some data: a leaf of every graph. Immutable to whoever reads it: an
// update makes a new Buffer that may take over the old one's memory (see `shared`).
// Not here: where the bytes lie. `host` is a GC-owned array; a device keeps its own copy in `device`.

import type { DType, TypedArray } from "./dtype.ts";

let nextId = 0;

export class Buffer {
  readonly id = nextId++;
  readonly dtype: DType;
  readonly size: number;
  /** The elements on the host, row-major; null while only a device has them. */
  host: TypedArray | null;
  /** The device's own handle, of a type that only that device knows; null while only the host has
   *  them. */
  device: unknown = null;
  /** The device that `device` belongs to. */
  owner: string | null = null;
  /** True once a lazy tensor outside a compiled step reads this version. An update in place must
   *  then first save the old elements to `host`, because that reader may still come. */
  shared = false;
  /** True once a run took a copy from the host: a device may keep what comes again. */
  cameBefore = false;
  /** State (parameters, moments, running means) lives on the device between runs. */
  readonly state: boolean;

  constructor(dtype: DType, size: number, host: TypedArray | null, state = false) {
    this.dtype = dtype;
    this.size = size;
    this.host = host;
    this.state = state;
  }
}
