// npm run fuzz: random programs on wasm in all its modes (or `--device webgpu`) against the reference, without
// end or for `--seconds N`, from seed `--seed S` on, `--count K` of them. A failure is made small and printed as code
// that runs, with its seed; the command then goes on, and fails at its end.
import { parseArgs } from "node:util";
import { allModes, compare, disposeOf, type Finding, type Modes, webgpuModes } from "./compare.ts";
import { type Program, randomProgram } from "./program.ts";
import { printProgram, shrink } from "./shrink.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "Infinity" },
    seed: { type: "string", default: String(Date.now() % 1e6) },
    count: { type: "string", default: "Infinity" },
    device: { type: "string", default: "wasm" },
  },
});
const [seconds, from, count] = [values.seconds, values.seed, values.count].map(Number) as [
  number,
  number,
  number,
];
if ([seconds, from, count].some(Number.isNaN) || !["wasm", "webgpu"].includes(values.device)) {
  console.error("npm run fuzz -- [--seconds N] [--seed S] [--count K] [--device wasm|webgpu]");
  process.exit(2);
}

/** What shaders are allowed beside float32's own errors: their functions are good to fewer digits. */
const loose = values.device === "webgpu" ? 8 : 1;
const modes = await (values.device === "webgpu" ? webgpuModes() : allModes());
const end = performance.now() + 1000 * seconds;
let [programs, faults, unstable] = [0, 0, 0];
for (let seed = from; programs < count && performance.now() < end; seed++) {
  const program = randomProgram(seed);
  const finding = await tried(program, modes);
  programs++;
  if (finding.unstable) unstable++;
  if (finding.fault !== null) {
    faults++;
    console.log(`\nseed ${seed}: ${finding.fault}`);
    const small = await shrink(program, async (p) => (await tried(p, modes)).fault !== null);
    console.log(`${(await tried(small, modes)).fault}\n${printProgram(small)}`);
  }
  if (programs % 100 === 0) console.log(summary(seed));
}
console.log(summary(from + programs - 1));
await disposeOf(modes);
process.exitCode = faults === 0 ? 0 : 1;

/** A program that throws has failed as well. */
async function tried(program: Program, on: Modes): Promise<Finding> {
  try {
    return await compare(program, on, loose);
  } catch (error) {
    return { fault: String((error as Error)?.stack ?? error), unstable: false };
  }
}

function summary(seed: number): string {
  const rest = `${unstable} that rounding decides, ${faults} faults`;
  return `seeds ${from} to ${seed}: ${programs} programs, ${rest}`;
}
