// How fast a device is, measured: a few small programs, larger as long as they are quick. For the choice
// between devices (auto.ts). Not here: the choice.

import { Buffer } from "../ir/buffer.ts";
import { binary, bufferNode, contract, reduce } from "../ir/build.ts";
import { makeArray } from "../ir/dtype.ts";
import { type Node, sizeOf } from "../ir/node.ts";
import { type Work, workOf } from "../ir/work.ts";
import type { Engine } from "../schedule/engine.ts";

/** Milliseconds: of a run, of a step of it, and of a million products, instructions and bytes sent. */
export interface Speed {
  readonly run: number;
  readonly step: number;
  readonly products: number;
  readonly instructions: number;
  readonly bytes: number;
}

/** Runs that a time is the mean of, and the time above which nothing larger is tried. */
const times = 10;
const enoughMs = 8;
const million = 1e6;

/** How long a program of so much work takes, in milliseconds; `bytes` come from elsewhere each time. */
export function timeOf(
  speed: Speed,
  { products, instructions, steps }: Work,
  bytes: number,
): number {
  const work = products * speed.products + instructions * speed.instructions + bytes * speed.bytes;
  return speed.run + steps * speed.step + work / million;
}

/** Whether a device is no card at all, but a program that plays one: even a product of 128 takes it long,
 *  and measuring the rest would take seconds. */
export async function isHopeless(engine: Engine): Promise<boolean> {
  return (await timeEach(engine, product(128))) > enoughMs;
}

/** Measures; some 50 ms of it on a graphics card, and what its programs take to compile. */
export async function speedOf(engine: Engine): Promise<Speed> {
  const small = data([64]);
  const one = await timeEach(engine, () => binary("add", small, small));
  const square = data([16, 16]);
  const deep = await timeEach(engine, () => chain(square, 16));
  const run = one;
  const step = Math.max(0, deep - one) / 16;
  const rate = async (
    make: (n: number) => () => Node,
    sizes: readonly number[],
    of: keyof Work,
  ) => {
    let best = Number.POSITIVE_INFINITY;
    for (const n of sizes) {
      const graph = make(n);
      const ms = await timeEach(engine, graph);
      const net = Math.max(ms - run - step, ms / 10);
      best = Math.min(best, (net * million) / workOf([graph()])[of]);
      if (ms > enoughMs) break;
    }
    return best;
  };
  const products = await rate(product, [128, 256, 512, 1024], "products");
  const instructions = await rate(arithmetic, [2 ** 15, 2 ** 18, 2 ** 21], "instructions");
  const bytes = await rate(sent, [2 ** 15, 2 ** 18], "instructions");
  return { run, step, products, instructions, bytes: Math.max(0, bytes - instructions) / 4 };
}

function data(shape: readonly number[]): Node {
  const elements = makeArray("float32", sizeOf(shape)).fill(0.01);
  return bufferNode(new Buffer("float32", elements.length, elements), shape);
}

const plain = { a: "ij", b: "jk", out: "ik" };

/** Products of matrices, each of the one before. */
function chain(square: Node, length: number): Node {
  let x = square;
  for (let i = 0; i < length; i++) x = contract(x, square, plain);
  return x;
}

function product(n: number): () => Node {
  const [a, b] = [data([n, n]), data([n, n])];
  return () => reduce("sum", contract(a, b, plain), [0, 1]);
}

function arithmetic(n: number): () => Node {
  const x = data([n]);
  return () => {
    let y = x;
    for (let i = 0; i < 8; i++) y = binary("add", binary("mul", y, x), x);
    return reduce("sum", y, [0]);
  };
}

/** Reads new data each time. */
function sent(n: number): () => Node {
  return () => reduce("sum", data([n]), [0]);
}

/** The mean time of a program that is run again and again, compiling and the last read left out. */
async function timeEach(engine: Engine, make: () => Node): Promise<number> {
  const run = () => {
    const { buffers, done } = engine.evaluate([make()]);
    done?.catch(() => {}); // the read below tells
    return buffers[0]!;
  };
  const first = run();
  await engine.read(first);
  let start = performance.now();
  await engine.read(run());
  const once = performance.now() - start;
  if (once > 4 * enoughMs) return once;
  start = performance.now();
  let last = first;
  for (let i = 0; i < times; i++) last = run();
  await engine.read(last);
  return Math.min(once, (performance.now() - start) / times);
}
