// Metrics against what others compute: values.json holds inputs, and results of scikit-learn 1.9, SciPy
// 1.17, scikit-image 0.26, pycocotools 2.0, rouge_score 0.1 and jiwer 4. Each is fed in two batches.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as metrics from "../../src/metrics/index.ts";
import { meter } from "../../src/metrics/index.ts";
import { tensor } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

const values = JSON.parse(readFileSync(join(import.meta.dirname, "values.json"), "utf8"));

type Rows = readonly (number | readonly number[])[];

/** The result over two batches of unequal size. */
async function over<R>(metric: metrics.Metric<R>, output: Rows, target: Rows): Promise<R> {
  const measured = meter(metric);
  const cut = Math.floor(output.length / 3);
  measured.update(output.slice(0, cut) as number[], target.slice(0, cut) as number[]);
  measured.update(output.slice(cut) as number[], target.slice(cut) as number[]);
  return measured.compute();
}

const given = { probabilities: true };

describe("two classes", () => {
  const { scores, labels, ...wanted } = values.binary;

  it.each([
    ["auroc", metrics.auroc(given), wanted.auroc],
    ["averagePrecision", metrics.averagePrecision(given), wanted.ap],
    ["brierScore", metrics.brierScore(given), wanted.brier],
  ])("%s", async (_, metric, value) => {
    expect(await over(metric, scores, labels)).toBeCloseTo(value, 6);
  });

  it("rocCurve", async () => {
    const curve = await over(metrics.rocCurve(given), scores, labels);
    expect(curve.falsePositiveRate).toEqual(wanted.fpr);
    expect(curve.truePositiveRate).toEqual(wanted.tpr);
    expect(curve.thresholds.slice(0, 2)).toEqual([Infinity, Math.fround(Math.max(...scores))]);
  });

  it("precisionRecallCurve", async () => {
    const curve = await over(metrics.precisionRecallCurve(given), scores, labels);
    expect(curve.precision).toEqual(wanted.precision);
    expect(curve.recall).toEqual(wanted.recall);
    expect(curve.thresholds).toHaveLength(wanted.recall.length - 1);
  });

  it("logits give the areas of their probabilities", async () => {
    const logits = scores.map((p: number) => Math.log(p / (1 - p)));
    expect(await over(metrics.auroc(), logits, labels)).toBeCloseTo(wanted.auroc, 6);
  });
});

describe("several classes", () => {
  const { logits, labels, ...wanted } = values.multi;
  const averages = ["macro", "weighted", "micro"] as const;
  const scores = {
    precision: metrics.precision,
    recall: metrics.recall,
    f1: metrics.f1,
    jaccard: metrics.jaccard,
  };

  for (const [name, make] of Object.entries(scores)) {
    it.each(averages)(`${name}, %s`, async (average) => {
      const metric = make(4, { average });
      expect(await over(metric, logits, labels)).toBeCloseTo(wanted[`${name}_${average}`], 6);
    });
  }

  it.each(averages)("fBeta, %s", async (average) => {
    const metric = metrics.fBeta(4, 2, { average });
    expect(await over(metric, logits, labels)).toBeCloseTo(wanted[`f2_${average}`], 6);
  });

  it.each([
    ["auroc", metrics.auroc(), "auroc"],
    ["auroc, weighted", metrics.auroc({ average: "weighted" }), "aurocWeighted"],
    ["averagePrecision", metrics.averagePrecision(), "ap"],
    ["balancedAccuracy", metrics.balancedAccuracy(4), "balanced"],
    ["cohenKappa", metrics.cohenKappa(4), "kappa"],
    ["matthewsCorrelation", metrics.matthewsCorrelation(4), "mcc"],
    ["specificity", metrics.specificity(4), "specificity"],
    ["brierScore", metrics.brierScore(), "brier"],
    ["calibrationError", metrics.calibrationError({ bins: 10 }), "ece10"],
    ["calibrationError, max", metrics.calibrationError({ bins: 10, norm: "max" }), "mce10"],
    ["meanIou", metrics.meanIou(4), "jaccard_macro"],
    ["dice", metrics.dice(4), "f1_macro"],
  ])("%s", async (_, metric, name) => {
    expect(await over(metric, logits, labels)).toBeCloseTo(wanted[name], 6);
  });
});

describe("regression", () => {
  const { output, target, ...wanted } = values.regression;

  it.each([
    ["meanSquaredError", metrics.meanSquaredError(), "mse"],
    ["rootMeanSquaredError", metrics.rootMeanSquaredError(), "rmse"],
    ["meanAbsoluteError", metrics.meanAbsoluteError(), "mae"],
    ["meanAbsolutePercentageError", metrics.meanAbsolutePercentageError(), "mape"],
    ["r2Score", metrics.r2Score(), "r2"],
    ["explainedVariance", metrics.explainedVariance(), "ev"],
    ["pearsonCorrelation", metrics.pearsonCorrelation(), "pearson"],
    ["spearmanCorrelation", metrics.spearmanCorrelation(), "spearman"],
    ["cosineSimilarity", metrics.cosineSimilarity(), "cosine"],
  ])("%s", async (_, metric, name) => {
    expect(await over(metric, output, target)).toBeCloseTo(wanted[name], 5);
  });

  it("klDivergence, where a probability is 0 too", async () => {
    const { p, q, kl } = values.kl;
    expect(await over(metrics.klDivergence(), q, p)).toBeCloseTo(kl, 5);
  });
});

