// The adapters of PyTorch's Fourier transforms and complex numbers: ours have axis and axes for dim, and
// pairs { re, im } for complex tensors.
import * as fft from "../../src/fft/index.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;
type Adapter = (x: Tensor, a: Any[], k: Any) => unknown;

const given = (v: Any) => v ?? undefined;

const one =
  (f: (x: Tensor, o: fft.FftOptions) => unknown): Adapter =>
  (x, a, k) =>
    f(x, { n: given(a[0] ?? k.n), axis: given(a[1] ?? k.dim), norm: given(k.norm) });

const several =
  (f: (x: Tensor, o: fft.FftnOptions) => unknown): Adapter =>
  (x, a, k) =>
    f(x, { s: given(a[0] ?? k.s), axes: given(a[1] ?? k.dim), norm: given(k.norm) });

const framing = (k: Any): fft.StftOptions => ({
  hopLength: given(k.hop_length),
  winLength: given(k.win_length),
  window: given(k.window),
  center: given(k.center),
  normalized: given(k.normalized),
  onesided: given(k.onesided),
});

export const fourier: Record<string, Adapter> = {
  "fft.fft": one(fft.fft),
  "fft.ifft": one(fft.ifft),
  "fft.rfft": one(fft.rfft),
  "fft.irfft": one(fft.irfft),
  "fft.hfft": one(fft.hfft),
  "fft.ihfft": one(fft.ihfft),
  "fft.fft2": several(fft.fft2),
  "fft.ifft2": several(fft.ifft2),
  "fft.rfft2": several(fft.rfft2),
  "fft.irfft2": several(fft.irfft2),
  "fft.hfft2": several(fft.hfft2),
  "fft.ihfft2": several(fft.ihfft2),
  "fft.fftn": several(fft.fftn),
  "fft.ifftn": several(fft.ifftn),
  "fft.rfftn": several(fft.rfftn),
  "fft.irfftn": several(fft.irfftn),
  "fft.hfftn": several(fft.hfftn),
  "fft.ihfftn": several(fft.ihfftn),
  "fft.fftshift": (x, a, k) => fft.fftshift(x, given(a[0] ?? k.dim)),
  "fft.ifftshift": (x, a, k) => fft.ifftshift(x, given(a[0] ?? k.dim)),
  stft: (x, a, k) => {
    const z = fft.stft(x, a[0] ?? k.n_fft, framing(k));
    return k.return_complex ? z : fft.viewAsReal(z);
  },
  istft: (x, a, k) =>
    fft.istft(fft.viewAsComplex(x), a[0] ?? k.n_fft, { ...framing(k), length: given(k.length) }),
  complex: (x, a) => fft.complex(x, a[0]),
  polar: (x, a) => fft.polar(x, a[0]),
  view_as_complex: (x) => fft.viewAsComplex(x),
  angle: (x) => fft.angle(x),
  real: (x) => fft.real(x),
  conj: (x) => fft.conj(x),
  conj_physical: (x) => fft.conj(x),
  resolve_conj: (x) => x,
  resolve_neg: (x) => x,
  isreal: (x) => fft.isreal(x),
};
