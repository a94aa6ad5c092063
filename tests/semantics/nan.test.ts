// The hunt for NaN: the error names the op and the module, and no state has changed.
import { afterEach, beforeEach, expect, it } from "vitest";
import { withScope } from "../../src/ir/node.ts";
import { detectNaN } from "../../src/tensor/anomaly.ts";
import { compile } from "../../src/tensor/compile.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { leaf, list, onEveryDevice, vector } from "./devices.ts";

onEveryDevice((use) => {
  beforeEach(() => {
    use();
    detectNaN(true);
  });
  afterEach(() => detectNaN(false));

  it("names the first op that made it, and its module", async () => {
    const f = (x: Tensor) => {
      const h = x.mul(2).add(1);
      return withScope("model", () => withScope("fc1", () => h.log()))
        .mul(3)
        .sum();
    };
    const message = "log: made NaN from finite inputs\n  in: model.fc1";
    const read = async (g: (x: Tensor) => Tensor) => g(vector(1, -2)).item();
    await expect(read(f)).rejects.toThrow(message);
    await expect(read(compile(f))).rejects.toThrow(message);
  });

  it("in a gradient too, and state is as it was", async () => {
    const w = leaf(4, 0);
    const step = compile((x: Tensor) => {
      const loss = withScope("head", () => w.mul(x).sqrt()).sum();
      loss.backward();
      w.assign(w.sub(w.grad!));
      return loss;
    });
    const run = async (x: Tensor) => step(x).item();
    await expect(run(vector(1, 1))).rejects.toThrow(/made .* from .*\n {2}in: head/);
    expect(await list(w)).toEqual([4, 0]);
    expect(w.grad).toBe(null);
    w.assign(vector(4, 1));
    expect(await run(vector(1, 1))).toBe(3);
    expect(await list(w)).toEqual([3.75, 0.5]);
  });

  it("says so where an input is to blame, and where there is only an infinity", async () => {
    await expect(vector(1, NaN).add(1).data()).rejects.toThrow(
      "an input of shape [2] already holds NaN",
    );
    await expect(vector(1, 0).reciprocal().data()).rejects.toThrow(
      "made an infinity from finite inputs",
    );
    const masked = vector(1, 2).add(1).where(vector(1, 0).gt(0), -Infinity).softmax(0);
    expect(await list(masked)).toEqual([1, 0]); // infinities on the way are no fault
  });

  it("costs nothing when off", async () => {
    detectNaN(false);
    expect(await list(vector(-1).log())).toEqual([NaN]);
  });
});
