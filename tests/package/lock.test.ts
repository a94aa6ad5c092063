// The lock file: npm drops checksums without a word when it writes one from an installed tree. To
// write it anew, delete it and node_modules and run `npm install --package-lock-only`.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const lock = JSON.parse(readFileSync(join(import.meta.dirname, "../../package-lock.json"), "utf8"));
const packages = Object.entries<Record<string, unknown>>(lock.packages).filter(([path]) => path);

it("pins every package by version and checksum", () => {
  expect(packages.length).toBeGreaterThan(0);
  const loose = packages.filter(([, entry]) => !entry.version || !entry.integrity);
  expect(loose.map(([path]) => path)).toEqual([]);
});

it("names no registry, so that any can serve it", () => {
  expect(packages.filter(([, entry]) => "resolved" in entry).map(([path]) => path)).toEqual([]);
});
