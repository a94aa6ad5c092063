// Anneal as a peer of its own benchmark, in Node or Bun.
import { readFileSync } from "node:fs";
import { prepare } from "./anneal-work.ts";
import { serve } from "./serve.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
) as { version: string };
await serve({ name: "Anneal", version }, prepare);
