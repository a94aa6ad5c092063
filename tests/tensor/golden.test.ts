// PyTorch's own sample inputs for each op: what has an adapter must agree, values and gradients.
// The cases lie beside the checkout; without them there is nothing to compare with.
import { describe, expect, it } from "vitest";
import { device } from "../../src/tensor/device.ts";
import { present, score } from "../golden/opinfo.ts";
import { devices } from "./devices.ts";

describe.skipIf(!present)("golden cases of PyTorch's ops", () => {
  it.each(devices)("agree on %s, values and gradients", { timeout: 120_000 }, async (name) => {
    device(name);
    const { passed, failures } = await score("first");
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThanOrEqual(2229);
    // Less used ones: nothing wrong, and not fewer than before.
    const rare = await score("second");
    expect(rare.failures).toEqual([]);
    expect(rare.passed).toBeGreaterThanOrEqual(469);
  });
});

if (!present) console.log("golden ops are skipped: ../shared/golden is not beside this checkout");
