// A page built by Vite from the installed package, opened in headless Chromium: once cross-origin
// isolated (shared memory and threads), once not (one thread); in strict mode it comes to the bits that
// Node comes to. Without Chromium it is skipped.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { build, createServer as createDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { executable, launch, outcomeOf, serve } from "../browser/chromium.ts";
import { expectTrained } from "./expect-trained.ts";

const consumer = inject("consumer");
const site = join(consumer, "site");
const strictSite = join(consumer, "strict-site");

/**
 * What an application may pay, minified by Vite and compressed: for the core in the page's own script, and
 * for each device, whose scripts are loaded beside it when it is used. This holds what is reached, with
 * little room above it.
 */
const maxGzipBytes = { page: 64_000, wasm: 92_000, webgpu: 60_000, auto: 4_000 };

/** How files begin that are loaded with a device, and which device that is. */
const scriptsOf = [
  ["wasm-host", "wasm"],
  ["worker", "wasm"],
  ["webgpu-host", "webgpu"],
  ["auto", "auto"],
] as const;

if (executable === undefined) {
  console.log("page test is skipped: no Chromium here; install it, or name it in CHROMIUM");
}

/** What page.js tells. */
interface Outcome {
  isolated: boolean;
  result: never;
  product: { wrong: number; threads: number };
  cores: number;
}

/** What strict-page.js tells. */
interface StrictOutcome {
  hash: string;
  threads: number;
  cores: number;
}

describe("a page built by Vite", () => {
  let browser: Browser | undefined;

  beforeAll(async () => {
    await build({
      root: consumer,
      configFile: false,
      logLevel: "error",
      build: { outDir: site, emptyOutDir: true, target: "es2022" },
    });
    if (executable === undefined) return;
    browser = await launch({ gpu: false });
  });
  afterAll(() => browser?.close());

  it("stays within the size budget", () => {
    const sizes = { page: 0, wasm: 0, webgpu: 0, auto: 0 };
    for (const file of readdirSync(join(site, "assets")).filter((file) => file.endsWith(".js"))) {
      const part = scriptsOf.find(([start]) => file.startsWith(start))?.[1] ?? "page";
      sizes[part] += gzipSync(readFileSync(join(site, "assets", file))).length;
    }
    for (const part of ["page", "wasm", "webgpu", "auto"] as const) {
      const [size, most] = [sizes[part], maxGzipBytes[part]].map((bytes) => bytes / 1000);
      console.log(`scripts, ${part}: ${size!.toFixed(1)} kB gzip of ${most}`);
      expect(size).toBeGreaterThan(1);
      expect(size).toBeLessThan(most!);
    }
  });

  /** Opens the page and waits for what came of its training. */
  async function trainedAt(url: string): Promise<Outcome> {
    const outcome = await outcomeOf<Outcome>(browser!, url);
    expectTrained(outcome.result);
    expect(outcome.product.wrong).toBe(0);
    return outcome;
  }

  it.skipIf(executable === undefined).each([true, false])(
    "trains in Chromium (cross-origin isolated: %s)",
    async (isolated) => {
      const server = await serve(site, isolated);
      const outcome = await trainedAt(server.url);
      expect(outcome.isolated).toBe(isolated);
      expect(outcome.product.threads).toBe(isolated ? Math.min(outcome.cores, 16) : 1);
      await server.close();
    },
  );

  it.skipIf(executable === undefined).each([true, false])(
    "trains to Node's bits in strict mode (cross-origin isolated: %s)",
    async (isolated) => {
      await build({
        root: consumer,
        configFile: false,
        logLevel: "error",
        build: {
          outDir: strictSite,
          emptyOutDir: true,
          target: "es2022",
          rollupOptions: { input: join(consumer, "strict.html") },
        },
      });
      const server = await serve(strictSite, isolated);
      const outcome = await outcomeOf<StrictOutcome>(browser!, `${server.url}strict.html`);
      const node = execFileSync(process.execPath, ["strict-program.js"], { cwd: consumer });
      const threads = isolated ? Math.min(outcome.cores, 16) : 1;
      expect(outcome).toMatchObject({ hash: JSON.parse(String(node)).hash, threads });
      await server.close();
    },
  );

  it.skipIf(executable === undefined)("trains from plain files, without a bundler", async () => {
    const server = await serve(consumer, true);
    const outcome = await trainedAt(`${server.url}plain.html`);
    expect(outcome.product.threads).toBe(Math.min(outcome.cores, 16));
    await server.close();
  });

  it.skipIf(executable === undefined)("trains with a package from another origin", async () => {
    const packages = await serve(consumer, false);
    const own = mkdtempSync(join(consumer, "own-"));
    const html = readFileSync(join(consumer, "plain.html"), "utf8");
    writeFileSync(
      join(own, "index.html"),
      html.replace("./node_modules/", `${packages.url}node_modules/`),
    );
    for (const file of ["page.js", "train.js"]) copyFileSync(join(consumer, file), join(own, file));
    const server = await serve(own, false);
    await trainedAt(server.url);
    await Promise.all([server.close(), packages.close()]);
  });

  it.skipIf(executable === undefined)("trains under Vite's development server", async () => {
    const server = await createDevServer({
      root: consumer,
      configFile: false,
      logLevel: "error",
      server: { host: "127.0.0.1", port: 0 },
    });
    try {
      await server.listen();
      await trainedAt(server.resolvedUrls!.local[0]!);
    } finally {
      await server.close();
    }
  });
});
