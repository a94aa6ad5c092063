// The runtime's own modules for files, loaded at first use, so that a page can bundle everything
// that imports this and only calls that need a disk fail there. Node, Deno and Bun have all of
// them.
import { DeviceError } from "../util/errors.ts";

export interface NodeModules {
  readonly fs: typeof import("node:fs/promises");
  readonly path: typeof import("node:path");
  readonly os: typeof import("node:os");
  readonly crypto: typeof import("node:crypto");
}

let modules: Promise<NodeModules> | undefined;

/** Whether there is a file system to speak to. */
export function hasFiles(): boolean {
  return typeof process !== "undefined" && typeof process.versions?.node === "string";
}

/** The modules for files. Throws DeviceError in a page. */
export function node(): Promise<NodeModules> {
  modules ??= load();
  return modules;
}

async function load(): Promise<NodeModules> {
  if (!hasFiles())
    throw new DeviceError("files", "a page has no file system; fetch the bytes instead");
  const [fs, path, os, crypto] = await Promise.all([
    import(/* webpackIgnore: true */ "node:fs/promises"),
    import(/* webpackIgnore: true */ "node:path"),
    import(/* webpackIgnore: true */ "node:os"),
    import(/* webpackIgnore: true */ "node:crypto"),
  ]);
  return { fs, path, os, crypto };
}
