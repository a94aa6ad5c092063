// Ctrl-C: the first asks the run to finish its step and save, the second ends the process at once.
// Not here: what saving means (train/).

/** Turns SIGINT and SIGTERM into an abort signal until it is released. */
export class Interrupt {
  private readonly controller = new AbortController();
  private readonly listener = () => this.ask();
  private readonly beforeExit: () => void;

  /** `beforeExit` puts the terminal in order when the process ends at once. */
  constructor(beforeExit: () => void) {
    this.beforeExit = beforeExit;
    process.on("SIGINT", this.listener);
    process.on("SIGTERM", this.listener);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  release(): void {
    process.off("SIGINT", this.listener);
    process.off("SIGTERM", this.listener);
  }

  private ask(): void {
    this.beforeExit();
    if (this.signal.aborted) process.exit(130);
    this.controller.abort();
    process.stderr.write("\nsaving a checkpoint; once more to stop at once\n");
  }
}
