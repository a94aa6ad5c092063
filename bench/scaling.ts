// How much faster two threads of this machine run the calibration kernel than one, at this moment: what
// a peer's two threads could give at best. The second thread is a worker that runs this same file.
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { type Burst, makeBurst } from "./calibrate.ts";

/** Length of a measurement, ms. */
const SPAN_MS = 50;

/** Two threads' speed over one's. */
export interface Pair {
  measure(): Promise<number>;
  close(): Promise<void>;
}

/** Starts the second thread. */
export async function makePair(burst: Burst): Promise<Pair> {
  const worker = new Worker(new URL(import.meta.url));
  const answer = () => new Promise<number>((done) => worker.once("message", done));
  await answer();
  return {
    async measure() {
      const alone = speedUntil(burst, Date.now() + SPAN_MS);
      const start = Date.now() + 5;
      const other = answer();
      worker.postMessage(start);
      while (Date.now() < start);
      const own = speedUntil(burst, start + SPAN_MS);
      return (own + (await other)) / alone;
    },
    close: async () => void (await worker.terminate()),
  };
}

/** Mean GFLOP/s of bursts up to a moment. */
function speedUntil(burst: Burst, end: number): number {
  const speeds = [burst()];
  while (Date.now() < end) speeds.push(burst());
  return speeds.length / speeds.reduce((sum, speed) => sum + 1 / speed, 0); // equal work each
}

if (!isMainThread && parentPort) {
  const burst = makeBurst();
  parentPort.on("message", (start: number) => {
    while (Date.now() < start);
    parentPort!.postMessage(speedUntil(burst, start + SPAN_MS));
  });
  parentPort.postMessage(0);
}
