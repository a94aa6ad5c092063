// The unit tests: everything under tests/ named *.test.ts, except tests/package and tests/browser, which
// need a build and have a configuration of their own in tests/package.
import { defineConfig } from "vitest/config";

const root = import.meta.dirname;

/** The folder where .ci/run wants the results, besides the report on the terminal. */
const results = process.env.ANNEAL_TEST_RESULTS;

export default defineConfig({
  // "anneal" and its subpaths mean the sources, as they do for the type checker.
  resolve: {
    alias: [
      { find: /^anneal$/, replacement: `${root}/src/index.ts` },
      { find: /^anneal\/(\w+)$/, replacement: `${root}/src/$1/index.ts` },
    ],
  },
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/package/**", "tests/browser/**", "**/node_modules/**"],
    pool: "forks",
    // Biome's rule against focused tests takes fit(…) for one; here they are refused.
    allowOnly: false,
    testTimeout: 30_000,
    reporters: results
      ? ["default", ["json", { outputFile: `${results}/unit.json` }]]
      : ["default"],
  },
});
