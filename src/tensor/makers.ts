// How devices that compute natively are made: in Node, Deno and Bun they live on this thread, so that
// values can be read at once. Pages load makers.page.ts in its place.

import type { Backend } from "../backend/backend.ts";
import { ImportedBackend, type Imports } from "../backend/imported.ts";
import { WasmBackend } from "../backend/wasm/backend.ts";
import { strictMode } from "../util/env.ts";

export function makeWasm({ strict }: { readonly strict?: boolean | undefined }): Backend {
  return new WasmBackend({ strict: strictMode(strict) });
}

/** Imported when it is first used: programs that never name it do not load it. */
export function makeWebgpu({ f16 }: { readonly f16?: boolean | undefined }): Backend {
  const name = f16 ? "webgpu f16" : "webgpu";
  const load = async (): Promise<Imports> => {
    const { WebgpuBackend } = await import("../backend/webgpu/backend.ts");
    const { lower } = await import("../schedule/pipeline.ts");
    return { backend: new WebgpuBackend({ f16 }), lower };
  };
  return new ImportedBackend(name, load, { queues: true, lacks: ["float64"] });
}
