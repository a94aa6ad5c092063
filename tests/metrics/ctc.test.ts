// The error rate of CTC while a network trains, by hand, over batches of several lengths.
import { expect, it } from "vitest";
import { Tensor } from "../../src/index.ts";
import { ctcErrorRate, meter } from "../../src/metrics/index.ts";

/** Scores whose likeliest classes are these, (B, T, 4). */
function scores(paths: number[][]): Tensor {
  const rows = paths.flat().flatMap((c) => [0, 1, 2, 3].map((k) => (k === c ? 2 : k / 10)));
  return Tensor.from(Float32Array.from(rows), [paths.length, paths[0]!.length, 4]);
}

const ints = (rows: number[][]) =>
  Tensor.from(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);

it("counts edits of what the likeliest paths spell", async () => {
  const errors = meter(ctcErrorRate());
  // 1 1 2 for 1 1 2: a blank between equals keeps both; 3 for 3 2: one is missing.
  errors.update(
    scores([
      [0, 1, 1, 0, 1, 2],
      [3, 3, 0, 0, 0, 0],
    ]),
    ints([
      [1, 1, 2],
      [3, 2, 0],
    ]),
  );
  expect(await errors.compute()).toBeCloseTo(1 / 5, 12);
  // Another length: 2 1 for 1, and nothing for 3.
  errors.update(
    scores([
      [2, 0, 1],
      [0, 0, 0],
    ]),
    ints([[1], [3]]),
  );
  expect(await errors.compute()).toBeCloseTo(3 / 7, 12);
});

it("takes another blank, and refuses other shapes", async () => {
  const errors = meter(ctcErrorRate({ blank: 3 }));
  errors.update(scores([[0, 3, 0, 0]]), ints([[0, 0, 3]]));
  expect(await errors.compute()).toBe(0);
  expect(() =>
    ctcErrorRate({ blank: 4 }).measure({
      output: scores([[1]]),
      target: ints([[1]]),
      loss: Tensor.from(Float32Array.of(0)),
      count: 1,
    }),
  ).toThrow("ctcErrorRate: wants output (B, T, C) and target (B, S), got [1,1,4] and [1,1]");
});
