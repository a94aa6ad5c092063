// CTC against the sum over all paths that spell the target, its gradient against the paths' own shares,
// forms of targets and lengths, impossible targets, and what bad input gets.
import { beforeEach, describe, expect, it } from "vitest";
import { compile, device, manualSeed, nn, optim, randn, Tensor } from "../../src/index.ts";
import { devices, messageOf } from "../tensor/devices.ts";

const ints = (...values: number[]) => Tensor.from(Int32Array.from(values));

/** What a path spells: repetitions once, then without blanks. */
function spelled(path: readonly number[], blank: number): string {
  return path.filter((c, t) => c !== path[t - 1] && c !== blank).join();
}

/** The probability of a target, and each place's share of it: probabilities p[t][c]. */
function allPaths(p: number[][], target: readonly number[], blank: number) {
  const [T, C] = [p.length, p[0]!.length];
  const shares = p.map((row) => row.map(() => 0));
  let total = 0;
  for (let code = 0; code < C ** T; code++) {
    const path = Array.from({ length: T }, (_, t) => Math.floor(code / C ** t) % C);
    if (spelled(path, blank) !== target.join()) continue;
    const likelihood = path.reduce((product, c, t) => product * p[t]![c]!, 1);
    total += likelihood;
    for (const [t, c] of path.entries()) shares[t]![c]! += likelihood;
  }
  return { total, shares: shares.map((row) => row.map((v) => (total === 0 ? 0 : v / total))) };
}

const targets: [readonly number[], number][] = [
  [[1, 2], 0],
  [[1, 1], 0],
  [[2, 2, 1], 0],
  [[0, 1, 0], 2],
  [[1], 0],
  [[], 0],
  [[1, 2, 1, 2, 1], 0],
];

