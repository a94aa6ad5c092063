// Gradients of tensors: PyTorch's idiom and the pure functions, on every device.
import { beforeEach, describe, expect, it } from "vitest";
import { backward, detach, gradients, gradOf, setGrad } from "../../src/tensor/autograd.ts";
import { compile } from "../../src/tensor/compile.ts";
import { noGrad } from "../../src/tensor/core.ts";
import { device } from "../../src/tensor/device.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { grad, hessian, jacobian, jvp, valueAndGrad, vjp } from "../../src/tensor/transforms.ts";
import { DtypeError, ShapeError, StateError } from "../../src/util/errors.ts";
import { leaf, list, number, onEveryDevice, vector } from "./devices.ts";

onEveryDevice((use) => {
  beforeEach(() => void use());

  describe("backward", () => {
    it("adds to grad of every leaf, again and again", async () => {
      const [w, v] = [leaf(1, 2), leaf(3, 4)];
      const loss = () => w.mul(v).mul(w).sum();
      loss().backward();
      expect([await list(w.grad!), await list(v.grad!)]).toEqual([
        [6, 16],
        [1, 4],
      ]);
      const same = w.grad;
      loss().backward();
      expect(w.grad).toBe(same);
      expect(same!.current.op).not.toBe("buffer"); // adding up computes nothing yet
      expect(await list(w.grad!)).toEqual([12, 32]);
    });

    it("works after the loss, or anything on the way, was read", async () => {
      const w = leaf(1, 2);
      const h = w.mul(w); // 2w
      await h.data();
      const y = h.mul(h); // 4w³
      const z = y.add(h);
      await z.data();
      const loss = z.sum();
      await loss.item();
      loss.backward();
      expect(await list(w.grad!)).toEqual([6, 36]);
      w.grad = null;
      loss.backward(); // the history is still there
      expect(await list(w.grad!)).toEqual([6, 36]);
    });

    it("uses the value from before an update, even when asked after it", async () => {
      const w = leaf(3);
      const loss = w.mul(w).sum();
      noGrad(() => w.assign(w.add(1)));
      await loss.item();
      loss.backward();
      expect(await list(w.grad!)).toEqual([6]);
      expect(await list(w)).toEqual([4]);
    });

    it("starts from a given gradient, and stops at detach and noGrad", async () => {
      const w = leaf(1, 2);
      const frozen = noGrad(() => w.mul(100));
      const y = w.mul(detach(w)).add(frozen.mul(w));
      backward(y, vector(1, 10));
      expect(await list(w.grad!)).toEqual([101, 2020]);
    });

    it("reaches lazily made leaves and those whose requiresGrad changed", async () => {
      const w = vector(1, 2).mul(2);
      w.requiresGrad = true;
      w.mul(w).sum().backward();
      expect(await list(w.grad!)).toEqual([4, 8]);
      await w.data();
      w.mul(3).sum().backward();
      expect(await list(w.grad!)).toEqual([7, 11]);
      w.requiresGrad = false;
      const v = leaf(1, 1);
      v.mul(w).sum().backward();
      expect(await list(w.grad!)).toEqual([7, 11]);
      expect(() => w.sum().backward()).toThrow(StateError);
    });

    it("says what is wrong", () => {
      const w = leaf(1, 2);
      expect(() => w.mul(2).backward()).toThrow(
        new ShapeError("backward", "needs a tensor of one element, got [2]", {
          hint: "use y.mean() or y.sum(), or give the gradient of y: y.backward(gradient)",
        }).message,
      );
      expect(() => vector(1).sum().backward()).toThrow(
        "backward: the tensor depends on no tensor with requiresGrad",
      );
      expect(() =>
        noGrad(() => w.mul(2))
          .sum()
          .backward(),
      ).toThrow(StateError);
      expect(() => w.int().sum().backward()).toThrow(DtypeError);
      expect(() => w.mul(2).backward(vector(1))).toThrow(ShapeError);
    });

    it("is the same inside compile: grads stay, add up, and are cleared", async () => {
      const w = leaf(1, 2);
      const fill = compile((x: Tensor) => {
        const loss = w.mul(w).mul(x).sum();
        loss.backward();
        return loss;
      });
      expect(await fill(vector(1, 1)).item()).toBe(5);
      expect(await list(w.grad!)).toEqual([2, 4]);
      fill(vector(1, 1));
      fill(vector(2, 2));
      fill(vector(1, 1));
      expect(await list(w.grad!)).toEqual([10, 20]);
      const clear = compile((x: Tensor) => {
        setGrad(w, null);
        w.mul(x).sum().backward();
      });
      for (let i = 1; i < 4; i++) {
        clear(vector(i, i));
        expect(await list(w.grad!)).toEqual([i, i]);
      }
      w.grad = null;
      fill(vector(1, 1));
      expect(await list(w.grad!)).toEqual([2, 4]);
    });

    it("PyTorch's idiom is traced once or twice, not at every call", async () => {
      const w = leaf(1, 2);
      let traces = 0;
      const step = compile((x: Tensor) => {
        traces++;
        if (gradOf(w) !== null) setGrad(w, null);
        const loss = w.mul(x).sum();
        loss.backward();
        noGrad(() => w.assign(w.sub(gradOf(w)!)));
        return loss;
      });
      const losses: number[] = [];
      for (let i = 0; i < 8; i++) losses.push((await step(vector(1, 1)).item()) as number);
      expect(losses).toEqual([3, 1, -1, -3, -5, -7, -9, -11]);
      expect(await list(w.grad!)).toEqual([1, 1]);
      expect(traces).toBeLessThanOrEqual(4); // with and without a gradient, check mode's of each
    });

    it("fills grad of arguments of a compiled function", async () => {
      const f = compile((x: Tensor, y: Tensor) => void x.mul(y).sum().backward());
      for (let i = 1; i < 4; i++) {
        const x = leaf(1, i);
        f(x, vector(5, 6 * i));
        expect(await list(x.grad!)).toEqual([5, 6 * i]);
        const z = leaf(i);
        f(z, z);
        expect(await list(z.grad!)).toEqual([2 * i]);
      }
    });
  });

  it("gradients stores nothing and gives null where nothing depends", async () => {
    const [w, v] = [leaf(1, 2), leaf(1, 2)];
    const h = w.mul(3);
    await h.data();
    const loss = h.mul(h).sum();
    const [gw, gh, gv] = gradients(loss, [w, h, v]);
    expect(await list(gw!)).toEqual([18, 36]);
    expect(await list(gh!)).toEqual([6, 12]);
    expect(gv).toBe(null);
    expect(w.grad).toBe(null);
  });

  it("gradients of gradients", async () => {
    const w = leaf(2);
    const y = w.mul(w).mul(w).sum();
    const [first] = gradients(y, [w]);
    const [second] = gradients(first!.sum(), [w]);
    second!.sum().backward();
    expect([await list(first!), await list(second!), await list(w.grad!)]).toEqual([
      [12],
      [12],
      [6],
    ]);
  });
});

