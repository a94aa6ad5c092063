// A process that keeps one core busy, asleep until it is wanted: what a machine is like while something
// else is computing.
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** A neighbour who computes when told. */
export interface Neighbour {
  start(): Promise<void>;
  stop(): void;
  close(): void;
}

/** It ends by itself when its parent is gone, however that came about. */
const LOOP = "const parent = process.ppid; while (process.ppid === parent);";

/** Long enough for the system to have given the neighbour its core. */
const SETTLE_MS = 30;

/** Starts the process, stopped. Stopping it takes signals, which Windows has not. */
export function makeNeighbour(): Neighbour {
  const child = spawn(process.execPath, ["-e", LOOP], { stdio: "ignore" });
  child.kill("SIGSTOP");
  return {
    async start() {
      child.kill("SIGCONT");
      await sleep(SETTLE_MS);
    },
    stop: () => void child.kill("SIGSTOP"),
    close: () => void child.kill("SIGKILL"),
  };
}
