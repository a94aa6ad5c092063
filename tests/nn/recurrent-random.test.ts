// Random recurrent networks: results and all gradients on wasm against the reference, compiled and not,
// with odd sizes, lengths, states, projections and recomputation. Second derivatives against differences.
// Not here: what the results must be (recurrent.test.ts, tests/golden).
import { describe, expect, it } from "vitest";
import {
  compile,
  type DeviceName,
  device,
  grad,
  gradients,
  manualSeed,
  nn,
  randn,
  Tensor,
} from "../../src/index.ts";
import { Rng } from "../../src/util/rng.ts";
import { devices } from "../tensor/devices.ts";

type Network = nn.RNN | nn.LSTM | nn.GRU;

/** One random case: what it is, and a run of it that gives outputs, final states and gradients. */
function caseOf(seed: number) {
  const rng = new Rng(seed, 0);
  const below = (n: number) => Math.floor(rng.uniform(0, n));
  const [T, B, I, H] = [1 + below(9), 1 + below(6), 1 + below(20), 2 + below(40)] as const;
  const kind = (["RNN", "LSTM", "GRU"] as const)[below(3)]!;
  const options = {
    numLayers: 1 + below(2),
    bidirectional: below(2) === 1,
    batchFirst: below(2) === 1,
    bias: below(4) > 0,
    projSize: kind === "LSTM" && below(2) === 1 ? 1 + below(H - 1) : 0,
    nonlinearity: below(2) === 1 ? ("relu" as const) : ("tanh" as const),
  };
  const lengths = below(2) === 1 ? Array.from({ length: B }, () => 1 + below(T)) : undefined;
  const checkpoint = below(3) === 0;
  const [compiled, given] = [below(2) === 1, below(2) === 1];
  const sizes = [options.projSize || H, H].slice(0, kind === "LSTM" ? 2 : 1);
  const passes = options.numLayers * (options.bidirectional ? 2 : 1);

  const run = async (name: DeviceName): Promise<Float32Array[]> => {
    device(name);
    manualSeed(seed);
    const net: Network = new nn[kind](I, H, options);
    const x = randn(options.batchFirst ? [B, T, I] : [T, B, I]);
    const states = given ? sizes.map((size) => randn(passes, B, size)) : [];
    await Promise.all([x, ...states].map((t) => t.realize()));
    const f = (x: Tensor, states: Tensor[]): Tensor[] => {
      for (const t of [x, ...states]) t.requiresGrad = true;
      const state = given ? (kind === "LSTM" ? states : states[0]!) : null;
      const [out, last] = net.forward(x, state as never, { lengths, checkpoint });
      const results = [out, ...[last].flat()];
      const parts = results.map((t, i) =>
        t
          .mul(i + 1)
          .sin()
          .sum(),
      );
      const loss = parts.reduce((a, b) => a.add(b));
      return [...results, ...gradients(loss, [...net.parameters(), x, ...states])] as Tensor[];
    };
    const results = (compiled ? compile(f) : f)(x, states);
    return (await Promise.all(results.map((t) => t.data()))) as Float32Array[];
  };
  const what = { kind, T, B, I, H, ...options, lengths, checkpoint, compiled, given };
  return { what: JSON.stringify(what), run };
}

describe("random recurrent networks", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])("seed %i", async (seed) => {
    const { what, run } = caseOf(seed);
    const [wanted, found] = [await run("reference"), await run("wasm")];
    expect(found.length, what).toBe(wanted.length);
    for (const [i, values] of wanted.entries()) {
      // Sums of up to 54 rows in float32, through up to 18 steps: some 100 roundings.
      values.forEach((v, j) => {
        const off = Math.abs(v - found[i]![j]!) / (1 + Math.abs(v));
        if (!(off < 1e-4)) expect.fail(`${what}: result ${i}[${j}] is ${found[i]![j]}, not ${v}`);
      });
    }
  });
});

const makers: [string, () => Network][] = [
  ["RNN", () => new nn.RNN(3, 5)],
  ["LSTM", () => new nn.LSTM(3, 5, { numLayers: 2 })],
  ["GRU", () => new nn.GRU(3, 5, { bidirectional: true })],
];

describe.each(devices)("second derivatives on %s", (name) => {
  it.each(makers)("of %s are those of differences", async (_, make) => {
    device(name);
    manualSeed(3);
    const net = make();
    const x = randn(6, 2, 3);
    await x.realize();
    const slope = (x: Tensor) => {
      const first = grad((x: Tensor) => net.forward(x)[0].sin().sum())(x) as Tensor;
      return first.square().sum();
    };
    const found = await (grad(slope)(x) as Tensor).data();
    const values = Float32Array.from(await x.data());
    for (const i of [0, 7, 20, 35]) {
      const at = (step: number) => {
        const moved = values.slice();
        moved[i]! += step;
        return slope(Tensor.from(moved, [6, 2, 3])).item();
      };
      const difference = ((await at(0.01)) - (await at(-0.01))) / 0.02;
      expect(Math.abs(found[i]! - difference)).toBeLessThan(2e-3 * (1 + Math.abs(difference)));
    }
  });
});
