// The Fourier transforms of torch.fft: of one axis or several, forward and inverse, of complex, real and
// Hermitian data; and what goes with them (shifts, frequencies). Tensors and pairs { re, im } go in.
// Not here: how a transform is computed (dft.ts).

import { reshape } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { type TensorOptions, tensor } from "../tensor/create.ts";
import {
  argumentError,
  axesOf,
  axisOf,
  dtypeError,
  needOptions,
  shapeError,
  toFloat,
} from "../tensor/ops/common.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Axes } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Complex, conj, isComplex, partsOf } from "./complex.ts";
import { dft, fromHalfSpectrum, realSpectrum, type Sign, withParts } from "./dft.ts";

/** Where the factor 1/n goes: to the inverse, as 1/√n to both, or to the forward transform. */
export type Norm = "backward" | "ortho" | "forward";

export interface FftOptions {
  /** The length of the transform: the data is cut or filled with zeros. Its own length, if not given. */
  n?: number | undefined;
  /** The axis (-1). */
  axis?: number | undefined;
  norm?: Norm | undefined;
}

export interface FftnOptions {
  /** The length of the transform along each axis; -1: the data's own. */
  s?: readonly number[] | undefined;
  /** The axes: all, or as many of the last as there are lengths. */
  axes?: Axes | undefined;
  norm?: Norm | undefined;
}

/** Data as a node: complex with an axis of parts in front, or real. */
interface Signal {
  readonly node: Node;
  readonly kind: "real" | "complex";
}

function open(op: string, z: Complex | Tensor): Signal {
  const { re, im } = partsOf(op, z);
  if (typeof re === "number" || typeof re === "boolean") {
    throw argumentError(op, "takes a tensor or { re, im }, got a number");
  }
  if (re.shape.length === 0) throw shapeError(op, "needs at least one axis, got a scalar");
  if (im === null) return { node: toFloat(nodeOf(re)), kind: "real" };
  const [a, b] = [re, im].map((t) => reshape(nodeOf(t), [1, ...t.shape])) as [Node, Node];
  return { node: n.add(n.padAxis(a, 0, 0, 1), n.padAxis(b, 0, 1, 0)), kind: "complex" };
}

function toComplex({ node, kind }: Signal): Node {
  return kind === "complex" ? node : withParts(node);
}

/** The transform of one axis; of real data its first `count` elements. */
function transformed({ node, kind }: Signal, at: number, sign: Sign, count: number): Signal {
  const done = kind === "real" ? realSpectrum(node, at, sign, count) : dft(node, at, sign);
  return { node: done, kind: "complex" };
}

function close(node: Node): Complex {
  const part = (i: number) => wrap(n.drop(n.narrow(node, 0, i, i + 1), [0]));
  return { re: part(0), im: part(1) };
}

/** Cuts an axis of the data, or fills it with zeros. */
function sized(signal: Signal, at: number, length: number): Signal {
  const axis = at + (signal.kind === "complex" ? 1 : 0);
  const size = signal.node.shape[axis]!;
  if (size === length) return signal;
  const node =
    size > length
      ? n.narrow(signal.node, axis, 0, length)
      : n.padAxis(signal.node, axis, 0, length - size);
  return { ...signal, node };
}

const powers: { readonly [K in Norm]: readonly [forward: number, inverse: number] } = {
  backward: [0, -1],
  ortho: [-0.5, -0.5],
  forward: [-1, 0],
};

/** What a transform of `count` elements is multiplied by. */
function scaled(op: string, node: Node, count: number, norm: Norm, sign: Sign): Node {
  const found = powers[norm];
  if (found === undefined) {
    throw argumentError(op, `norm must be backward, ortho or forward, got ${String(norm)}`);
  }
  const factor = count ** found[sign < 0 ? 0 : 1];
  return factor === 1 ? node : n.mul(node, factor);
}

const opposite: { readonly [K in Norm]: Norm } = {
  backward: "forward",
  ortho: "ortho",
  forward: "backward",
};

