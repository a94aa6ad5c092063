// customVjp: gradients written by hand, through every transform, loops and compiled functions.
import { beforeEach, describe, expect, it } from "vitest";
import { jvp as jvpNodes } from "../../src/autodiff/jvp.ts";
import { vmap } from "../../src/autodiff/vmap.ts";
import {
  compile,
  customVjp,
  device,
  grad,
  hessian,
  jvp,
  scan,
  Tensor,
  tensor,
} from "../../src/index.ts";
import { checkGradients, random } from "../linalg/check.ts";
import { evaluate, reference } from "../ops/backends.ts";
import { devices, messageOf, values } from "./devices.ts";

/** The square, with a gradient that shows: three times the right one. */
const odd = customVjp(
  (x: Tensor) => x.mul(x),
  (g, [x]) => [g.mul(x).mul(6)],
);

/** By Newton's method, whose steps need no derivative. */
const root = customVjp(
  (x: Tensor) => {
    let y = x.mul(0).add(1);
    for (let i = 0; i < 30; i++) y = y.add(x.div(y)).mul(0.5);
    return y;
  },
  (g, _, y) => [g.div(y).mul(0.5)],
);

/** x·k and x·y, with what backward was called with. */
const calls: (readonly (Tensor | null)[])[] = [];
const pair = customVjp(
  (x: Tensor, k: number, y: Tensor) => [x.mul(k), x.mul(y)] as const,
  ([a, b], [x, k, y]) => {
    calls.push([a ?? null, b ?? null]);
    const dx = a ? a.mul(k) : b!.mul(y);
    return [dx, null, b ? b.mul(x) : null];
  },
);

for (const name of devices) {
  describe(`customVjp on ${name}`, () => {
    beforeEach(() => void device(name));

    it("takes the gradient that it is given, not that of the parts", async () => {
      const x = tensor([1, 2, -3]);
      x.requiresGrad = true;
      const y = odd(x);
      expect(await values(y)).toEqual([1, 4, 9]);
      y.sum().backward();
      expect(await values(x.grad!)).toEqual([6, 12, -18]);
    });

    it("differentiates the gradient in turn", async () => {
      expect(await values(grad(grad((x: Tensor) => odd(x)))(tensor(5)))).toEqual([6]);
      const second = hessian((x: Tensor) => root(x).sum())(tensor([4, 9]));
      expect(await values(second)).toEqual([-0.03125, 0, 0, -0.00925926]);
    });

    it("gives several results their gradients one by one, and numbers none", async () => {
      calls.length = 0;
      const [x, y] = [tensor([1, 2]), tensor([3, 4])];
      const slope = grad(
        (p: Tensor, q: Tensor) => {
          const [a, b] = pair(p, 10, q);
          return a.sum().add(b.mul(2).sum());
        },
        { argnums: [0, 1] },
      );
      const [dx, dy] = slope(x, y);
      expect(await values(dx)).toEqual([16, 18]);
      expect(await values(dy)).toEqual([2, 4]);
      expect(calls.map(([a, b]) => [a === null, b === null])).toEqual([
        [true, false],
        [false, true],
      ]);
    });

    it("goes forwards by the same rule", async () => {
      const [, moved] = jvp((x: Tensor) => odd(x), [tensor([1, 2])], [tensor([1, 10])]);
      expect(await values(moved as Tensor)).toEqual([6, 120]);
    });

    it("works in loops, forwards and back, and in compiled functions", async () => {
      const f = (x: Tensor) => scan((h: Tensor) => [odd(h), null], x, null, { length: 3 })[0].sum();
      // h³ has 6h0 · 6h1 · 6h2
      const slope = 6 * 1.1 * (6 * 1.1 ** 2) * (6 * 1.1 ** 4);
      expect(await grad(f)(tensor([1.1])).item()).toBeCloseTo(slope, 2);
      const step = compile((x: Tensor) => grad(f)(x));
      for (const v of [1.1, 1.1]) expect(await step(tensor([v])).item()).toBeCloseTo(slope, 2);
      const second = grad((x: Tensor) => grad(f)(x).sum())(tensor([1.1]));
      // 216·h0·h1·h2, where h1 has the slope 6h0 and h2 has 36·h0·h1.
      expect((await second.item()) / (216 * (1 + 6 + 36) * 1.1 ** 6)).toBeCloseTo(1, 5);
    });

    it("may leave an argument to the rule alone", async () => {
      const known = customVjp(
        (_: Tensor, y: Tensor) => y.mul(1),
        (g, [x]) => [g.mul(x), null],
      );
      const [x, y] = [tensor([2, 3]), tensor([5, 7])];
      expect(await values(known(x.add(1), y))).toEqual([5, 7]);
      expect(await values(grad((v: Tensor) => known(v, y).sum())(x))).toEqual([2, 3]);
    });

    it("refuses gradients that do not fit", () => {
      const bad = customVjp(
        (x: Tensor) => x.sum(),
        (g) => [g],
      );
      const few = customVjp(
        (x: Tensor, y: Tensor) => x.mul(y),
        (g) => [g],
      );
      const x = tensor([1, 2]);
      expect(messageOf(() => grad((v: Tensor) => bad(v))(x))).toBe(
        "ShapeError: customVjp: the gradient of float32 [2] is float32 []",
      );
      expect(messageOf(() => grad((v: Tensor) => few(v, v).sum())(x))).toBe(
        "ArgumentError: customVjp: backward must give one gradient an argument, " +
          "got 2 arguments and 1 gradients",
      );
    });
  });
}

describe("customVjp", () => {
  it("agrees with finite differences to the second order", async () => {
    const x = random([3, 2], 1).abs().add(1);
    await checkGradients((v) => root(v), [x]);
    await checkGradients((v, w) => pair(v, 3, w), [x, random([3, 2], 2)]);
  });

  it("moves along tangents of nodes, and takes a batch", async () => {
    const [x, t] = [tensor([1, 2]).current, tensor([1, 1]).current];
    const y = odd(new Tensor(x)).current;
    const [dy] = jvpNodes([y], [x], [t]);
    const xs = tensor([[1, 2], [3, 4]]); // biome-ignore format: rows
    const slope = grad((v: Tensor) => odd(v).sum())(new Tensor(x)).current;
    const [all] = vmap([slope], [x], [xs.current]);
    const found = await evaluate(reference, [dy!, all!]);
    expect(found.map((v) => [...v])).toEqual([
      [6, 12],
      [6, 12, 18, 24],
    ]);
    const [ys] = vmap([y], [x], [xs.current]);
    const ds = grad((v: Tensor) => v.mul(1).sum())(new Tensor(ys!));
    expect(ds.shape).toEqual([2, 2]);
  });

  it("differentiates what was batched by the batched rule", async () => {
    const x = tensor([1, 2]).current;
    const y = odd(new Tensor(x)).current;
    const xs = tensor([[1, 2], [3, 4]]); // biome-ignore format: rows
    const f = (v: Tensor) => new Tensor(vmap([y], [x], [v.current])[0]!).sum();
    expect(await values(grad(f)(xs))).toEqual([6, 12, 18, 24]);
  });
});
