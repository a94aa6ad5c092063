// A host's way to those who started its worker: the messages of a Web Worker, or the port that Node's
// worker was given. Not here: what is said (messages.ts).

import { builtin } from "../../util/env.ts";
import type { Host } from "./host.ts";
import type { Answer } from "./messages.ts";

interface Port {
  postMessage(answer: Answer, transfer: readonly ArrayBuffer[]): void;
}

interface NodePort extends Port {
  on(event: "message", listener: (request: never) => void): void;
}

interface PageScope extends Port {
  onmessage: ((event: { data: never }) => void) | null;
}

/** Serves requests from now on. */
export function serve(make: (say: Port["postMessage"]) => Host): void {
  const node = builtin<{ parentPort: NodePort | null }>("node:worker_threads");
  const port = node === null ? (globalThis as unknown as PageScope) : node.parentPort;
  if (port === null) return; // nobody has started this as a worker
  const host = make((answer, transfer) => port.postMessage(answer, transfer));
  if ("on" in port) port.on("message", (request) => host.take(request));
  else port.onmessage = ({ data }) => host.take(data);
}