describe("ranking", () => {
  const { scores, relevance, relevant, ...wanted } = values.ranking;

  it.each([
    ["ndcg", metrics.ndcg(), relevance, wanted.ndcg],
    ["ndcg of the first 3", metrics.ndcg({ k: 3 }), relevance, wanted.ndcg3],
    ["meanReciprocalRank", metrics.meanReciprocalRank(), relevant, wanted.mrr],
    ["retrievalMap", metrics.retrievalMap(), relevant, wanted.map],
    ["precisionAt", metrics.precisionAt(3), relevant, wanted.p3],
    ["recallAt", metrics.recallAt(3), relevant, wanted.r3],
    ["hitRate", metrics.hitRate({ k: 3 }), relevant, wanted.hit3],
  ])("%s", async (_, metric, target, value) => {
    expect(await over(metric, scores, target)).toBeCloseTo(value, 6);
  });

  it("exponential gains, by hand", async () => {
    // Relevances 1, 3 in the wrong order: (1 + 7/log2(3)) / (7 + 1/log2(3)).
    const wrong = (1 + 7 / Math.log2(3)) / (7 + 1 / Math.log2(3));
    const measured = meter(metrics.ndcg({ exponential: true }));
    measured.update([[0.9, 0.1]], [[1, 3]]);
    expect(await measured.compute()).toBeCloseTo(wrong, 6);
  });
});

describe("texts", () => {
  const { hyp, ref, ...wanted } = values.text;

  it("error rates of words and of characters", () => {
    expect(metrics.wordErrorRate(hyp, ref)).toBeCloseTo(wanted.wer, 12);
    const spaced = ref.map((text: string) => text.split(/\s+/).join(" "));
    expect(metrics.characterErrorRate(hyp, spaced)).toBeCloseTo(wanted.cer, 12);
  });

  it("rouge", () => {
    const found = metrics.rouge(hyp, ref);
    for (const name of ["rouge1", "rouge2", "rougeL"] as const) {
      const { precision, recall, f1 } = wanted.rouge[name];
      expect(found[name].precision).toBeCloseTo(precision, 12);
      expect(found[name].recall).toBeCloseTo(recall, 12);
      expect(found[name].f1).toBeCloseTo(f1, 12);
    }
  });

  it("in two batches", async () => {
    const measured = meter(metrics.wordErrorRate);
    measured.update(hyp.slice(0, 1), ref.slice(0, 1));
    measured.update(hyp.slice(1), ref.slice(1));
    expect(await measured.compute()).toBeCloseTo(wanted.wer, 12);
  });
});

describe("pictures", () => {
  /** Two pictures of two planes, and the same with waves on them. */
  function pictures(): [Tensor, Tensor] {
    const make = (noise: number) => {
      return [0, 1].map((k) =>
        [0, 1].map((c) =>
          Array.from({ length: 16 }, (_, y) =>
            Array.from({ length: 18 }, (_, x) => {
              const clean = 0.5 + 0.5 * Math.sin(0.3 * x * (k + 1) + 0.2 * y * (c + 1));
              const waves = noise * (0.1 * Math.cos(0.9 * x - 0.5 * y) + 0.05);
              return noise === 0 ? clean : Math.min(1, Math.max(0, clean + waves));
            }),
          ),
        ),
      );
    };
    return [tensor(make(1)), tensor(make(0))];
  }

  it.each([
    ["psnr", metrics.psnr(), "psnr", 4],
    ["ssim", metrics.ssim(), "ssim", 5],
  ] as const)("%s", async (_, metric, name, digits) => {
    const [output, target] = pictures();
    const measured = meter(metric);
    measured.update(output.slice([0, 1]), target.slice([0, 1]));
    measured.update(output.slice([1, 2]), target.slice([1, 2]));
    expect(await measured.compute()).toBeCloseTo(values.image[name], digits);
  });

  it("pictures that are met exactly", async () => {
    const [, target] = pictures();
    const [noise, likeness] = [meter(metrics.psnr()), meter(metrics.ssim())];
    noise.update(target, target);
    likeness.update(target, target);
    expect(await noise.compute()).toBe(Infinity);
    expect(await likeness.compute()).toBeCloseTo(1, 5);
  });
});

