// What is asked wrongly ends with code 2 and a typed error; help and doctor say what there is.
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { anneal } from "./run.ts";

const ask = (...args: string[]) => anneal(args, tmpdir());

describe("a wrong command line", () => {
  it.each([
    [
      "an unknown option",
      ["train", "mnist", "--epoch", "3"],
      "ArgumentError: anneal train mnist: unknown option '--epoch'\n  hint: did you mean --epochs?\n",
    ],
    [
      "a wrong number",
      ["train", "mnist", "--epochs", "2.5"],
      'ArgumentError: --epochs: must be an integer from 1, got "2.5"\n',
    ],
    [
      "a rate of 0",
      ["train", "mnist", "--lr", "0"],
      'ArgumentError: --lr: must be a number above 0, got "0"\n',
    ],
    [
      "a whole to drop",
      ["train", "lm", "--dropout", "1"],
      'ArgumentError: --dropout: must be a number from 0 to below 1, got "1"\n',
    ],
    [
      "an unknown model",
      ["summary", "--model", "vgg"],
      'ArgumentError: --model: must be cnn or mlp, got "vgg"\n',
    ],
    [
      "an unknown data set",
      ["train", "imagenet"],
      "ArgumentError: anneal train: unknown command 'imagenet'\n  hint: anneal train --help\n",
    ],
    [
      "a missing picture",
      ["predict", "mnist"],
      "ArgumentError: anneal predict mnist: needs <file>: a PNG of one digit, dark on light or light on dark\n" +
        "  hint: anneal predict mnist --help\n",
    ],
  ])("%s", async (_, args, message) => {
    expect(await ask(...args)).toEqual({ code: 2, signal: null, stdout: "", stderr: message });
  });

  it("shows a stack only when asked", async () => {
    const { code, stderr } = await anneal(["train", "imagenet"], tmpdir(), { ANNEAL_DEBUG: "1" });
    expect(code).toBe(2);
    expect(stderr).toContain("    at ");
  });
});

describe("help", () => {
  it("mentions train, and the version is a version", async () => {
    const help = await ask("--help");
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("anneal train mnist");
    const version = await ask("--version");
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it("lists every option of the readme", async () => {
    const { code, stdout } = await ask("train", "mnist", "--help");
    expect(code).toBe(0);
    const options = ["epochs", "batch", "lr", "seed", "model", "device", "resume", "detect-nan"];
    for (const option of options) expect(stdout).toContain(`--${option}`);
  });
});

describe("summary", () => {
  it("counts the parameters of both models", async () => {
    expect((await ask("summary")).stdout).toContain("total 50,186 parameters");
    expect((await ask("summary", "--model", "mlp")).stdout).toContain("total 235,146 parameters");
  });
});

describe("doctor", () => {
  it("measures, as JSON and in words", async () => {
    const { code, stdout } = await ask("doctor", "--json");
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ device: "wasm", simd: true });
    expect(found.threads).toBeGreaterThanOrEqual(1);
    expect(found["tile 4x8 GFLOP/s"]).toBeGreaterThan(0);
    expect(found["matmul 512 GFLOP/s"]).toBeGreaterThan(0);
    const names = found.devices.map(({ name }: { name: string }) => name);
    expect(names).toEqual(["wasm", "webgpu", "reference"]);
    const words = (await ask("doctor")).stdout;
    expect(words).toMatch(/^webgpu +(not here: .+; .+|.+)$/m);
    expect(words).toMatch(/^256-bit revectorizer +(yes|no)$/m);
    expect(words).toMatch(/^tile 4x8 +\d+\.\d GFLOP\/s$/m);
  });
});
