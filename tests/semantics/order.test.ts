// The order of assignment: whoever was built on the old value keeps it, compiled or not.
import { beforeEach, expect, it } from "vitest";
import { withScope } from "../../src/ir/node.ts";
import { gradients } from "../../src/tensor/autograd.ts";
import { compile } from "../../src/tensor/compile.ts";
import { assignAll, nodeOf, noGrad } from "../../src/tensor/core.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { DtypeError, ShapeError } from "../../src/util/errors.ts";
import { leaf, list, number, onEveryDevice, vector } from "./devices.ts";

/** As optimizers do: the update of w, and the loss from before it, in one program. */
function descend(w: Tensor, loss: Tensor): void {
  const [g] = gradients(loss, [w]);
  noGrad(() => assignAll([w], [nodeOf(w.sub(g!.mul(0.25)))], [loss]));
}

onEveryDevice((use) => {
  beforeEach(() => void use());

  it("the loss is that from before the update", async () => {
    const w = leaf(1, 2);
    const loss = w.mul(w).sum();
    descend(w, loss);
    expect(await loss.item()).toBe(5);
    expect(await list(w)).toEqual([0.5, 1]);
    const again = w.mul(w).sum();
    const twin = w.mul(w).sum(); // no reader of the step: keeps its version of w by itself
    descend(w, again);
    expect(await twin.item()).toBe(1.25);
    expect(await again.item()).toBe(1.25);
    expect(await list(w)).toEqual([0.25, 0.5]);
  });

  it("lazy readers keep the old value through assignments, uncompiled", async () => {
    const w = vector(1, 2, 3);
    const readers: Tensor[] = [];
    for (let i = 0; i < 4; i++) {
      readers.push(w.mul(10));
      w.assign(w.add(1));
    }
    for (let i = 0; i < 4; i++) {
      expect(await list(readers[i]!)).toEqual([10 + 10 * i, 20 + 10 * i, 30 + 10 * i]);
    }
    expect(await list(w)).toEqual([5, 6, 7]);
  });

  it("lazy readers keep the old value through assignments, compiled", async () => {
    const w = vector(1, 2, 3);
    const bump = compile((x: Tensor) => {
      w.assign(w.add(x));
      return w.sum();
    });
    const readers: Tensor[] = [];
    const sums: Tensor[] = [];
    for (let i = 0; i < 4; i++) {
      if (i !== 2) readers.push(w.mul(10)); // the third version is read by nobody
      sums.push(bump(vector(1, 1, 1)));
    }
    expect(await list(readers[0]!)).toEqual([10, 20, 30]);
    expect(await list(readers[1]!)).toEqual([20, 30, 40]);
    expect(await list(readers[2]!)).toEqual([40, 50, 60]);
    expect(await Promise.all(sums.map((s) => s.item()))).toEqual([9, 12, 15, 18]);
    expect(await list(w)).toEqual([5, 6, 7]);
  });

  it("what was read on the host never changes", async () => {
    const w = vector(1, 2);
    const bump = compile(() => w.assign(w.mul(2)));
    const before = await w.data();
    bump();
    const between = await w.data();
    bump();
    expect([...before, ...between, ...(await w.data())]).toEqual([1, 2, 2, 4, 4, 8]);
    before[0] = 99;
    between[0] = 99;
    expect(await list(w)).toEqual([4, 8]);
  });

  it("two tensors of one value part at the first assignment", async () => {
    const a = vector(1, 2);
    const b = a.reshape(2);
    const f = compile((x: Tensor) => void a.assign(a.add(x)));
    f(vector(1, 1));
    f(vector(1, 1));
    expect(await list(a)).toEqual([3, 4]);
    expect(await list(b)).toEqual([1, 2]);
  });

  it("refuses another shape or dtype", () => {
    const w = vector(1, 2);
    expect(() => assignAll([w], [nodeOf(vector(1, 2, 3))])).toThrow(ShapeError);
    expect(() => assignAll([w], [nodeOf(vector(1, 2).int())])).toThrow(DtypeError);
  });

  it("a fault names op and module, and no state has changed, compiled or not", async () => {
    const w = vector(1, 2);
    const count = number(0);
    const step = (index: Tensor) => {
      const picked = withScope("model", () => withScope("embed", () => w.gather(0, index)));
      assignAll([w, count], [nodeOf(w.add(picked.sum())), nodeOf(count.add(1))]);
      return picked;
    };
    const index = (i: number) => vector(i).int();
    const compiled = compile(step);
    await list(compiled(index(1)));
    expect(await list(w)).toEqual([3, 4]);
    for (const f of [compiled, step]) {
      const failing = async () => list(f(index(7)));
      await expect(failing()).rejects.toThrow(
        /gather: .*index .*outside \[0, 2\)\n {2}in: model\.embed/,
      );
      expect(await list(w)).toEqual([3, 4]);
      expect(await count.item()).toBe(1);
    }
    await list(compiled(index(0)));
    expect(await list(w)).toEqual([6, 7]);
  });

  it("a fault behind the new value of state leaves the old one", async () => {
    const w = vector(1, 2, 3);
    const step = compile((i: Tensor) => {
      w.assign(w.mul(2));
      return w.gather(0, i);
    });
    const index = (i: number) => vector(i).int();
    expect(await list(step(index(1)))).toEqual([4]);
    const failing = async () => list(step(index(7)));
    await expect(failing()).rejects.toThrow("outside [0, 3)");
    expect(await list(w)).toEqual([2, 4, 6]);
  });
});
