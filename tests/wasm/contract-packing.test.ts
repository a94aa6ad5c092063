// The engine packs the hot contraction kernels; see packing-trace.ts.
import { it } from "vitest";
import { expectPacked } from "./packing-trace.ts";

it("packs every hot kernel, with no value left over", (context) => {
  expectPacked(context, "contract-packing-child.ts", 70);
});
