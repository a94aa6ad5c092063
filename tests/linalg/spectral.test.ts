// Factors at right angles: QR, eigenvalues, singular values, and what is made of them (pseudoinverses, rank,
// condition, least squares, norms), against what defines them, up to the precision of the dtype; gradients in
// float64 against finite differences, to the second order; and what bad input gets.
import { beforeEach, describe, expect, it } from "vitest";
import {
  compile,
  device,
  eye,
  grad,
  manualSeed,
  realize,
  Tensor,
  tensor,
} from "../../src/index.ts";
import * as la from "../../src/linalg/index.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";
import { checkGradients, random } from "./check.ts";

async function apart(a: Tensor, b: Tensor): Promise<number> {
  expect(a.shape).toEqual(b.shape);
  return a.numel === 0 ? 0 : await a.sub(b).abs().max().item();
}

const symmetric = (x: Tensor) => x.add(x.mT).mul(0.5);

/** How far the columns are from length 1 and right angles. */
async function bent(Q: Tensor): Promise<number> {
  const n = Q.shape.at(-1)!;
  return apart(
    Q.mT.matmul(Q),
    eye(n, undefined, { dtype: Q.dtype }).expand([...Q.shape.slice(0, -2), n, n]),
  );
}

const shapes: [number, number][] = [[0, 0], [3, 0], [0, 3], [1, 1], [5, 5], [7, 3], [3, 7], [33, 17]]; // biome-ignore format: a table

