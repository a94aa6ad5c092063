// Anneal as a peer of its own benchmark, in Node or Bun.
import { readFileSync } from "node:fs";
import { prepare } from "./anneal-work.ts";
import { serve } from "./serve.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
) as { version: string };
const { bun, deno, node } = process.versions;
const runtime = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`;
const mode = process.env.ANNEAL_STRICT === "1" ? ", strict" : "";
await serve({ name: "Anneal", version, note: `${runtime}${mode}` }, prepare);
