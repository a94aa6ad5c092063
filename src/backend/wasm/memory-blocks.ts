// Blocks: buffers' elements in wasm memory. Not here: their tables (backend/blocks.ts), the bytes
// (memory.ts).

import type { DType, TypedArray } from "../../ir/dtype.ts";
import type { BlockTable, Held } from "../blocks.ts";
import type { DeviceMemory } from "./memory.ts";

/** The elements of one version of some data. Buffers hold it by a ticket, in `Buffer.device`. */
export interface Block extends Held {
  readonly memory: DeviceMemory;
  readonly dtype: DType;
  readonly size: number;
  /** Its address; -1: it is not in wasm memory any more. */
  at: number;
  /** The elements, once they had to move to the host. */
  host: TypedArray | null;
  /** The buffer has the elements on the host too, so that nothing needs to be saved. */
  readonly mirrored: boolean;
  readonly table: BlockTable<Block>;
}
