// Windows against their formulas, frames against transforms taken one by one, and signals that come back.
import { beforeEach, describe, expect, it } from "vitest";
import * as f from "../../src/fft/index.ts";
import { device, type Tensor, tensor, zeros } from "../../src/index.ts";
import { checkGradients, random } from "../linalg/check.ts";
import { devices, messageOf, values } from "../tensor/devices.ts";

// Of PyTorch 1.13: torch.hann_window(5), torch.kaiser_window(4) and their kin, to 6 digits.
const windows: Record<string, [() => Tensor, number[]]> = {
  hann: [() => f.hannWindow(5), [0, 0.345492, 0.904508, 0.904508, 0.345492]],
  "hann, symmetric": [() => f.hannWindow(5, { periodic: false }), [0, 0.5, 1, 0.5, 0]],
  hamming: [() => f.hammingWindow(4), [0.08, 0.54, 1, 0.54]],
  "hamming, others": [() => f.hammingWindow(2, { alpha: 0.5, beta: 0.5 }), [0, 1]],
  blackman: [() => f.blackmanWindow(4), [0, 0.34, 1, 0.34]],
  bartlett: [() => f.bartlettWindow(4), [0, 0.5, 1, 0.5]],
  kaiser: [() => f.kaiserWindow(4), [0.0000527734, 0.215673, 1, 0.215673]],
  "kaiser, flat": [() => f.kaiserWindow(3, { beta: 0 }), [1, 1, 1]],
  cosine: [() => f.cosineWindow(3, { periodic: false }), [0.5, 1, 0.5]],
  gaussian: [() => f.gaussianWindow(3, { periodic: false }), [0.606531, 1, 0.606531]],
  "one sample": [() => f.hannWindow(1), [1]],
  "no samples": [() => f.hannWindow(0), []],
};

describe("windows", () => {
  it.each(Object.entries(windows))("%s", async (_, [make, wanted]) => {
    const got = await values(make());
    expect(got.length).toBe(wanted.length);
    got.forEach((v, i) => void expect(v).toBeCloseTo(wanted[i]!, 5));
  });

  it("have the dtype that is asked for, and whole lengths", () => {
    expect(f.hannWindow(3, { dtype: "float64" }).dtype).toBe("float64");
    expect(messageOf(() => f.kaiserWindow(2.5))).toBe(
      "ArgumentError: kaiserWindow: the length must be whole and not negative, got 2.5",
    );
  });
});

async function near(a: Tensor, b: Tensor): Promise<void> {
  expect(a.shape).toEqual(b.shape);
  expect(await a.sub(b).abs().max().item()).toBeLessThan(1e-12);
}

const float64 = { dtype: "float64" } as const;

describe.each(devices)("frames on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it("are transformed one by one", async () => {
    const x = random([2, 50], 1);
    const window = f.hannWindow(12, float64);
    const z = f.stft(x, 16, { hopLength: 5, window, center: false });
    expect(z.re.shape).toEqual([2, 9, 7]); // (50 - 16) / 5 + 1 frames
    for (const t of [0, 3, 6]) {
      const frame = x.narrow(1, 5 * t, 16).mul(window.pad([2, 2]));
      await near(z.im.select(2, t), f.rfft(frame).im);
    }
    const all = f.stft(x, 16, { hopLength: 5, window, center: false, onesided: false });
    expect(all.re.shape).toEqual([2, 16, 7]);
    await near(all.re.narrow(1, 0, 9), z.re);
    const scaled = f.stft(x, 16, { hopLength: 5, window, center: false, normalized: true });
    await near(scaled.re.mul(4), z.re);
  });

  it("around their sample reflect what is outside", async () => {
    const x = random([20], 2);
    const z = f.stft(x, 8, { hopLength: 4 });
    expect(z.re.shape).toEqual([5, 6]);
    const first = [4, 3, 2, 1, 0, 1, 2, 3];
    const frame = x.indexSelect(0, tensor(first, { dtype: "int32" }));
    await near(z.re.select(1, 0), f.rfft(frame).re);
    const filled = f.stft(x, 8, { hopLength: 4, padMode: "constant" });
    await near(filled.re.select(1, 0), f.rfft(x.narrow(0, 0, 4).pad([4, 0])).re);
  });

  it("give the signal back", async () => {
    const x = random([3, 64], 3);
    const window = f.hammingWindow(16, float64);
    for (const options of [
      { window, hopLength: 4 },
      { window, hopLength: 5, normalized: true },
      { window, hopLength: 4, onesided: false },
      { hopLength: 8 },
    ]) {
      const z = f.stft(x, 16, options);
      await near(f.istft(z, 16, { ...options, length: 60 }), x.narrow(1, 0, 60));
    }
    const open = f.stft(x, 16, { window, hopLength: 16, center: false });
    await near(f.istft(open, 16, { window, hopLength: 16, center: false }), x);
    const long = f.istft(f.stft(x, 16), 16, { length: 70 });
    expect(long.shape).toEqual([3, 70]);
  });
});

describe("gradients through frames", () => {
  it("there and back", async () => {
    const window = f.hannWindow(8, float64);
    const x = random([20], 4);
    await checkGradients((v) => f.abs(f.stft(v!, 8, { window, hopLength: 3 })).square(), [x]);
    const z = f.stft(x, 8, { window });
    const both = (re: Tensor, im: Tensor) =>
      f.istft({ re, im }, 8, { window, length: 16 }).square();
    await checkGradients((a, b) => both(a!, b!), [z.re, z.im]);
  });
});

describe("arguments of stft", () => {
  const x = zeros([20]);
  const z = { re: zeros([5, 3]), im: zeros([5, 3]) };
  it.each([
    ["ArgumentError: stft: nFft must be a whole number from 1 on, got 0", () => f.stft(x, 0)],
    [
      "ArgumentError: stft: hopLength must be a whole number from 1 on, got 0",
      () => f.stft(x, 8, { hopLength: 0 }),
    ],
    ["ArgumentError: stft: winLength 9 exceeds nFft 8", () => f.stft(x, 8, { winLength: 9 })],
    [
      "ShapeError: stft: the window must be [8], got [7]",
      () => f.stft(x, 8, { winLength: 8, window: zeros([7]) }),
    ],
    [
      "ShapeError: stft: a signal of 20 samples is shorter than a frame of 32",
      () => f.stft(x, 32, { center: false }),
    ],
    [
      "ShapeError: stft: half a frame, 20 samples, cannot be reflected from 20\n" +
        "  hint: use { center: false } or a smaller nFft",
      () => f.stft(x, 40),
    ],
    [
      "DtypeError: stft: needs a float signal, got int32\n  hint: use x.float()",
      () => f.stft(x.int(), 8),
    ],
    ["ShapeError: istft: needs 9 frequencies, got 5", () => f.istft(z, 16)],
    [
      "ShapeError: istft: needs frequencies and frames, got [20]",
      () => f.istft({ re: x, im: x }, 16),
    ],
    [
      "ArgumentError: istft: takes { re, im }\n  hint: use viewAsComplex(x)",
      () => f.istft(x as never, 16),
    ],
  ] as [string, () => unknown][])("%s", (message, call) => {
    expect(messageOf(call)).toBe(message);
  });
});
