// The browser's `Worker`, as far as jax-js uses it, over Node's worker_threads: a module from a
// blob address, `postMessage`, `onmessage`, `onerror`, and `self` inside. Nothing more.
import { resolveObjectURL } from "node:buffer";
import { Worker as NodeWorker } from "node:worker_threads";

const PRELUDE = `
const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => globalThis.onmessage({ data }));
`;

class BlobWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;
  readonly #thread: Promise<NodeWorker>;

  constructor(url: string) {
    this.#thread = this.#start(url);
  }

  async #start(url: string): Promise<NodeWorker> {
    const source = await resolveObjectURL(url)!.text();
    const thread = new NodeWorker(`${PRELUDE}\n${source}`, { eval: true });
    thread.on("message", (data) => this.onmessage?.({ data }));
    thread.on("error", (error) => this.onerror?.({ message: String(error) }));
    return thread;
  }

  postMessage(message: unknown): void {
    void this.#thread.then((thread) => thread.postMessage(message));
  }
}

/** Defines `Worker`, and makes `navigator.hardwareConcurrency` say `threads`. */
export function installWorker(threads: number): void {
  Object.assign(globalThis, { Worker: BlobWorker });
  Object.defineProperty(navigator, "hardwareConcurrency", { value: threads });
}