for (const name of devices) {
  describe(`factors at right angles on ${name}`, () => {
    beforeEach(() => void device(name));
    const all = name === "wasm" ? ([...shapes, [20, 40]] as typeof shapes) : shapes;

    it("multiplies back: QR of all shapes and modes", async () => {
      for (const [m, n] of all) {
        const A = random([2, m, n], m + n);
        for (const mode of ["reduced", "complete"] as const) {
          const { Q, R } = la.qr(A, { mode });
          await realize([Q, R]);
          expect(Q.shape).toEqual([2, m, mode === "complete" ? m : Math.min(m, n)]);
          expect(await apart(Q.matmul(R), A)).toBeLessThan(1e-13);
          expect(await bent(Q)).toBeLessThan(1e-13);
          expect(await apart(R.triu(), R)).toBe(0);
        }
      }
    });

    it("multiplies by reflections", async () => {
      for (const [m, n] of [
        [5, 3],
        [40, 20],
      ] as const) {
        const A = random([m, n], m);
        const { a, tau } = la.geqrf(A);
        const { Q, R } = la.qr(A, { mode: "complete" });
        expect(await apart(la.householderProduct(a, tau), Q.narrow(-1, 0, n))).toBeLessThan(1e-13);
        expect(await apart(la.ormqr(a, tau, A, { transpose: true }), R)).toBeLessThan(1e-13);
        const C = random([2, m], 3);
        expect(await apart(la.ormqr(a, tau, C, { left: false }), C.matmul(Q))).toBeLessThan(1e-13);
      }
    });

    it("finds eigenvalues to the precision of the dtype", async () => {
      for (const n of name === "wasm" ? [0, 1, 2, 3, 8, 21, 50] : [0, 1, 2, 3, 8]) {
        for (const dtype of ["float32", "float64"] as const) {
          const A = symmetric(random([2, n, n], n)).to(dtype);
          const { eigenvalues: L, eigenvectors: V } = la.eigh(A);
          await realize([L, V]);
          const bound = (dtype === "float32" ? 2 ** -23 : 2 ** -52) * (n + 4);
          expect(await apart(V.mul(L.unsqueeze(-2)).matmul(V.mT), A)).toBeLessThan(2 * bound);
          expect(await bent(V)).toBeLessThan(bound);
          expect(await apart(L.sort(-1).values, L)).toBe(0);
        }
      }
      const A = random([4, 4], 5);
      expect(await apart(la.eigvalsh(A), la.eigvalsh(A.tril().add(A.tril(-1).mT)))).toBe(0);
      expect(await apart(la.eigvalsh(A, { UPLO: "U" }), la.eigvalsh(A.mT))).toBe(0);
    });

    it("finds equal, graded, huge and tiny eigenvalues", async () => {
      const one = la.eigvalsh(tensor([[1, 1, 1], [1, 1, 1], [1, 1, 1]])); // biome-ignore format: a matrix
      expect((await values(one)).map((v) => Math.round(v * 1e6) / 1e6 + 0)).toEqual([0, 0, 3]);
      expect(await values(la.eigvalsh(eye(5).mul(7)))).toEqual([7, 7, 7, 7, 7]);
      for (const scale of [1e-30, 1e30]) {
        const found = la.eigvalsh(tensor([[2, 1], [1, 2]]).mul(scale)); // biome-ignore format: a matrix
        expect(await values(found.div(scale))).toEqual([1, 3]);
      }
      const n = 20;
      const grades = Tensor.from(
        Float64Array.from({ length: n }, (_, i) => 10 ** (-i / 2)),
        [n, 1],
      );
      const A = symmetric(random([n, n], 6))
        .mul(grades)
        .mul(grades.mT);
      const { eigenvalues: L, eigenvectors: V } = la.eigh(A);
      expect(await apart(V.mul(L).matmul(V.mT), A)).toBeLessThan(1e-13);
    });

    it("finds singular values of all shapes, and full bases", async () => {
      for (const [m, n] of all) {
        for (const dtype of ["float32", "float64"] as const) {
          const A = random([2, m, n], m + 2 * n).to(dtype);
          const k = Math.min(m, n);
          const { U, S, Vh } = la.svd(A, { fullMatrices: false });
          await realize([U, S, Vh]);
          expect([U.shape, S.shape, Vh.shape]).toEqual([[2, m, k], [2, k], [2, k, n]]); // biome-ignore format: shapes
          const bound = (dtype === "float32" ? 2 ** -23 : 2 ** -52) * (k + 8);
          expect(await apart(U.mul(S.unsqueeze(-2)).matmul(Vh), A)).toBeLessThan(2 * bound);
          expect(await bent(U)).toBeLessThan(bound);
          expect(await bent(Vh.mT)).toBeLessThan(bound);
          expect(await apart(S.sort(-1, { descending: true }).values, S)).toBe(0);
          if (m === n) continue;
          const full = la.svd(A);
          await realize([full.U, full.Vh]);
          expect([full.U.shape, full.Vh.shape]).toEqual([[2, m, m], [2, n, n]]); // biome-ignore format: shapes
          expect(await bent(full.U)).toBeLessThan(bound);
          expect(await bent(full.Vh.mT)).toBeLessThan(bound);
        }
      }
    });

    it("has full bases where the rank is not full", async () => {
      const A = random([6, 2], 7).matmul(random([2, 5], 8));
      const { U, S, Vh } = la.svd(A);
      expect(await bent(U)).toBeLessThan(1e-14);
      expect(await bent(Vh.mT)).toBeLessThan(1e-14);
      expect(await S.narrow(-1, 2, 3).abs().max().item()).toBeLessThan(1e-14);
      expect(await values(la.svdvals(A.mul(0)))).toEqual([0, 0, 0, 0, 0]);
      expect(await bent(la.svd(A.mul(0)).U)).toBeLessThan(1e-14);
      expect(await values(la.matrixRank(A))).toEqual([2]);
      expect(await values(la.matrixRank(A.float()))).toEqual([2]);
      expect(await values(la.matrixRank(A.matmul(A.mT), { hermitian: true }))).toEqual([2]);
      expect(
        await values(la.matrixRank(eye(4).mul(tensor([1, 0.5, 0.1, 0.01])), { rtol: 0.2 })),
      ).toEqual([2]);
      expect(
        await values(la.matrixRank(eye(4).mul(tensor([1, 0.5, 0.1, 0.01])), { atol: 0.05 })),
      ).toEqual([3]);
    });

    it("satisfies Penrose's conditions, for full and lesser rank", async () => {
      for (const A of [
        random([2, 5, 3], 9),
        random([3, 5], 10),
        random([6, 2], 11).matmul(random([2, 5], 12)),
      ]) {
        const P = la.pinv(A);
        await realize([P]);
        expect(await apart(A.matmul(P).matmul(A), A)).toBeLessThan(1e-13);
        expect(await apart(P.matmul(A).matmul(P), P)).toBeLessThan(1e-12);
        expect(await apart(A.matmul(P).mT, A.matmul(P))).toBeLessThan(1e-13);
        expect(await apart(P.matmul(A).mT, P.matmul(A))).toBeLessThan(1e-13);
      }
      const S = symmetric(random([4, 4], 13));
      expect(await apart(la.pinv(S, { hermitian: true }), la.inv(S))).toBeLessThan(1e-12);
    });

    it("fits by least squares, all drivers alike", async () => {
      for (const [m, n] of [
        [6, 3],
        [3, 3],
        [3, 6],
      ] as const) {
        const [A, B] = [random([2, m, n], 14), random([2, m, 2], 15)];
        const want = la.pinv(A).matmul(B);
        for (const driver of ["gels", "gelsy", "gelsd", "gelss"] as const) {
          const { solution, residuals } = la.lstsq(A, B, { driver });
          await realize([solution, residuals]);
          expect(await apart(solution, want)).toBeLessThan(1e-11);
          const off = A.matmul(solution).sub(B);
          if (m > n) expect(await apart(residuals, off.mul(off).sum(-2))).toBeLessThan(1e-12);
          else expect(residuals.shape).toEqual([0]);
        }
      }
      const line = la.lstsq(tensor([[1, 0], [1, 1], [1, 2]]), tensor([1, 3, 5])); // biome-ignore format: a matrix
      expect(await values(line.solution)).toEqual([1, 2]);
      expect(await values(line.rank)).toEqual([2]);
    });

    it("has norms and conditions by hand", async () => {
      const A = tensor([[3, 0], [0, -4]]); // biome-ignore format: a matrix
      const orders = ["fro", "nuc", 1, -1, 2, -2, Infinity, -Infinity] as const;
      const found = await Promise.all(orders.map((p) => la.matrixNorm(A, p).item()));
      expect(found.map((v) => Math.round(v * 1e5) / 1e5)).toEqual([5, 7, 4, 3, 4, 3, 4, 3]);
      const conds = await Promise.all(orders.map((p) => la.cond(A, p).item()));
      const third = Math.round((4 / 3) * 1e5) / 1e5;
      const expected = [2.08333, 4.08333, third, 0.75, third, 0.75, third, 0.75];
      expect(conds.map((v) => Math.round(v * 1e5) / 1e5)).toEqual(expected);
      expect(await values(la.cond(tensor([[1, 1], [1, 1]]), 1))).toEqual([Infinity]); // biome-ignore format: a matrix
      const x = tensor([[3, 4], [0, 0]]); // biome-ignore format: a matrix
      expect(await values(la.norm(x))).toEqual([5]);
      expect(await values(la.norm(x, 2, 1))).toEqual([5, 0]);
      expect(await values(la.norm(x, 1))).toEqual([4]);
      expect(la.matrixNorm(x, "nuc", [0, 1], { keepdim: true }).shape).toEqual([1, 1]);
      expect(la.matrixNorm(random([2, 3, 4], 1), 1, [0, 2], { keepdim: true }).shape).toEqual([
        1, 3, 1,
      ]);
      expect(await values(la.vectorNorm(tensor([1, -2, 2]), 3))).toEqual([2.57128]);
      expect(await values(grad((v: Tensor) => la.vectorNorm(v, 0.5))(tensor([0, 4])))).toEqual([
        0, 1,
      ]);
    });

    it("sketches matrices of low rank", async () => {
      manualSeed(1);
      const A = random([40, 3], 16).matmul(random([3, 25], 17));
      const { U, S, V } = la.svdLowrank(A, { q: 5 });
      expect(await apart(U.mul(S).matmul(V.mT), A)).toBeLessThan(1e-12);
      const { S: spread } = la.pcaLowrank(A, { q: 4 });
      const exact = la.svdvals(A.sub(A.mean(0))).narrow(0, 0, 4);
      expect(await apart(spread, exact)).toBeLessThan(1e-12);
    });

    it("compiles, with its gradient", async () => {
      const step = compile((A: Tensor) => grad((x: Tensor) => la.svdvals(x).sum())(A));
      const found = await values(step(tensor([[3, 0], [0, -4]]))); // biome-ignore format: a matrix
      expect(found.map((v) => Math.round(v * 1e5) / 1e5 + 0)).toEqual([1, 0, 0, -1]);
    });
  });
}

