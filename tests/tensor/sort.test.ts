// Running folds and sorting along an axis, against plain JavaScript: all ways of sorting, ties, NaN and
// infinities, gradients, and what bad input gets. What PyTorch gives is compared in golden.test.ts.
import { beforeEach, describe, expect, it } from "vitest";
import { gradcheck } from "../../src/autodiff/gradcheck.ts";
import { compile, device, Tensor, tensor } from "../../src/index.ts";
import type { Node } from "../../src/ir/node.ts";
import { evaluate, reference } from "../ops/backends.ts";
import { stream } from "../ops/case.ts";
import { devices, messageOf } from "./devices.ts";

const numbers = (n: number, seed: number, kinds = 1e9) => {
  const next = stream(seed);
  return Array.from({ length: n }, () => Math.fround(Math.floor(next() * kinds) / kinds - 0.5));
};

/** The positions of a sorted copy: stable, NaN as the largest. */
function positionsOf(list: readonly number[], descending: boolean): number[] {
  // Finite numbers here are below 1000.
  const key = (v: number) => (Number.isNaN(v) ? 2000 : Math.min(v, 1000));
  const order = list.map((_, i) => i);
  return order.sort((i, j) => {
    const [p, q] = [key(list[i]!), key(list[j]!)];
    return p === q ? i - j : p < q !== descending ? -1 : 1;
  });
}

function fold(list: readonly number[], f: (a: number, b: number) => number): number[] {
  const out: number[] = [];
  for (const v of list) out.push(out.length === 0 ? v : f(out.at(-1)!, v));
  return out;
}

const special = [3, NaN, 1, Infinity, -Infinity, NaN, 1, -0, 0, 3, -Infinity];

for (const name of devices) {
  describe(`along an axis on ${name}`, () => {
    beforeEach(() => void device(name));

    it("sums and multiplies up to each place, whatever the length", async () => {
      for (const n of [0, 1, 2, 5, 7, 8, 9, 63, 64, 65, 512, 513, 1500]) {
        const list = numbers(n, n);
        const x = tensor(list).reshape(1, n, 1).expand(2, n, 3);
        const sums = await x.cumsum(1).data();
        const wanted = fold(list, (a, b) => a + b);
        for (let i = 0; i < n; i++) expect(sums[n * 3 + 3 * i + 2]).toBeCloseTo(wanted[i]!, 3);
        const near = list.map((v) => Math.fround(1 + v / 10));
        const products = await tensor(near).cumprod(0).data();
        fold(near, (a, b) => a * b).forEach((v, i) => {
          expect(Math.abs(products[i]! - v)).toBeLessThan(1e-4 * v + 1e-6);
        });
        const logs = await tensor(list.map((v) => v * 300))
          .logcumsumexp(0)
          .data();
        const wantedLogs = fold(
          list.map((v) => v * 300),
          (a, b) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b))),
        );
        wantedLogs.forEach((v, i) => void expect(logs[i]).toBeCloseTo(v, 3));
      }
    });

    it("keeps ints exact, and adds bools", async () => {
      const list = Array.from({ length: 70 }, (_, i) => (i * 7919) % 1000);
      const ints = Tensor.from(Int32Array.from(list), [70]);
      expect([...(await ints.cumsum(0).data())]).toEqual(fold(list, (a, b) => a + b));
      const bools = ints.gt(500);
      expect(bools.cumsum(-1).dtype).toBe("int32");
      const flags = list.map((v) => (v > 500 ? 1 : 0));
      expect([...(await bools.cumsum(-1).data())]).toEqual(fold(flags, (a, b) => a + b));
      expect(ints.cumsum(0, { dtype: "float32" }).dtype).toBe("float32");
    });

    it("lets an infinity or NaN reach what comes after it, and nothing before", async () => {
      const x = tensor([1, Infinity, 2, NaN, 3]);
      expect([...(await x.cumsum(0).data())]).toEqual([1, Infinity, Infinity, NaN, NaN]);
      expect([...(await x.cumprod(0).data())]).toEqual([1, Infinity, Infinity, NaN, NaN]);
      const y = tensor([-Infinity, -Infinity, 0, Infinity, 5]);
      expect([...(await y.logcumsumexp(0).data())]).toEqual([
        -Infinity,
        -Infinity,
        0,
        Infinity,
        Infinity,
      ]);
    });

    it("finds extremes up to each place, the last of equals, and NaN", async () => {
      for (const list of [numbers(100, 4, 7), special, numbers(40, 5, 3)]) {
        for (const sign of [1, -1]) {
          const { values, indices } = sign > 0 ? tensor(list).cummax(0) : tensor(list).cummin(0);
          let at = 0;
          const places = list.map((v, i) => {
            const best = list[at]!;
            if (Number.isNaN(v) || (!Number.isNaN(best) && sign * v >= sign * best)) at = i;
            return at;
          });
          expect([...(await indices.data())]).toEqual(places);
          expect([...(await values.data())]).toEqual(places.map((p) => Math.fround(list[p]!)));
        }
      }
    });

    it("sorts by counting, stably, with NaN last (first in descending order)", async () => {
      for (const list of [numbers(50, 1), numbers(90, 2, 5), special, [2], []]) {
        for (const descending of [false, true]) {
          const { values, indices } = tensor(list).sort(0, { descending });
          const places = positionsOf(list, descending);
          expect([...(await indices.data())]).toEqual(places);
          expect([...(await values.data())]).toEqual(places.map((p) => list[p]!));
        }
      }
    });

    it("sorts any axis, of ints and bools too", async () => {
      const list = numbers(60, 3, 9).map((v) => Math.round(v * 9));
      const x = Tensor.from(Int32Array.from(list), [3, 5, 4]);
      const sorted = (await x.sort(1).values.array()) as number[][][];
      for (let i = 0; i < 3; i++) {
        for (let k = 0; k < 4; k++) {
          const column = Array.from({ length: 5 }, (_, j) => list[i * 20 + j * 4 + k]!);
          expect(sorted[i]!.map((row) => row[k])).toEqual(column.sort((p, q) => p - q));
        }
      }
      const bools = tensor([true, false, true, false]).sort();
      expect([...(await bools.values.data())]).toEqual([0, 0, 1, 1]);
      expect([...(await bools.indices.data())]).toEqual([1, 3, 0, 2]);
    });

    it("gives the k first, one after another or from a sort", async () => {
      const lists = [
        numbers(40, 1, 6),
        special,
        [...special, ...special],
        Array(9).fill(-Infinity),
      ];
      for (const list of [...lists, numbers(300, 8, 50)]) {
        for (const largest of [true, false]) {
          for (const k of [0, 1, 3, list.length]) {
            const { values, indices } = tensor(list).topk(k, 0, { largest });
            const places = positionsOf(list, largest).slice(0, k);
            expect([...(await indices.data())]).toEqual(places);
            expect([...(await values.data())]).toEqual(places.map((p) => list[p]!));
          }
        }
      }
      const rows = Tensor.from(Float32Array.from(numbers(600, 5)), [3, 200]);
      const { indices } = rows.topk(4);
      const found = (await indices.array()) as number[][];
      const all = [...(await rows.data())];
      found.forEach((row, i) => {
        expect(row).toEqual(positionsOf(all.slice(200 * i, 200 * i + 200), true).slice(0, 4));
      });
    });

    it("takes gradients back to where the values came from", async () => {
      const x = tensor([3, 1, 2, 1]);
      x.requiresGrad = true;
      const weights = tensor([1, 10, 100, 1000]);
      x.sort().values.mul(weights).sum().backward();
      expect([...(await x.grad!.data())]).toEqual([1000, 1, 100, 10]);
      x.grad = null;
      x.topk(2)
        .values.mul(tensor([1, 10]))
        .sum()
        .backward();
      expect([...(await x.grad!.data())]).toEqual([1, 0, 10, 0]);
      x.grad = null;
      x.cummax(0).values.mul(weights).sum().backward();
      expect([...(await x.grad!.data())]).toEqual([1111, 0, 0, 0]);
      x.grad = null;
      compile(() => x.cumsum(0).mul(weights).sum().backward())();
      expect([...(await x.grad!.data())]).toEqual([1111, 1110, 1100, 1000]);
    });
  });

  it(`sorts a long axis through a network on ${name}`, { timeout: 60_000 }, async () => {
    device(name);
    const list = numbers(name === "wasm" ? 5000 : 2600, 7, 900);
    list.splice(100, special.length, ...special);
    const { values, indices } = tensor(list).sort(0);
    const places = positionsOf(list, false);
    expect([...(await indices.data())]).toEqual(places);
    expect([...(await values.data())]).toEqual(places.map((p) => list[p]!));
  });
}

