// The order of groups: what is the last to read something large comes early, but never before what it reads.
import { describe, expect, it } from "vitest";
import { Buffer } from "../../src/ir/buffer.ts";
import * as b from "../../src/ir/build.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { reference } from "../ops/backends.ts";
import { PlanBackend } from "./plan-backend.ts";

const data = (shape: number[]): Node => {
  const host = Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
  return b.bufferNode(new Buffer("float32", host.length, host, false), shape);
};

/** Found by the fuzzer: the last sum reads a large product, as do two others, and the largest elements,
 *  which wait for one of those sums. */
function waiting(): Node {
  const product = b.contract(data([192, 14]), data([192, 14]), { a: "ik", b: "jk", out: "ij" });
  const wide = b.pad(product, [0, 0], [0, 1], 0); // (192, 193)
  const sums = b.expand(b.reduce("sum", wide, [0]), wide.shape);
  const off = b.binary("sub", wide, sums);
  const below = b.binary("sub", off, b.expand(b.reduce("max", off, [1]), wide.shape));
  const scale = b.expand(b.reduce("sum", off, [0]), wide.shape);
  return b.reduce("sum", b.binary("mul", below, scale), [0]); // (1, 193)
}

describe("the order of groups", () => {
  it("puts nothing before a group that is still waiting for its own sources", () => {
    const out = waiting();
    const backend = new PlanBackend();
    const engine = new Engine(backend);
    const got = engine.read(engine.evaluate([out]).buffers[0]!) as Float32Array;
    const wanted = reference.engine.read(
      reference.engine.evaluate([out]).buffers[0]!,
    ) as Float32Array;
    const largest = wanted.reduce((p, v) => Math.max(p, Math.abs(v)), 0);
    got.forEach((v, i) => void expect(Math.abs(v - wanted[i]!)).toBeLessThan(1e-4 * largest));
  });
});
