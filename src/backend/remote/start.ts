// How the worker of a remote device is started: in a page as a module worker, in Node as one of its
// worker_threads. Not here: what is said to it (messages.ts), or what runs in it (wasm-host.ts,
// webgpu-host.ts).

import { builtin } from "../../util/env.ts";
import { DeviceError } from "../../util/errors.ts";
import type { Connect, Link } from "./backend.ts";
import type { Answer } from "./messages.ts";

interface NodeWorker {
  on(event: string, listener: (what: never) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<number>;
}

interface NodeWorkerThreads {
  readonly Worker: new (url: URL, options: object) => NodeWorker;
}

/** The worker of the wasm device. */
export const connectWasm: Connect = (take, lost) => {
  const node = builtin<NodeWorkerThreads>("node:worker_threads");
  if (node === null) {
    return inPage("wasm-host.js", take, lost, () => {
      // Written out, so that bundlers see it.
      return new Worker(new URL("./wasm-host.ts", import.meta.url), { type: "module" });
    });
  }
  const file = import.meta.url.endsWith(".ts") ? "./wasm-host.ts" : "./wasm-host.js";
  return inNode(node, new URL(file, import.meta.url), take, lost);
};

/** The worker of the webgpu device; in pages alone. */
export const connectWebgpu: Connect = (take, lost) => {
  return inPage("webgpu-host.js", take, lost, () => {
    return new Worker(new URL("./webgpu-host.ts", import.meta.url), { type: "module" });
  });
};

type Take = (answer: Answer) => void;
type Lost = (why: string) => void;

function inPage(file: string, take: Take, lost: Lost, start: () => Worker): Link {
  let worker: Worker;
  try {
    worker = startAnywhere(file, start);
  } catch (cause) {
    throw new DeviceError("device", `this runtime starts no worker (${cause})`, { cause });
  }
  worker.onmessage = ({ data }) => take(data);
  worker.onerror = (event) => {
    event.preventDefault();
    lost(`its worker failed: ${event.message ?? "the script did not load"}`);
  };
  return {
    send: (request, transfer) => worker.postMessage(request, [...transfer]),
    hold: () => {},
    stop: () => worker.terminate(),
  };
}

/** Browsers start no worker from another origin, where a page may have its libraries from; but a script of
 *  its own may import from there. */
function startAnywhere(file: string, start: () => Worker): Worker {
  try {
    return start();
  } catch (error) {
    if ((error as Error).name !== "SecurityError") throw error;
    const text = `import ${JSON.stringify(new URL(file, import.meta.url).href)};`;
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    return new Worker(url, { type: "module" });
  }
}

function inNode(node: NodeWorkerThreads, url: URL, take: Take, lost: Lost): Link {
  // Options of the main program (a test runner's loader, an inspector) are not meant for it.
  const worker = new node.Worker(url, { execArgv: [] });
  worker.unref();
  worker.on("message", take);
  worker.on("error", (error: Error) => lost(`its worker failed: ${error.message}`));
  worker.on("exit", () => lost("its worker ended"));
  return {
    send: (request, transfer) => worker.postMessage(request, transfer),
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
    stop: () => void worker.terminate(),
  };
}
