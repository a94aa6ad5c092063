// Half precision (IEEE binary16) and bfloat16 as storage: bits to float32 and back, round to
// nearest, ties to even. Only for files; arithmetic in these types is the backends' affair.

const word = new DataView(new ArrayBuffer(4));

/** The value of the half-precision bits `bits`. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The half-precision bits nearest to `value`; what is too large becomes an infinity. */
export function numberToFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00; // halfway from 65504 to the next, which does not exist
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24); // subnormal; 1024 is 2^-14 itself
  let exponent = Math.floor(Math.log2(size));
  if (size < 2 ** exponent) exponent--;
  if (size >= 2 ** (exponent + 1)) exponent++;
  // A fraction that rounds up to 2048 carries into the exponent, which is what it should do.
  return sign | (((exponent + 14) << 10) + roundToEven(size * 2 ** (10 - exponent)));
}

/** The value of the bfloat16 bits `bits`. */
export function bfloat16ToNumber(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** The bfloat16 bits nearest to the float32 `value`. */
export function numberToBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
}
