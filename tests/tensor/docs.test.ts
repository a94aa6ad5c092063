// docs/ops.md names what there is: each function of its tables is exported.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import * as anneal from "../../src/index.ts";

const text = readFileSync(join(import.meta.dirname, "../../docs/ops.md"), "utf8");
const rows = [...text.matchAll(/^\| ([^|`]+) \| `([^`]+)` \|$/gm)];

it("docs/ops.md names functions that exist", () => {
  expect(rows.length).toBe(10);
  for (const [, kind, names] of rows) {
    const home: object = kind === "under a mask" ? anneal.masked : anneal;
    for (const name of names!.split(" ")) {
      expect(Object.keys(home), name).toContain(name.replace("masked.", ""));
    }
  }
});
