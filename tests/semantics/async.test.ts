// Devices that answer later, and runs that fail: calls are made in order, a failed run leaves everything
// as it was, runs behind it that need its results fail with its error, and the others go on.
import { beforeEach, describe, expect, it } from "vitest";
import { compile } from "../../src/tensor/compile.ts";
import { device } from "../../src/tensor/device.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { DeviceError } from "../../src/util/errors.ts";
import { FlakyBackend, leaf, list, number, slow, vector } from "./devices.ts";

let flaky = new FlakyBackend();
const lost = "flaky: the device was lost";

describe("a device that answers later", () => {
  beforeEach(() => {
    flaky = new FlakyBackend();
    device(slow(flaky));
  });

  it("gets overlapping calls in order", async () => {
    const w = number(1);
    const step = compile((x: Tensor) => {
      w.assign(w.mul(2).add(x));
      return w.add(0);
    });
    const calls = [1, 2, 3, 4].map((x) => step(number(x)));
    const mixed = w.mul(10); // built between the calls
    calls.push(step(number(5)));
    expect(await mixed.item()).toBe(420);
    expect(await Promise.all(calls.map((c) => c.item()))).toEqual([3, 8, 19, 42, 89]);
    expect(await w.item()).toBe(89);
    expect(w.current.op).toBe("buffer");
  });

  it("prints what has not arrived as pending", async () => {
    const y = vector(1, 2).mul(2);
    expect(String(y)).toContain("pending");
    expect(await list(y)).toEqual([2, 4]);
  });

  it("that fails a run leaves state as it was, and what was queued on it fails too", async () => {
    const [w, other] = [number(1), number(5)];
    const step = compile((x: Tensor) => {
      w.assign(w.add(x));
      return w.mul(10);
    });
    const aside = compile((x: Tensor) => {
      other.assign(other.add(x));
      return other.mul(10);
    });
    await step(number(1)).item(); // w = 2, programs are there
    await aside(number(1)).item(); // other = 6
    flaky.failIn = 1;
    const [good, bad, next, apart] = [step, step, step, aside].map((f) => f(number(1)));
    await expect(bad!.item()).rejects.toThrow(lost);
    await expect(next!.item()).rejects.toThrow(lost);
    expect(await good!.item()).toBe(30);
    expect(await apart!.item()).toBe(70);
    expect([await w.item(), await other.item()]).toEqual([3, 7]);
    expect(await step(number(1)).item()).toBe(40); // goes on from there
  });

  it("that fails keeps an assignment which did not need the failed one", async () => {
    const w = number(1);
    const add = compile((x: Tensor) => void w.assign(w.add(x)));
    const set = compile((x: Tensor) => void w.assign(x.mul(1)));
    add(number(1));
    set(number(1));
    expect(await w.item()).toBe(1);
    flaky.failIn = 0;
    add(number(1));
    set(number(50));
    add(number(2));
    expect(await w.item()).toBe(52);
  });

  it("that fails a lazy value throws at its reader, and computes it at the next try", async () => {
    const y = vector(1, 2).mul(2);
    flaky.failIn = 0;
    await expect(y.data()).rejects.toThrow(lost);
    expect(await list(y)).toEqual([2, 4]);
    const w = number(1);
    flaky.failIn = 0;
    w.assign(w.add(1));
    expect(await w.mul(1).item().catch(String)).toContain(lost);
    expect(await w.item()).toBe(1);
  });

  it("that fails gives gradients back too", async () => {
    const w = leaf(1);
    const fill = compile((x: Tensor) => {
      const loss = w.mul(x).sum();
      loss.backward();
      return loss;
    });
    flaky.failIn = 0;
    const loss = fill(vector(3));
    await expect(loss.item()).rejects.toThrow(DeviceError);
    expect(w.grad).toBe(null);
  });
});

describe("a device in this process", () => {
  beforeEach(() => {
    flaky = new FlakyBackend();
    device(flaky);
  });

  it("that fails throws at the call, and state is as it was", async () => {
    const w = leaf(1);
    const step = compile((x: Tensor) => {
      w.mul(x).sum().backward();
      w.assign(w.add(x));
      return w.sum();
    });
    flaky.failIn = 0;
    expect(() => step(vector(1))).toThrow(lost);
    expect(await list(w)).toEqual([1]);
    expect(w.grad).toBe(null);
    expect(await step(vector(1)).item()).toBe(2);
    flaky.failIn = 0;
    expect(() => w.assign(w.add(1))).toThrow(lost);
    expect(await list(w)).toEqual([2]);
  });

  it("tensors move between devices by themselves", async () => {
    const w = vector(1, 2);
    const step = compile((x: Tensor) => {
      w.assign(w.add(x));
      return w.mul(2);
    });
    const results: number[][] = [];
    for (const name of ["reference", "wasm", "reference", "wasm"] as const) {
      device(name);
      results.push(await list(step(vector(1, 1))));
      await list(step(vector(1, 1)));
    }
    expect(results).toEqual([
      [4, 6],
      [8, 10],
      [12, 14],
      [16, 18],
    ]);
    device(slow(flaky));
    expect(await list(w.add(0))).toEqual([9, 10]);
  });

  it("names the devices that there are", () => {
    expect(() => device("tpu" as "wasm")).toThrow('device: no device "tpu"\n  hint: use "wasm" or');
  });
});
