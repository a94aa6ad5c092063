// A page built by Vite from the installed package, opened in headless Chromium: once cross-origin
// isolated (shared memory and threads), once not (one thread); in strict mode it comes to the bits that
// Node comes to. Without Chromium it is skipped.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Browser, chromium } from "playwright-core";
import { build, createServer as createDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { expectTrained } from "./expect-trained.ts";

const consumer = inject("consumer");
const site = join(consumer, "site");
const strictSite = join(consumer, "strict-site");
const executable = [
  process.env.CHROMIUM ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== "" && existsSync(path));

/**
 * What an application may pay, minified by Vite and compressed: for the core in the page's own script,
 * and for what computes, in workers beside it. This holds what is reached, with little room above it.
 */
const maxGzipBytes = { page: 60_000, workers: 90_000 };

if (executable === undefined) {
  console.log("page test is skipped: no Chromium here; install it, or name it in CHROMIUM");
}

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** What page.js tells. */
interface Outcome {
  isolated: boolean;
  error?: string;
  result: never;
  product: { wrong: number; threads: number };
  cores: number;
}

/** Serves a built page on a free port of this machine. */
async function serve(isolated: boolean, folder = site): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const file = join(folder, path === "/" ? "index.html" : path);
    if (!file.startsWith(folder) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("Content-Type", types[extname(file)] ?? "application/octet-stream");
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    response.end(readFileSync(file));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
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
    const quiet = ["background-networking", "component-update", "sync", "quic", "gpu"];
    browser = await chromium.launch({
      executablePath: executable,
      args: ["--headless", "--no-sandbox", "--no-first-run", ...quiet.map((x) => `--disable-${x}`)],
    });
  });
  afterAll(() => browser?.close());

  it("stays within the size budget", () => {
    const sizes = { page: 0, workers: 0 };
    for (const file of readdirSync(join(site, "assets")).filter((file) => file.endsWith(".js"))) {
      const size = gzipSync(readFileSync(join(site, "assets", file))).length;
      sizes[/^(wasm-host|worker)-/.test(file) ? "workers" : "page"] += size;
    }
    for (const part of ["page", "workers"] as const) {
      const [size, most] = [sizes[part], maxGzipBytes[part]].map((bytes) => bytes / 1000);
      console.log(`scripts, ${part}: ${size.toFixed(1)} kB gzip of ${most}`);
      expect(size).toBeGreaterThan(1);
      expect(size).toBeLessThan(most);
    }
  });

  /** Opens the page and waits for what came of its training. */
  async function outcomeOf(url: string): Promise<Outcome> {
    const page = await browser!.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    try {
      await page.goto(url);
      await page.waitForFunction(`document.title === "done"`, null, { timeout: 60_000 });
      const outcome = await page.evaluate<Outcome>("outcome");
      expect(outcome.error).toBeUndefined();
      expectTrained(outcome.result);
      expect(outcome.product.wrong).toBe(0);
      expect(faults).toEqual([]);
      return outcome;
    } finally {
      await page.close();
    }
  }

  it.skipIf(executable === undefined).each([true, false])(
    "trains in Chromium (cross-origin isolated: %s)",
    async (isolated) => {
      const server = await serve(isolated);
      try {
        const { port } = server.address() as AddressInfo;
        const outcome = await outcomeOf(`http://127.0.0.1:${port}/`);
        expect(outcome.isolated).toBe(isolated);
        expect(outcome.product.threads).toBe(isolated ? Math.min(outcome.cores, 16) : 1);
      } finally {
        server.close();
      }
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
      const server = await serve(isolated, strictSite);
      const page = await browser!.newPage();
      try {
        const { port } = server.address() as AddressInfo;
        await page.goto(`http://127.0.0.1:${port}/strict.html`);
        await page.waitForFunction(`document.title === "done"`, null, { timeout: 60_000 });
        const outcome = await page.evaluate<{ hash: string; threads: number }>("outcome");
        const node = execFileSync(process.execPath, ["strict-program.js"], { cwd: consumer });
        const cores = await page.evaluate<number>("navigator.hardwareConcurrency");
        const threads = isolated ? Math.min(cores, 16) : 1;
        expect(outcome).toEqual({ hash: JSON.parse(String(node)).hash, threads });
      } finally {
        await page.close();
        server.close();
      }
    },
  );

  it.skipIf(executable === undefined)("trains from plain files, without a bundler", async () => {
    const server = await serve(true, consumer);
    try {
      const { port } = server.address() as AddressInfo;
      const outcome = await outcomeOf(`http://127.0.0.1:${port}/plain.html`);
      expect(outcome.product.threads).toBe(Math.min(outcome.cores, 16));
    } finally {
      server.close();
    }
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
      await outcomeOf(server.resolvedUrls!.local[0]);
    } finally {
      await server.close();
    }
  });
});
