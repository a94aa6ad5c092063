// A device that answers later: everything that is read asynchronously works, what is read at once says why
// it cannot, and printing does not wait.
import { beforeAll, describe, expect, it } from "vitest";
import { LateBackend } from "../../src/backend/late.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import { compile } from "../../src/tensor/compile.ts";
import { randn, tensor } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { messageOf, values } from "./devices.ts";

describe("a late device", () => {
  beforeAll(() => void device(new LateBackend(new ReferenceBackend())));

  it("computes what is awaited", async () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    const loss = x.matmul(x.T).sum();
    expect(await loss.item()).toBe(52);
    loss.backward();
    expect(await values(x.grad!)).toEqual([8, 12, 8, 12]);
    expect(await x.gt(2).array()).toEqual([
      [false, false],
      [true, true],
    ]);
    expect((await x.gt(2).nonzero()).shape).toEqual([2, 2]);
    expect(await x.detach().allclose(x)).toBe(true);
  });

  it("is waited for by realize until it has what it was told to compute before", async () => {
    const double = compile((x: Tensor) => x.mul(2));
    const y = double(tensor([1, 2]));
    const z = tensor([3]).add(1);
    const first = z.realize();
    for (const run of [y.realize(), first, z.realize()]) expect(run).toBeInstanceOf(Promise);
    await y.realize();
    expect(y.realize()).toBeNull();
    await z.realize();
    expect(z.realize()).toBeNull();
    expect([await values(y), await values(z)]).toEqual([[2, 4], [4]]);
  });

  it("assigns in order", async () => {
    const x = tensor([1, 2]);
    const before = x.mul(10);
    x.assign(x.add(1));
    x.assign(x.mul(2));
    expect(await values(x)).toEqual([4, 6]);
    expect(await values(before)).toEqual([10, 20]);
  });

  it("refuses to answer at once", () => {
    expect(messageOf(() => tensor([1]).add(1).dataSync())).toBe(
      'DeviceError: dataSync: the device "late reference" answers later\n' +
        "  hint: use await x.data(), x.item() or x.array()",
    );
  });

  it("prints <pending> for what has not been read", async () => {
    const x = randn(2, 3).add(1);
    expect(`${x}`).toBe("tensor(<pending>, size=(2, 3), dtype=float32)");
    await x.data();
  });
});
