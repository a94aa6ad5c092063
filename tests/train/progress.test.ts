// What a run tells: plain text in pipes, one live row in terminals.
import { PassThrough } from "node:stream";
import { beforeAll, describe, expect, it } from "vitest";
import { barLine, terminalProgress } from "../../src/cli/progress.ts";
import { accuracy } from "../../src/metrics/index.ts";
import * as nn from "../../src/nn/index.ts";
import { device } from "../../src/tensor/device.ts";
import {
  type Callback,
  duration,
  fit,
  type ProgressState,
  rate,
  short,
} from "../../src/train/index.ts";
import { classifier } from "./problem.ts";

beforeAll(() => void device("reference"));

/** A stream that remembers what was written, and may pass for a terminal. */
function recorder(terminal: boolean) {
  const stream = Object.assign(new PassThrough(), {
    isTTY: terminal,
    columns: 100,
  });
  let text = "";
  stream.on("data", (chunk) => {
    text += chunk;
  });
  return { stream, text: () => text };
}

const slow: Callback = {
  name: "slow",
  onStep: () => new Promise((resolve) => setTimeout(resolve, 30)),
};

async function train(progress: ReturnType<typeof terminalProgress>, more = {}) {
  const { model, optimizer, train, validation } = classifier(1);
  await fit(model, {
    ...{ train, validation, optimizer, loss: nn.crossEntropy, epochs: 2 },
    ...{ metrics: { accuracy: accuracy() }, callbacks: [slow], progress, ...more },
  });
}

const controls = /[^\n\x20-\x7e]/; // whatever is not plain text in lines

describe("terminalProgress", () => {
  it("writes one plain line an epoch into a pipe", async () => {
    const { stream, text } = recorder(false);
    await train(terminalProgress({ stream }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(text()).not.toMatch(controls);
    const lines = text().trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^epoch 2\/2 {2}loss \d.* valAccuracy \d.* samples\/s$/);
  });

  it("writes plain lines in CI, though it be a terminal", async () => {
    const before = process.env.CI;
    process.env.CI = "true";
    try {
      const { stream, text } = recorder(true);
      await train(terminalProgress({ stream }));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(text()).not.toMatch(controls);
      expect(text().trimEnd().split("\n")).toHaveLength(2);
    } finally {
      if (before === undefined) delete process.env.CI;
      else process.env.CI = before;
    }
  });

  it("draws a row in a terminal, takes it away for each epoch's line, and ends with none", async () => {
    const { stream, text } = recorder(true);
    await train(terminalProgress({ stream, bar: true }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(text()).toMatch(/epoch 1\/2 █+░+ \d\/7 {2}loss \d\.\d{4} {2}accuracy/);
    const finished = text().split("\n").slice(0, -1);
    expect(finished).toHaveLength(2);
    for (const [i, line] of finished.entries()) {
      const rest = line.slice(line.lastIndexOf("\x1b[2K"));
      expect(rest.slice(4)).toMatch(new RegExp(`^epoch ${i + 1}/2 {2}loss [^█]*samples/s$`));
    }
    expect(text().endsWith("\n")).toBe(true);
  });

  it("takes the row away after an error too", async () => {
    const { stream, text } = recorder(true);
    const failing: Callback = {
      name: "failing",
      onEpoch: () => {
        throw new Error("enough");
      },
    };
    const progress = terminalProgress({ stream, bar: true });
    await expect(train(progress, { callbacks: [slow, failing] })).rejects.toThrow("enough");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(text()).toContain("█");
    expect(text().endsWith("\x1b[2K")).toBe(true);
  });
});

describe("texts", () => {
  const state: ProgressState = {
    epoch: 1,
    epochs: 3,
    step: 120,
    steps: 469,
    values: { loss: 0.30214, accuracy: 0.9 },
    samplesPerSecond: 5012.4,
    secondsLeft: 8.04,
  };

  it("a row fits its terminal", () => {
    expect(barLine(state, 200)).toBe(
      "epoch 1/3 █████░░░░░░░░░░░░░░░ 120/469  loss 0.3021  accuracy 0.9000  5,012/s  8.0 s left",
    );
    expect(barLine(state, 40)).toHaveLength(39);
    const unknown = { ...state, steps: undefined, secondsLeft: undefined };
    expect(barLine(unknown, 200)).toBe(
      "epoch 1/3  step 120  loss 0.3021  accuracy 0.9000  5,012/s",
    );
  });

  it("numbers, times and rates", () => {
    expect([0, 0.25, 0.00012, -3.5, 123456, Number.NaN, Infinity].map(short)).toEqual([
      "0.0000",
      "0.2500",
      "1.20e-4",
      "-3.5000",
      "1.23e+5",
      "NaN",
      "Infinity",
    ]);
    expect([0.04, 9.96, 59.7, 65, 3599.6, 3720].map(duration)).toEqual([
      "0.0 s",
      "10 s",
      "1 min 00 s",
      "1 min 05 s",
      "1 h 00 min",
      "1 h 02 min",
    ]);
    expect([3.456, 99.9, 12345.6].map(rate)).toEqual(["3.46", "99.9", "12,346"]);
  });
});
