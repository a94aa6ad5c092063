// Makes what the peers run: Anneal's package in dist/ when its sources are newer, and the peers of
// this folder with their types stripped in .build/peers/, so that no peer pays for TypeScript at its
// start and every runtime can load them.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..");
/** Where the peers are run from. */
export const BUILT = join(here, ".build", "peers");

/** Builds both, if need be. */
export function buildAll(): void {
  if (newest(join(root, "src")) > newest(join(root, "dist"))) {
    console.error("Building Anneal's package …");
    execFileSync("npm", ["run", "build", "--silent"], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32", // there npm is a script
    });
  }
  linkPackage();
  buildPeers();
}

/** Writes each peer's JavaScript beside the others'. */
export function buildPeers(): void {
  process.removeAllListeners("warning"); // stripping types is said to be experimental
  mkdirSync(BUILT, { recursive: true });
  for (const name of readdirSync(join(here, "peers"))) {
    if (!name.endsWith(".ts")) continue;
    const source = readFileSync(join(here, "peers", name), "utf8");
    const code = stripTypeScriptTypes(source).replace(
      /((?:from |import\()"\.[^"]*)\.ts"/g,
      '$1.js"',
    );
    const file = join(BUILT, name.replace(/ts$/, "js"));
    if (!existsSync(file) || readFileSync(file, "utf8") !== code) writeFileSync(file, code);
  }
}

/** Makes `import "anneal"` find this package, by its own exports, as an installed one is found. */
function linkPackage(): void {
  const link = join(here, ".build", "node_modules", "anneal");
  if (existsSync(link)) return;
  mkdirSync(join(here, ".build", "node_modules"), { recursive: true });
  symlinkSync(root, link, "junction");
}

/** The time of the newest file in a folder; 0 if there is none. */
function newest(folder: string): number {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile())
    .reduce((time, e) => Math.max(time, statSync(join(e.parentPath, e.name)).mtimeMs), 0);
}
