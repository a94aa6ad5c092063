// Fetches what the benchmark compares with. The first `npm run bench` installs the JavaScript peers from
// bench's lock file; `--setup` adds what is large: Debian's PyTorch, a virtual environment with
// current PyTorch and JAX, and older Nodes. All of it lies in folders that git ignores.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { APT_PACKAGES, allPeers, DEBIAN_PYTHON, PIP_PACKAGES, VENV } from "./peers.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const windows = process.platform === "win32"; // there npm is a script

type Packages = Record<string, { version?: string; optional?: boolean }>;

/** Installs the JavaScript peers, if what is there is not what the lock file says. */
export function installPeers(): void {
  const wanted = packagesOf(join(here, "package-lock.json"));
  const there = packagesOf(join(here, "node_modules", ".package-lock.json"));
  const same = Object.entries(wanted).every(
    ([path, { version, optional }]) => path === "" || optional || there[path]?.version === version,
  );
  if (same) return;
  console.error("Installing the benchmark's JavaScript peers (once) …");
  run("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: here,
    // ONNX Runtime would look for CUDA libraries to download; the CPU's are in its package.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" },
  });
}

function packagesOf(lock: string): Packages {
  if (!existsSync(lock)) return {};
  return (JSON.parse(readFileSync(lock, "utf8")) as { packages: Packages }).packages;
}

/** Fetches everything else, as far as this machine allows; what fails is said, and left out. */
export function setUp(): void {
  attempt("PyTorch of Debian", debianTorch);
  attempt("current PyTorch and JAX", virtualEnvironment);
  for (const major of [20, 22]) attempt(`Node ${major}`, () => olderNode(major));
}

function attempt(what: string, work: () => string): void {
  try {
    console.log(`${what}: ${work()}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    console.error(`${what}: could not be installed and will be left out (${reason}).`);
  }
}

function debianTorch(): string {
  if (
    !allPeers([1])
      .find(({ family }) => family === "torch")!
      .missing()
  )
    return "is there.";
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error(`as root on Debian, apt-get install ${APT_PACKAGES.join(" ")}`);
  }
  run("apt-get", ["update"]);
  run("apt-get", ["install", "-y", "--no-install-recommends", ...APT_PACKAGES]);
  return "is installed.";
}

function virtualEnvironment(): string {
  const done = join(VENV, ".complete");
  if (existsSync(done)) return "are there.";
  run(existsSync(DEBIAN_PYTHON) ? DEBIAN_PYTHON : "python3", ["-m", "venv", VENV]);
  run(join(VENV, "bin", "python"), ["-m", "pip", "install", ...PIP_PACKAGES]);
  writeFileSync(done, "");
  return "are installed.";
}

/** By the npm package that ships Node's binaries. */
function olderNode(major: number): string {
  const folder = join(here, ".runtimes", `node${major}`);
  if (existsSync(join(folder, "node_modules", "node", "bin", "node"))) return "is there.";
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "package.json"),
    '{ "private": true, "allowScripts": { "node": true } }',
  );
  run("npm", ["install", "--no-audit", "--no-fund", `node@${major}`], { cwd: folder });
  return "is installed.";
}

function run(command: string, args: string[], options: object = {}): void {
  execFileSync(command, args, { stdio: "inherit", shell: windows, ...options });
}
