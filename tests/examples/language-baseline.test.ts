// Pairs of tokens, counted by hand.
import { expect, it } from "vitest";
import { bigramLoss } from "../../examples/language/baseline.ts";

it("foretells a token by the one before it, and leaves out what does not count", () => {
  // 0 is followed by 1 twice and by 2 once, of 3 tokens: with one more each, 3/6, 2/6 and 1/6.
  const train = [
    { x: [0, 1, 0], y: [1, 0, 1] },
    { x: [0, 1], y: [2, -100] },
  ];
  const loss = bigramLoss(train, [{ x: [0, 0, 0, 2], y: [1, 2, -100, 2] }], 3);
  // Nothing was seen after 2: each token has a third.
  expect(loss).toBeCloseTo(-(Math.log(3 / 6) + Math.log(2 / 6) + Math.log(1 / 3)) / 3, 12);
});
