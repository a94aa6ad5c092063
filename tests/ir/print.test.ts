// The printer against the whole op table: what it prints builds a graph of the same key.
import { describe, expect, it } from "vitest";
import { makeBody } from "../../src/ir/body.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as build from "../../src/ir/build.ts";
import { type Graph, makeGraph } from "../../src/ir/graph.ts";
import { withScope } from "../../src/ir/node.ts";
import { describeNode, printGraph } from "../../src/ir/print.ts";
import { instantiate } from "../ops/case.ts";
import { sections } from "../ops/table.ts";

// The printed module without its import lines, run with the same names.
function rebuild(text: string): Graph {
  const names = { ...build, Buffer, makeBody, makeGraph };
  const body = text.replace(/^import .*$/gm, "").replace("export default", "return");
  return new Function(...Object.keys(names), body)(...Object.values(names)) as Graph;
}

describe("printGraph", () => {
  for (const [section, cases] of Object.entries(sections)) {
    it(`prints ${section} as code that builds the same graph`, () => {
      for (const c of cases) {
        const { outputs, leaves } = instantiate(c);
        const assign = outputs.map((_, i) => leaves[c.into?.[i] ?? -1]?.buffer ?? null);
        const graph = makeGraph(outputs, assign);
        const again = rebuild(printGraph(graph));
        expect(again.key, c.name).toBe(graph.key);
        expect(again.into, c.name).toEqual(graph.into);
      }
    });
  }

  it("writes a module that reads well", () => {
    const x = build.bufferNode(new Buffer("float32", 6, null, true), [2, 3]);
    const y = withScope("model", () => withScope("fc1", () => build.unary("relu", x)));
    const floor = build.full(-Infinity, [2, 3], "float32");
    const graph = makeGraph([build.binary("max", y, floor)], [x.buffer]);
    expect(printGraph(graph, "../ir")).toBe(`import { Buffer } from "../ir/buffer.ts";
import { binary, bufferNode, constant, expand, reshape, unary } from "../ir/build.ts";
import { makeGraph } from "../ir/graph.ts";

const n0 = bufferNode(new Buffer("float32", 6, null, true), [2, 3]); // float32 [2, 3]
const n1 = unary("relu", n0); // float32 [2, 3] model.fc1
const n2 = constant(-Infinity, "float32"); // float32 []
const n3 = reshape(n2, [1, 1]); // float32 [1, 1]
const n4 = expand(n3, [2, 3]); // float32 [2, 3]
const n5 = binary("max", n1, n4); // float32 [2, 3]

export default makeGraph([n5], [n0.buffer]);
`);
  });
});

describe("describeNode", () => {
  it("tells op, dtype, shape, attributes and sources in one line", () => {
    const x = build.iota(4);
    const padded = build.pad(x, [1], [2], -0);
    expect(describeNode(padded)).toBe(
      "pad int32 [7] { lo: [1], hi: [2], value: -0 } of iota int32 [4]",
    );
  });
});
