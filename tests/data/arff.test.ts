// ARFF: attributes, quoting, missing cells, and what is wrong with which line.
import { describe, expect, it } from "vitest";
import { parseArff } from "../../src/data/index.ts";

const text = `% a comment
@RELATION 'two words'

@attribute 'a b' numeric
@attribute kind { plain, 'with, comma', "it\\'s" }
@attribute note string
@data
1.5, plain, 'x, y'
% another
?, 'with, comma', ?
-2e3,"it\\'s",z
`;

describe("parseArff", () => {
  it("reads names, types and cells", () => {
    const { relation, attributes, rows } = parseArff(text);
    expect(relation).toBe("two words");
    expect(attributes).toEqual([
      { name: "a b", type: "numeric", values: [] },
      { name: "kind", type: "nominal", values: ["plain", "with, comma", "it's"] },
      { name: "note", type: "string", values: [] },
    ]);
    expect(rows).toEqual([
      [1.5, "plain", "x, y"],
      [null, "with, comma", null],
      [-2000, "it's", "z"],
    ]);
  });

  it.each([
    ["@attribute x date\n@data\n", "line 1 has an attribute of type date, which is not read"],
    ["@attribute x\n@data\n", "line 1 names an attribute without a type"],
    ["@attribute x numeric\n@data\n1,2\n", "line 3 has 2 cells for 1 attributes"],
    ["@attribute x numeric\n@data\nabc\n", 'line 3 has "abc" for a number in x'],
    ["@attribute x {a,b}\n@data\nc\n", 'line 3 has "c" in x'],
    ["@attribute x numeric\n@data\n{0 1}\n", "line 3 is a sparse row"],
    ["@attribute x string\n@data\n'a' b\n", "line 3 has text behind a quoted cell"],
    ["x,y\n1,2\n", 'line 1 is no part of a header: "x,y"'],
    ["@attribute x numeric\n", "has no @data"],
    ["@data\n", "has no @attribute"],
  ])("refuses %j", (bad, message) => {
    expect(() => parseArff(bad, { file: "t.arff" })).toThrow(`t.arff ${message}`);
  });
});
