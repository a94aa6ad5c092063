// Triangular factors and what is solved with them, against what defines them; gradients in float64 against
// finite differences, to the second order; singular matrices, and what bad input gets.
import { beforeEach, describe, expect, it } from "vitest";
import { compile, device, eye, grad, realize, Tensor, tensor } from "../../src/index.ts";
import * as la from "../../src/linalg/index.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";
import { checkGradients, random } from "./check.ts";

/** The largest difference of two tensors. */
async function apart(a: Tensor, b: Tensor): Promise<number> {
  expect(a.shape).toEqual(b.shape);
  return a.numel === 0 ? 0 : await a.sub(b).abs().max().item();
}

const unit = (n: number) => eye(n, undefined, { dtype: "float64" });

/** Symmetric, with eigenvalues above 1. */
function definite(shape: readonly number[], seed: number): Tensor {
  const n = shape.at(-1)!;
  const x = random(shape, seed);
  return x.matmul(x.mT).add(unit(n));
}

/** Not far from the unit matrix, turned around: far from singular. */
function regular(shape: readonly number[], seed: number): Tensor {
  return random(shape, seed).add(unit(shape.at(-1)!).mul(2).flip(-1));
}

for (const name of devices) {
  describe(`factors on ${name}`, () => {
    beforeEach(() => void device(name));
    const sizes = name === "wasm" ? [0, 1, 5, 33, 70] : [0, 1, 5, 33];

    it("multiplies back: Cholesky", async () => {
      for (const n of sizes) {
        const A = definite([2, n, n], n);
        const L = la.cholesky(A);
        await realize([L]);
        expect(await apart(L.matmul(L.mT), A)).toBeLessThan(1e-12 * (n + 1));
        expect(await apart(L.tril(), L)).toBe(0);
        const U = la.cholesky(A, { upper: true });
        expect(await apart(U, L.mT)).toBe(0);
        expect(await values(la.choleskyEx(A).info)).toEqual([0, 0]);
      }
    });

    it("multiplies back: LU of all shapes, with exchanges as told", async () => {
      const shapes = [[0, 0], [1, 1], [5, 5], [7, 3], [3, 7], [20, 33], [0, 3], [3, 0]]; // biome-ignore format: a table
      for (const [m, n] of name === "wasm" ? [...shapes, [50, 40]] : shapes) {
        const A = random([2, m!, n!], m! + n!);
        const { P, L, U } = la.lu(A);
        await realize([P, L, U]);
        expect(await apart(P.matmul(L).matmul(U), A)).toBeLessThan(1e-12);
        expect(L.numel === 0 || (await L.abs().max().item()) <= 1).toBe(true);
        const { LU, pivots } = la.luFactor(A);
        const again = la.luUnpack(LU, pivots);
        expect(await apart(again.P, P)).toBe(0);
        expect(await apart(again.L, L)).toBe(0);
        expect(await apart(again.U, U)).toBe(0);
      }
    });

    it("solves", async () => {
      for (const n of sizes) {
        const [A, B] = [regular([2, n, n], n), random([2, n, 3], n + 1)];
        expect(await apart(A.matmul(la.solve(A, B)), B)).toBeLessThan(1e-11);
        expect(await apart(la.solve(A, B.mT, { left: false }).matmul(A), B.mT)).toBeLessThan(1e-11);
        expect(await apart(la.inv(A).matmul(A), unit(n).expand(A.shape))).toBeLessThan(1e-11);
        const { LU, pivots } = la.luFactor(A);
        expect(await apart(A.matmul(la.luSolve(LU, pivots, B)), B)).toBeLessThan(1e-11);
        const X = la.luSolve(LU, pivots, B, { adjoint: true });
        expect(await apart(A.mT.matmul(X), B)).toBeLessThan(1e-11);
        const S = definite([2, n, n], n);
        const Y = la.choleskySolve(B, la.cholesky(S));
        expect(await apart(S.matmul(Y), B)).toBeLessThan(1e-11);
      }
    });

    it("broadcasts batches of matrices and right sides", async () => {
      const [A, B] = [regular([4, 4], 1), random([3, 4, 2], 2)];
      expect(await apart(A.matmul(la.solve(A, B)), B)).toBeLessThan(1e-12);
      const [As, b] = [regular([3, 4, 4], 3), random([4], 4)];
      const x = la.solve(As, b);
      expect(x.shape).toEqual([3, 4]);
      expect(await apart(As.matmul(x.unsqueeze(-1)).squeeze(-1), b.expand([3, 4]))).toBeLessThan(
        1e-12,
      );
      const L = As.tril();
      const X = la.solveTriangular(L, B.select(0, 0), { upper: false });
      expect(await apart(L.matmul(X), B.select(0, 0).expand([3, 4, 2]))).toBeLessThan(1e-12);
    });

    it("solves triangles from either side, without reading the other half", async () => {
      for (const [upper, left, unitriangular] of [
        [false, true, false],
        [true, true, true],
        [false, false, true],
        [true, false, false],
      ] as const) {
        const A = regular([40, 40], 7).add(unit(40).mul(6));
        const poison = unit(40).sub(unit(40)).add(Number.NaN);
        const junk = upper ? poison.tril(-1) : poison.triu(1);
        const half = upper ? A.triu() : A.tril();
        const T = unitriangular ? half.sub(half.mul(unit(40))).add(unit(40)) : half;
        const B = left ? random([40, 3], 8) : random([3, 40], 8);
        const X = la.solveTriangular(half.add(junk), B, { upper, left, unitriangular });
        const back = left ? T.matmul(X) : X.matmul(T);
        const size = await X.abs().max().item();
        expect(await apart(back, B)).toBeLessThan(1e-13 * (1 + size));
      }
    });

    it("has determinants by hand, and none too large", async () => {
      const A = tensor([[[1, 2], [3, 4]], [[0, 2], [3, 0]]]); // biome-ignore format: matrices
      expect(await values(la.det(A))).toEqual([-2, -6]);
      const { sign, logabsdet } = la.slogdet(A);
      expect(await values(sign)).toEqual([-1, -1]);
      expect(await values(logabsdet.exp())).toEqual([2, 6]);
      expect(await values(la.logdet(A))).toEqual([Number.NaN, Number.NaN]);
      expect(await values(la.slogdet(eye(100).mul(1e-20)).logabsdet)).toEqual([-4605.17]);
      expect(await values(la.det(Tensor.from(new Float32Array(0), [2, 0, 0])))).toEqual([1, 1]);
    });

    it("gives cofactors as the gradient where the determinant is zero", async () => {
      const A = tensor([[1, 2], [2, 4]]); // biome-ignore format: a matrix
      expect(await values(grad(la.det)(A))).toEqual([4, -2, -2, 1]);
      const B = tensor([[0, 1, 0], [0, 0, 1], [0, 0, 0]]); // biome-ignore format: a matrix
      const found = await values(grad(la.det)(B));
      expect(found.map((v) => Math.round(v * 1e5) / 1e5 + 0)).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 0]);
    });

    it("says in numbers or by an error that a matrix cannot be factored", async () => {
      const S = tensor([[[1, 2], [2, 4]], [[2, 0], [0, 3]]]); // biome-ignore format: matrices
      expect(await values(la.invEx(S).info)).toEqual([2, 0]);
      expect(await values(la.solveEx(S, tensor([1, 1])).info)).toEqual([2, 0]);
      expect(await values(la.luFactorEx(S).info)).toEqual([2, 0]);
      expect(await values(la.choleskyEx(S.sub(eye(2).mul(3))).info)).toEqual([1, 1]);
      const text = async (x: Tensor) => String(await x.data().catch((error) => error));
      expect(await text(la.inv(S))).toBe("ArgumentError: inv: a matrix is singular");
      expect(await text(la.solve(S, tensor([1, 1])))).toBe(
        "ArgumentError: solve: a matrix is singular",
      );
      expect(await text(la.cholesky(S.neg()))).toBe(
        "ArgumentError: cholesky: a matrix is not positive definite",
      );
    });

    it("compiles, with its gradient", async () => {
      const step = compile((A: Tensor, b: Tensor) => grad((M: Tensor) => la.solve(M, b).sum())(A));
      const A = tensor([[2, 1], [0, 4]]); // biome-ignore format: a matrix
      const found = await values(step(A, tensor([2, 4])));
      expect(found).toEqual([-0.25, -0.5, -0.0625, -0.125]);
    });
  });
}

