// node tests/webgpu/workloads.ts [steps] [device] [workload…]: trains the benchmark's networks on webgpu
// and on another device (reference if none is named), from the same weights and batches, and prints the
// largest relative difference between their losses. Exits with 1 where it is above 1e-3.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { registerHooks } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { dataOf } from "../../bench/peers/protocol.ts";
import { type Header, writeData } from "../../bench/weights.ts";
import { workloads } from "../../bench/workloads.ts";
import { type DeviceName, device } from "../../src/index.ts";

// The benchmark's networks import the package by its name: here that is the sources.
const sources = pathToFileURL(join(import.meta.dirname, "../../src/index.ts")).href;
registerHooks({
  resolve: (name, context, next) =>
    name === "anneal" ? { url: sources, shortCircuit: true } : next(name, context),
});
const { prepare } = await import("../../bench/peers/anneal-work.ts");

const bound = 1e-3;
const [steps = "20", other = "reference", ...names] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "anneal-workloads-"));

function load(name: string) {
  const path = join(folder, name);
  writeData(path, workloads[name]!);
  const bytes = readFileSync(path);
  const end = bytes.indexOf(10) + 1;
  const header = JSON.parse(bytes.toString("utf8", 0, end)) as Header;
  return dataOf(
    header,
    bytes.buffer.slice(bytes.byteOffset + end, bytes.byteOffset + bytes.length),
  );
}

async function losses(name: string, on: DeviceName): Promise<{ losses: number[]; ms: number }> {
  device(on);
  const { step } = prepare(load(name));
  const found: number[] = [];
  let start = performance.now();
  for (let i = 0; i < Number(steps); i++) {
    found.push((await step(i)) as number);
    if (i === 0) start = performance.now();
  }
  return { losses: found, ms: (performance.now() - start) / (Number(steps) - 1) };
}

let wrong = false;
const wanted = names.length > 0 ? names : ["mlp_mnist", "cnn_mnist", "lstm_char", "gpt_nano"];
for (const name of wanted) {
  const mine = await losses(name, "webgpu" as DeviceName);
  const theirs = await losses(name, other as DeviceName);
  const off = mine.losses.map((loss, i) => Math.abs(loss / theirs.losses[i]! - 1));
  const largest = Math.max(...off);
  wrong ||= !(largest <= bound);
  const [first, last] = [mine.losses[0]!, mine.losses.at(-1)!].map((x) => x.toFixed(4));
  console.log(
    `${name.padEnd(16)} loss ${first} to ${last}, off by ${largest.toExponential(1)} at most; ` +
      `${mine.ms.toFixed(1)} ms a step, ${other} ${theirs.ms.toFixed(1)} ms`,
  );
}
rmSync(folder, { recursive: true });
process.exitCode = wrong ? 1 : 0;