/** The options with the factor at the other direction. */
function turnedNorm<O extends { norm?: Norm | undefined }>(options: O): O {
  const { norm = "backward" } = options;
  return { ...options, norm: opposite[norm] ?? norm };
}

function checkLength(op: string, length: number): number {
  if (Number.isInteger(length) && length > 0) return length;
  throw argumentError(op, `a transform needs at least one point, got ${length}`);
}

function needReal(op: string, z: unknown): void {
  if (!isComplex(z)) return;
  throw dtypeError(op, "takes real data, got { re, im }", "use the transform of complex data");
}

/** Axes and lengths of a transform; `usual`: the axes, if nobody says. */
function placed(
  op: string,
  z: Complex | Tensor,
  { s, axes }: FftnOptions,
  usual: readonly number[] | undefined,
) {
  const { shape } = isComplex(z) ? z.re : z;
  const count = (s ?? shape).length;
  const own = axes ?? usual ?? (s ?? shape).map((_, i) => i - count);
  const at = [own].flat().map((a) => axisOf(op, a, shape));
  axesOf(op, at, shape); // refuses what is named twice
  if (s !== undefined && count !== at.length) {
    throw argumentError(op, `got ${count} lengths for ${at.length} axes`);
  }
  const sizes = at.map((_, i) => (s === undefined || s[i] === -1 ? null : s[i]!));
  return { at, sizes, shape };
}

/** The options of a transform of one axis as those of several. */
function one(op: string, options: FftOptions): FftnOptions {
  needOptions(op, options, "use { n: 8, axis: -1 }");
  const { n: length, axis = -1, norm } = options;
  return { s: length === undefined ? undefined : [checkLength(op, length)], axes: [axis], norm };
}

// --- the three kinds ---------------------------------------------------------------------------------

function complexToComplex(
  op: string,
  z: Complex | Tensor,
  options: FftnOptions,
  sign: Sign,
  usual?: readonly number[],
): Complex {
  let signal = open(op, z);
  const { at, sizes, shape } = placed(op, z, options, usual);
  let count = 1;
  for (let i = at.length - 1; i >= 0; i--) {
    const length = checkLength(op, sizes[i] ?? shape[at[i]!]!);
    signal = transformed(sized(signal, at[i]!, length), at[i]!, sign, length);
    count *= length;
  }
  return close(scaled(op, toComplex(signal), count, options.norm ?? "backward", sign));
}

function realToComplex(
  op: string,
  x: Tensor,
  options: FftnOptions,
  usual?: readonly number[],
): Complex {
  needReal(op, x);
  let signal = open(op, x);
  const { at, sizes, shape } = placed(op, x, options, usual);
  if (at.length === 0) throw argumentError(op, "needs at least one axis");
  let count = 1;
  for (let i = at.length - 1; i >= 0; i--) {
    const length = checkLength(op, sizes[i] ?? shape[at[i]!]!);
    const half = Math.floor(length / 2) + 1;
    signal = transformed(sized(signal, at[i]!, length), at[i]!, -1, half);
    count *= length;
  }
  return close(scaled(op, signal.node, count, options.norm ?? "backward", -1));
}

function complexToReal(
  op: string,
  z: Complex | Tensor,
  options: FftnOptions,
  usual?: readonly number[],
): Tensor {
  let signal: Signal = { node: toComplex(open(op, z)), kind: "complex" };
  const { at, sizes, shape } = placed(op, z, options, usual);
  if (at.length === 0) throw argumentError(op, "needs at least one axis");
  const last = at.length - 1;
  let count = 1;
  for (let i = 0; i < last; i++) {
    const length = checkLength(op, sizes[i] ?? shape[at[i]!]!);
    signal = transformed(sized(signal, at[i]!, length), at[i]!, 1, length);
    count *= length;
  }
  const length = checkLength(op, sizes[last] ?? 2 * (shape[at[last]!]! - 1));
  const half = sized(signal, at[last]!, Math.floor(length / 2) + 1);
  const node = fromHalfSpectrum(half.node, at[last]!, length, 1);
  return wrap(scaled(op, node, count * length, options.norm ?? "backward", 1));
}