describe("gradients of running folds", () => {
  const input = (n: number, values = numbers(n, 3)) => {
    return [{ shape: [n], data: Float64Array.from(values) }];
  };
  const folds: [string, (x: Tensor) => Tensor, number[]?][] = [
    ["cumsum", (x) => x.cumsum(0)],
    ["cumprod", (x) => x.add(1).cumprod(0)],
    ["cumprod with zeros", (x) => x.cumprod(0), [0.5, 0, 2, 3, 0, 1.5]],
    ["logcumsumexp", (x) => x.mul(4).logcumsumexp(0)],
    [
      "logcumsumexp after nothing",
      (x) => x.log().logcumsumexp(0).exp(),
      [0.5, 0.25, 2, 3, 0.1, 1.5],
    ],
  ];
  for (const [what, f, values] of folds) {
    it(`fit finite differences: ${what}`, async () => {
      device("reference");
      const of = (x: Node) => f(new Tensor(x)).current;
      for (const n of values ? [values.length] : [4, 40]) {
        await gradcheck(of, input(n, values), (nodes) => evaluate(reference, nodes));
      }
    });
  }
});

describe("bad input", () => {
  const x = tensor([[1, 2, 3]]);
  it.each<[string, () => unknown, string]>([
    ["an axis that is not there", () => x.cumsum(2), "ShapeError: cumsum: axis 2 is outside [1,3]"],
    [
      "k beyond the axis",
      () => x.topk(4),
      "ArgumentError: topk: k must be a whole number from 0 to 3",
    ],
    [
      "k of half",
      () => x.topk(1.5),
      "ArgumentError: topk: k must be a whole number from 0 to 3, got 1.5",
    ],
    ["a flag", () => x.sort(1, true as never), "ArgumentError: sort: options must be an object"],
    [
      "ints",
      () => x.int().logcumsumexp(0),
      "DtypeError: logcumsumexp: needs a float tensor, got int32",
    ],
  ])("is refused: %s", (_, f, text) => expect(messageOf(f)).toContain(text));
});
