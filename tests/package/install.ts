// Runs once before the package tests: builds, packs, and installs the tarball into an empty project
// in the temporary folder, with the files of consumer/ and page/ beside it, and those of tests/browser in
// browser/. The network is not used.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The project into which the tarball is installed. */
    consumer: string;
    tarball: string;
  }
}

const root = join(import.meta.dirname, "..", "..");

export default function setup(project: TestProject) {
  const consumer = realpathSync(mkdtempSync(join(tmpdir(), "anneal-package-")));
  npm(root, "run", "build", "--silent");
  const packed = npm(root, "pack", "--ignore-scripts", "--json", "--pack-destination", consumer);
  const tarball = join(consumer, JSON.parse(packed)[0].filename);
  cpSync(join(import.meta.dirname, "consumer"), consumer, { recursive: true });
  cpSync(join(import.meta.dirname, "page"), consumer, { recursive: true });
  const browser = join(import.meta.dirname, "..", "browser", "page");
  cpSync(browser, join(consumer, "browser"), { recursive: true });
  writeFileSync(
    join(consumer, "package.json"),
    JSON.stringify({ name: "consumer", private: true, type: "module" }),
  );
  npm(consumer, "install", "--offline", "--no-audit", "--no-fund", tarball);
  project.provide("consumer", consumer);
  project.provide("tarball", tarball);
  return () => rmSync(consumer, { recursive: true, force: true });
}

/** What npm prints on standard output; its warnings go to the terminal only if it fails. */
function npm(cwd: string, ...args: string[]): string {
  return execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
