// Slices at places that are values: what they read and write, that another place compiles nothing, that an
// update of state writes the slice alone, and that a place out of range leaves everything as it was.
import { beforeEach, describe, expect, it } from "vitest";
import {
  compile,
  device,
  dynamicSlice,
  dynamicUpdate,
  gradients,
  noGrad,
  randn,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

const place = (at: number) => tensor(at, { dtype: "int32" });

describe.each(devices)("dynamic slices on %s", (name) => {
  beforeEach(() => void device(name));

  it("read and write where they are told, on any axes", async () => {
    const x = tensor([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]); // biome-ignore format: a matrix
    expect(await dynamicSlice(x, [place(1), 2], [2, 2]).array()).toEqual([[6, 7], [10, 11]]); // biome-ignore format: a matrix
    expect(await dynamicSlice(x, [place(0), place(1)], [1, 3]).array()).toEqual([[1, 2, 3]]);
    const update = tensor([[-1, -2]]);
    const out = await dynamicUpdate(x, update, [place(2), place(1)]).array();
    expect(out).toEqual([[0, 1, 2, 3], [4, 5, 6, 7], [8, -1, -2, 11]]); // biome-ignore format: a matrix
    const fixed = await dynamicUpdate(x, update, [0, 2]).array();
    expect(fixed).toEqual([[0, 1, -1, -2], [4, 5, 6, 7], [8, 9, 10, 11]]); // biome-ignore format: a matrix
  });

  it("have gradients: of what was read, and of what replaced and what stayed", async () => {
    const [x, u] = [randn(4, 3), randn(2, 3)];
    const weights = randn(4, 3);
    for (const t of [x, u]) t.requiresGrad = true;
    const loss = dynamicUpdate(x, u, [place(1), 0])
      .mul(weights)
      .sum();
    const [gx, gu] = gradients(loss, [x, u]);
    const w = (await weights.array()) as number[][];
    expect(await gx!.array()).toEqual([w[0], [0, 0, 0], [0, 0, 0], w[3]]);
    expect(await gu!.array()).toEqual([w[1], w[2]]);
    const [read] = gradients(dynamicSlice(x, [place(2), 1], [1, 2]).sum(), [x]);
    expect(await read!.array()).toEqual([[0, 0, 0], [0, 0, 0], [0, 1, 1], [0, 0, 0]]); // biome-ignore format: a matrix
  });

  it("compile once for all places, and update state in place", async () => {
    const cache = zeros(2, 5, 3);
    const write = compile((update: Tensor, at: Tensor) => {
      const next = dynamicUpdate(cache, update, [0, at, 0]);
      cache.assign(next);
      return next.sum([0, 2]); // reads the new value
    });
    for (let i = 0; i < 5; i++) {
      const sums = await write(tensor([[[i, i, i]], [[1, 1, 1]]]), place(i)).array();
      expect(sums).toEqual(Array.from({ length: 5 }, (_, j) => (j <= i ? 3 * j + 3 : 0)));
    }
    expect(write.stats.traces).toBe(1);
    expect(await cache.select(0, 0).select(1, 0).data()).toEqual(Float32Array.of(0, 1, 2, 3, 4));
  });

  it("refuse a place out of range and leave all state as it was, whichever comes first", async () => {
    const [first, second] = [zeros(4), zeros(3)];
    const step = compile((at: Tensor) => {
      first.assign(dynamicUpdate(first, tensor([1, 1]), [at]));
      second.assign(dynamicUpdate(second, tensor([1, 1]), [at]));
    });
    await Promise.resolve(step(place(1)));
    expect(await first.data()).toEqual(Float32Array.of(0, 1, 1, 0));
    for (const at of [2, 3, -1, 1000]) {
      // 2 is in range for the first, which must not have been written when the second finds out.
      await expect(async () => {
        step(place(at));
        await second.data();
      }).rejects.toThrow(/outside \[0, [34]\)/);
      expect(await first.data()).toEqual(Float32Array.of(0, 1, 1, 0));
      expect(await second.data()).toEqual(Float32Array.of(0, 1, 1));
    }
  });

  it("say what is wrong with starts and sizes", () => {
    const x = zeros(4, 3);
    expect(() => dynamicSlice(x, [0], [1, 1])).toThrow(
      "dynamicSlice: 1 starts and 2 sizes do not fit [4,3]",
    );
    expect(() => dynamicSlice(x, [3, 0], [2, 1])).toThrow(
      "dynamicSlice: start 3, size 2 is outside axis 0 of [4,3]",
    );
    expect(() => dynamicUpdate(x, zeros(5, 3), [place(0), 0])).toThrow(
      "dynamicUpdate: start at least 0, size 5 is outside axis 0 of [4,3]",
    );
    expect(() => dynamicUpdate(x, zeros(1, 3).int(), [0, 0])).toThrow("float32 and int32 differ");
    expect(() => dynamicSlice(x, [tensor([0, 1]).int(), 0], [1, 1])).toThrow(
      "a start must be one number, got [2]",
    );
    expect(() => noGrad(() => dynamicSlice(x, [tensor(0.5), 0], [1, 1]))).toThrow(
      "indices must be ints, got float32",
    );
  });
});
