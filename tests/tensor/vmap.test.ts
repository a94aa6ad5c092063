import { describe, expect, it } from "vitest";
import {
  categorical,
  compile,
  grad,
  gradients,
  manualSeed,
  ones,
  randn,
  type Tensor,
  tensor,
  vmap,
} from "../../src/index.ts";

const same = async (a: Tensor, b: Tensor) => {
  expect(a.shape).toEqual(b.shape);
  const [x, y] = [await a.data(), await b.data()];
  x.forEach((v, i) => void expect(v).toBeCloseTo(y[i]!, 5));
};

describe("vmap", () => {
  it("calls a function of one sample for all", async () => {
    manualSeed(1);
    const [a, b] = [randn(4, 3), randn(3, 4)];
    const dot = (x: Tensor, y: Tensor) => x.mul(y).sum();
    await same(vmap(dot, { inAxes: [0, 1] })(a, b), a.mul(b.t()).sum(1));
    await same(vmap((x: Tensor) => x.softmax(0), { inAxes: 1, outAxes: 1 })(a), a.softmax(0));
  });

  it("gives gradients sample by sample", async () => {
    manualSeed(2);
    const [w, xs] = [randn(3), randn(5, 3)];
    const loss = (v: Tensor, x: Tensor) => x.mul(v).sum().square();
    const each = vmap(grad(loss), { inAxes: [null, 0] });
    const wanted = xs.mul(xs.matmul(w).mul(2).unsqueeze(1));
    await same(each(w, xs) as Tensor, wanted);
    await same(compile((v: Tensor, x: Tensor) => each(v, x) as Tensor)(w, xs), wanted);
  });

  it("takes and gives trees, and nests", async () => {
    const rows = tensor([[1, 2], [3, 4]]); // biome-ignore format: a matrix
    const { sum, both } = vmap(({ x }: { x: Tensor }) => ({ sum: x.sum(), both: [x, x.neg()] }))({
      x: rows,
    });
    expect(await sum.array()).toEqual([3, 7]);
    expect(await both[1]!.array()).toEqual([[-1, -2], [-3, -4]]); // biome-ignore format: a matrix
    const outer = vmap((x: Tensor) => vmap((y: Tensor) => x.mul(y).sum())(rows))(rows);
    expect(await outer.array()).toEqual([[5, 11], [11, 25]]); // biome-ignore format: a matrix
  });

  it("hands gradients on to what it was given", async () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const loss = vmap((x: Tensor) => x.mul(w).sum())(tensor([[1, 2], [3, 4]])).sum(); // biome-ignore format: a matrix
    const [dw] = gradients(loss, [w]);
    expect(await dw!.array()).toEqual([4, 6]);
    const x = tensor([[1, 2], [3, 4]], { requiresGrad: true }); // biome-ignore format: a matrix
    const [dx] = gradients(vmap((s: Tensor) => s.square().sum())(x).sum(), [x]);
    expect(await dx!.array()).toEqual([[2, 4], [6, 8]]); // biome-ignore format: a matrix
  });

  it("asks what random numbers are to be", async () => {
    manualSeed(3);
    const draw = (x: Tensor) => x.add(randn(2));
    expect(() => vmap(draw)(ones(3, 2))).toThrow(
      "random numbers: the same for each sample, or not?",
    );
    const [a, b] = (await vmap(draw, { randomness: "same" })(ones(2, 2)).array()) as number[][];
    expect(a).toEqual(b);
    const [c, d] = (await vmap(draw, { randomness: "different" })(
      ones(2, 2),
    ).array()) as number[][];
    expect(c).not.toEqual(d);
    const drawn = vmap(() => categorical(ones(4)), { inAxes: [0], randomness: "different" });
    expect((drawn as (x: Tensor) => Tensor)(ones(3)).shape).toEqual([3]);
  });

  it("names what does not fit", () => {
    const sum = (x: Tensor, y: Tensor) => x.add(y);
    expect(() => vmap(sum)(ones(3), ones(4))).toThrow(
      "arguments differ in their number of samples: [3,4]",
    );
    expect(() => vmap(sum, { inAxes: [0] })(ones(3), ones(3))).toThrow(
      "inAxes names 1 arguments, but the call has 2",
    );
    expect(() => vmap(sum, { inAxes: [null, null] })(ones(3), ones(3))).toThrow(
      "no argument has an axis",
    );
    expect(() => vmap(sum, { inAxes: 2 })(ones(3), ones(3))).toThrow("axis");
    expect(() => vmap((_: Tensor) => 3)(ones(3))).toThrow("must return tensors");
  });

  it("does not read values inside", () => {
    const read = (x: Tensor) => {
      void x.sum().item();
      return x;
    };
    expect(() => vmap(read)(ones(3, 2))).toThrow("while its function is being traced");
    let kept: Tensor | undefined;
    const keep = (x: Tensor) => (kept = x).neg();
    vmap(keep)(ones(3, 2));
    expect(() => kept!.add(1)).toThrow("vmap: a tensor made inside a body was used outside it");
  });
});
