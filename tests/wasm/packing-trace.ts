// Whether the engine joins pairs of vectors in all functions of a program. A miss is silent: results stay
// right, two to five times slower. So the engine's own trace is read, of a process of its own.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, type TestContext } from "vitest";

const flags = [
  "--no-warnings",
  "--experimental-wasm-revectorize",
  "--no-liftoff",
  "--no-wasm-lazy-compilation",
  "--trace-wasm-revectorize",
  // One function after the other, or their traces mingle.
  "--wasm-num-compilation-tasks=1",
];

/** Runs a program beside this file that prints `functions: N`: all N must be packed with no value left
 *  over, and save at least so much each. Skips where the engine cannot pack. */
export function expectPacked(context: TestContext, program: string, least: number): void {
  if (Number(process.versions.node.split(".")[0]) < 24) context.skip("needs Node 24");
  const child = join(import.meta.dirname, program);
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, child], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (!stdout.includes("Revec:")) {
    expect(stderr).toBe("");
    context.skip("the processor or the engine has no revectorizer");
  }
  const functions = Number(/^functions: (\d+)$/m.exec(stdout)![1]);
  const decisions = [...stdout.matchAll(/Save: (\d+), cost: (\d+)/g)];
  expect(decisions.length).toBe(functions);
  expect(stdout.match(/Decide to vectorize, [1-9]\d* revectorizable nodes/g)?.length).toBe(
    functions,
  );
  for (const [, save, cost] of decisions) {
    expect(Number(save)).toBeGreaterThan(least);
    expect(Number(cost)).toBe(0);
  }
}