describe("gradients at right angles", () => {
  it("QR of all shapes", async () => {
    for (const [m, n] of [
      [4, 4],
      [5, 3],
      [3, 5],
    ] as const) {
      await checkGradients(
        (x) => {
          const { Q, R } = la.qr(x);
          return [Q, R];
        },
        [random([2, m, n], 1)],
      );
    }
    await checkGradients((x) => la.qr(x).R, [random([20, 18], 2)], 1);
    const { a, tau } = la.geqrf(random([5, 3], 3));
    await checkGradients((v, t) => la.householderProduct(v, t), [a.add(0), tau.add(0)]);
    await checkGradients(
      (v, t, c) => la.ormqr(v, t, c, { transpose: true }),
      [a.add(0), tau.add(0), random([5, 2], 4)],
    );
  });

  it("eigenvalues, and what does not depend on signs of vectors", async () => {
    const A = symmetric(random([2, 4, 4], 5));
    await checkGradients((x) => la.eigvalsh(symmetric(x)), [A]);
    await checkGradients(
      (x) => {
        const { eigenvalues: L, eigenvectors: V } = la.eigh(symmetric(x));
        return [V.mul(L.exp().unsqueeze(-2)).matmul(V.mT), V.mul(V)];
      },
      [A],
    );
  });

  it("singular values, and what does not depend on signs of vectors", async () => {
    for (const [m, n] of [
      [3, 3],
      [5, 3],
      [3, 5],
    ] as const) {
      const A = random([2, m, n], 6);
      await checkGradients((x) => la.svdvals(x), [A]);
      await checkGradients(
        (x) => {
          const { U, S, Vh } = la.svd(x, { fullMatrices: false });
          return [U.mul(S.sin().unsqueeze(-2)).matmul(Vh), U.mul(U), Vh.mul(Vh)];
        },
        [A],
      );
    }
  });

  it("singular values that are equal", async () => {
    const found = grad((x: Tensor) => la.matrixNorm(x, "nuc"))(eye(3));
    expect((await values(found)).map((v) => Math.round(v * 1e5) / 1e5 + 0)).toEqual([
      1, 0, 0, 0, 1, 0, 0, 0, 1,
    ]);
  });

  it("pseudoinverses, least squares, norms and conditions", async () => {
    for (const [m, n] of [
      [3, 3],
      [5, 3],
      [3, 5],
    ] as const) {
      const [A, B] = [random([m, n], 7), random([m, 2], 8)];
      await checkGradients((x) => la.pinv(x), [A]);
      await checkGradients((x, y) => la.lstsq(x, y, { driver: "gels" }).solution, [A, B]);
      await checkGradients((x, y) => la.lstsq(x, y).solution, [A, B], 1);
    }
    const A = random([4, 3], 7);
    await checkGradients((x) => la.cond(x), [A]);
    for (const p of ["fro", "nuc", 1, 2, -2] as const) {
      await checkGradients((x) => la.matrixNorm(x, p), [A], 1);
    }
    const low = (x: Tensor, y: Tensor) => la.pinv(x.matmul(y));
    await checkGradients(low, [random([5, 2], 9), random([2, 4], 10)]);
    await checkGradients((x) => la.pinv(symmetric(x), { hermitian: true }), [random([3, 3], 11)]);
  });
});

