// npm run golden -- [--device NAME]… [--dir DIR] [--json FILE] [--all] [--help]: the score against PyTorch's
// recorded cases, per file and for each op or module that is not all passed. Exits with 1 if anything is wrong,
// with 2 where the arguments are, or a device cannot start.
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ArgumentError, DeviceError, type DeviceName, device, ones } from "../../src/index.ts";
import { golden, type Score, totals } from "./cases.ts";
import { files } from "./files.ts";

const usage = `npm run golden -- [options]

  --device NAME   reference, wasm or webgpu; again for another (default: reference and wasm)
  --dir DIR       a folder of cases in the same formats
                  (default: ../shared/golden, or else the stored ones in tests/golden/stored)
  --json FILE     writes the counts as JSON: a list of { device, files: { name: { passed, wrong, missing } } }
  --all           lists each op and module, not only those that are not all passed
  --help          prints this

exits with 1 if a case is wrong, with 2 if the arguments are or a device cannot start`;

/** The least relative tolerance: shaders may compute elementary functions less exactly than float32 allows. */
const leastRtol: Record<string, number> = { webgpu: 1e-3 };

interface Settings {
  readonly devices: readonly string[];
  readonly json: string | undefined;
  readonly all: boolean;
}

/** What the command line says; null where it asks for help. */
function settings(args: readonly string[]): Settings | null {
  const parsed = (() => {
    try {
      return parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          device: { type: "string", multiple: true, default: [] },
          dir: { type: "string" },
          json: { type: "string" },
          all: { type: "boolean", default: false },
          help: { type: "boolean", default: false },
        },
      });
    } catch (error) {
      const [detail] = (error as Error).message.split(". ");
      throw new ArgumentError("golden", `${detail![0]!.toLowerCase()}${detail!.slice(1)}`);
    }
  })();
  const { device: named, dir, json, all, help } = parsed.values;
  if (help) return null;
  if (dir !== undefined) {
    if (!existsSync(dir) || !statSync(dir).isDirectory()) {
      throw new ArgumentError("golden", `there is no folder "${dir}"`);
    }
    const names = files.map(({ file }) => file);
    const any = (file: string) =>
      [".jsonl", ".jsonl.gz"].some((end) => existsSync(join(dir, file + end)));
    if (!names.some(any)) {
      const hint = `wanted are ${[...new Set(names)].map((f) => `${f}.jsonl.gz`).join(", ")}, or some of them`;
      throw new ArgumentError("golden", `there are no cases in "${dir}"`, { hint });
    }
    golden.folder = dir;
  }
  const given = [...named, ...parsed.positionals];
  const known = ["reference", "wasm", "webgpu"];
  for (const name of given) {
    if (known.includes(name)) continue;
    const hint = `use one of ${known.join(", ")}`;
    throw new ArgumentError("golden", `there is no device "${name}"`, { hint });
  }
  return { devices: given.length > 0 ? given : ["reference", "wasm"], json, all };
}

function line(name: string, passed: number, wrong: number, missing: number): string {
  const cells = [passed, wrong, missing].map((n) => String(n).padStart(8));
  return name.padEnd(52) + cells.join("");
}

function show(score: Score, all: boolean): void {
  for (const [name, { passed, wrong, missing, reasons }] of score) {
    if (!all && wrong.length + missing === 0) continue;
    console.log(line(`  ${name}`, passed, wrong.length, missing));
    for (const what of wrong.slice(0, 3)) console.log(`    wrong: ${what.split("\n")[0]}`);
    for (const why of reasons) console.log(`    missing: ${why}`);
  }
}

type Counts = ReturnType<typeof totals>;

/** All files on one device. */
async function run(
  name: string,
  all: boolean,
): Promise<{ device: string; files: Record<string, Counts> }> {
  device(name as DeviceName);
  await ones(1).add(1).data(); // a device that cannot start says so here, once
  golden.rtol = leastRtol[name] ?? 0;
  console.log(`${name.padEnd(52)}  passed   wrong missing`);
  const counts: Record<string, Counts> = {};
  for (const { name: file, score: scoreOf } of files) {
    const score = await scoreOf();
    const sum = totals(score);
    counts[file] = sum;
    console.log(line(file, sum.passed, sum.wrong, sum.missing));
    show(score, all);
  }
  const sum = Object.values(counts).reduce((p, q) => ({
    passed: p.passed + q.passed,
    wrong: p.wrong + q.wrong,
    missing: p.missing + q.missing,
  }));
  console.log(`${line("total", sum.passed, sum.wrong, sum.missing)}\n`);
  return { device: name, files: counts };
}

async function main(): Promise<number> {
  const chosen = settings(process.argv.slice(2));
  if (chosen === null) {
    console.log(usage);
    return 0;
  }
  console.log(`cases of ${golden.folder}`);
  const results = [];
  for (const name of chosen.devices) results.push(await run(name, chosen.all));
  if (chosen.json !== undefined) {
    writeFileSync(chosen.json, `${JSON.stringify(results, null, 2)}\n`);
  }
  const wrong = results.some((r) => Object.values(r.files).some((counts) => counts.wrong > 0));
  return wrong ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ArgumentError || error instanceof DeviceError)) throw error;
  console.error(error instanceof ArgumentError ? `${error}\n\n${usage}` : String(error));
  process.exit(2); // a device that failed may keep the process
}