describe("functions of functions", () => {
  beforeEach(() => void device("reference"));
  const cube = (x: Tensor) => x.mul(x).mul(x).sum();

  it("grad, twice and thrice", async () => {
    const x = vector(1, 2);
    expect(await list(grad(cube)(x))).toEqual([3, 12]);
    const second = grad((y: Tensor) => grad(cube)(y).sum());
    expect(await list(second(x))).toEqual([6, 12]);
    expect(await list(grad((y: Tensor) => second(y).sum())(x))).toEqual([6, 6]);
  });

  it("other uses of the same tensor are constants", async () => {
    const x = vector(3);
    expect(await list(grad((y: Tensor) => y.mul(x).sum())(x))).toEqual([3]);
    const w = leaf(3);
    const g = grad((y: Tensor) => y.mul(w).sum())(w);
    g.sum().backward(); // but an outer derivative sees them
    expect(await list(w.grad!)).toEqual([1]);
  });

  it("argnums, trees and more results", async () => {
    const f = (a: { u: Tensor; v: Tensor[] }, b: Tensor) => {
      const loss = a.u.mul(a.v[0]!).mul(b).sum();
      return [loss, a.u.add(b)];
    };
    const tree = { u: vector(2), v: [vector(3)] };
    const both = valueAndGrad(f, { argnums: [0, 1], hasAux: true });
    const [[loss, more], [ga, gb]] = both(tree, vector(5));
    expect([await loss.item(), ...(await list(more))]).toEqual([30, 7]);
    expect([await list(ga.u), await list(ga.v[0]), await list(gb)]).toEqual([[15], [10], [6]]);
    expect(await list(grad((_: Tensor, b: Tensor) => b.sum())(vector(1, 2), vector(1)))).toEqual([
      0, 0,
    ]);
    expect(() => grad(cube, { argnums: 1 })(vector(1))).toThrow("argnums names argument 1");
    expect(() => grad((x: Tensor) => x.mul(2))(vector(1, 2))).toThrow(ShapeError);
  });

  it("inside noGrad, and noGrad inside", async () => {
    const w = leaf(2);
    const g = noGrad(() => grad(cube)(w));
    expect(await list(g)).toEqual([12]);
    expect(() => g.sum().backward()).toThrow(StateError);
    const half = grad((x: Tensor) =>
      noGrad(() => x.mul(5))
        .add(x)
        .sum(),
    );
    expect(await list(half(vector(1)))).toEqual([1]);
  });

  it("vjp and jvp are transposes", async () => {
    const f = (x: Tensor, y: Tensor) => x.mul(y).sin().add(x.exp());
    const [x, y, u, a, b] = [
      vector(0.5, 1),
      vector(2, 3),
      vector(1, -2),
      vector(3, 1),
      vector(0.5, 2),
    ];
    const [out, back] = vjp(f, x, y);
    const [gx, gy] = back(u) as Tensor[];
    const [same, moved] = jvp(f, [x, y], [a, b]) as Tensor[];
    expect(await list(same!)).toEqual(await list(out as Tensor));
    const left = await moved!.mul(u).sum().item();
    const right = await gx!.mul(a).sum().add(gy!.mul(b).sum()).item();
    expect(left).toBeCloseTo(right as number, 5);
    expect(Math.abs(left as number)).toBeGreaterThan(0.1);
  });

  it("jacobian and hessian, in compile too", async () => {
    const f = (x: Tensor) => x.mul(x).mul(x.sum());
    const J = [5, 1, 4, 16 - 4 + 4]; // rows: d(x_i² s)/dx_j = 2 x_i s δ_ij + x_i², with s = 3
    J[0] = 2 * 1 * 3 + 1;
    J[3] = 2 * 2 * 3 + 4;
    expect(await list(jacobian(f)(vector(1, 2)))).toEqual(J);
    expect(jacobian(f)(vector(1, 2)).shape).toEqual([2, 2]);
    const H = [6, 0, 0, 12];
    expect(await list(hessian(cube)(vector(1, 2)))).toEqual(H);
    const compiled = compile((x: Tensor) => hessian(cube)(x));
    expect(await list(compiled(vector(1, 2)))).toEqual(H);
    expect(await list(compiled(vector(2, 2)))).toEqual([12, 0, 0, 12]);
    expect(await list(jacobian((x: Tensor) => x.sum())(number(4)))).toEqual([1]);
  });
});
