// The benchmark's own machinery: the data every peer reads, the protocol with a peer that behaves
// and with peers that do not, and the comparison of losses. Run by `npm test` in bench/.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { barsOf } from "../bars.ts";
import { makeNeighbour } from "../busy.ts";
import { makeBurst } from "../calibrate.ts";
import { Child } from "../child.ts";
import { uniform } from "../draw.ts";
import { measure } from "../measure.ts";
import { cnnModel } from "../peers/onnx.ts";
import { checkFigure, get, weightsOf } from "../peers/protocol.ts";
import { readData } from "../peers/serve.ts";
import type { Peer } from "../peers.ts";
import { rowText } from "../report.ts";
import { pageText } from "../report-page.ts";
import { difference, machineOf, merge, type Results, type Row, rowsOf } from "../results.ts";
import { makePair } from "../scaling.ts";
import { writeData } from "../weights.ts";
import { type InferSpec, workloads } from "../workloads.ts";

const folder = mkdtempSync(join(tmpdir(), "anneal-bench-test-"));
after(() => rmSync(folder, { recursive: true }));
const tiny = join(folder, "tiny.bin");
writeData(tiny, workloads.mlp_tiny!);

function fake(mood: string, name = "fake1", family: Peer["family"] = "tfjs"): Peer {
  const file = fileURLToPath(new URL("./fake_peer.ts", import.meta.url));
  const env = { FAKE_MOOD: mood };
  const command = process.execPath;
  const args = [file, "1"];
  const takes = () => true;
  return { name, family, threads: 1, command, args, env, takes, missing: () => undefined };
}

test("the generator is uniform and repeats itself", () => {
  const [a, b] = [uniform(7), uniform(7)];
  const bins = new Array<number>(16).fill(0);
  for (let i = 0; i < 160_000; i++) {
    const value = a();
    assert.equal(value, b());
    bins[Math.floor(value * 16)]!++;
  }
  for (const count of bins) assert.ok(Math.abs(count - 10_000) < 500, `${count} of 10000`);
  assert.notEqual(uniform(1)(), uniform(2)());
});

test("a data file reads back: weights within PyTorch's bound, targets from inputs", () => {
  const data = readData(tiny);
  assert.deepEqual(
    weightsOf(data).map(([name, { shape }]) => [name, shape]),
    [
      ["fc1.weight", [16, 2]],
      ["fc1.bias", [16]],
      ["fc2.weight", [1, 16]],
      ["fc2.bias", [1]],
    ],
  );
  const bound = 1 / Math.sqrt(2);
  for (const v of data.arrays.get("fc1.weight")!.data) assert.ok(Math.abs(v) <= bound && v !== 0);
  for (const i of [0, 5, 31]) {
    const x = get(data, "x", i);
    assert.deepEqual(x.shape, [4, 2]);
    const products = [0, 2, 4, 6].map((j) => Math.fround(x.data[j]! * x.data[j + 1]!));
    assert.deepEqual([...get(data, "y", i).data], products);
  }
  assert.equal(get(data, "x", 32), get(data, "x", 0));
});

test("labels are of every class, and pixels are in [0, 1)", () => {
  const path = join(folder, "cnn.bin");
  writeData(path, workloads.cnn_mnist!);
  const data = readData(path);
  const y = get(data, "y", 0);
  assert.ok(y.data instanceof Int32Array && y.data.length === 64);
  const seen = new Set(Array.from({ length: 32 }, (_, i) => [...get(data, "y", i).data]).flat());
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const v of get(data, "x", 3).data) assert.ok(v >= 0 && v < 1);
});

test("the check figure sees a swap", () => {
  assert.notEqual(checkFigure([1, 2, 3]), checkFigure([2, 1, 3]));
  assert.equal(checkFigure([1, 2]), (1 + 2 * 4) / 2);
});

test("a peer answers steps, and its losses come in order", async () => {
  const child = new Child(fake("good"));
  const first = await child.request("mlp_tiny", tiny, 1, 10_000);
  const second = await child.request("mlp_tiny", tiny, 2, 10_000);
  await child.close();
  assert.equal(child.hello?.name, "fake");
  assert.deepEqual([...first.losses, ...second.losses], [1, 1 / 2, 1 / 3]);
  assert.ok(first.firstStepAt! >= child.startedAt && second.firstStepAt === undefined);
  assert.equal(second.ms.length, 2);
});

test("peers that decline, break, die or hang are told apart, and nothing waits for them", async () => {
  const expected: [string, RegExp][] = [
    ["decline", /^it has no legs\.$/],
    ["break", /^TypeError: a wheel came off/],
    ["die", /the process ended/],
    ["hang", /took longer than 1 s/],
  ];
  for (const [mood, message] of expected) {
    const child = new Child(fake(mood));
    const error = await child.request("mlp_tiny", tiny, 1, mood === "hang" ? 1000 : 10_000).then(
      () => assert.fail(`${mood} answered`),
      (e: Error) => e,
    );
    assert.match(error.message, message);
    assert.equal(error.name, mood === "decline" || mood === "hang" ? "Declined" : "Error");
    await child.close();
  }
});