describe("gradients of factors", () => {
  const symmetric = (x: Tensor) => x.add(x.mT).mul(0.5);

  it("Cholesky and what is solved with it", async () => {
    const A = definite([2, 4, 4], 1);
    await checkGradients((x) => la.cholesky(symmetric(x)), [A]);
    await checkGradients((x) => la.cholesky(symmetric(x), { upper: true }), [A]);
    const factor = la.cholesky(A).add(0);
    await checkGradients((L) => la.choleskyInverse(L.tril()), [factor]);
    await checkGradients((B, L) => la.choleskySolve(B, L.tril()), [random([2, 4, 2], 2), factor]);
    const large = definite([35, 35], 3);
    await checkGradients((x) => la.cholesky(symmetric(x)), [large], 1);
  });

  it("LU, tall, square and wide", async () => {
    for (const [m, n] of [
      [4, 4],
      [5, 3],
      [3, 5],
    ]) {
      // biome-ignore format: a table
      await checkGradients((x) => {
        const { L, U } = la.lu(x);
        return [L, U];
      }, [random([2, m!, n!], 4)]);
    }
    const A = regular([4, 4], 5);
    const { LU, pivots } = la.luFactor(A);
    for (const options of [{}, { adjoint: true }, { left: false }]) {
      await checkGradients(
        (F, B) => la.luSolve(F, pivots, B, options),
        [LU.add(0), random([4, 4], 6)],
      );
    }
  });

  it("solve and inverse", async () => {
    const [A, B] = [regular([2, 4, 4], 7), random([2, 4, 3], 8)];
    await checkGradients((a, b) => la.solve(a, b), [A, B]);
    await checkGradients((a, b) => la.solve(a, b, { left: false }), [A, B.mT.add(0)]);
    await checkGradients((a, b) => la.solve(a, b), [A, random([4], 9)]);
    await checkGradients((a) => la.inv(a), [A]);
  });

  it("triangles", async () => {
    const [A, B] = [regular([2, 4, 4], 10).add(unit(4).mul(2)), random([2, 4, 3], 11)];
    for (const upper of [true, false]) {
      for (const unitriangular of [true, false]) {
        const f = (left: boolean) => (a: Tensor, b: Tensor) =>
          la.solveTriangular(a, b, { upper, left, unitriangular });
        await checkGradients(f(true), [A, B]);
        await checkGradients(f(false), [A, B.mT.add(0)]);
      }
    }
  });

  it("determinants", async () => {
    const A = regular([2, 4, 4], 12);
    await checkGradients((a) => la.det(a), [A]);
    await checkGradients((a) => la.slogdet(a).logabsdet, [A]);
    await checkGradients((a) => la.logdet(a), [definite([3, 3], 13)]);
  });
});

