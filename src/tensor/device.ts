// The device that computes: one engine for each backend, one of them current.
// Not here: tensors, or backends (backend/).

import type { Backend } from "../backend/backend.ts";
import { ReferenceBackend } from "../backend/reference/backend.ts";
import { WasmBackend } from "../backend/wasm/backend.ts";
import { Engine } from "../schedule/engine.ts";
import { ArgumentError, DeviceError } from "../util/errors.ts";
import { bumpGeneration } from "./trace.ts";

export type DeviceName = "wasm" | "reference";

const engines = new Map<string, Engine>();
let current: Engine | null = null;

function makeBackend(name: DeviceName): Backend {
  if (name === "wasm") return new WasmBackend();
  if (name === "reference") return new ReferenceBackend();
  throw new ArgumentError("device", `no device "${name}"`, { hint: 'use "wasm" or "reference"' });
}

/** The engine in use; the first use picks wasm, or the reference where wasm has no SIMD (said once). */
export function engine(): Engine {
  if (current === null) {
    try {
      device("wasm");
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      console.warn(`anneal: ${error.message}; using the slow reference backend`);
      device("reference");
    }
  }
  return current as Engine;
}

/** Makes a device current (by name, or a Backend of your own) and returns its engine. Tensors move by
 *  themselves through the host when they are next used. */
export function device(which: DeviceName | Backend): Engine {
  const name = typeof which === "string" ? which : which.name;
  let found = engines.get(name);
  if (!found || (typeof which !== "string" && found.backend !== which)) {
    found = new Engine(typeof which === "string" ? makeBackend(which) : which);
    engines.set(name, found);
  }
  if (current !== found) bumpGeneration();
  current = found;
  return found;
}