test("a run measures, compares and prints; a liar is found out", async () => {
  const burst = makeBurst();
  assert.ok(burst() > 0.1);
  const peers = [fake("good", "torch1", "torch"), fake("decline", "jax-js1", "jax-js")];
  const speeds: number[] = [];
  const settings = { rounds: 3, turnMs: 5, patience: 5, starts: 2 };
  const gauges = { burst, speeds };
  const run = (more: Peer) => measure("mlp_tiny", tiny, [...peers, more], gauges, settings);
  const honest = await run(fake("good", "tfjs1"));
  const [row] = rowsOf("mlp_tiny", [1], honest);
  assert.equal(row!.lossesAgree, true);
  assert.match(rowText(row!), /jax-js1 has no figure: it has no legs\./);
  assert.equal(rowsOf("mlp_tiny", [1], await run(fake("lie", "tfjs1")))[0]!.lossesAgree, false);
  const machine = machineOf(honest.outcomes, speeds);
  const page = pageText({ machine, results: [row!], bundleKb: 90 });
  assert.match(page, /\| torch1 \|/);
  assert.doesNotMatch(page, new RegExp(folder));
});

test("the difference of losses is relative, over common steps, and NaN is never equal", () => {
  assert.equal(difference([1, 2.2], [1, 2, 3]), (2.2 - 2) / 2);
  assert.equal(difference([Number.NaN], [1]), Number.POSITIVE_INFINITY);
  assert.equal(difference([], [1]), undefined);
});

/** A row with a ratio and nothing else. */
function rowWith(work: string, ratio: number, more: Partial<Row> = {}): Row {
  const none = { anneal: null, peers: {}, variants: {}, ratioBest: null, firstStepMs: null };
  const blank = { peakMb: null, compileMs: null, ofTile: null, scaling: null };
  const rest = { machineScaling: null, busy: null, lossesAgree: null };
  return { work, threads: 2, ratio, ...none, ...blank, ...rest, ...more };
}

const machine: Results["machine"] = {
  cpu: "abacus",
  cores: 2,
  memoryGb: 1,
  platform: "none",
  node: "24",
  date: "2026-01-01",
  calibration: { median: 2, min: 1, max: 3 },
  versions: {},
};

test("bars take the worst figure, the right way round, and say so when there is none", () => {
  const results = [
    rowWith("mlp_tiny", 0.01),
    rowWith("cnn_mnist", 0.64, { firstStepMs: 249 }),
    rowWith("matmul256", 1, { threads: 1, ofTile: 0.9 }),
    rowWith("matmul512", 1.2, { threads: 1, ofTile: 0.8 }),
  ];
  const bars = barsOf({ machine, results, bundleKb: null });
  const bar = (what: string) => bars.find((b) => b.what.startsWith(what))!;
  assert.equal(bar("every training workload ÷ PyTorch").ok, false);
  assert.match(bar("every training workload ÷ PyTorch").reached, /^0\.640 \(cnn_mnist.*1 of 2\)/);
  assert.equal(bar("mlp_tiny").ok, true);
  assert.match(bar("matmul 256³ to 1024³ ÷ register").reached, /^0\.800 \(matmul512, 1 of 2\)/);
  assert.equal(bar("matmul 256³ to 1024³ ÷ PyTorch").ok, false);
  assert.match(bar("geometric mean").reached, /^0\.0800/); // √(0.01 · 0.64)
  assert.equal(bar("first step").ok, true);
  assert.deepEqual([bar("softmax").ok, bar("softmax").reached], [null, "not measured"]);
  assert.equal(bar("core bundle").ok, null);
});

test("a later run's rows replace an earlier one's, in the workloads' order", () => {
  const first = { machine, results: [rowWith("softmax", 1), rowWith("mlp_tiny", 2)], bundleKb: 9 };
  const peers = { torch2: { why: "it has gone." } };
  const variants = { "bun-t2": { why: "it is out." } };
  const later = [rowWith("mlp_tiny", 3, { peers }), rowWith("matmul64", 4)];
  const alone = rowWith("softmax", 5, { variants });
  const second = { machine, results: [...later, alone], bundleKb: 8 };
  const both = merge(first, second);
  assert.deepEqual(
    both.results.map((row) => [row.work, row.ratio]),
    [
      ["matmul64", 4],
      ["softmax", 1],
      ["mlp_tiny", 3],
    ],
  );
  assert.deepEqual(both.results[1]!.variants, variants); // Anneal alone adds, and replaces nothing
  assert.equal(both.bundleKb, 8);
});

test("two threads are measured against one, and the neighbour comes and goes", async () => {
  const pair = await makePair(makeBurst());
  const alone = await pair.measure();
  const neighbour = makeNeighbour();
  await neighbour.start();
  neighbour.stop();
  neighbour.close();
  await pair.close();
  assert.ok(alone > 0.3 && alone < 10, `${alone}`);
});

test("an ONNX file holds the network's weights, byte for byte", () => {
  const path = join(folder, "infer.bin");
  const spec = workloads.cnn_mnist_infer1 as InferSpec;
  writeData(path, spec);
  const data = readData(path);
  const file = Buffer.from(cnnModel(data, spec));
  for (const [name, { data: values }] of weightsOf(data)) {
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    assert.ok(file.includes(bytes), name);
  }
});
