// That V8 packs the hot loops into vectors of twice the width. A miss is silent (results stay right, at
// half the speed), so this reads V8's own trace, printed by a process that compiles packing-cases.ts.

import { execFileSync } from "node:child_process";
import { arch } from "node:os";
import { expect, test } from "vitest";
import { packed } from "./packing-cases.ts";

const node = Number(process.versions.node.split(".")[0]);

// The packer is in V8 from Node 24 on, and for x64 only.
test.skipIf(node < 24 || arch() !== "x64")("hot loops are packed", () => {
  const program = `${import.meta.dirname}/packing-cases.ts`;
  const trace = execFileSync(process.execPath, [program], { encoding: "utf8", maxBuffer: 2 ** 28 });
  const functions = trace.split("Begin revec function").slice(1);
  expect(functions.length).toBe(packed.length);
  const pairs = functions.map((text) => {
    const found = text.matchAll(/Decide to vectorize, (\d+) revectorizable nodes/g);
    return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
  });
  packed.forEach(([name, , least], i) => {
    expect(pairs[i], name).toBeGreaterThanOrEqual(least);
  });
});
