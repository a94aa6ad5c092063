// The convolutional net of MNIST, trained in a page that Vite has built from the installed package: on wasm
// with threads (cross-origin isolated), on wasm without, and on WebGPU. Losses are those of Node, and
// no task on the page's main thread takes 50 ms while steps run. Skipped without Chromium.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { executable, launch, openPage, outcomeOf, serve } from "./chromium.ts";

const consumer = inject("consumer");
const root = join(consumer, "browser");
const site = join(consumer, "browser-site");

if (executable === undefined) {
  console.log("browser tests are skipped: no Chromium here; install it, or name it in CHROMIUM");
}

/** What train.js tells. */
interface Outcome {
  losses: number[];
  firstMs: number;
  stepMs: number;
  /** Milliseconds of tasks over 50 ms on the main thread: during the first step, and during the others. */
  firstTasks: number[];
  laterTasks: number[];
  /** How late a timer of 10 ms came at worst. */
  latestTimer: number;
  isolated: boolean;
  facts: Record<string, unknown>;
  /** Submits after the first step, on webgpu. */
  laterSubmits: number;
}

/** The losses of the same training in Node, strictly. */
function lossesInNode(steps: number, batch: number): number[] {
  const env = { ...process.env, ANNEAL_STRICT: "1", ANNEAL_DEVICE: "wasm" };
  const text = execFileSync(process.execPath, ["browser/node.js", `${steps}`, `${batch}`], {
    cwd: consumer,
    env,
  });
  return JSON.parse(String(text));
}

function tell(name: string, { firstMs, stepMs, firstTasks, latestTimer, facts }: Outcome): void {
  const long = firstTasks.length === 0 ? "none" : firstTasks.map(Math.round).join(", ");
  const times = `first step ${firstMs.toFixed(0)} ms, then ${stepMs.toFixed(1)} ms a step`;
  const alive = `long tasks in the first step: ${long}; timers late by ${latestTimer.toFixed(0)} ms`;
  console.log(`${name}: ${times}; ${alive}; ${facts.threads ?? 1} threads`);
}

describe.skipIf(executable === undefined)("a page that trains", () => {
  let browser: Browser | undefined;

  beforeAll(async () => {
    await build({
      root,
      configFile: false,
      logLevel: "error",
      build: {
        outDir: site,
        emptyOutDir: true,
        target: "es2022",
        rollupOptions: { input: ["index.html", "here.html"].map((file) => join(root, file)) },
      },
    });
    browser = await launch({ gpu: true });
  });
  afterAll(() => browser?.close());

  /** What came of a page with these options. */
  async function trained(page: string, isolated: boolean): Promise<Outcome> {
    const server = await serve(site, isolated);
    try {
      return await outcomeOf<Outcome>(browser!, `${server.url}${page}`);
    } finally {
      await server.close();
    }
  }

  /** Why this Chromium has no WebGPU; null: it has. */
  async function whyNoWebgpu(): Promise<string | null> {
    const server = await serve(site, false);
    const { page } = await openPage(browser!);
    try {
      await page.goto(`${server.url}?device=none&steps=0`);
      const found = await page.evaluate<boolean | null>(
        `navigator.gpu ? navigator.gpu.requestAdapter().then((found) => found !== null) : null`,
      );
      return found === true ? null : `Chromium has no ${found === null ? "WebGPU" : "adapter"}`;
    } finally {
      await page.close();
      await server.close();
    }
  }

  it.each([true, false])("has Node's losses on wasm (isolated: %s)", async (isolated) => {
    const [steps, batch] = [12, 32];
    const outcome = await trained(`?device=wasm&strict&steps=${steps}&batch=${batch}`, isolated);
    tell(`wasm, ${isolated ? "isolated" : "not isolated"}`, outcome);
    expect(outcome.isolated).toBe(isolated);
    expect(outcome.facts).toMatchObject({ strict: true, worker: true });
    if (!isolated) expect(outcome.facts.threads).toBe(1);
    expect(outcome.losses).toEqual(lossesInNode(steps, batch));
    expect(outcome.losses.at(-1)).toBeLessThan(outcome.losses[0]!);
    expect(outcome.laterTasks).toEqual([]);
  });

  it("has Node's losses on webgpu, with one submit a step", async ({ skip }) => {
    const missing = await whyNoWebgpu();
    if (missing !== null) {
      console.log(`webgpu in a page is not tested: ${missing}`);
      skip();
    }
    const [steps, batch] = [5, 4];
    const outcome = await trained(`?device=webgpu&steps=${steps}&batch=${batch}`, false);
    tell(`webgpu, ${outcome.facts.adapter}`, outcome);
    const expected = lossesInNode(steps, batch);
    for (let i = 0; i < steps; i++) {
      expect(Math.abs(outcome.losses[i]! / expected[i]! - 1), `step ${i}`).toBeLessThan(1e-3);
    }
    expect(outcome.facts.submits).toBe(outcome.facts.runs);
    expect(outcome.laterSubmits).toBe(steps - 1);
    expect(outcome.laterTasks).toEqual([]);
  });

  it("blocks the page where wasm is asked to live there, which the page notices", async () => {
    const [steps, batch] = [4, 128];
    const outcome = await trained(`here.html?steps=${steps}&batch=${batch}`, false);
    tell("wasm on the main thread", outcome);
    expect(outcome.losses).toEqual(lossesInNode(steps, batch));
    expect(outcome.firstTasks.length + outcome.laterTasks.length).toBeGreaterThan(0);
  });
});
