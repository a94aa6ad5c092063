// Takes the place of makers.ts in what pages load: devices live in workers, so that nothing they compute
// blocks the page, and their code is no part of the page's own script.

import type { Backend } from "../backend/backend.ts";
import { RemoteBackend } from "../backend/remote/backend.ts";
import { connectWasm, connectWebgpu } from "../backend/remote/start.ts";
import { strictMode } from "../util/env.ts";
import { DeviceError } from "../util/errors.ts";

export function makeWasm({ strict }: { readonly strict?: boolean | undefined }): Backend {
  if (!hasSimd()) {
    throw new DeviceError("wasm", "this browser has no WebAssembly SIMD", {
      hint: 'use the slow fallback: device("reference")',
    });
  }
  const asked = strictMode(strict);
  const backend = new RemoteBackend(asked ? "wasm strict" : "wasm", connectWasm, { strict: asked });
  backend.init(); // the worker loads while the first program is being traced
  return backend;
}

/** Its shaders are made in the worker too, and it waits for the card there. */
export function makeWebgpu({ f16 }: { readonly f16?: boolean | undefined }): Backend {
  const name = f16 ? "webgpu f16" : "webgpu";
  return new RemoteBackend(name, connectWebgpu, { f16 }, { lacks: ["float64"] });
}

/** A module with one function that makes a vector: () -> (v128), v128.const 0. */
const head = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0];
const simdModule = [...head, 253, 12, ...new Array<number>(16).fill(0), 11];

function hasSimd(): boolean {
  if (typeof WebAssembly === "undefined") return false;
  return WebAssembly.validate(Uint8Array.from(simdModule));
}
