// What Anneal weighs in a page's own script: the page of the package tests, built by Vite and compressed.
// Not here: the workers that compute, which are loaded beside it, and the budgets (tests/package).
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Compressed size of the page's own script, in kB (1000 bytes). The package must be built. */
export async function bundleKb(): Promise<number> {
  const page = join(here, ".build", "page");
  const out = join(page, "site");
  const tests = join(here, "..", "tests", "package");
  rmSync(page, { recursive: true, force: true });
  mkdirSync(page, { recursive: true });
  cpSync(join(tests, "page"), page, { recursive: true });
  cpSync(join(tests, "consumer", "train.js"), join(page, "train.js"));
  const { build } = await import("vite");
  await build({
    root: page,
    configFile: false,
    logLevel: "error",
    build: { outDir: out, emptyOutDir: true, target: "es2022" },
  });
  const isOfDevice = (file: string) => /-host-|^worker-|^auto-/.test(file);
  const files = readdirSync(join(out, "assets")).filter((file) => file.endsWith(".js"));
  const scripts = files.filter((file) => !isOfDevice(file));
  const sizes = scripts.map((file) => gzipSync(readFileSync(join(out, "assets", file))).length);
  return sizes.reduce((sum, size) => sum + size, 0) / 1000;
}
