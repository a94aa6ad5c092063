// Folders of data: named, in ANNEAL_DATA, and fetched from a server of the test's own.
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { folderOf, type Published } from "../../src/recipe/index.ts";
import { LoadError } from "../../src/util/errors.ts";
import { tarOf, zipOf } from "../io/archives.ts";

let place = "";
let server: Server;
let root = "";
let asked: string[] = [];
const answers = new Map<string, Uint8Array>();
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "anneal-published-"));
  vi.stubEnv("ANNEAL_CACHE", join(place, "cache"));
  vi.stubEnv("ANNEAL_DATA", "");
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  asked = [];
  answers.clear();
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const bytes = answers.get(request.url ?? "");
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(place, { recursive: true });
});

const files = { "set-1/a/1.txt": "one", "set-1/a/2.txt": "two", "other/3.txt": "three" };
const toys = (from: string, rest = {}): Published => ({
  ...{ name: "Toys, small", place: "sets/toys" },
  files: [{ from: `${root}/${from}`, ...rest }],
});
const fetched = { data: null, download: true };
const refusal = async (published: Published, config: Parameters<typeof folderOf>[0] = fetched) => {
  const error = await folderOf(config, published).catch((reason) => reason);
  expect(error).toBeInstanceOf(LoadError);
  return String(error);
};

it("takes the folder that is named, then that of ANNEAL_DATA", async () => {
  const published = toys("toys.tar");
  await mkdir(join(place, "data/toys"), { recursive: true });
  vi.stubEnv("ANNEAL_DATA", join(place, "data"));
  expect(await folderOf({ data: place, download: false }, published)).toBe(place);
  expect(await folderOf({ data: null, download: true }, published)).toBe(join(place, "data/toys"));
  expect(asked).toEqual([]);
});

it("says what is missing, where it is published, and fetches nothing unasked", async () => {
  const address = `${root}/toys.tar`;
  expect(await refusal(toys("toys.tar"), { data: null, download: false })).toBe(
    `LoadError: Toys, small is not here\n  published at ${address}\n` +
      "  hint: --download fetches it; --data FOLDER, or ANNEAL_DATA, says where it lies",
  );
  expect(await refusal(toys("toys.tar"), { data: join(place, "no"), download: true })).toBe(
    `LoadError: ${join(place, "no")} is not there\n` +
      `  hint: Toys, small is published at ${address}; without --data, --download fetches it`,
  );
  const page = { ...toys(""), files: [], page: "https://example.org/toys" };
  expect(await refusal(page)).toBe(
    "LoadError: Toys, small is not here\n  published at https://example.org/toys\n" +
      "  hint: --data FOLDER, or ANNEAL_DATA, says where it lies",
  );
  expect(asked).toEqual([]);
});

it.each<[string, (from: typeof files) => Uint8Array]>([
  ["toys.tar", tarOf],
  ["toys.tar.gz", (from) => gzipSync(tarOf(from))],
  ["toys.zip", (from) => zipOf(from)],
])("fetches %s once, and keeps the folder that is meant", async (name, pack) => {
  answers.set(`/${name}`, pack(files));
  const folder = await folderOf(fetched, toys(name, { inside: "set-1" }));
  expect(folder).toBe(join(place, "cache/data/toys-small"));
  expect((await readdir(folder, { recursive: true })).sort()).toEqual([
    ".download.json",
    "a",
    "a/1.txt",
    "a/2.txt",
  ]);
  expect(await readFile(join(folder, "a/2.txt"), "utf8")).toBe("two");
  expect(await folderOf({ data: null, download: false }, toys(name, { inside: "set-1" }))).toBe(
    folder,
  );
  expect(asked).toEqual([`/${name}`]);
});

it("writes down the checksum of a first answer, and holds a known one against what comes", async () => {
  const bytes = new TextEncoder().encode("a line\n");
  answers.set("/lines.txt", bytes);
  const folder = await folderOf(fetched, toys("lines.txt", { name: "lines.txt" }));
  const marks = JSON.parse(await readFile(join(folder, ".download.json"), "utf8"));
  expect(marks).toEqual([{ from: `${root}/lines.txt`, sha256: sha256(bytes), known: false }]);
  // Whoever comes to know another checksum does not take what lies there.
  const wanted = "0".repeat(64);
  expect(await refusal(toys("lines.txt", { name: "lines.txt", sha256: wanted }))).toBe(
    `LoadError: ${root}/lines.txt has another checksum: 7 bytes with SHA-256 ${sha256(bytes)}\n  expected ${wanted}`,
  );
  expect(await readFile(join(folder, "lines.txt"), "utf8")).toBe("a line\n");
});

it("leaves nothing half done, and writes nothing outside its folder", async () => {
  expect(await refusal(toys("gone.tar"))).toContain(
    "gone.tar cannot be fetched: the server says 404",
  );
  answers.set("/bad.tar", tarOf({ "../../outside.txt": "x" }));
  expect(await refusal(toys("bad.tar"))).toContain("a file that would lie outside its folder");
  answers.set("/toys.tar", tarOf(files));
  expect(await refusal(toys("toys.tar", { inside: "set-2" }))).toContain("has no files in set-2");
  expect(await readdir(join(place, "cache/data"))).toEqual([]);
  expect(await readdir(place)).toEqual(["cache"]);
  await writeFile(join(place, "own.txt"), "");
});