describe.each(devices)("ctcLoss on %s", (name) => {
  beforeEach(() => {
    device(name);
    manualSeed(2);
  });

  it.each(targets)("of %j is the sum over all paths", async (target, blank) => {
    const logProbs = randn(5, 3).logSoftmax(-1); // (T, C)
    await logProbs.realize();
    logProbs.requiresGrad = true;
    const p = (await logProbs.exp().array()) as number[][];
    const { total, shares } = allPaths(p, target, blank);
    const loss = nn.ctcLoss(logProbs, ints(...target), 5, target.length, {
      blank,
      reduction: "sum",
    });
    expect(await loss.item()).toBeCloseTo(-Math.log(total), 4);
    loss.backward();
    const gradient = (await logProbs.grad!.array()) as number[][];
    gradient.forEach((row, t) => row.forEach((v, c) => expect(v).toBeCloseTo(-shares[t]![c]!, 4)));
  });

  it("takes unequal lengths, padded or one after another, as each sample alone", async () => {
    const x = randn(6, 3, 4).logSoftmax(-1); // (T, B, C)
    const [inputs, lengths] = [
      [6, 4, 5],
      [2, 0, 3],
    ];
    const rows = Tensor.from(Int32Array.of(1, 3, 9, 9, 9, -1, 2, 2, 1), [3, 3]); // 9 and -1: padding
    const joined = ints(1, 3, 2, 2, 1);
    const options = { reduction: "none" as const };
    const alone = await Promise.all(
      inputs.map((n, b) => {
        const own = rows.select(0, b).narrow(0, 0, lengths[b]!);
        return nn.ctcLoss(x.select(1, b).narrow(0, 0, n), own, n, lengths[b]!, options).item();
      }),
    );
    const compiled = compile((x: Tensor, y: Tensor, n: Tensor, m: Tensor) =>
      nn.ctcLoss(x, y, n, m, options),
    );
    const found = [
      nn.ctcLoss(x, rows, inputs, lengths, options),
      nn.ctcLoss(x, joined, inputs, lengths, options),
      nn.ctcLoss(x, rows, ints(...inputs), ints(...lengths), options),
      compiled(x, rows, ints(...inputs), ints(...lengths)),
      compiled(x, joined, ints(...inputs), ints(...lengths)),
    ];
    for (const losses of found) {
      expect(losses.shape).toEqual([3]);
      const values = await losses.data();
      alone.forEach((loss, b) => expect(values[b]).toBeCloseTo(loss, 4));
    }
    const mean = await new nn.CTCLoss().forward(x, rows, inputs, lengths).item();
    expect(mean).toBeCloseTo((alone[0]! / 2 + alone[1]! + alone[2]! / 3) / 3, 4);
  });

  it("of a target that does not fit is infinite, or 0 where asked, and has no gradient", async () => {
    const x = randn(3, 2, 3).logSoftmax(-1);
    await x.realize();
    x.requiresGrad = true;
    const rows = Tensor.from(Int32Array.of(1, 1, 2, 1), [2, 2]); // 1 1 needs a blank between
    const losses = (zeroInfinity: boolean) =>
      nn.ctcLoss(x, rows, [2, 3], [2, 2], { reduction: "none", zeroInfinity });
    const [first, second] = await losses(false).data();
    expect(first).toBe(Number.POSITIVE_INFINITY);
    expect(Number.isFinite(second)).toBe(true);
    expect(Array.from(await losses(true).data())).toEqual([0, second]);
    for (const zeroInfinity of [false, true]) {
      x.grad = null;
      losses(zeroInfinity).sum().backward();
      const gradient = await x.grad!.data();
      expect(gradient.every((v) => Number.isFinite(v))).toBe(true);
      const at = (b: number) => Array.from(gradient).filter((_, i) => Math.floor(i / 3) % 2 === b);
      expect(at(0).every((v) => v === 0)).toBe(true);
      expect(at(1).some((v) => v !== 0)).toBe(true);
    }
  });

  it("has finite gradients where probabilities are 0", async () => {
    const p = [
      [0.5, 0.5, 0],
      [0, 1, 0],
      [0.25, 0.25, 0.5],
    ];
    const x = Tensor.from(Float32Array.from(p.flat(), Math.log), [3, 3]);
    x.requiresGrad = true;
    const loss = nn.ctcLoss(x, ints(1, 2), 3, 2, { reduction: "sum" });
    const { total, shares } = allPaths(p, [1, 2], 0);
    expect(await loss.item()).toBeCloseTo(-Math.log(total), 5);
    loss.backward();
    const gradient = await x.grad!.data();
    for (const [i, share] of shares.flat().entries()) expect(gradient[i]).toBeCloseTo(-share, 5);
  });

  it("stays exact over a long input", async () => {
    const [T, C] = [200, 20];
    const x = Tensor.from(new Float32Array(T * C).fill(-Math.log(C)), [T, C]);
    // One label, anywhere, for any while: T(T+1)/2 paths of equal probability.
    const loss = await nn.ctcLoss(x, ints(7), T, 1, { reduction: "sum" }).item();
    expect(loss).toBeCloseTo(T * Math.log(C) - Math.log((T * (T + 1)) / 2), 2);
  });

  it("teaches a network to spell what it hears", async () => {
    const net = new nn.GRU(4, 16);
    const head = new nn.Linear(16, 4);
    const optimizer = new optim.Adam([...net.parameters(), ...head.parameters()], { lr: 0.02 });
    // Each label sounds for two steps, then silence.
    const spell = (a: number, b: number) =>
      [a, a, 0, b, b, 0].flatMap((c) => [0, 1, 2, 3].map((i) => (i === c ? 1 : 0)));
    const words = [[1, 2], [2, 1], [3, 3], [1, 3]] as const; // biome-ignore format: a list
    const sound = Tensor.from(Float32Array.from(words.flatMap(([a, b]) => spell(a, b))), [4, 6, 4]);
    const labels = Tensor.from(Int32Array.from(words.flat()), [4, 2]);
    const step = compile((x: Tensor, y: Tensor) => {
      const [out] = net.forward(x.transpose(0, 1)); // (T, B, 16)
      const loss = nn.ctcLoss(head.forward(out).logSoftmax(-1), y, [6, 6, 6, 6], [2, 2, 2, 2]);
      optimizer.step(loss);
      return loss;
    });
    let last = 9;
    for (let i = 0; i < 100; i++) last = await step(sound, labels).item();
    expect(last).toBeLessThan(0.1);
  });

  it("faults where a label of a compiled step is no class", async () => {
    const run = compile((x: Tensor, y: Tensor) => nn.ctcLoss(x, y, [3], [2]));
    const x = randn(3, 1, 3).logSoftmax(-1);
    const bad = async (...labels: number[]) =>
      run(x, Tensor.from(Int32Array.from(labels), [1, 2])).item();
    await expect(bad(1, 3)).rejects.toThrow("is outside [0, 3)");
    await expect(bad(-1, 1)).rejects.toThrow("is outside [0, 3)");
    expect(Number.isFinite(await bad(1, 2))).toBe(true);
  });
});

