// What fit makes of options that are none, and of checkpoints that somebody has edited: a typed error
// before anything is trained, and no state that has changed. Not here: files that are cut or flipped
// (tests/io/checkpoint.test.ts), or losses that turn NaN (tests/train/nan.test.ts).
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { ones } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { fit } from "../../src/train/index.ts";
import { LoadError } from "../../src/util/errors.ts";
import { loaders } from "../train/problem.ts";

beforeAll(() => void device("reference"));

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "anneal-bad-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

// biome-ignore lint/suspicious/noExplicitAny: the point is what the types do not allow.
type Any = any;

function setup() {
  const model = new nn.Linear(4, 3);
  const optimizer = new optim.Adam(model.parameters());
  const { train } = loaders();
  return { model, options: { train, loss: nn.crossEntropy, optimizer, epochs: 1 } };
}

const wrong: [string, Any, string][] = [
  ["no data", { train: undefined }, "fit: train is missing"],
  ["no loss", { loss: "mse" }, "fit: loss must be a function"],
  ["no optimizer", { optimizer: undefined }, "fit: optimizer must be an optimizer"],
  ["a metric that is none", { metrics: { accuracy: 3 } }, "fit: metrics.accuracy is no metric"],
  ["a callback that is none", { callbacks: [3] }, "fit: callbacks must be objects"],
  ["half an epoch", { epochs: 1.5 }, "fit: epochs must be an integer from 1, got 1.5"],
  ["a path for options", { checkpoint: "runs" }, "fit: checkpoint.folder must be a path"],
  ["pairs", { train: [[ones(2, 4), ones(2)]] }, "fit: a batch must be { x, y }, both tensors"],
  ["no input", { train: [{ x: {}, y: ones(2) }] }, "fit: a batch must be { x, y }, both tensors"],
  [
    "an array among inputs",
    { train: [{ x: { a: ones(2, 4), b: [1] }, y: ones(2) }] },
    "fit: a batch must be { x, y }, both tensors",
  ],
  ["a loss of numbers", { loss: () => 3 }, "loss: must give a tensor, got number"],
];

describe("fit refuses", () => {
  it.each(wrong)("%s", async (_, changes, text) => {
    const { model, options } = setup();
    const before = await model.weight.data();
    const error = await fit(model, { ...options, ...changes }).catch((e: unknown) => e);
    expect(String(error)).toContain(`ArgumentError: ${text}`);
    expect(await model.weight.data()).toEqual(before);
  });

  it("a model that is none", async () => {
    await expect(fit(null as Any, setup().options)).rejects.toThrow(
      "fit: the model must be a module",
    );
    await expect(fit(setup().model, undefined as Any)).rejects.toThrow("fit: needs options");
  });

  it("a folder that cannot be, before the first epoch", async () => {
    const { model, options } = setup();
    await writeFile(join(folder, "taken"), "");
    const before = await model.weight.data();
    const checkpoint = { folder: join(folder, "taken") };
    await expect(fit(model, { ...options, checkpoint })).rejects.toThrow(
      "cannot be a folder of checkpoints: EEXIST",
    );
    expect(await model.weight.data()).toEqual(before);
  });
});

/** Edits a checkpoint's JSON, and its checksum with it. */
async function forge(checkpoint: string, edit: (json: Any) => void): Promise<void> {
  const [state, manifest] = ["training.json", "manifest.json"].map((f) => join(checkpoint, f));
  const json = JSON.parse(await readFile(state, "utf8"));
  edit(json);
  const text = JSON.stringify(json);
  await writeFile(state, text);
  const facts = JSON.parse(await readFile(manifest, "utf8"));
  const sha256 = createHash("sha256").update(text).digest("hex");
  facts.files["training.json"] = { bytes: text.length, sha256 };
  await writeFile(manifest, JSON.stringify(facts));
}

describe("a resume refuses a checkpoint", () => {
  const forged: [string, (json: Any) => void, string][] = [
    ["before the beginning", (j) => void (j.place.step = -5), "no whole number as place.step"],
    ["without an epoch", (j) => void delete j.place.epoch, "no whole number as place.epoch"],
    ["without a place", (j) => void delete j.place, "no whole number as place.step"],
    ["whose history is none", (j) => void (j.history = 3), "no list as history"],
    ["without the loader", (j) => void delete j.train, "does not describe a run like this one"],
  ];
  it.each(forged)("%s, with nothing changed", async (_, edit, text) => {
    const first = setup();
    const done = await fit(first.model, { ...first.options, checkpoint: { folder } });
    await forge(done.checkpoint as string, edit);
    const { model, options } = setup();
    const before = await model.weight.data();
    const error = await fit(model, { ...options, epochs: 2, resume: done.checkpoint }).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(LoadError);
    expect(String(error)).toContain(`training.json`);
    expect(String(error)).toContain(text);
    expect(await model.weight.data()).toEqual(before);
  });
});
