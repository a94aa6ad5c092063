// A burst of a known kernel between measurements: a 4×8 register tile of fused multiply-adds on
// data that stay in the first-level cache. Its speed says what the machine itself gave at that
// moment; it is not a contestant, and it uses 128-bit code on purpose, the same on every Node.

/** One burst: about 2 ms. Returns GFLOP/s. */
export type Burst = () => number;

const K = 64;
const ROWS = 4;
const VECTORS = 2;
const B_START = 4096;
const OUT = 16384;
/** Local variables of the kernel: `reps` is the parameter, accumulators come last. */
const REPS = 0;
const A = 1;
const B = 2;
const SPLAT = 3;
const B_VECTOR = 4;
const ACC = B_VECTOR + VECTORS;

/** Compiles the kernel and runs it until its speed has settled. */
export function makeBurst(): Burst {
  const memory = new WebAssembly.Memory({ initial: 1 });
  new Float32Array(memory.buffer).fill(1e-3);
  const module = moduleBytes(true);
  const bytes = WebAssembly.validate(module) ? module : moduleBytes(false);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: { m: memory } });
  const kernel = instance.exports.f as (reps: number) => void;
  const flopsPerRep = 2 * K * ROWS * VECTORS * 4;
  const reps = Math.round(1e8 / flopsPerRep);
  const burst = () => {
    const start = performance.now();
    kernel(reps);
    return (reps * flopsPerRep) / (performance.now() - start) / 1e6;
  };
  for (let i = 0; i < 30; i++) burst();
  return burst;
}

/** The module with its one function; without `fused`, multiply and add are two instructions. */
function moduleBytes(fused: boolean): Uint8Array<ArrayBuffer> {
  const name = (text: string) => [text.length, ...Buffer.from(text)];
  const section = (id: number, body: number[]) => [id, ...leb(body.length), ...body];
  const code = functionBody(fused);
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 0]), // type: (i32) -> ()
    ...section(2, [1, ...name("e"), ...name("m"), 2, 0, 1]), // import memory
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("f"), 0, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}

function functionBody(fused: boolean): number[] {
  const get = (local: number) => [0x20, local];
  const set = (local: number) => [0x21, local];
  const i32 = (value: number) => [0x41, ...signedLeb(value)];
  const simd = (op: number) => [0xfd, ...leb(op)];
  const memoryOp = (op: number, align: number, offset: number) => [
    ...simd(op),
    align,
    ...leb(offset),
  ];
  const inner: number[] = [];
  for (let j = 0; j < VECTORS; j++) {
    inner.push(...get(B), ...memoryOp(0x00, 4, 16 * j), ...set(B_VECTOR + j));
  }
  for (let i = 0; i < ROWS; i++) {
    inner.push(...get(A), ...memoryOp(0x09, 2, 4 * i), ...set(SPLAT));
    for (let j = 0; j < VECTORS; j++) {
      const acc = ACC + i * VECTORS + j;
      const operands = [...get(SPLAT), ...get(B_VECTOR + j)];
      // relaxed_madd(a, b, c) is a * b + c; add's order does not matter.
      const sum = fused
        ? [...operands, ...get(acc), ...simd(0x105)]
        : [...operands, ...simd(0xe6), ...get(acc), ...simd(0xe4)];
      inner.push(...sum, ...set(acc));
    }
  }
  const store: number[] = [];
  for (let i = 0; i < ROWS * VECTORS; i++) {
    store.push(...i32(OUT), ...get(ACC + i), ...memoryOp(0x0b, 4, 16 * i));
  }
  const advance = (local: number, by: number) => [...get(local), ...i32(by), 0x6a, ...set(local)];
  return [
    ...[2, 2, 0x7f, 1 + VECTORS + ROWS * VECTORS, 0x7b], // locals: 2 of i32, the rest of v128
    ...[0x03, 0x40, ...i32(0), ...set(A), ...i32(B_START), ...set(B)], // loop over reps
    ...[0x03, 0x40, ...inner, ...advance(A, 4 * ROWS), ...advance(B, 16 * VECTORS)],
    ...[...get(A), ...i32(4 * ROWS * K), 0x48, 0x0d, 0, 0x0b], // while a < end
    ...[...advance(REPS, -1), ...get(REPS), 0x0d, 0, 0x0b], // while --reps
    ...store,
    0x0b,
  ];
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 0x7f;
    value >>>= 7;
    bytes.push(value ? low | 0x80 : low);
  } while (value);
  return bytes;
}

function signedLeb(value: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = value & 0x7f;
    value >>= 7;
    if ((value === 0 && !(low & 0x40)) || (value === -1 && low & 0x40)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}
