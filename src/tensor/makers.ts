// How devices that compute natively are made: in Node, Deno and Bun they live on this thread, so that
// values can be read at once. Pages load makers.page.ts in its place.

import type { Backend } from "../backend/backend.ts";
import { WasmBackend } from "../backend/wasm/backend.ts";
import { strictMode } from "../util/env.ts";

export function makeWasm({ strict }: { readonly strict?: boolean | undefined }): Backend {
  return new WasmBackend({ strict: strictMode(strict) });
}
