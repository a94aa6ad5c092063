// Anneal in headless Chromium: a process that speaks the peers' protocol and passes every request on to
// a cross-origin isolated page. Memory is the browser's own affair: no figure.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const executable = [
  process.env.CHROMIUM ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== "" && existsSync(path));
const send = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const html = `<!doctype html><meta charset="utf-8"><title>waiting</title><link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "anneal": "/dist/index.js" } }</script>
<script type="module" src="/bench/.build/peers/page.js"></script>`;

/** The data file of the request in hand; the page fetches it from /data. */
let data = "";

const server = createServer((request, response) => {
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  if (path === "/") {
    response.setHeader("Content-Type", "text/html").end(html);
  } else if (path === "/data") {
    createReadStream(data).pipe(response.setHeader("Content-Type", "application/octet-stream"));
  } else if (/^\/(dist|bench\/\.build\/peers)\/[\w./-]+$/.test(path) && !path.includes("..")) {
    const file = join(root, path);
    if (!existsSync(file)) response.writeHead(404).end();
    else {
      const type = extname(file) === ".js" ? "text/javascript" : "application/octet-stream";
      response.setHeader("Content-Type", type).end(readFileSync(file));
    }
  } else response.writeHead(404).end();
});

async function openPage() {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const quiet = ["background-networking", "component-update", "sync", "quic", "gpu"];
  const browser = await chromium.launch({
    executablePath: executable,
    args: ["--headless", "--no-sandbox", "--no-first-run", ...quiet.map((x) => `--disable-${x}`)],
  });
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(String(error)));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(`document.title === "ready"`, null, { timeout: 60_000 });
  const note = await page.evaluate<string>("note");
  send({ hello: { name: "Anneal in Chromium", version: browser.version(), note } });
  return { browser, page };
}

async function main(): Promise<void> {
  const open = executable === undefined ? undefined : await openPage();
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as { work: string; data: string; steps: number };
    data = request.data;
    try {
      if (!open) send({ why: "there is no Chromium here; install it, or name it in CHROMIUM." });
      else {
        const call = `take(${JSON.stringify(request.work)}, "/data", ${request.steps})`;
        send((await open.page.evaluate(call)) as object);
      }
    } catch (error) {
      send({ error: String(error) });
    }
  }
  await open?.browser.close();
  process.exit(0);
}

await main();
