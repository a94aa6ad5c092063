// Coefficients of float32 functions, highest power first, for backends that write these functions
// themselves: after Cephes (Moshier) and Eigen. Not here: the functions, or those in double precision
// (math.ts).

/** e^r for |r| ≤ ln 2 / 2 with a relative error of 3e-9, the first two terms being 1 + r. */
export const EXP_POLY = [
  1.3814540580e-3, 8.3687454462e-3, 4.1668388993e-2, 1.6666521132e-1, 4.9999994040e-1, 1, 1,
]; // biome-ignore format: a table
/** (e^r - 1 - r) / r² likewise. */
export const EXPM1_POLY = [
  1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
  5.0000001201e-1,
]; // biome-ignore format: a table
export const LOG_POLY = [
  7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
  -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
]; // biome-ignore format: a table
export const SIN_POLY = [
  -2.358e-8, 2.7525562e-6, -1.9840874e-4, 8.3333310e-3, -1.6666667e-1,
]; // biome-ignore format: a table
export const ATAN_POLY = [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1];
export const TANH_P = [
  -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8,
  1.48572235717979e-5, 6.37261928875436e-4, 4.89352455891786e-3,
]; // biome-ignore format: a table
export const TANH_Q = [
  1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3,
];
export const ERF_P = [
  -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5,
  -7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2,
]; // biome-ignore format: a table
export const ERF_Q = [
  -1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3,
  -1.42647390514189e-2,
]; // biome-ignore format: a table
