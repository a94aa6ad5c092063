// A data worker's life: it makes the dataset that its module says, then answers requests for samples
// until it is ended. Runs in Node's worker_threads. Not here: who starts it (workers.ts).
import { builtin } from "../util/env.ts";
import { Rng } from "../util/rng.ts";
import type { Dataset } from "./dataset.ts";
import {
  bytesIn,
  openModule,
  packSample,
  type Reply,
  type Request,
  type Result,
  sendError,
  type WorkerStart,
} from "./worker-samples.ts";

interface Port {
  on(event: "message", listener: (request: Request) => void): void;
  postMessage(reply: Reply, owned?: readonly ArrayBuffer[]): void;
}

interface NodeWorkerThreads {
  readonly parentPort: Port | null;
  readonly workerData: { readonly start?: WorkerStart } | null;
}

async function live(port: Port, start: WorkerStart): Promise<void> {
  try {
    const dataset = await openModule(start);
    port.on("message", (request) => void answer(port, dataset, request));
    port.postMessage({ length: dataset.length });
  } catch (error) {
    port.postMessage({ refused: sendError(error) });
  }
}

async function answer(port: Port, dataset: Dataset<unknown>, { id, wanted }: Request) {
  let bytes = 0;
  const made = await Promise.all(
    wanted.map(async ({ index, state }): Promise<Result> => {
      try {
        const sample = await dataset.get(index, Rng.from(state));
        bytes += bytesIn(sample);
        return { sample };
      } catch (error) {
        return { error: sendError(error) };
      }
    }),
  );
  const room = { buffer: new ArrayBuffer(bytes), used: 0 };
  const results = made.map((result) => {
    return "sample" in result ? { sample: packSample(result.sample, room) } : result;
  });
  port.postMessage({ id, results }, [room.buffer]);
}

const threads = builtin<NodeWorkerThreads>("node:worker_threads");
if (threads?.parentPort && threads.workerData?.start) {
  void live(threads.parentPort, threads.workerData.start);
}
