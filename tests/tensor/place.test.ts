// Tensors on several devices: what was placed runs where it was placed, what nobody placed follows, and
// elements move by themselves, also from a device that answers later.
import { beforeEach, describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { compile } from "../../src/tensor/compile.ts";
import { ones, rand, randint, tensor, zeros } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { manualSeed } from "../../src/tensor/random.ts";
import { scan } from "../../src/tensor/scan.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { Card } from "../semantics/card.ts";
import { messageOf, values } from "./devices.ts";

const far = new Card("far");
const other = new Card("other");

beforeEach(() => {
  far.runs = 0;
  other.runs = 0;
  device("wasm");
});

describe("a placed tensor", () => {
  it("says where it is, and so does all that comes of it", async () => {
    const x = tensor([1, 2, 3]).to(far);
    expect(x.device).toBe("far");
    expect(tensor([1]).device).toBe("wasm");
    const y = x.mul(2).add(tensor([1, 1, 1]));
    expect(y.device).toBe("far");
    expect(await values(y)).toEqual([3, 5, 7]);
    expect(far.runs).toBe(1);
    expect(y.sum().device).toBe("far");
    expect(y.to(far)).toBe(y);
    expect(messageOf(() => y.neg().dataSync())).toContain('"far" answers later');
  });

  it("can be made where it is to be", async () => {
    const x = zeros(2, { device: far, requiresGrad: true });
    expect([x.device, x.requiresGrad]).toEqual(["far", true]);
    expect(rand(2, { device: "reference" }).device).toBe("reference");
    expect(tensor([[1], [2]], { device: far }).sum().device).toBe("far");
  });

  it("does not join one that was placed elsewhere", () => {
    const [a, b] = [tensor([1, 2]).to(far), tensor([1, 2]).to("wasm")];
    const text =
      'DeviceError: add: the tensors were placed on different devices, "far" and "wasm"\n' +
      '  hint: move one: x.to("far")';
    expect(messageOf(() => a.add(b))).toBe(text);
    expect(messageOf(() => a.assign(b))).toBe(text.replace("add:", "assign:"));
    expect(messageOf(() => compile(() => [a.neg(), b.neg()])())).toBe(
      text.replace("add:", "compile:"),
    );
  });

  it("moves, and stays what it was", async () => {
    const x = tensor([1, 2]).to(far);
    const y = x.mul(3).to(other);
    expect([x.device, y.device]).toEqual(["far", "other"]);
    expect(await values(y.add(1))).toEqual([4, 7]);
    expect(await values(x.add(1))).toEqual([2, 3]);
    const back = y.add(1).to("wasm");
    expect(await values(back.mul(2))).toEqual([8, 14]);
  });

  it("hands gradients back through a move", async () => {
    const w = tensor([1, 2], { requiresGrad: true, device: far });
    const h = w.mul(w); // [1, 4]
    const loss = h
      .to(other)
      .mul(tensor([10, 100]))
      .sum();
    expect(await loss.item()).toBe(410);
    loss.backward();
    expect(w.grad?.device).toBe("far");
    expect(await values(w.grad as Tensor)).toEqual([20, 400]);
    const v = tensor([3], { requiresGrad: true });
    v.to(far).mul(v).sum().backward();
    expect(await values(v.grad as Tensor)).toEqual([6]);
  });

  it("is assigned where it lies", async () => {
    const w = tensor([1, 2]).to(far);
    w.assign(w.mul(2));
    w.assign(ones(2).add(3));
    expect(await values(w)).toEqual([4, 4]);
    expect([w.device, far.runs]).toEqual(["far", 2]);
  });

  it("takes a loop along", async () => {
    const xs = tensor([1, 2, 3]).to(far);
    const [sum] = scan((c: Tensor, x: Tensor) => [c.add(x), null], zeros(), xs);
    expect(sum.device).toBe("far");
    expect(await sum.item()).toBe(6);
  });

  it("leaves no compiled function", () => {
    const f = compile((x: Tensor) => x.to("wasm").add(1));
    expect(messageOf(() => f(tensor([1]).to(far)))).toContain(
      'StateError: to: a compiled function runs on one device: nothing moves from "far"',
    );
  });
});

describe("a compiled function", () => {
  it("runs where its arguments were placed, with a program each", async () => {
    const double = compile((x: Tensor) => x.mul(2));
    const here = double(tensor([1]));
    const there = double(tensor([2]).to(far));
    expect([here.device, there.device]).toEqual(["wasm", "far"]);
    expect([...(await values(here)), ...(await values(there))]).toEqual([2, 4]);
    expect([double.stats.traces, far.runs]).toEqual([2, 1]);
    await double(tensor([3]).to(far)).item();
    expect([double.stats.traces, far.runs]).toEqual([2, 2]);
  });

  it("is placed by what it does inside", async () => {
    const f = compile((x: Tensor) => x.to(far).exp());
    expect(await f(tensor([0])).item()).toBe(1);
    expect(far.runs).toBe(1);
  });

  it("assigns to what was placed, and leaves free what was not", async () => {
    const [w, m] = [tensor([1]).to(far), tensor([0])];
    const step = compile(() => {
      m.assign(m.add(w));
      w.assign(w.mul(2));
    });
    for (let i = 0; i < 3; i++) step();
    expect([w.device, m.device]).toEqual(["far", "wasm"]);
    expect([...(await values(w)), ...(await values(m))]).toEqual([8, 7]);
  });
});

describe("a module", () => {
  /** Three compiled steps, the move of the model, three more; the weights. */
  async function trained(places: readonly (Card | "wasm" | null)[]) {
    manualSeed(3);
    const model = new nn.Sequential(
      new nn.Linear(3, 4, { bias: false }),
      new nn.BatchNorm1d(4),
      new nn.Linear(4, 2),
    );
    const optimizer = new optim.AdamW(model.parameters(), { lr: 0.1 });
    const x = tensor([[1, 2, 3], [4, 3, 1], [2, 2, 0]]); // biome-ignore format: rows
    const y = tensor([0, 1, 1], { dtype: "int32" });
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = nn.crossEntropy(model.forward(x), y);
      optimizer.step(loss);
      return loss;
    });
    const losses: number[] = [];
    for (const place of places) {
      if (place !== null) model.to(place);
      for (let i = 0; i < 2; i++) losses.push(await step(x, y).item());
      const loss = nn.crossEntropy(model.forward(x), y);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
    }
    const weights = await Promise.all(model.parameters().map(values));
    return { losses, weights, model };
  }

  it("trains where it is moved to, as it does in one place", async () => {
    device("wasm");
    const expected = await trained([null, null, null]);
    const moved = await trained([far, other, "wasm"]);
    expect(far.runs).toBeGreaterThan(2);
    expect(other.runs).toBeGreaterThan(2);
    expect(moved.model.parameters()[0]?.device).toBe("wasm");
    moved.losses.forEach(
      (loss, i) => void expect(loss).toBeCloseTo(expected.losses[i] as number, 5),
    );
    moved.weights.forEach((weights, i) => {
      weights.forEach((w, j) => void expect(w).toBeCloseTo(expected.weights[i]?.[j] as number, 4));
    });
  });

  it("moves its gradients too, and takes weights from elsewhere", async () => {
    const [a, b] = [new nn.Linear(2, 1), new nn.Linear(2, 1).to(far)];
    a.forward(ones(1, 2)).sum().backward();
    a.to(other);
    expect(a.weight.grad?.device).toBe("other");
    a.forward(ones(1, 2)).sum().backward();
    expect(await values(a.weight.grad as Tensor)).toEqual([2, 2]);
    b.loadStateDict(a.stateDict());
    expect(b.weight.device).toBe("far");
    expect(await values(b.weight)).toEqual(await values(a.weight));
  });
});

