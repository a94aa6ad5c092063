// Whether the engine joins pairs of vectors in the transforms and products of Winograd's convolutions.
// A miss is silent: results stay right and the function takes twice as long. So the engine's own trace
// is read, in a process of its own.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const flags = [
  "--no-warnings",
  "--experimental-wasm-revectorize",
  "--no-liftoff",
  "--no-wasm-lazy-compilation",
  "--trace-wasm-revectorize",
  // One function after the other, or their traces mingle.
  "--wasm-num-compilation-tasks=1",
];

it("packs transforms and products, with no value left over", (context) => {
  if (Number(process.versions.node.split(".")[0]) < 24) context.skip("needs Node 24");
  const child = join(import.meta.dirname, "winograd-packing-child.ts");
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
    expect(Number(save)).toBeGreaterThan(30);
    expect(Number(cost)).toBe(0);
  }
});
