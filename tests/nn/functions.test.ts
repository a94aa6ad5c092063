// Norms as functions, and sampling at grids: what PyTorch's cases leave out, and what bad input gets.
import { beforeEach, describe, expect, it } from "vitest";
import { device, nn, ones, tensor, zeros } from "../../src/index.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";

describe.each(devices)("functions of nn on %s", (name) => {
  beforeEach(() => void device(name));

  it("batch norm moves running statistics in training only, as the layer does", async () => {
    const x = tensor([[[1, 3], [2, 2]], [[5, 7], [2, 6]]]); // biome-ignore format: (2, 2, 2)
    const runningMean = zeros(2);
    const runningVar = ones(2);
    const layer = new nn.BatchNorm1d(2);
    const own = nn.batchNorm(x, { runningMean, runningVar, training: true });
    expect(await values(own)).toEqual(await values(layer.forward(x)));
    expect(await values(runningMean)).toEqual(await values(layer.running_mean!));
    expect(await values(runningVar)).toEqual(await values(layer.running_var!));
    layer.eval();
    const kept = await values(runningMean);
    expect(await values(nn.batchNorm(x, { runningMean, runningVar }))).toEqual(
      await values(layer.forward(x)),
    );
    expect(await values(runningMean)).toEqual(kept);
  });

  it("samples the picture itself at the grid of the identity, and turns it", async () => {
    const x = tensor([1, 2, 3, 4, 5, 6]).reshape(1, 1, 2, 3);
    const still = tensor([[[1, 0, 0], [0, 1, 0]]]); // biome-ignore format: (1, 2, 3)
    const turned = tensor([[[-1, 0, 0], [0, -1, 0]]]); // biome-ignore format: (1, 2, 3)
    for (const mode of ["bilinear", "nearest", "bicubic"] as const) {
      for (const alignCorners of [true, false]) {
        const at = (theta: typeof still) =>
          nn.gridSample(x, nn.affineGrid(theta, [1, 1, 2, 3], { alignCorners }), {
            mode,
            alignCorners,
          });
        expect(await values(at(still))).toEqual([1, 2, 3, 4, 5, 6]);
        expect(await values(at(turned))).toEqual([6, 5, 4, 3, 2, 1]);
      }
    }
  });

  it("samples volumes", async () => {
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8]).reshape(1, 1, 2, 2, 2);
    const middle = zeros(1, 1, 1, 1, 3);
    expect(await nn.gridSample(x, middle).item()).toBe(4.5);
    const corner = ones(1, 1, 1, 1, 3); // (x, y, z) = (1, 1, 1)
    expect(await nn.gridSample(x, corner, { alignCorners: true }).item()).toBe(8);
    expect(await nn.gridSample(x, corner, { paddingMode: "border" }).item()).toBe(8);
    expect(await nn.gridSample(x, corner).item()).toBe(1); // an eighth lies inside
    expect(await nn.gridSample(x, corner.mul(3), { paddingMode: "reflection" }).item()).toBe(1);
  });

  it("takes means of areas, and centres", async () => {
    const x = tensor([1, 2, 3, 4, 5]).reshape(1, 1, 5);
    expect(await values(nn.interpolate(x, { size: 2, mode: "area" }))).toEqual([2, 4]);
    expect(await values(nn.interpolate(x, { size: 2, mode: "nearest" }))).toEqual([1, 3]);
    expect(await values(nn.interpolate(x, { size: 2, mode: "nearest-exact" }))).toEqual([2, 4]);
  });

  it("says what is wrong", () => {
    const x = ones(1, 2, 3, 3);
    const said = [
      () => nn.batchNorm(ones(3), { training: true }),
      () => nn.batchNorm(x),
      () => nn.batchNorm(x, { weight: ones(3), training: true }),
      () => nn.batchNorm(ones(1, 2), { training: true }),
      () => nn.gridSample(x, ones(1, 3, 3, 3)),
      () => nn.gridSample(x, ones(1, 3, 3, 2), { mode: "cubic" as "bicubic" }),
      () => nn.affineGrid(ones(1, 2, 2), [1, 1, 2, 2]),
    ].map((f) => messageOf(f).split("\n")[0]);
    expect(said).toEqual([
      "ShapeError: batchNorm: takes (B, C, …), got [3]",
      "ArgumentError: batchNorm: there are no running statistics",
      "ShapeError: batchNorm: [3] does not fit the channels of [1,2,3,3]",
      "ShapeError: batchNorm: needs more than one value a channel to train, got [1,2]",
      "ShapeError: gridSample: input [1,2,3,3] and grid [1,3,3,3] do not fit",
      'ArgumentError: gridSample: no mode "cubic"',
      "ShapeError: affineGrid: theta [1,2,2] does not fit results of [1,1,2,2]",
    ]);
  });
});