// --- what users call ---------------------------------------------------------------------------------

/**
 * The discrete Fourier transform of one axis: X(k) = Σ x(j) e^(-2πi·jk/n), of the shape of x (with n along
 * the axis). Source: torch.fft.fft.
 *
 * @throws ArgumentError where n is not positive; ShapeError where there is no such axis.
 *
 * @example
 * const { re, im } = fft(tensor([0, 1, 0, 0])); // 1, -i, -1, i
 */
export function fft(x: Complex | Tensor, options: FftOptions = {}): Complex {
  return complexToComplex("fft", x, one("fft", options), -1);
}

/** The inverse of {@link fft}. Source: torch.fft.ifft. */
export function ifft(x: Complex | Tensor, options: FftOptions = {}): Complex {
  return complexToComplex("ifft", x, one("ifft", options), 1);
}

/**
 * The first n/2+1 elements of {@link fft} of real data, of which the others are conjugates.
 * Source: torch.fft.rfft.
 *
 * @throws DtypeError for complex data.
 *
 * @example
 * const { re } = rfft(tensor([1, 2, 3, 4])); // 10, -2, -2
 */
export function rfft(x: Tensor, options: FftOptions = {}): Complex {
  return realToComplex("rfft", x, one("rfft", options));
}

/**
 * The inverse of {@link rfft}: real data of n elements (2(m-1) for a half spectrum of m). The imaginary
 * parts of the spectrum's ends are passed over. Source: torch.fft.irfft.
 */
export function irfft(x: Complex | Tensor, options: FftOptions = {}): Tensor {
  return complexToReal("irfft", x, one("irfft", options));
}

/** The real spectrum, n elements, of a signal given by its first half, whose other half is its conjugate.
 *  Source: torch.fft.hfft. */
export function hfft(x: Complex | Tensor, options: FftOptions = {}): Tensor {
  return complexToReal("hfft", conj(x), turnedNorm(one("hfft", options)));
}

/** The inverse of {@link hfft}: the first half of the signal of a real spectrum. Source: torch.fft.ihfft. */
export function ihfft(x: Tensor, options: FftOptions = {}): Complex {
  return conj(realToComplex("ihfft", x, turnedNorm(one("ihfft", options))));
}

/** {@link fft} of several axes: all, unless `axes` or `s` say less. Source: torch.fft.fftn. */
export function fftn(x: Complex | Tensor, options: FftnOptions = {}): Complex {
  return complexToComplex("fftn", x, options, -1);
}

/** The inverse of {@link fftn}. Source: torch.fft.ifftn. */
export function ifftn(x: Complex | Tensor, options: FftnOptions = {}): Complex {
  return complexToComplex("ifftn", x, options, 1);
}

/** {@link rfft} of the last of several axes, and {@link fft} of the others. Source: torch.fft.rfftn. */
export function rfftn(x: Tensor, options: FftnOptions = {}): Complex {
  return realToComplex("rfftn", x, options);
}

/** The inverse of {@link rfftn}; `s` says the last axis' length where it is odd. Source: torch.fft.irfftn. */
export function irfftn(x: Complex | Tensor, options: FftnOptions = {}): Tensor {
  return complexToReal("irfftn", x, options);
}

/** {@link hfft} of the last of several axes, and {@link fft} of the others. Source: torch.fft.hfftn. */
export function hfftn(x: Complex | Tensor, options: FftnOptions = {}): Tensor {
  return complexToReal("hfftn", conj(x), turnedNorm(options));
}

/** The inverse of {@link hfftn}. Source: torch.fft.ihfftn. */
export function ihfftn(x: Tensor, options: FftnOptions = {}): Complex {
  return conj(realToComplex("ihfftn", x, turnedNorm(options)));
}

