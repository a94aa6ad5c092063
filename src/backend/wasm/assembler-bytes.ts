// Bytes of the WebAssembly binary format: numbers in LEB128, floats, names. Not here: what they mean
// (assembler-func.ts writes instructions, assembler.ts modules).

export type ValType = "i32" | "i64" | "f32" | "f64" | "v128";

/** How value types are written. */
export const valTypes: { [K in ValType]: number } = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** Bytes that grow. The numbers are written as the binary format wants them. */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;
  private view: DataView;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  u8(x: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = x;
  }

  /** LEB128 of an unsigned 32-bit number. */
  u32(x: number): void {
    this.reserve(5);
    let rest = x >>> 0;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** LEB128 in five bytes whatever the number, to be overwritten later by {@link patchU32}. */
  u32Padded(x: number): void {
    this.reserve(5);
    this.length += 5;
    this.patchU32(this.length - 5, x);
  }

  patchU32(at: number, x: number): void {
    for (let i = 0; i < 5; i++) {
      this.bytes[at + i] = ((x >>> (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0);
    }
  }

  /** LEB128 of a signed 32-bit number. */
  s32(x: number): void {
    this.reserve(5);
    let rest = x | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.bytes[this.length++] = done ? low : low | 0x80;
      if (done) return;
    }
  }

  /** LEB128 of a signed 64-bit number. */
  s64(x: bigint): void {
    this.reserve(10);
    let rest = BigInt.asIntN(64, x);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      this.bytes[this.length++] = done ? low : low | 0x80;
      if (done) return;
    }
  }

  i32le(x: number): void {
    this.reserve(4);
    this.view.setInt32(this.length, x | 0, true);
    this.length += 4;
  }

  f32(x: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, x, true);
    this.length += 4;
  }

  f64(x: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, x, true);
    this.length += 8;
  }

  text(s: string): void {
    const encoded = new TextEncoder().encode(s);
    this.u32(encoded.length);
    this.append(encoded);
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The bytes so far, as a view. */
  taken(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
