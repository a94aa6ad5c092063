// The short-time Fourier transform and its inverse: frames of a signal, weighted by a window, each
// transformed; and their overlapping sum. Source: torch.stft and torch.istft.
// Not here: windows (windows.ts), and the transform of a frame (transforms.ts).

import { reshape } from "../ir/build.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { ones, zeros } from "../tensor/create.ts";
import { argumentError, dtypeError, needTensor, shapeError } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { vjp } from "../tensor/transforms.ts";
import { type Complex, isComplex } from "./complex.ts";
import { fft, irfft, rfft } from "./transforms.ts";

export interface StftOptions {
  /** Samples from one frame to the next: a quarter of nFft, if not given. */
  hopLength?: number | undefined;
  /** Samples of the window, which stands in the middle of the frame: its own size, or nFft. */
  winLength?: number | undefined;
  /** The weights of a frame's samples, (winLength): ones, if not given. */
  window?: Tensor | undefined;
  /** Whether frame t is around sample t·hopLength, the signal being padded by half a frame (true). */
  center?: boolean | undefined;
  /** How it is padded ("reflect"). */
  padMode?: "reflect" | "constant" | "replicate" | "circular" | undefined;
  /** Whether transforms are scaled by 1/√nFft (false). */
  normalized?: boolean | undefined;
  /** Whether only the first nFft/2+1 frequencies are given, of which the others are conjugates (true). */
  onesided?: boolean | undefined;
}

export interface IstftOptions extends Omit<StftOptions, "padMode"> {
  /** The number of samples: as many as there are, if not given. */
  length?: number | undefined;
}

interface Frames {
  readonly hop: number;
  /** (nFft) */
  readonly window: Tensor;
  readonly norm: "ortho" | "backward";
}

function framesOf(op: string, nFft: number, options: StftOptions, like: Tensor): Frames {
  const { window, winLength = window?.numel ?? nFft, normalized = false } = options;
  const hop = options.hopLength ?? Math.floor(nFft / 4);
  for (const [name, value] of Object.entries({ nFft, hopLength: hop, winLength })) {
    if (Number.isInteger(value) && value > 0) continue;
    throw argumentError(op, `${name} must be a whole number from 1 on, got ${value}`);
  }
  if (winLength > nFft) throw argumentError(op, `winLength ${winLength} exceeds nFft ${nFft}`);
  if (window !== undefined) {
    needTensor(op, window, "the window");
    if (String(window.shape) !== String([winLength])) {
      throw shapeError(op, `the window must be [${winLength}], got [${window.shape}]`);
    }
  }
  const own = window?.to(like.dtype) ?? ones([winLength], { dtype: like.dtype });
  const left = Math.floor((nFft - winLength) / 2);
  const whole = winLength === nFft ? own : own.pad([left, nFft - winLength - left]);
  return { hop, window: whole, norm: normalized ? "ortho" : "backward" };
}

/**
 * The transforms of overlapping frames of nFft samples: (…, samples) to (…, frequencies, frames).
 *
 * @throws ArgumentError, ShapeError where the sizes do not fit, or the signal is shorter than a frame.
 *
 * @example
 * const z = stft(sound, 512, { hopLength: 128, window: hannWindow(512) }); // (257, frames)
 * const decibels = abs(z).log10().mul(20);
 */
export function stft(x: Tensor, nFft: number, options: StftOptions = {}): Complex {
  needTensor("stft", x, "the signal");
  if (x.dtype !== "float32" && x.dtype !== "float64") {
    throw dtypeError("stft", `needs a float signal, got ${x.dtype}`, "use x.float()");
  }
  if (x.ndim === 0) throw shapeError("stft", "the signal needs an axis of samples, got a scalar");
  const { center = true, padMode = "reflect", onesided = true } = options;
  const { hop, window, norm } = framesOf("stft", nFft, options, x);
  const signal = center ? padded(x, Math.floor(nFft / 2), padMode) : x; // (…, L)
  const [L] = signal.shape.slice(-1) as [number];
  if (L < nFft) {
    throw shapeError("stft", `a signal of ${L} samples is shorter than a frame of ${nFft}`);
  }
  const frames = signal.unfold(-1, nFft, hop).mul(window); // (…, T, nFft)
  const spectra = onesided ? rfft(frames, { norm }) : fft(frames, { norm });
  return { re: spectra.re.transpose(-1, -2), im: spectra.im.transpose(-1, -2) };
}