describe("ctcLoss", () => {
  it("refuses what does not fit", () => {
    device("reference");
    const x = randn(4, 2, 3).logSoftmax(-1);
    const y = Tensor.from(Int32Array.of(1, 2, 2, 1), [2, 2]);
    // biome-ignore lint/suspicious/noExplicitAny: the point is what the types do not allow.
    const any = (value: unknown) => value as any;
    const cases: [() => unknown, string][] = [
      [() => nn.ctcLoss(randn(4), y, [4], [2]), "ShapeError: ctcLoss: the input must be (T, B, C) or (T, C), got [4]"],
      [() => nn.ctcLoss(x.int(), y, [4, 4], [2, 2]), "DtypeError: ctcLoss: the input must be log probabilities, got int32"],
      [() => nn.ctcLoss(x, y.float(), [4, 4], [2, 2]), "DtypeError: ctcLoss: targets must be int32 labels, got float32"],
      [() => nn.ctcLoss(x, y, [4, 5], [2, 2]), "ArgumentError: ctcLoss: input length 5 of sample 1 is outside of 1 to 4"],
      [() => nn.ctcLoss(x, y, [4, 0], [2, 2]), "ArgumentError: ctcLoss: input length 0 of sample 1 is outside of 1 to 4"],
      [() => nn.ctcLoss(x, y, [4, 4], [2, 3]), "ArgumentError: ctcLoss: target length 3 of sample 1 is outside of 0 to 2"],
      [() => nn.ctcLoss(x, y, [4], [2, 2]), "ShapeError: ctcLoss: input lengths must be [2], one for each sample, got [1]"],
      [() => nn.ctcLoss(x, y, 4, [2, 2]), "ShapeError: ctcLoss: input lengths must be [2], one for each sample, got [1]"],
      [() => nn.ctcLoss(x, ints(1, 2, 3), [4, 4], [2, 2]), "ShapeError: ctcLoss: target lengths add to 4, there are 3 labels"],
      [() => nn.ctcLoss(x, ints(1, 2, 3), [4, 4], [2, 1]), "ArgumentError: ctcLoss: label 3 at place 2 is outside of 3 classes"],
      [() => nn.ctcLoss(x, y.add(1).int(), [4, 4], [2, 2]).dtype, "nothing was thrown"],
      [() => nn.ctcLoss(x, Tensor.from(Int32Array.of(1, 2, 0, 1), [2, 2]), [4, 4], [2, 2]), "ArgumentError: ctcLoss: label 0 at place 0 of sample 1 is the blank"],
      [() => nn.ctcLoss(x, y.unsqueeze(0), [4, 4], [2, 2]), "ShapeError: ctcLoss: targets must be (2, S) or one after another (ΣS), got [1,2,2]"],
      [() => nn.ctcLoss(x, y, [4, 4], [2, 2], { blank: 3 }), "ArgumentError: ctcLoss: blank 3 is outside of 3 classes"],
      [() => nn.ctcLoss(x, y, [4, 4], [2, 2], any(0)), "ArgumentError: ctcLoss: options must be an object"],
      [() => nn.ctcLoss(x, y, [4, 4], [2, 2], { reduction: any("max") }), 'ArgumentError: ctcLoss: no reduction "max"'],
    ]; // biome-ignore format: a table
    for (const [f, message] of cases) expect(messageOf(f)).toContain(message);
  });
});
