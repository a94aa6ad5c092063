// The engine packs the transforms and products of Winograd's convolutions; see packing-trace.ts.
import { it } from "vitest";
import { expectPacked } from "./packing-trace.ts";

it("packs transforms and products, with no value left over", (context) => {
  expectPacked(context, "winograd-packing-child.ts", 30);
});
