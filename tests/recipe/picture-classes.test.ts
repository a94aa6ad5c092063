// What recipes that sort pictures share: the baseline, the verdict and the answer about one picture.
import { expect, it } from "vitest";
import { nn, tensor } from "../../src/index.ts";
import {
  answerPicture,
  classified,
  nearestMean,
  pictureVerdict,
  type Terminal,
} from "../../src/recipe/index.ts";

const lines: string[] = [];
const terminal: Terminal = {
  style: {},
  columns: 80,
  print: (text = "") => void lines.push(text),
  write: (text) => void lines.push(text),
};

it("finds the nearest mean, and never a class that nobody has seen", () => {
  const train = {
    rows: [
      [0, 0],
      [2, 0],
      [10, 10],
    ],
    labels: [0, 0, 7],
  };
  const test = {
    rows: [
      [1, 1],
      [9, 9],
      [4, 4],
      [4, 4],
    ],
    labels: [0, 7, 0, 3],
  };
  expect(nearestMean(train, test)).toBe(0.75);
  expect(() => nearestMean(train, { rows: [[1]], labels: [0] })).toThrow(
    "nearestMean: a row of 1 values, not 2",
  );
});

it("judges: figures, matrix, worst mistakes first, and the surest right picture of each class", () => {
  const logits = [3, 0, 0, 2, 5, 0, 9, 0, 1, 0]; // says 0, 1, 0, 0, 0
  const truths = [0, 1, 0, 0, 1];
  const picture = (i: number) => ({ pixels: [i, 0, 0, 0], rows: 2, cols: 2 });
  const verdict = pictureVerdict(
    {
      judged: classified(logits, truths, 2),
      names: ["cat", "dog"],
      picture,
      baseline: 0.5,
      beside: { baseline: "0.5 (guessing)", source: "nobody" },
      facts: ["made up"],
    },
    terminal,
  );
  expect(verdict).toMatchObject({ value: "0.8000", label: "test accuracy" });
  expect(verdict.result).toMatchObject({ testAccuracy: 0.8, baselineAccuracy: 0.5 });
  expect(verdict.facts).toEqual(["1 of 5 wrong", expect.stringContaining("test loss"), "made up"]);
  expect(verdict.shown).toContain("test accuracy  0.8000  0.5 (guessing)");
  expect(verdict.report?.mistakes).toMatchObject([
    { picture: picture(4), truth: "dog", said: "cat" },
  ]);
  const [best] = verdict.report?.pictures ?? [];
  expect(best?.pictures).toMatchObject([
    { ...picture(3), caption: "cat\n99.9 %" },
    { ...picture(1), caption: "dog\n88.1 %" },
  ]);
});

it("answers about one picture with the five likeliest classes", async () => {
  class Sure extends nn.Module {
    forward(x: ReturnType<typeof tensor>) {
      return x.flatten(1).matmul(tensor([[0, 1, 2, 3, 4, 9]]));
    }
  }
  const names = ["a", "b", "c", "d", "e", "f"];
  const picture = { pixels: [0], rows: 1, cols: 1 };
  const x = tensor([[[[1]]]]);
  await answerPicture(
    { model: new Sure(), x, names, picture, input: "my.png", folder: "run" },
    terminal,
  );
  const shown = lines.join("\n");
  expect(shown).toContain("my.png shows: f (99.0 %), says run");
  expect(shown).toMatch(/f {2}#+ +99\.0 %\ne .*\nd .*\nc .*\nb /);
});