const lastTwo = [-2, -1];

/** {@link fftn} of the last two axes. Source: torch.fft.fft2. */
export function fft2(x: Complex | Tensor, options: FftnOptions = {}): Complex {
  return complexToComplex("fft2", x, options, -1, lastTwo);
}

/** {@link ifftn} of the last two axes. Source: torch.fft.ifft2. */
export function ifft2(x: Complex | Tensor, options: FftnOptions = {}): Complex {
  return complexToComplex("ifft2", x, options, 1, lastTwo);
}

/** {@link rfftn} of the last two axes. Source: torch.fft.rfft2. */
export function rfft2(x: Tensor, options: FftnOptions = {}): Complex {
  return realToComplex("rfft2", x, options, lastTwo);
}

/** {@link irfftn} of the last two axes. Source: torch.fft.irfft2. */
export function irfft2(x: Complex | Tensor, options: FftnOptions = {}): Tensor {
  return complexToReal("irfft2", x, options, lastTwo);
}

/** {@link hfftn} of the last two axes. Source: torch.fft.hfft2. */
export function hfft2(x: Complex | Tensor, options: FftnOptions = {}): Tensor {
  return complexToReal("hfft2", conj(x), turnedNorm(options), lastTwo);
}

/** {@link ihfftn} of the last two axes. Source: torch.fft.ihfft2. */
export function ihfft2(x: Tensor, options: FftnOptions = {}): Complex {
  return conj(realToComplex("ihfft2", x, turnedNorm(options), lastTwo));
}

// --- beside them -------------------------------------------------------------------------------------

/** Frequency 0 from the first place to the middle, along all axes or some. Source: torch.fft.fftshift. */
export function fftshift<Z extends Complex | Tensor>(x: Z, axes?: Axes): Z {
  return shifted("fftshift", x, axes, (size) => Math.floor(size / 2));
}

/** The inverse of {@link fftshift}. Source: torch.fft.ifftshift. */
export function ifftshift<Z extends Complex | Tensor>(x: Z, axes?: Axes): Z {
  return shifted("ifftshift", x, axes, (size) => Math.ceil(size / 2));
}

function shifted<Z extends Complex | Tensor>(
  op: string,
  z: Z,
  axes: Axes | undefined,
  by: (size: number) => number,
): Z {
  if (isComplex(z)) {
    return { re: shifted(op, z.re, axes, by), im: shifted(op, z.im, axes, by) } as unknown as Z;
  }
  const x = z as Tensor;
  const at = axesOf(op, axes, x.shape);
  if (at.length === 0) return z;
  return x.roll(
    at.map((a) => by(x.shape[a]!)),
    at,
  ) as Z;
}

export interface FrequencyOptions extends TensorOptions {
  /** The time between two samples (1). */
  d?: number | undefined;
}

/** The frequencies of {@link fft} of n samples, in cycles a unit of time: 0, 1/nd, … and the negative ones.
 *  Source: torch.fft.fftfreq. */
export function fftfreq(length: number, options: FrequencyOptions = {}): Tensor {
  const half = Math.ceil(checkLength("fftfreq", length) / 2);
  return frequencies(length, length, options, (k) => (k < half ? k : k - length));
}

/** The frequencies of {@link rfft} of n samples: 0, 1/nd, …, up to half the sampling rate.
 *  Source: torch.fft.rfftfreq. */
export function rfftfreq(length: number, options: FrequencyOptions = {}): Tensor {
  const count = Math.floor(checkLength("rfftfreq", length) / 2) + 1;
  return frequencies(count, length, options, (k) => k);
}

function frequencies(
  count: number,
  length: number,
  { d = 1, ...options }: FrequencyOptions,
  of: (k: number) => number,
): Tensor {
  const values = Array.from({ length: count }, (_, k) => of(k) / (length * d));
  return tensor(values, options);
}
