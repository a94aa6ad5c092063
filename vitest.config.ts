// The unit tests: everything under tests/ named *.test.ts, except tests/package, which needs a
// build and has its own configuration beside it.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/package/**", "**/node_modules/**"],
    pool: "forks",
    testTimeout: 30_000,
  },
});
