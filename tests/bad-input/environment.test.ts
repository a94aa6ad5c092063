// Machines that lack something: the same results, slower, and one sentence about it.
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

const index = new URL("../../src/index.ts", import.meta.url).href;
const program = `
  import { tensor } from ${JSON.stringify(index)};
  const x = tensor([1, 2, 3]);
  console.log([...(await x.mul(2).data()), await x.sum().item()].join(" "));
`;

function run(before: string) {
  const code = `data:text/javascript,${encodeURIComponent(before)}`;
  const args = ["--import", code, "--input-type=module-typescript", "--eval", program];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, NODE_ENV: "", ANNEAL_DEVICE: "" },
  });
  return { status, stdout: stdout.trim(), said: stderr.match(/^anneal: .*$/gm) ?? [] };
}

it("computes on the reference without SIMD, and says so once", () => {
  const { status, stdout, said } = run("WebAssembly.validate = () => false;");
  expect(stdout).toBe("2 4 6 6");
  expect(status).toBe(0);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("no WebAssembly SIMD; using the slow reference backend");
});

it("computes on one thread without shared memory", () => {
  const { status, stdout } = run("delete globalThis.SharedArrayBuffer;");
  expect(stdout).toBe("2 4 6 6");
  expect(status).toBe(0);
});

it("says nothing where nothing is missing", () => {
  const { status, stdout, said } = run("");
  expect(stdout).toBe("2 4 6 6");
  expect(status).toBe(0);
  expect(said).toEqual([]);
});
