// A peer for the tests, whose behaviour the workload's name chooses.
import { CannotRun } from "../peers/protocol.ts";
import { serve } from "../peers/serve.ts";

const mood = process.env.FAKE_MOOD;
process.stdout.write("a library's greeting on stdout\n");
await serve({ name: "fake", version: "1" }, () => {
  if (mood === "decline") throw new CannotRun("it has no legs.");
  if (mood === "die") process.exit(3);
  if (mood === "break") throw new TypeError("a wheel came off");
  return {
    step: (i) =>
      mood === "hang" ? new Promise<number>(() => {}) : mood === "lie" ? 2 : 1 / (i + 1),
  };
});
