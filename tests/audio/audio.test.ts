// Sounds: spectrograms, filters and rates against values.json (torchaudio 2.x and librosa 0.11), what masks
// cover, and WAV files of every kind.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import {
  amplitudeToDB,
  frequencyMask,
  hzToMel,
  melFilterbank,
  melSpectrogram,
  melToHz,
  mfcc,
  resample,
  spectrogram,
  timeMask,
} from "../../src/audio/index.ts";
import { parseWav } from "../../src/data/index.ts";
import { device, manualSeed, ones, Tensor, valueAndGrad } from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

const values = JSON.parse(readFileSync(join(import.meta.dirname, "values.json"), "utf8"));
const rate = 8000;
const sound = Float32Array.from({ length: 2000 }, (_, n) => {
  const wave = (hertz: number, phase = 0) => Math.sin((2 * Math.PI * hertz * n) / rate + phase);
  return 0.5 * wave(440) + 0.3 * wave(1230, 0.4) * Math.exp(-n / 700);
});
const signal = () => Tensor.from(sound, [2000]);

/** Every `by[i]`-th element along the axes. */
async function thinned(x: Tensor, by: readonly [number, number]): Promise<number[][]> {
  const rows = (await x.array()) as number[][];
  return rows.filter((_, i) => i % by[0] === 0).map((row) => row.filter((_, i) => i % by[1] === 0));
}

function expectClose(found: number[][], wanted: number[][], tolerance: number): void {
  expect(found.map((row) => row.length)).toEqual(wanted.map((row) => row.length));
  wanted.forEach((row, i) => {
    row.forEach((value, j) => {
      const off = Math.abs(found[i]![j]! - value);
      expect(off, `${i}, ${j}: ${found[i]![j]} for ${value}`).toBeLessThan(
        tolerance * (1 + Math.abs(value)),
      );
    });
  });
}

describe.each(devices)("on %s", (name) => {
  beforeEach(() => void device(name as "reference"));

  it("mel spectrograms", async () => {
    const plain = melSpectrogram(signal(), {
      sampleRate: rate,
      nFft: 200,
      hopLength: 80,
      nMels: 12,
    });
    expectClose(await thinned(plain, [1, 5]), values.mel, 1e-4);
    const slaney = melSpectrogram(signal(), {
      ...{ sampleRate: rate, nFft: 256, winLength: 200, hopLength: 100, nMels: 10, power: 1 },
      ...{ fMin: 50, fMax: 3600, melScale: "slaney", norm: "slaney" },
    });
    expectClose(await thinned(slaney, [1, 5]), values.melSlaney, 1e-4);
  });

  it("decibels, with a floor below the loudest", async () => {
    const heard = amplitudeToDB(spectrogram(signal(), { nFft: 128 }), { topDb: 30 });
    expectClose(await thinned(heard, [8, 7]), values.db, 1e-3);
  });

  it("cepstra", async () => {
    const options = { sampleRate: rate, nMfcc: 7, nFft: 200, hopLength: 80, nMels: 12 };
    expectClose(await thinned(mfcc(signal(), options), [1, 5]), values.mfcc, 1e-3);
  });

  it.each(Object.keys(values.resample))("another rate: %s", async (rates) => {
    const [from, to] = rates.split(" ").map(Number) as [number, number];
    const other = resample(signal().narrow(0, 0, 300), from, to);
    expect(other.shape).toEqual([values.lengths[rates]]);
    const found = Array.from(await other.data()).filter((_, i) => i % 9 === 0);
    found.forEach((value, i) => void expect(value).toBeCloseTo(values.resample[rates][i], 4));
  });
});

describe("mel scales", () => {
  it("are librosa's, there and back", () => {
    [60, 1000, 3500].forEach((hertz, i) => {
      const [slaney, htk] = values.hz[i];
      expect(hzToMel(hertz, "slaney")).toBeCloseTo(slaney, 9);
      expect(hzToMel(hertz)).toBeCloseTo(htk, 9);
      expect(melToHz(slaney, "slaney")).toBeCloseTo(hertz, 8);
      expect(melToHz(htk, "htk")).toBeCloseTo(hertz, 8);
    });
  });

  it("make librosa's filters", async () => {
    const slaney = { nMels: 6, fMin: 100, fMax: 3800, melScale: "slaney", norm: "slaney" } as const;
    expectClose(
      (await melFilterbank(rate, 64, slaney).array()) as number[][],
      values.librosaMel,
      1e-6,
    );
    const htk = await melFilterbank(rate, 64, { nMels: 6 }).array();
    expectClose(htk as number[][], values.librosaHtk, 1e-5);
  });
});

describe("masks", () => {
  it("cover one band or span of each sample, of every width up to the most", async () => {
    manualSeed(4);
    const widths = new Set<number>();
    const x = ones([64, 10, 12]);
    const rows = (await frequencyMask(x, 4).array()) as number[][][];
    for (const sample of rows) {
      const covered = sample.map((row) => (row.every((v) => v === 0) ? 0 : 1));
      expect(sample.every((row, i) => row.every((v) => v === covered[i]))).toBe(true);
      const gaps = covered.join("").match(/0+/g) ?? [];
      expect(gaps.length).toBeLessThan(2);
      widths.add(gaps[0]?.length ?? 0);
    }
    expect([...widths].sort()).toEqual([0, 1, 2, 3]);
    const spans = (await timeMask(x, 5, -1).array()) as number[][][];
    expect(spans.every((sample) => sample.every((row) => row.join() === sample[0]!.join()))).toBe(
      true,
    );
    expect(spans.flat(2).includes(-1)).toBe(true);
  });
});

