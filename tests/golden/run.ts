// npm run golden [device]: the score against PyTorch's recorded cases. For each file and for each module
// that is not all passed: passed, wrong, missing. Exits with 1 if anything is wrong.
import { type DeviceName, device } from "../../src/index.ts";
import { folder, present, type Score, tallyOf, totals } from "./cases.ts";
import { nnScore } from "./nn.ts";
import * as opinfo from "./opinfo.ts";
import { optimizerScore, scheduleScore } from "./optimizer.ts";
import { trajectoryScore } from "./trajectory.ts";

async function opScore(): Promise<Score> {
  const out: Score = new Map();
  for (const tier of ["first", "second"] as const) {
    const { passed, missing, failures } = await opinfo.score(tier);
    Object.assign(tallyOf(out, `${tier} tier`), { passed, missing, wrong: failures });
  }
  return out;
}

const files: [string, () => Promise<Score>][] = [
  ["opinfo", opScore],
  ["nn-module", nnScore],
  ["optimizer", optimizerScore],
  ["lr-scheduler", scheduleScore],
  ["training-trajectory", trajectoryScore],
];

function line(name: string, passed: number, wrong: number, missing: number): string {
  const cells = [passed, wrong, missing].map((n) => String(n).padStart(8));
  return name.padEnd(44) + cells.join("");
}

async function main(): Promise<void> {
  if (!present) {
    console.log(`no golden cases: ${folder} is not there`);
    return;
  }
  device((process.argv[2] ?? "reference") as DeviceName);
  console.log(`${"".padEnd(44)}  passed   wrong missing`);
  let anyWrong = 0;
  for (const [name, run] of files) {
    const score = await run();
    const { passed, wrong, missing } = totals(score);
    anyWrong += wrong;
    console.log(line(name, passed, wrong, missing));
    for (const [module, tally] of score) {
      if (tally.wrong.length + tally.missing === 0) continue;
      console.log(line(`  ${module}`, tally.passed, tally.wrong.length, tally.missing));
      for (const what of tally.wrong.slice(0, 3)) console.log(`    ${what.split("\n")[0]}`);
    }
  }
  process.exitCode = anyWrong > 0 ? 1 : 0;
}

await main();