describe("what does not fit, at right angles", () => {
  const x = random([2, 3], 1);
  const said: [() => unknown, string][] = [
    [() => la.qr(random([3], 1)), "ShapeError: qr: needs matrices, got [3]"],
    [
      () => la.qr(x, { mode: "full" as never }),
      'ArgumentError: qr: there is no mode "full"\n  hint: use "reduced", "complete" or "r"',
    ],
    [
      () => grad((v: Tensor) => la.qr(v, { mode: "complete" }).Q.sum())(x.mT),
      "ArgumentError: qr: a complete Q of a tall matrix has no gradient\n" +
        '  hint: use { mode: "reduced" }',
    ],
    [() => la.eigh(x), "ShapeError: eigh: needs square matrices, got [2,3]"],
    [
      () => la.eigh(x.matmul(x.mT), { UPLO: "X" as never }),
      'ArgumentError: eigh: UPLO must be "L" or "U", got X',
    ],
    [
      () => la.svd(tensor([[1, 2]]).int()),
      "DtypeError: svd: needs a float tensor, got int32\n  hint: use x.float()",
    ],
    [
      () => la.svd(x, false as never),
      "ArgumentError: svd: options must be an object, got a boolean\n" +
        "  hint: use { fullMatrices: false }",
    ],
    [
      () => la.lstsq(x, random([3, 1], 2)),
      "ShapeError: lstsq: [2,3] and [3,1] differ in their rows",
    ],
    [
      () => la.lstsq(x, random([2, 1], 2), { driver: "gesv" as never }),
      'ArgumentError: lstsq: there is no driver "gesv"\n  hint: use one of gels, gelsy, gelsd, gelss',
    ],
    [
      () => la.matrixNorm(x, 3),
      "ArgumentError: matrixNorm: there is no matrix norm of order 3\n" +
        '  hint: use "fro", "nuc", 1, 2, Infinity, or minus one of these',
    ],
    [
      () => la.norm(random([2], 1), "nuc"),
      'ArgumentError: norm: "nuc" is a norm of matrices, got [2]',
    ],
    [
      () => la.householderProduct(x, random([2], 1)),
      "ShapeError: householderProduct: needs at least as many rows as columns, got [2,3]",
    ],
    [
      () => la.ormqr(x.mT, random([3], 1), x),
      "ShapeError: ormqr: tau [3] does not fit reflections [3,2]",
    ],
    [
      () => la.svdLowrank(x, { q: 3 }),
      "ShapeError: svdLowrank: the rank must be a whole number up to the sizes of [2,3], got 3",
    ],
  ];
  it.each(said)("%s", (f, text) => expect(messageOf(f)).toBe(text));
});
