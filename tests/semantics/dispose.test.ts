// dispose and using: nobody needs them, and whoever writes them gets memory back at once, errors for a
// use afterwards, and no change of meaning for anything that was built before.
import { beforeEach, describe, expect, it } from "vitest";
import { compile } from "../../src/tensor/compile.ts";
import { device } from "../../src/tensor/device.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { StateError } from "../../src/util/errors.ts";
import { leaf, list, number, onEveryDevice, vector } from "./devices.ts";

const after = (op: string) => `${op}: a tensor was used after its dispose()`;
const large = (value: number) => Tensor.from(new Float32Array(10_000).fill(value), [100, 100]);

onEveryDevice((use) => {
  beforeEach(() => void use());

  it("use afterwards is an error that names the op", async () => {
    const x = vector(1, 2);
    x.dispose();
    expect(() => x.add(1)).toThrow(after("add"));
    expect(() => vector(3, 4).mul(x)).toThrow(after("mul"));
    expect(() => x.softmax(-1)).toThrow(after("softmax"));
    expect(() => x.sum()).toThrow(StateError);
    expect(() => x.assign(1)).toThrow(StateError);
    await expect(x.data()).rejects.toThrow(after("data"));
    expect(() => x.realize()).toThrow(after("realize"));
    const step = compile((v: Tensor) => v.add(1));
    expect(() => step(x)).toThrow("was used after its dispose()");
    expect(String(x)).toBe("tensor(<disposed>, size=(2))");
    expect(x.shape).toEqual([2]);
  });

  it("twice is once", async () => {
    const x = large(1);
    const y = x.add(1);
    await y.realize();
    y.dispose();
    const z = x.add(2); // may lie where y lay
    await z.realize();
    y.dispose();
    expect((await z.data())[0]).toBe(3);
  });

  it("using ends with the block", async () => {
    let kept: Tensor;
    {
      using x = large(2);
      using y = x.mul(3);
      kept = y.add(1);
      await kept.realize();
    }
    expect((await kept.data())[9999]).toBe(7);
    expect(() => kept.add(1)).not.toThrow();
  });

  it("leaves lazy values that were built before as they are", async () => {
    const x = large(2).add(1);
    await x.realize();
    const y = x.mul(10);
    x.dispose();
    const others = [1, 2, 3].map((v) => large(v).add(v));
    for (const other of others) await other.realize();
    expect((await y.data())[5]).toBe(30);
    const lazy = large(1).add(1); // never computed itself
    const sum = lazy.sum();
    lazy.dispose();
    expect(await sum.item()).toBe(20_000);
  });

  it("leaves gradients of what was built before as they are", async () => {
    const w = leaf(2, 3);
    const h = w.mul(w);
    const loss = h.sum();
    expect(await loss.item()).toBe(13);
    h.dispose();
    loss.backward();
    expect(await list(w.grad!)).toEqual([4, 6]);
  });

  it("of results and arguments of compiled calls is in order", async () => {
    const step = compile((x: Tensor) => x.mul(2));
    const results: Tensor[] = [];
    for (let i = 0; i < 10; i++) {
      const x = large(i);
      const once = step(x);
      results.push(step(once));
      once.dispose();
      x.dispose();
    }
    const values = await Promise.all(results.map(async (r) => (await r.data())[77]));
    expect(values).toEqual(results.map((_, i) => 4 * i));
  });

  it("inside a compiled function ends nothing of its own", async () => {
    const step = compile((x: Tensor) => {
      using h = x.add(1);
      return h.mul(2);
    });
    expect(await list(step(vector(1)))).toEqual([4]);
    expect(await list(step(vector(2)))).toEqual([6]);
  });

  it("of a tensor from outside is refused inside a compiled function", () => {
    const w = number(1);
    const step = compile((x: Tensor) => {
      w.dispose();
      return x.add(1);
    });
    expect(() => step(number(1))).toThrow("dispose: cannot be called inside a compiled function");
  });

  it("of what a compiled function needs is an error at its next call", async () => {
    const w = number(5);
    const step = compile((x: Tensor) => x.add(w));
    expect(await step(number(1)).item()).toBe(6);
    w.dispose();
    expect(() => step(number(1))).toThrow("was used after its dispose()");
  });
});

describe("on wasm", () => {
  beforeEach(() => void device("wasm"));

  const bytes = () => device("wasm").backend.describe().resultBytes;

  it("gives the memory back at once", async () => {
    const step = compile((x: Tensor) => x.mul(2));
    const x = large(1);
    await step(x).realize();
    await step(x).realize();
    const before = bytes();
    for (let i = 0; i < 10; i++) {
      const y = step(x);
      expect(bytes()).toBe((before as number) + 40_000);
      y.dispose();
      expect(bytes()).toBe(before);
    }
  });

  it("is needed by nobody: a loop without it stays flat", async () => {
    const step = compile((x: Tensor) => x.mul(2));
    let y = large(1);
    for (let i = 0; i < 10_000; i++) {
      y = step(large(i)); // 400 MB in all; the budget is 256
      await y.realize();
    }
    expect(bytes()).toBeLessThan(200 * 2 ** 20);
    expect((await y.data())[3]).toBe(19_998);
  });
});
