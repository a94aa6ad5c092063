// Graphs that differ in a number only must not share a program.
import { expect, it } from "vitest";
import { constant, pad, unary } from "../../src/ir/build.ts";
import { makeGraph } from "../../src/ir/graph.ts";

const values = [0, -0, 1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

it("tells constants apart that JSON does not", () => {
  const keys = values.map((v) => makeGraph([unary("neg", constant(v, "float32"))]).key);
  expect(new Set(keys).size).toBe(values.length);
  const one = makeGraph(values.map((v) => constant(v, "float32")));
  expect(new Set(one.outputs).size).toBe(values.length);
});

it("tells paddings apart that JSON does not", () => {
  const x = pad(constant(1, "float32"), [], []);
  const keys = values.map((v) => {
    const row = unary("neg", x);
    return makeGraph([pad({ ...row, shape: [1] } as never, [1], [0], v)]).key;
  });
  expect(new Set(keys).size).toBe(values.length);
});
