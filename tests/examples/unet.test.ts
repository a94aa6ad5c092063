// The U-Net of the examples: sizes that do not divide, what a pixel sees, and pictures in another light.
import { expect, it } from "vitest";
import { relit, UNet } from "../../examples/unet.ts";
import { manualSeed, nn, noGrad, ones, rand } from "../../src/index.ts";

it("gives a score of each class for each pixel of pictures of any size", async () => {
  manualSeed(1);
  const plain = new UNet(3, 4, { width: 4, depth: 3 });
  const folded = new UNet(3, 4, { width: 4, depth: 2, fold: 2 });
  plain.eval();
  folded.eval();
  const sizes = [
    [45, 60],
    [16, 16],
    [1, 7],
  ] as const;
  for (const [height, width] of sizes) {
    for (const net of [plain, folded]) {
      const scores = noGrad(() => net.forward(rand([2, 3, height, width])));
      expect(scores.shape).toEqual([2, 4, height, width]);
      expect((await scores.data()).every(Number.isFinite)).toBe(true);
    }
  }
});

it("gives a picture the same scores with the room around it that the net would add", async () => {
  manualSeed(2);
  const net = new UNet(1, 2, { width: 4, depth: 2 });
  net.eval();
  const picture = rand([1, 1, 13, 18]);
  const alone = noGrad(() => net.forward(picture));
  const room = noGrad(() => net.forward(picture.pad([0, 2, 0, 3]))); // to [16, 20], as the net pads
  const apart = room.narrow(2, 0, 13).narrow(3, 0, 18).sub(alone).abs().max();
  expect(await apart.item()).toBeLessThan(1e-5);
});

it("has the parameters that its sizes say, twice the channels a level", () => {
  const { rows } = nn.summary(new UNet(3, 5, { width: 8, depth: 2, fold: 2 }), [3, 32, 32]);
  const sizes = rows.filter(({ kind }) => kind === "Conv2d").map(({ outputShape }) => outputShape);
  expect(sizes[0]).toEqual([1, 8, 16, 16]);
  expect(sizes).toContainEqual([1, 32, 4, 4]);
  expect(sizes.at(-1)).toEqual([1, 20, 16, 16]);
});

it("relights each picture by itself", async () => {
  manualSeed(3);
  const spread = { light: 0.2, colour: 0.1, shift: 0.1 };
  const lit = relit(ones([4, 3, 2, 2]), spread); // one value a picture and channel
  const values = await lit.reshape(12, 4).array();
  for (const [first, ...others] of values as number[][])
    expect(new Set(others)).toEqual(new Set([first]));
  expect(new Set((values as number[][]).map(([first]) => first)).size).toBe(12);
  const still = relit(ones([1, 3, 2, 2]), { light: 0, colour: 0, shift: 0 });
  expect(new Set(await still.data())).toEqual(new Set([1]));
});
