// Strict mode as a user chooses it. What it promises of bits is in tests/ops/strict.test.ts.
import { afterEach, describe, expect, it } from "vitest";
import { tensor } from "../../src/index.ts";
import { device } from "../../src/tensor/device.ts";
import { messageOf } from "./devices.ts";

afterEach(() => {
  delete process.env.ANNEAL_STRICT;
  device("wasm");
});

describe("device", () => {
  it("is strict or quick by option, a device each", () => {
    const quick = device("wasm");
    const strict = device("wasm", { strict: true });
    expect(strict).not.toBe(quick);
    expect(device("wasm", { strict: true })).toBe(strict);
    expect(device("wasm")).toBe(quick);
    expect(device("wasm", { strict: false })).toBe(quick);
  });

  it("is strict where ANNEAL_STRICT=1 says so, unless the option says otherwise", () => {
    const strict = device("wasm", { strict: true });
    process.env.ANNEAL_STRICT = "1";
    expect(device("wasm")).toBe(strict);
    expect(device("wasm", { strict: false })).not.toBe(strict);
  });

  it("tells the lowering and `anneal doctor`", () => {
    const strict = device("wasm", { strict: true }).backend;
    expect(strict.target?.strict).toBe(true);
    expect(strict.describe()).toMatchObject({ strict: true, relaxed: false });
    const quick = device("wasm").backend;
    expect(quick.target?.strict).toBe(false);
    expect(quick.describe()).toMatchObject({ strict: false });
  });

  it("moves tensors between the two", async () => {
    device("wasm");
    const x = tensor([1, 2, 3]).mul(2);
    await x.data();
    device("wasm", { strict: true });
    expect([...(await x.add(1).data())]).toEqual([3, 5, 7]);
  });

  it("refuses the option for what has no strict mode", () => {
    expect(messageOf(() => device("reference", { strict: true }))).toBe(
      'ArgumentError: device: only "wasm" is strict or not by an option\n' +
        '  hint: device("wasm", { strict: true })',
    );
  });
});
