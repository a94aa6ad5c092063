// Sums up what Vitest's JSON reporter wrote, one file for each run of it, in one plain line. A file
// of tests that could not be loaded counts as one failure, and so does a run that left no results.
import { readFileSync } from "node:fs";

let passed = 0;
let failed = 0;
let skipped = 0;
for (const path of process.argv.slice(2)) {
  let results;
  try {
    results = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    console.log(`ci: no results in ${path}: that run did not come to its end`);
    failed++;
    continue;
  }
  const unloaded = results.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((t) => t.status !== "failed"),
  );
  const faults = results.numFailedTests + unloaded.length;
  failed += faults === 0 && !results.success ? 1 : faults;
  passed += results.numPassedTests;
  skipped += results.numPendingTests + results.numTodoTests;
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
