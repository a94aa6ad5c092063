// The child process that checkpoint.test.ts kills: writes one checkpoint after the other, for ever,
// each with files whose content follows from the step, so that a mixture of two would be seen.
import { writeCheckpoint } from "../../src/io/checkpoint.ts";
import { Rng } from "../../src/util/rng.ts";

const [root, first, keep] = process.argv.slice(2);
for (let step = Number(first); ; step++) {
  const weights = new Uint32Array(20_000).map(() => step);
  await writeCheckpoint(
    root as string,
    step,
    [
      ["model.safetensors", new Uint8Array(weights.buffer)],
      ["random.json", JSON.stringify({ step, state: new Rng(step).state() })],
    ],
    { keep: Number(keep) },
  );
  process.stdout.write(`${step}\n`);
}
