// The strict training in a page: the title says when it is over, `outcome` what came of it.
import { device } from "anneal";
import { trainStrictly } from "./strict.js";

try {
  const { backend } = device("wasm", { strict: true });
  const { hash } = await trainStrictly();
  await backend.ready();
  const cores = navigator.hardwareConcurrency;
  globalThis.outcome = { hash, threads: backend.describe().threadsReady, cores };
} catch (error) {
  globalThis.outcome = { error: String(error?.stack ?? error) };
}
document.title = "done";
