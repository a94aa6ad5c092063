// Downloads from a server that stalls or sends too much; checksums, 404 and broken transfers are in
// data/mnist.test.ts.
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { download } from "../../src/io/download.ts";
import { LoadError } from "../../src/util/errors.ts";

const content = new TextEncoder().encode("0123456789");
const checksum = createHash("sha256").update(content).digest("hex");

let cache = "";
let server: Server;
let url = "";
let answer: RequestListener;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "anneal-download-"));
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some%20file.bin?version=1`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(cache, { recursive: true });
});

async function refusal(options: { limit?: number; timeout?: number }): Promise<string> {
  const error = await download(url, { checksum, cache, ...options }).catch((reason) => reason);
  expect(error).toBeInstanceOf(LoadError);
  expect(error.file).toBe(url);
  expect(await readdir(cache)).toEqual([]);
  return error.detail;
}

it("takes the checksum in either case, and keeps the file under a plain name", async () => {
  answer = (_, response) => void response.end(content);
  expect(await download(url, { checksum: checksum.toUpperCase(), cache })).toEqual(content);
  expect(await readdir(cache)).toEqual([`${checksum.slice(0, 16)}-some_20file.bin`]);
});

it("gives up on a server that does not answer, or stops in the middle", async () => {
  answer = () => {};
  expect(await refusal({ timeout: 50 })).toBe("cannot be fetched: no byte in 50 ms");
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write(content.subarray(0, 4));
  };
  expect(await refusal({ timeout: 50 })).toBe(
    "broke off after 4 of 10 bytes: no byte in 50 ms (byte 4)",
  );
});

it("is patient with a slow server that goes on", async () => {
  answer = async (_, response) => {
    for (const byte of content) {
      response.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    response.end();
  };
  // 1.2 seconds in all; a machine under load may still add much to each gap of 120 ms.
  expect(await download(url, { checksum, cache, timeout: 1000 })).toEqual(content);
});

it("stops at the limit", async () => {
  answer = (_, response) => void response.end(content);
  expect(await refusal({ limit: 9 })).toBe("is larger than 9 bytes");
});