describe("the current device", () => {
  it("draws the whole numbers that others draw where it has no float64", async () => {
    manualSeed(5);
    const expected = await values(randint(-3, 1000, [20]));
    const plain = Object.assign(new Card("plain"), { lacks: ["float64"] as const });
    device(plain);
    manualSeed(5);
    expect(await values(randint(-3, 1000, [20]).add(0))).toEqual(expected);
    manualSeed(5);
    expect(await values(compile(() => randint(-3, 1000, [20]))())).toEqual(expected);
    expect(messageOf(() => tensor([1], { dtype: "float64" }).exp().realize())).toBe(
      'DtypeError: exp: the device "plain" has no float64\n' +
        '  hint: use x.float(), or a device that has it: device("wasm")',
    );
  });

  it("may change while another still computes", async () => {
    device(far);
    const w = tensor([1, 2]);
    const double = compile(() => {
      w.assign(w.mul(2));
      return w.sum();
    });
    double();
    const pending = double();
    device("wasm");
    expect(await values(w.add(1))).toEqual([5, 9]);
    expect(await pending.item()).toBe(12);
    const after = double(); // now on wasm
    device(other);
    double();
    device("wasm");
    expect([await after.item(), ...(await values(w))]).toEqual([24, 16, 32]);
  });

  it("gets the error of a run elsewhere that failed", async () => {
    device(far);
    const bad = tensor([1, 2]).gather(0, tensor([5], { dtype: "int32" }));
    bad.realize();
    device("wasm");
    await expect(bad.add(1).data()).rejects.toThrow("gather: ");
  });
});