describe("boxes", () => {
  const { detections, truths, ...wanted } = values.detection;

  it("mean average precision as COCO counts it", () => {
    const found = metrics.meanAveragePrecision(detections, truths);
    expect(found.map).toBeCloseTo(wanted.map, 10);
    expect(found.map50).toBeCloseTo(wanted.map50, 10);
    expect(found.map75).toBeCloseTo(wanted.map75, 10);
    expect(found.recall).toBeCloseTo(wanted.recall, 10);
    expect([...found.perClass.keys()]).toEqual([0, 1, 2]);
    for (const [label, score] of found.perClass)
      expect(score).toBeCloseTo(wanted.perClass[label], 10);
  });

  it("the whole area as VOC counts it, by hand", () => {
    // Right, wrong, right of three: precision 1 up to a recall of 1/3, 2/3 up to 2/3.
    const at = (x: number): metrics.Box => [x, 0, x + 10, 10];
    const found = [{ boxes: [at(0), at(100), at(20)], scores: [0.9, 0.8, 0.7], labels: [0, 0, 0] }];
    const there = [{ boxes: [at(0), at(20), at(40)], labels: [0, 0, 0] }];
    const options = { iouThresholds: [0.5], interpolation: "voc" } as const;
    const score = metrics.meanAveragePrecision(found, there, options);
    expect(score.map).toBeCloseTo(1 / 3 + (2 / 3) * (1 / 3), 12);
    expect(score.recall).toBeCloseTo(2 / 3, 12);
    expect(score.map75).toBeNaN();
  });

  it("the curve behind it: each detection of the class, the surest first", () => {
    const at = (x: number): metrics.Box => [x, 0, x + 10, 10];
    const found = [
      { boxes: [at(0), at(1), at(20)], scores: [0.9, 0.8, 0.3], labels: [0, 0, 0] },
      { boxes: [at(0), at(20)], scores: [0.7, 0.95], labels: [0, 1] },
    ];
    const there = [
      { boxes: [at(0), at(20)], labels: [0, 0] },
      { boxes: [at(2), at(40)], labels: [0, 0] },
    ];
    const { scores, precision, recall } = metrics.detectionCurve(found, there, 0);
    expect(scores).toEqual([0.9, 0.8, 0.7, 0.3]);
    expect(precision).toEqual([1, 1 / 2, 2 / 3, 3 / 4]);
    expect(recall).toEqual([1 / 4, 1 / 4, 2 / 4, 3 / 4]);
    const strict = metrics.detectionCurve(found, there, 0, { iouThreshold: 0.9 });
    expect(strict.recall.at(-1)).toBe(2 / 4);
    expect(metrics.detectionCurve(found, there, 7).scores).toEqual([]);
    expect(() => metrics.detectionCurve(found, there, 0, { iouThreshold: 2 })).toThrow(
      "detectionCurve: iouThreshold must be from 0 to 1, got 2",
    );
  });

  it("overlap of boxes", () => {
    expect(metrics.boxIou([0, 0, 10, 10], [5, 0, 15, 10])).toBeCloseTo(1 / 3, 12);
    expect(metrics.boxIou([0, 0, 10, 10], [10, 0, 20, 10])).toBe(0);
  });
});

describe("bad input", () => {
  it("tells before the first batch, and forgets on reset", async () => {
    const area = meter(metrics.auroc(given));
    await expect(area.compute()).rejects.toThrow("meter: nothing was measured yet");
    area.update([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
    expect(await area.compute()).toBe(0.75);
    area.reset();
    await expect(area.compute()).rejects.toThrow("meter: nothing was measured yet");
    area.update([0.1, 0.9], [0, 1]);
    expect(await area.compute()).toBe(1);
  });

  it("one class alone has no area", async () => {
    const area = meter(metrics.auroc(given));
    area.update([0.1, 0.4], [1, 1]);
    expect(await area.compute()).toBeNaN();
  });

  it("wrong shapes and arguments throw where they are given", () => {
    const logits = [[1, 2, 3]];
    expect(() => void meter(metrics.precision(2)).update(logits, [1])).toThrow(
      "made for 2 classes, the model gives 3",
    );
    expect(() => metrics.f1(3, { average: "binary" })).toThrow('average "binary" is of 2 classes');
    expect(() => metrics.ndcg({ k: 0 })).toThrow("ndcg: k must be an integer from 1, got 0");
    expect(() => metrics.ssim({ windowSize: 4 })).toThrow("windowSize must be odd, got 4");
    expect(() => metrics.calibrationError({ bins: 0 })).toThrow("bins must be an integer from 1");
    expect(() => metrics.wordErrorRate(["a"], [])).toThrow("1 hypotheses for 0 references");
    const small = tensor([[[[1]]]]);
    expect(() => void meter(metrics.ssim()).update(small, small)).toThrow(
      "ssim: pictures of 1×1 are smaller than the window",
    );
    const boxes = [{ boxes: [[0, 0, 1, 1] as const], scores: [], labels: [0] }];
    expect(() => metrics.meanAveragePrecision(boxes, [{ boxes: [], labels: [] }])).toThrow(
      "meanAveragePrecision: picture 0: 1 boxes, 0 scores, 1 labels",
    );
    expect(() => void meter(metrics.meanLoss()).update([1], [1])).toThrow(
      "meter: this metric needs the loss of the batch",
    );
  });

  it("curves are of two classes", async () => {
    const curve = meter(metrics.rocCurve());
    curve.update([[1, 2, 3]], [1]);
    await expect(curve.compute()).rejects.toThrow("rocCurve: is of one score a sample");
  });
});
