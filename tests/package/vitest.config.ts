// The tests of what is published: the tarball is built, packed and installed into an empty project
// once (install.ts), then used as a stranger would use it, in Node and in pages (tests/browser).
// `npm run test:package` runs them.
import { defineConfig } from "vitest/config";

/** The folder where .ci/run wants the results, besides the report on the terminal. */
const results = process.env.ANNEAL_TEST_RESULTS;

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts", "../browser/*.test.ts"],
    globalSetup: ["./install.ts"],
    fileParallelism: false,
    allowOnly: false,
    reporters: results
      ? ["default", ["json", { outputFile: `${results}/package.json` }]]
      : ["default"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
