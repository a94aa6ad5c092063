// The strict training in Node, Bun and Deno; prints its hash as JSON.
import { device } from "anneal";
import { trainStrictly } from "./strict.js";

const { backend } = device("wasm", { strict: true });
const { hash, losses } = await trainStrictly();
// The modules compiled last may still be on their way to the workers.
await backend.ready();
console.log(JSON.stringify({ hash, losses, threads: backend.describe().threadsReady }));
