// Headless Chromium for tests of pages, and a server for what Vite has built, with or without the headers
// that isolate a page (shared memory and threads). Without Chromium tests are skipped.
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

/** Chromium's command; undefined: there is none here. */
export const executable = [
  process.env.CHROMIUM ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== "" && existsSync(path));

const quiet = ["background-networking", "component-update", "sync", "quic"];
const usual = ["--headless", "--no-sandbox", "--no-first-run"];
/** WebGPU by the software renderer that comes with Chromium. */
const webgpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Starts Chromium with a profile of its own. */
export function launch({ gpu }: { gpu: boolean }): Promise<Browser> {
  const args = [...usual, ...quiet.map((name) => `--disable-${name}`)];
  args.push(...(gpu ? webgpu : ["--disable-gpu"]));
  return chromium.launch({ executablePath: executable!, args });
}

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves a folder on a free port of this machine. */
export async function serve(folder: string, isolated: boolean): Promise<Served> {
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
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.end(readFileSync(file));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => closed(server) };
}

export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

/** What a page showed to its developer that it should not have. */
export interface Complaints {
  readonly page: Page;
  readonly list: string[];
}

/** A fresh page whose errors are written down: uncaught ones, and those on the console. */
export async function openPage(browser: Browser): Promise<Complaints> {
  const page = await browser.newPage();
  const list: string[] = [];
  page.on("pageerror", (error) => list.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") list.push(message.text());
  });
  return { page, list };
}

/** Opens an address and waits until the page says that it is done; gives what it leaves in `outcome`. */
export async function outcomeOf<T>(browser: Browser, url: string, timeout = 60_000): Promise<T> {
  const { page, list } = await openPage(browser);
  try {
    await page.goto(url);
    await page.waitForFunction(`document.title === "done"`, null, { timeout });
    const outcome = await page.evaluate<T & { error?: string }>("outcome");
    if (outcome.error !== undefined) throw new Error(`the page failed: ${outcome.error}`);
    if (list.length > 0) throw new Error(`the page complained: ${list.join("\n")}`);
    return outcome;
  } catch (error) {
    if (list.length > 0) console.log(list.join("\n"));
    throw error;
  } finally {
    await page.close();
  }
}
