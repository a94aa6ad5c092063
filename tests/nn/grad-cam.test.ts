// Grad-CAM on nets where the answer is known: by hand, and where it is the class activation map.
import { describe, expect, it } from "vitest";
import { manualSeed, nn, Tensor } from "../../src/index.ts";

/** Convolution, mean over places, linear: Grad-CAM is the map of Zhou et al. (2016), over the places. */
class Known extends nn.Module {
  conv = new nn.Conv2d(1, 2, 1, { bias: false });
  out = new nn.Linear(2, 3, { bias: false });
  unused = new nn.Linear(1, 1);

  forward(x: Tensor): Tensor {
    return this.out.forward(this.conv.forward(x).mean([2, 3]));
  }
}

function known(): Known {
  const model = new Known();
  model.loadStateDict({
    ...model.stateDict(),
    "conv.weight": Tensor.from(Float32Array.of(...[1, -2]), [2, 1, 1, 1]),
    "out.weight": Tensor.from(Float32Array.of(...[4, 0, 0, 1, 1, 1]), [3, 2]),
  });
  return model.eval();
}

describe("gradCam", () => {
  const x = Tensor.from(Float32Array.of(...[1, 0, 0, -3]), [1, 1, 2, 2]);

  it("is the weighted sum of channels where the score is linear in their means", async () => {
    const model = known();
    const of = async (label: number) => [...(await nn.gradCam(model, model.conv, x, label).data())];
    // Class 0 weighs channel 0 (x) with 4, class 1 channel 1 (-2x) with 1; each place is a quarter.
    expect(await of(0)).toEqual([1, 0, 0, 0]);
    expect(await of(1)).toEqual([0, 0, 0, 1.5]);
    expect(await of(2)).toEqual([0, 0, 0, 0.75]); // (x - 2x) / 4, where that is above 0
  });

  it("takes a class for each sample, which do not mix", async () => {
    const model = known();
    const two = Tensor.from(Float32Array.of(...[1, 0, 0, -3, 0, 2, 0, 0]), [2, 1, 2, 2]);
    const map = nn.gradCam(model, model.conv, two, [1, 0]);
    expect(map.shape).toEqual([2, 2, 2]);
    expect([...(await map.data())]).toEqual([0, 0, 0, 1.5, 0, 2, 0, 0]);
  });

  it("finds the place that a deeper net's score depends on, and leaves the model as it was", async () => {
    manualSeed(3);
    const model = new nn.Sequential(
      new nn.Conv2d(1, 4, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(4, 4, 3, { padding: 1, bias: false }),
      new nn.ReLU(),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
      new nn.Linear(4, 2),
    ).eval();
    const pixels = new Float32Array(64);
    for (const at of [9, 10, 17, 18]) pixels[at] = 5; // a bright spot, top left
    const input = Tensor.from(pixels, [1, 1, 8, 8]);
    const before = await model.forward(input).data();
    const layer = [...model.modules()].find((m) => m instanceof nn.ReLU && m !== [...model][1]);
    const maps = [0, 1].map((label) => nn.gradCam(model, layer as nn.Module, input, label));
    const values = await Promise.all(maps.map((map) => map.data()));
    const sums = values.map((map) => [...map].reduce((a, b) => a + b, 0));
    const map = values[sums[0]! > sums[1]! ? 0 : 1]!;
    const most = map.indexOf(Math.max(...map));
    expect(Math.max(...sums)).toBeGreaterThan(0);
    expect([Math.floor(most / 4) <= 2, most % 4 <= 2]).toEqual([true, true]);
    expect([...(await model.forward(input).data())]).toEqual([...before]);
  });

  it("refuses what it cannot explain", () => {
    const model = known();
    expect(() => nn.gradCam(model, model.unused, x, 0)).toThrow("not run by the model's forward");
    expect(() => nn.gradCam(model, model.conv, x, 3)).toThrow("the label 3 is none of 3 classes");
    expect(() => nn.gradCam(model, model.conv, x, [0, 1])).toThrow("2 labels for 1 samples");
    expect(() => nn.gradCam(model, model.out, x, 0)).toThrow("which has no places");
    model.train();
    expect(() => nn.gradCam(model, model.conv, x, 0)).toThrow("hint: model.eval()");
  });
});
