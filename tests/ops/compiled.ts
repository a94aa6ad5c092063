// Watches how WebAssembly modules are compiled: with V8's revectorizer switched on or not, as the flags say
// at that moment. Importing it begins the watch, so that a backend that was told to pack, but never set
// the flag, is found out. That V8 really packs is read from its trace (tests/wasm/packing-cases.ts).
import { execFileSync } from "node:child_process";

const flag = "experimental-wasm-revectorize";
const v8 = process.getBuiltinModule("node:v8");
const major = Number(process.versions.node.split(".")[0]);

/** True where V8 has the revectorizer, one that works, and nobody turned it off. */
export const canPack =
  major >= 24 &&
  process.env.ANNEAL_REVECTORIZE !== "0" &&
  execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" }).includes(flag);

/** One entry a module that this thread has compiled: whether it was packed. */
export const compiledModules: boolean[] = [];

let on = process.execArgv.includes(`--${flag}`);

const { setFlagsFromString } = v8;
v8.setFlagsFromString = (flags) => {
  for (const word of flags.split(" ")) if (word.endsWith(flag)) on = word === `--${flag}`;
  setFlagsFromString(flags);
};

WebAssembly.Module = new Proxy(WebAssembly.Module, {
  construct(target, args, newTarget) {
    compiledModules.push(on);
    return Reflect.construct(target, args, newTarget);
  },
});
