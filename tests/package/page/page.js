// The same program in a page: the title says when it is over, `outcome` says what came of it.
import { train } from "./train.js";

try {
  globalThis.outcome = { isolated: crossOriginIsolated, result: await train() };
} catch (error) {
  globalThis.outcome = { isolated: crossOriginIsolated, error: String(error?.stack ?? error) };
}
document.title = "done";
