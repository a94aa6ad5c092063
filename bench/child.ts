// One peer's process, asked for steps in JSON lines and answering in JSON lines; the protocol is
// written down in peers/serve.ts.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Hello, Taken } from "./peers/protocol.ts";
import type { Peer } from "./peers.ts";

/** What a peer answers to a request for steps. */
export interface Reply extends Taken {
  peakMb?: number;
}

/** A peer that declines a workload; the message is its one sentence. */
export class Declined extends Error {
  override name = "Declined";
}

export class Child {
  readonly startedAt = Date.now();
  hello: Hello | undefined;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  constructor(peer: Peer) {
    this.#process = spawn(peer.command, peer.args, {
      env: { ...process.env, ...peer.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#process.on("error", (error) => {
      this.#errors += error.message;
    });
    this.#process.stdin.on("error", () => {}); // a dead peer shows as the end of its output
    this.#process.stderr.on("data", (chunk) => {
      this.#errors = (this.#errors + chunk).slice(-4000);
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Asks for `steps` steps. Throws `Declined`, or an Error if the peer failed or took too long. */
  async request(work: string, data: string, steps: number, limitMs: number): Promise<Reply> {
    this.#process.stdin.write(`${JSON.stringify({ work, data, steps })}\n`);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#process.kill("SIGKILL");
    }, limitMs);
    try {
      return await this.#reply();
    } catch (error) {
      if (late) throw new Declined(`it took longer than ${Math.round(limitMs / 1000)} s.`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #reply(): Promise<Reply> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`the process ended: ${lastLines(this.#errors)}`);
      const line = parse(value);
      if (line?.hello) this.hello = line.hello as Hello;
      else if (typeof line?.why === "string") throw new Declined(line.why);
      else if (typeof line?.error === "string") throw new Error(line.error);
      else if (line?.ms) return line as unknown as Reply;
    }
  }

  /** Ends the process and waits until it is gone. */
  async close(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
    await gone;
    clearTimeout(timer);
  }
}

/** A library may print to stdout on its own; what is no JSON object is not ours. */
function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join(" ") || "it said nothing";
}