describe("what does not fit", () => {
  const [wide, square] = [random([2, 3], 1), random([3, 3], 2)];
  const ints = tensor([[1, 2], [3, 4]]).int(); // biome-ignore format: a matrix
  const said: [() => unknown, string][] = [
    [() => la.cholesky(wide), "ShapeError: cholesky: needs square matrices, got [2,3]"],
    [() => la.inv(random([3], 1)), "ShapeError: inv: needs matrices, got [3]"],
    [() => la.det(ints), "DtypeError: det: needs a float tensor, got int32\n  hint: use x.float()"],
    [() => la.lu(random([4], 1)), "ShapeError: lu: needs matrices, got [4]"],
    [() => la.solve(square, wide), "ShapeError: solve: [3,3] · X = [2,3]: sizes 3 and 2 differ"],
    [
      () => la.solve(square, wide.mT, { left: false }),
      "ShapeError: solve: X · [3,3] = [3,2]: sizes 3 and 2 differ",
    ],
    [
      () => la.solve(square, square.float()),
      'DtypeError: solve: operands are float64 and float32\n  hint: use b.to("float64")',
    ],
    [
      () => la.solveTriangular(square, square, {} as never),
      "ArgumentError: solveTriangular: which triangle?\n" +
        "  hint: use { upper: true } or { upper: false }",
    ],
    [
      () => la.solveTriangular(square, wide, { upper: true }),
      "ShapeError: solveTriangular: [3,3] · X = [2,3]: sizes 3 and 2 differ",
    ],
  ];
  it.each(said)("%s", (f, text) => expect(messageOf(f)).toBe(text));
});
