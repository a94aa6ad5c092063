// Threefry2x32 with 20 rounds (Salmon et al. 2011), the generator of `random` expressions: of one int or
// of four lanes at a time. Not here: what the bits become (the graph says that).

import type { ValType } from "./assembler.ts";
import type { PlainOp } from "./assembler-opcodes.ts";
import type { Frame, Push } from "./expr.ts";

const keyConstant = 0x1bd11bda;
const turns = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** How words are added, mixed and turned. */
interface Words {
  readonly type: ValType;
  readonly add: PlainOp;
  readonly xor: PlainOp;
  constant(frame: Frame, x: number): void;
  /** Pushes the local's words, turned left. */
  turn(frame: Frame, local: number, bits: number): void;
}

export const vectorWords: Words = {
  type: "v128",
  add: "i32x4.add",
  xor: "v128.xor",
  constant: (frame, x) => frame.f.get(frame.splatI32(x)),
  turn: ({ f }, local, bits) => {
    f.get(local);
    f.i32(bits);
    f.op("i32x4.shl");
    f.get(local);
    f.i32(32 - bits);
    f.op("i32x4.shr_u");
    f.op("v128.or");
  },
};

export const scalarWords: Words = {
  type: "i32",
  add: "i32.add",
  xor: "i32.xor",
  constant: ({ f }, x) => f.i32(x),
  turn: ({ f }, local, bits) => {
    f.get(local);
    f.i32(bits);
    f.op("i32.rotl");
  },
};

/** Pushes the first word for key (seed, base) and counter (at, stream). */
export function threefry(
  frame: Frame,
  words: Words,
  { seed, base, at, stream }: { seed: Push; base: Push; at: Push; stream: number },
): void {
  const { f } = frame;
  const locals = Array.from({ length: 5 }, () => frame.take(words.type));
  const [k0, k1, k2, x, y] = locals as [number, number, number, number, number];
  const keys = [k0, k1, k2];
  const addTo = (target: number, other: number) => {
    f.get(other);
    f.op(words.add);
    f.set(target);
  };
  seed();
  f.set(k0);
  base();
  f.tee(k1);
  f.get(k0);
  f.op(words.xor);
  words.constant(frame, keyConstant);
  f.op(words.xor);
  f.set(k2);
  at();
  addTo(x, k0);
  words.constant(frame, stream);
  addTo(y, k1);
  for (let round = 0; round < 20; round++) {
    f.get(x);
    addTo(x, y);
    words.turn(frame, y, turns[round % 8]!);
    f.get(x);
    f.op(words.xor);
    f.set(y);
    if (round % 4 !== 3) continue;
    const step = (round + 1) / 4;
    f.get(x);
    addTo(x, keys[step % 3]!);
    f.get(y);
    words.constant(frame, step);
    f.op(words.add);
    addTo(y, keys[(step + 1) % 3]!);
  }
  f.get(x);
  for (const local of locals) frame.release(local);
}