/** A signal with `by` samples more at both ends; padding is for batches of channels. */
function padded(x: Tensor, by: number, mode: NonNullable<StftOptions["padMode"]>): Tensor {
  if (mode !== "constant" && mode !== "circular" && mode !== "replicate" && x.shape.at(-1)! <= by) {
    const detail = `half a frame, ${by} samples, cannot be reflected from ${x.shape.at(-1)}`;
    throw shapeError("stft", detail, "use { center: false } or a smaller nFft");
  }
  const [L] = x.shape.slice(-1) as [number];
  const flat = wrap(reshape(nodeOf(x), [1, x.numel / L, L]));
  return flat.pad([by, by], { mode }).reshape([...x.shape.slice(0, -1), L + 2 * by]);
}

/**
 * The signal of which {@link stft} gave the transforms: (…, frequencies, frames) to (…, samples). Where no
 * frame's window weighs a sample, it is 0/0. Options are those of stft, and `length`; with as many
 * frequencies as nFft, `onesided` is false.
 *
 * @throws ArgumentError, ShapeError where the sizes do not fit.
 *
 * @example
 * const window = hannWindow(512);
 * const again = istft(stft(sound, 512, { window }), 512, { window, length: sound.numel });
 */
export function istft(z: Complex, nFft: number, options: IstftOptions = {}): Tensor {
  if (!isComplex(z)) throw argumentError("istft", "takes { re, im }", "use viewAsComplex(x)");
  if (z.re.ndim < 2) {
    throw shapeError("istft", `needs frequencies and frames, got [${z.re.shape}]`);
  }
  const [F, T] = z.re.shape.slice(-2) as [number, number];
  const { center = true, onesided = F !== nFft, length } = options;
  const { hop, window, norm } = framesOf("istft", nFft, options, z.re);
  const half = Math.floor(nFft / 2) + 1;
  const wanted = onesided ? half : nFft;
  if (F !== wanted) throw shapeError("istft", `needs ${wanted} frequencies, got ${F}`);
  const spectra = (part: Tensor) => part.narrow(-2, 0, half).transpose(-1, -2); // (…, T, half)
  const frames = irfft({ re: spectra(z.re), im: spectra(z.im) }, { n: nFft, norm }); // (…, T, nFft)
  const sum = overlapped(frames.mul(window), hop); // (…, nFft + hop(T-1))
  const weights = overlapped(window.mul(window).expand([T, nFft]), hop);
  const [all] = weights.shape as [number];
  const start = center ? Math.floor(nFft / 2) : 0;
  const stop = length === undefined ? all - start : start + length;
  // What is cut off is cut before the division: it may be 0/0, and so would its gradient be.
  const inside = (x: Tensor) => x.narrow(-1, start, Math.max(Math.min(stop, all) - start, 0));
  const signal = inside(sum).div(inside(weights));
  return stop > all ? signal.pad([0, stop - all]) : signal;
}

/** Frames (…, T, n) added up where they overlap: the adjoint of unfold, (…, n + hop(T-1)). */
function overlapped(frames: Tensor, hop: number): Tensor {
  const [T, n] = frames.shape.slice(-2) as [number, number];
  const signal = zeros([...frames.shape.slice(0, -2), n + hop * (T - 1)], { dtype: frames.dtype });
  const [, back] = vjp((s: Tensor) => s.unfold(-1, n, hop), signal);
  return back(frames)[0] as Tensor;
}
