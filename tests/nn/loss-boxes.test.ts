// Losses of detectors: values of torchvision's formulas (generalized_box_iou_loss, distance_box_iou_loss) and of
// the focal loss of CornerNet, worked out in float64 elsewhere; slopes against differences.
import { beforeEach, describe, expect, it } from "vitest";
import { device, gradients, nn, type Tensor, tensor } from "../../src/index.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";

const input = [[0, 0, 4, 4], [1, 2, 5, 7], [0, 0, 2, 2], [1, 1, 3, 4]]; // biome-ignore format: boxes
const target = [[2, 0, 6, 4], [2, 1, 4, 8], [5, 6, 9, 8], [1, 1, 3, 4]]; // biome-ignore format: boxes
const none = { reduction: "none" } as const;

/** What the loss of a list of numbers changes by when each of them is moved a little. */
async function differences(loss: (x: Tensor) => Tensor, at: readonly number[]): Promise<number[]> {
  const step = 1e-6;
  const near = (i: number, by: number) => tensor(at.map((v, k) => (k === i ? v + by : v)), { dtype: "float64" }); // biome-ignore format: one line
  const slopes: number[] = [];
  for (const i of at.keys()) {
    const [up, down] = [await loss(near(i, step)).item(), await loss(near(i, -step)).item()];
    slopes.push((up - down) / (2 * step));
  }
  return slopes;
}

async function slopesOf(loss: (x: Tensor) => Tensor, at: readonly number[]): Promise<number[]> {
  const x = tensor(at, { dtype: "float64", requiresGrad: true });
  const [slope] = gradients(loss(x), [x]);
  return Array.from(await slope!.data());
}

describe.each(devices)("losses of detectors on %s", (name) => {
  beforeEach(() => void device(name));

  it("boxes that overlap, touch nothing, or are equal", async () => {
    const [a, b] = [tensor(input), tensor(target)];
    const general = await values(nn.generalizedBoxIouLoss(a, b, none));
    [0.666667, 0.72619, 1.833333, 0].forEach((v, i) => void expect(general[i]).toBeCloseTo(v, 5));
    const distance = await values(nn.distanceBoxIouLoss(a, b, none));
    [0.74359, 0.583333, 1.496552, 0].forEach((v, i) => void expect(distance[i]).toBeCloseTo(v, 5));
    expect(await nn.generalizedBoxIouLoss(a, b).item()).toBeCloseTo(3.22619 / 4, 5);
    expect(await new nn.DistanceBoxIouLoss({ reduction: "sum" }).forward(a, b).item()).toBeCloseTo(
      2.823475,
      5,
    );
  });

  it("heat maps: peaks, places near them, and places far away", async () => {
    const x = tensor([2, -1, 0.5, -3, 0, 4]);
    const heat = tensor([1, 0.6, 0.9, 0, 1, 0]);
    const each = await values(nn.gaussianFocalLoss(x, heat, none));
    [0.00180356, 0.000580046, 3.77412e-5, 0.000109283, 0.173287, 3.87491].forEach(
      (v, i) => void expect(each[i]! / v).toBeCloseTo(1, 4),
    );
    expect(await nn.gaussianFocalLoss(x, heat).item()).toBeCloseTo(2.025362, 5); // of two peaks
    const other = new nn.GaussianFocalLoss({ alpha: 1.5, beta: 2, reduction: "sum" });
    expect(await other.forward(x, heat).item()).toBeCloseTo(4.172796, 5);
    const empty = nn.gaussianFocalLoss(tensor([4]), tensor([0]));
    expect(await empty.item()).toBeCloseTo(3.87491, 4); // no peak counts as one
  });

  it("has the slopes of differences, and stays finite for sure logits", async () => {
    const goal = tensor([2, 1, 4, 8, 5, 6, 9, 8], { dtype: "float64" }).reshape(2, 4);
    const boxes = [1, 2, 5, 7, 0.5, 0.25, 2, 3];
    for (const loss of [nn.generalizedBoxIouLoss, nn.distanceBoxIouLoss]) {
      const of = (x: Tensor) => loss(x.reshape(2, 4), goal);
      const [found, wanted] = [await slopesOf(of, boxes), await differences(of, boxes)];
      found.forEach((slope, i) => void expect(slope).toBeCloseTo(wanted[i]!, 6));
    }
    const heat = tensor([1, 0.6, 0, 1], { dtype: "float64" });
    const of = (x: Tensor) => nn.gaussianFocalLoss(x, heat);
    const at = [0.3, -1.2, 2.1, -0.7];
    const [found, wanted] = [await slopesOf(of, at), await differences(of, at)];
    found.forEach((slope, i) => void expect(slope).toBeCloseTo(wanted[i]!, 6));
    const sure = await slopesOf(of, [200, -200, 200, -200]);
    expect(sure.every(Number.isFinite)).toBe(true);
    expect(sure[3]).toBeCloseTo(-0.5, 6); // of a peak that is missed: -1 by two peaks
  });

  it("says what does not fit", () => {
    const [a, b] = [tensor(input), tensor([1])];
    const said = [
      () => nn.generalizedBoxIouLoss(a, b),
      () => nn.distanceBoxIouLoss(b, b),
      () => nn.gaussianFocalLoss(a, b),
      () => nn.gaussianFocalLoss(b, b, { beta: -1 }),
    ].map((f) => messageOf(f).split("\n")[0]);
    expect(said).toEqual([
      "ShapeError: generalizedBoxIouLoss: input [4,4] and target [1] differ",
      "ShapeError: distanceBoxIouLoss: boxes must be (…, 4), got [1]",
      "ShapeError: gaussianFocalLoss: input [4,4] and target [1] differ",
      "ArgumentError: gaussianFocalLoss: beta must not be negative, got -1",
    ]);
  });
});