it("gradients go through to the signal", async () => {
  const heard = (x: Tensor) => melSpectrogram(x, { sampleRate: rate, nFft: 64, nMels: 8 }).mean();
  const samples = Float64Array.from(sound.subarray(0, 300));
  const moved = (by: number) => {
    const other = samples.slice();
    other[137]! += by;
    return heard(Tensor.from(other, [300])).item();
  };
  const [, slope] = valueAndGrad(heard)(Tensor.from(samples, [300]));
  const found = await (slope as Tensor).narrow(0, 137, 1).item();
  const by = 1e-4;
  expect(((await moved(by)) - (await moved(-by))) / (2 * by)).toBeCloseTo(found, 7);
});

describe("WAV files", () => {
  interface Kind {
    code: number;
    bits: number;
    write: (view: DataView, at: number, value: number) => void;
    extensible?: boolean;
  }

  /** Two channels of three samples. */
  function wav({ code, bits, write, extensible = false }: Kind): Uint8Array {
    const size = extensible ? 40 : 16;
    const odd = 3; // a chunk of odd length that nobody knows
    const data = (6 * bits) / 8;
    const bytes = new Uint8Array(12 + 8 + odd + 1 + 8 + size + 8 + data);
    const view = new DataView(bytes.buffer);
    const text = (at: number, t: string) =>
      [...t].forEach((c, i) => void (bytes[at + i] = c.charCodeAt(0)));
    text(0, "RIFF");
    text(8, "WAVEnote");
    view.setUint32(16, odd, true);
    const at = 20 + odd + 1;
    text(at, "fmt ");
    view.setUint32(at + 4, size, true);
    view.setUint16(at + 8, extensible ? 0xfffe : code, true);
    view.setUint16(at + 10, 2, true);
    view.setUint32(at + 12, 11025, true);
    view.setUint16(at + 22, bits, true);
    if (extensible) view.setUint16(at + 32, code, true);
    const start = at + 8 + size;
    text(start, "data");
    view.setUint32(start + 4, data, true);
    [0.5, -1, -0.25, 0, 0.75, 0.125].forEach((value, i) => {
      write(view, start + 8 + (i * bits) / 8, value);
    });
    return bytes;
  }

  const kinds: Record<string, Kind> = {
    "8 bits": { code: 1, bits: 8, write: (v, at, x) => v.setUint8(at, x * 128 + 128) },
    "16 bits": { code: 1, bits: 16, write: (v, at, x) => v.setInt16(at, x * 2 ** 15, true) },
    "24 bits": {
      ...{ code: 1, bits: 24 },
      write(view, at, x) {
        const whole = x * 2 ** 23;
        view.setUint16(at, whole & 0xffff, true);
        view.setInt8(at + 2, whole >> 16);
      },
    },
    "32 bits": { code: 1, bits: 32, write: (v, at, x) => v.setInt32(at, x * 2 ** 31, true) },
    floats: { code: 3, bits: 32, write: (v, at, x) => v.setFloat32(at, x, true) },
    "long floats": { code: 3, bits: 64, write: (v, at, x) => v.setFloat64(at, x, true) },
    "an extensible header": {
      ...{ code: 1, bits: 16, extensible: true },
      write: (v, at, x) => v.setInt16(at, x * 2 ** 15, true),
    },
  };

  it.each(Object.keys(kinds))("of %s", (name) => {
    const { sampleRate, channels, samples } = parseWav(wav(kinds[name]!));
    expect([sampleRate, channels]).toEqual([11025, 2]);
    expect([...samples]).toEqual([0.5, -0.25, 0.75, -1, 0, 0.125]);
  });

  it("that are none, or broken", () => {
    const file = "t.wav";
    const whole = wav(kinds["16 bits"]!);
    const refuse = (bytes: Uint8Array, message: string) => {
      expect(() => parseWav(bytes, { file })).toThrow(`t.wav ${message}`);
    };
    refuse(new Uint8Array(20), "is no WAV file");
    refuse(whole.subarray(0, whole.length - 5), "ends after 7 of 12 bytes of samples");
    refuse(whole.subarray(0, 48), "has no samples");
    const odd = whole.slice();
    odd[32] = 85; // MP3
    refuse(odd, "is of format 85 with 16 bits in 2 channels, which is not read");
  });
});

it("bad arguments throw where they are given", () => {
  expect(() => melFilterbank(rate, 64, { fMax: 5000 })).toThrow(
    "0 to 5000 Hz is no band below 4000 Hz",
  );
  expect(() => melFilterbank(rate, 64, { melScale: "bark" as never })).toThrow('no scale "bark"');
  expect(() => mfcc(signal(), { sampleRate: rate, nMfcc: 20, nMels: 10 })).toThrow(
    "nMfcc must be from 1 to 10 mels, got 20",
  );
  expect(() => timeMask(ones([3, 4]), 5)).toThrow("timeMask: cannot cover up to 5 of [3,4]");
  expect(() => resample(signal(), 8000, 0.5)).toThrow("rates must be whole numbers");
});
