// Where a recipe's data comes from: what --data names (a path, or an address with --sha256), else
// the folder ANNEAL_DATA where it has the file, else where its authors publish it.
// Not here: what is read (anneal/text, anneal/data).

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TextSource } from "../io/index.ts";
import { env } from "../util/env.ts";
import { LoadError } from "../util/errors.ts";
import { UsageError } from "./options.ts";
import { text } from "./settings.ts";

/** The settings of a recipe that reads one file. */
export const fileSettings = {
  data: text("a file, or an address with --sha256", "<file>"),
  sha256: text("the checksum of what the address gives", "<hex>"),
} as const;

export interface FileConfig {
  readonly data: string | null;
  readonly sha256: string | null;
}

/** The file that a run reads. `name` is what it is called in the folder ANNEAL_DATA. */
export function sourceOf(
  { data, sha256 }: FileConfig,
  name: string,
  published?: TextSource,
): TextSource {
  if (data !== null) {
    const isAddress = /^https?:/.test(data);
    if (isAddress && sha256 === null) {
      const hint = "--sha256 HEX says which content is meant";
      throw new UsageError("--data", "an address needs a checksum", { hint });
    }
    return { from: data, checksum: sha256 ?? undefined };
  }
  const found = inDataFolder(name);
  if (found !== undefined) return { from: found };
  if (published !== undefined) return published;
  throw new LoadError(name, "is not there", { hint: `--data FILE, or set ANNEAL_DATA` });
}

/** A file or folder of ANNEAL_DATA, by its whole name or by the last part of it. */
export function inDataFolder(name: string): string | undefined {
  const root = env("ANNEAL_DATA");
  if (!root) return undefined;
  return [name, name.split("/").at(-1) ?? name].map((part) => join(root, part)).find(existsSync);
}
