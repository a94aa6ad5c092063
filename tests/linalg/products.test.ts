// Powers and exponentials of matrices, chains, products of vectors, and systems of tensors.
import { beforeEach, describe, expect, it } from "vitest";
import { arange, device, eye, type Tensor, tensor } from "../../src/index.ts";
import * as la from "../../src/linalg/index.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";
import { checkGradients, random } from "./check.ts";

async function apart(a: Tensor, b: Tensor): Promise<number> {
  expect(a.shape).toEqual(b.shape);
  return a.numel === 0 ? 0 : await a.sub(b).abs().max().item();
}

for (const name of devices) {
  describe(`products on ${name}`, () => {
    beforeEach(() => void device(name));

    it("raises matrices to powers", async () => {
      const F = tensor([[1, 1], [1, 0]]); // biome-ignore format: a matrix
      expect(await values(la.matrixPower(F, 10))).toEqual([89, 55, 55, 34]);
      expect(await values(la.matrixPower(F, 0))).toEqual([1, 0, 0, 1]);
      expect(await values(la.matrixPower(F, -3))).toEqual([-1, 2, 2, -3]);
    });

    it("takes exponentials, of large and small matrices, exactly", async () => {
      expect(await values(la.matrixExp(tensor([[0, 1], [0, 0]])))).toEqual([1, 1, 0, 1]); // biome-ignore format: a matrix
      const turn = la.matrixExp(tensor([[0, -Math.PI], [Math.PI, 0]], { dtype: "float64" })); // biome-ignore format: a matrix
      expect(await apart(turn, eye(2, undefined, { dtype: "float64" }).neg())).toBeLessThan(1e-14);
      const A = random([3, 4, 4], 1).mul(5);
      const symmetric = A.add(A.mT);
      const { eigenvalues: L, eigenvectors: V } = la.eigh(symmetric);
      const want = V.mul(L.exp().unsqueeze(-2)).matmul(V.mT);
      const size = await want.abs().max().item();
      expect(await apart(la.matrixExp(symmetric), want)).toBeLessThan(1e-12 * size);
      const decay = la.matrixExp(eye(2, undefined, { dtype: "float64" }).mul(-300));
      expect(await decay.at(0, 0).item()).toBeCloseTo(Math.exp(-300), 140);
      const mixed = la.matrixExp(tensor([[[1e-3]], [[50]], [[0]]], { dtype: "float64" }));
      const got = await mixed.data();
      [1e-3, 50, 0].forEach((x, i) => void expect(got[i]! / Math.exp(x)).toBeCloseTo(1, 12));
      expect(await values(la.matrixExp(tensor([[1e10]])))).toEqual([Number.NaN]);
    });

    it("multiplies chains in any order, with vectors at the ends", async () => {
      const [A, B, C] = [random([4, 30], 2), random([30, 3], 3), random([3, 20], 4)];
      const [u, v] = [random([4], 5), random([20], 6)];
      expect(await apart(la.multiDot([A, B, C]), A.matmul(B).matmul(C))).toBeLessThan(1e-13);
      const all = la.multiDot([u, A, B, C, v]);
      expect(await apart(all, u.matmul(A).matmul(B).matmul(C).dot(v))).toBeLessThan(1e-13);
      expect(la.multiDot([u, A]).shape).toEqual([30]);
    });

    it("multiplies vectors", async () => {
      const [x, y] = [tensor([[1, 2, 3], [0, 1, 0]]), tensor([4, 5, 6])]; // biome-ignore format: vectors
      expect(await values(la.vecdot(x, y))).toEqual([32, 5]);
      expect(await values(la.cross(x, y))).toEqual([-3, 6, -3, 6, 0, -4]);
      expect(await values(la.vander(tensor([2, -3])))).toEqual([1, 2, 1, -3]);
      expect(await values(la.vander(tensor([2, 0]), { N: 3 }))).toEqual([1, 2, 4, 1, 0, 0]);
    });

    it("solves for tensors", async () => {
      const A = random([2, 3, 6], 7);
      const B = random([2, 3], 8);
      const X = la.tensorsolve(A, B);
      expect(await apart(A.tensordot(X, 1), B)).toBeLessThan(1e-12);
      const inverse = la.tensorinv(A, 2);
      expect(inverse.shape).toEqual([6, 2, 3]);
      expect(await apart(inverse.tensordot(B, 2), X)).toBeLessThan(1e-12);
    });
  });
}

describe("gradients of products", () => {
  it("agree with finite differences", async () => {
    const A = random([2, 3, 3], 9).add(eye(3, undefined, { dtype: "float64" }));
    await checkGradients((x) => la.matrixExp(x), [A]);
    await checkGradients((x) => la.matrixPower(x, 5), [A]);
    await checkGradients((x) => la.matrixPower(x, -2), [A]);
    await checkGradients((x) => la.vander(x, { N: 4 }), [random([2, 3], 10)]);
    await checkGradients((x, y) => la.cross(x, y), [random([2, 3], 11), random([3], 12)]);
    await checkGradients((x) => la.tensorinv(x, 1), [random([6, 2, 3], 13)]);
    await checkGradients(
      (x, y, z) => la.multiDot([x, y, z]),
      [2, 3, 4].map((n) => random([n, n + 1], n)),
    );
  });
});

describe("what does not fit in products", () => {
  const x = random([2, 3], 1);
  const said: [() => unknown, string][] = [
    [() => la.matrixPower(x, 2), "ShapeError: matrixPower: needs square matrices, got [2,3]"],
    [
      () => la.matrixPower(x.matmul(x.mT), 0.5),
      "ArgumentError: matrixPower: the exponent must be a whole number, got 0.5",
    ],
    [() => la.matrixExp(x), "ShapeError: matrixExp: needs square matrices, got [2,3]"],
    [() => la.multiDot([x]), "ArgumentError: multiDot: needs two tensors or more, got 1"],
    [
      () => la.multiDot([x, random([3], 2), x]),
      "ShapeError: multiDot: operand 2 must be a matrix, got [3]",
    ],
    [
      () => la.cross(x, arange(2)),
      "ShapeError: cross: [2,3] and [2] do not broadcast: sizes 3 and 2 differ\n  hint: to line up the first axes use b.unsqueeze(-1)",
    ],
    [
      () => la.vander(x, { N: 1 }),
      "ArgumentError: vander: N must be a whole number above 1, got 1",
    ],
    [
      () => la.tensorinv(x, 1),
      "ShapeError: tensorinv: [2] and [3] are not of one number of elements",
    ],
    [
      () => la.tensorsolve(x, random([2], 3)),
      "ShapeError: tensorsolve: [2,3] does not map a tensor to [2]",
    ],
  ];
  it.each(said)("%s", (f, text) => expect(messageOf(f)).toBe(text));
});
