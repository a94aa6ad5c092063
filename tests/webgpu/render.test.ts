// Shaders by themselves, in the forms that the op table does not ask for: points shared by many
// invocations, atomic additions, the larger tiles, operands across slabs, steps that a failed one stops.
import { afterAll, describe, expect, it } from "vitest";
import { tileFor } from "../../src/backend/webgpu/render-contract.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import type { TypedArray } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { reference } from "../ops/backends.ts";
import { stream } from "../ops/case.ts";
import { difference } from "../ops/close.ts";
import { featuresOf, openDevice, ShaderBackend, type ShaderOptions } from "./shader-backend.ts";

const device = await openDevice();
const used: ShaderBackend[] = [];
afterAll(() => device?.destroy());

function engineOf(options: ShaderOptions): Engine {
  const backend = new ShaderBackend(device!, options);
  used.push(backend);
  return new Engine(backend);
}

async function evaluate(engine: Engine, nodes: readonly Node[]): Promise<TypedArray[]> {
  const { buffers, done } = engine.evaluate(nodes);
  await done;
  return Promise.all(buffers.map((b) => engine.read(b)));
}

const random = stream(5);

function data(shape: number[], dtype: "float32" | "int32" = "float32", scale = 1): Node {
  const size = shape.reduce((n, d) => n * d, 1);
  const float = () => (random() * 4 - 2) * scale;
  const values =
    dtype === "float32"
      ? Float32Array.from({ length: size }, float)
      : Int32Array.from({ length: size }, () => Math.floor(random() * scale));
  return ir.bufferNode(new Buffer(dtype, size, values), shape);
}

function given(values: readonly number[], dtype: "float32" | "int32" = "float32"): Node {
  const array = dtype === "float32" ? Float32Array.from(values) : Int32Array.from(values);
  return ir.bufferNode(new Buffer(dtype, values.length, array), [values.length]);
}

/** The nodes on shaders are what they are on the reference. */
async function agree(nodes: readonly Node[], loose = 1, options: ShaderOptions = {}) {
  const expected = await evaluate(reference.engine, nodes);
  const actual = await evaluate(engineOf(options), nodes);
  nodes.forEach((node, i) => {
    expect(difference(actual[i]!, expected[i]!, node.dtype, loose), `output ${i}`).toBeNull();
  });
}

const product = { a: "ik", b: "kj", out: "ij" };

describe.skipIf(device === null)("shaders (skipped without a WebGPU adapter)", () => {
  it("reduces long rows and long columns, points shared by many invocations", async () => {
    const wide = data([3, 1999]);
    const tall = data([1999, 70]);
    for (const fn of ["sum", "max", "min", "argmax", "argmin"] as const) {
      await agree([ir.reduce(fn, wide, [1])], 20);
      await agree([ir.reduce(fn, tall, [0])], 20);
    }
    await agree([ir.reduce("prod", data([2, 300], "float32", 0.7), [1])], 4);
    await agree([ir.reduce("sum", data([5, 777], "int32", 2 ** 31), [1])]);
  });

  it("finds the first NaN and the first of equals", async () => {
    const values = Array.from({ length: 900 }, (_, i) => (i % 100 === 37 ? 5 : i % 7));
    const odd = [...values];
    odd[431] = Number.NaN;
    odd[899] = Number.NaN;
    for (const list of [values, odd]) {
      const x = given(list);
      for (const fn of ["argmax", "argmin", "max", "min"] as const) {
        await agree([ir.reduce(fn, x, [0])]);
      }
    }
  });

  it("runs the stages of a softmax and of a layer norm over rows", async () => {
    const x = data([37, 500]);
    await agree([ir.softmax(x, [1])], 4);
    const mean = (y: Node) => {
      const sum = ir.reduce("sum", y, [1]);
      return ir.binary("mul", sum, ir.full(1 / 500, sum.shape, "float32"));
    };
    const centred = ir.binary("sub", x, ir.expand(mean(x), [37, 500]));
    const spread = mean(ir.binary("mul", centred, centred));
    const norm = ir.binary("mul", centred, ir.expand(ir.unary("rsqrt", spread), [37, 500]));
    await agree([norm, ir.reshape(mean(norm), [37])], 10);
  });

  it("adds by index, all at once where points are few, in order where they are many", async () => {
    const indices = data([3000, 1], "int32", 40);
    for (const width of [1, 5]) {
      const index = ir.expand(indices, [3000, width]);
      const counts = data([3000, width], "int32", 1000);
      await agree([ir.scatterAdd(data([40, width], "int32", 9), index, counts, 0)]);
      await agree([ir.scatterAdd(data([40, width]), index, data([3000, width]), 0)], 100);
    }
    const index = ir.expand(data([200, 1], "int32", 7), [200, 5000]);
    await agree([ir.scatterAdd(data([7, 5000]), index, data([200, 5000]), 0)], 20);
    await agree([ir.scatter(data([7, 5000]), index, data([200, 5000]), 0)]);
    await agree([ir.scatter(data([40, 1]), indices, data([3000, 1]), 0)]);
  });

  it("multiplies with every tile", async () => {
    await agree([ir.contract(data([20, 70]), data([70, 30]), product)], 8);
    await agree([ir.contract(data([700, 19]), data([19, 460]), product)], 4);
    const features = featuresOf(device!);
    expect(tileFor({ rows: 100, columns: 128, batch: 128 }, features).rows).toBe(128);
    const turned = { a: "bki", b: "bjk", out: "bij" };
    await agree([ir.contract(data([128, 9, 100]), data([128, 128, 9]), turned)], 4);
  });

  it("multiplies whole numbers modulo 2^32", async () => {
    const [a, b] = [data([20, 33], "int32", 2 ** 31), data([33, 18], "int32", 2 ** 31)];
    await agree([ir.contract(a, b, product)]);
  });

  it("has more workgroups than one dimension holds", async () => {
    const x = data([64 * 65535 + 100]);
    await agree([ir.unary("neg", x)]);
  });

  it("compiles where there is nothing to do", async () => {
    const [x, y] = [ir.expand(data([3, 1, 5]), [3, 0, 5]), ir.expand(data([1, 0, 5]), [3, 0, 5])];
    const products = ir.binary("mul", x, y);
    await agree([ir.reduce("sum", products, [2]), ir.reduce("sum", products, [1])]);
  });

  it("raises to powers and divides with remainder like float32", async () => {
    const [x, y] = [data([4000], "float32", 20), data([4000], "float32", 6)];
    await agree([ir.binary("pow", ir.unary("abs", x), y)], 1);
    const small = ir.binary("mul", y, ir.full(1e-3, [4000], "float32"));
    await agree([ir.binary("mod", x, y), ir.binary("mod", x, small)], 1);
    const whole = ir.unary("round", y);
    await agree([ir.binary("pow", x, whole)], 1);
  });

  it("has constants that the language has not", async () => {
    const x = data([8]);
    const odd = [Number.NaN, Infinity, -Infinity, -0, 1e-42, 3.4e38].map((c) => {
      return ir.binary(
        "add",
        ir.binary("mul", x, ir.full(0, [8], "float32")),
        ir.full(c, [8], "float32"),
      );
    });
    await agree(odd);
    const nan = ir.binary("sub", ir.unary("sqrt", x), ir.full(0, [8], "float32"));
    const top = ir.binary("max", nan, ir.full(0.5, [8], "float32"));
    await agree([ir.compare("ne", nan, nan), ir.compare("eq", nan, nan), top]);
  });

  it("reads and writes operands that lie across slabs", async () => {
    const options = { slabs: 3 };
    const x = data([50, 40]);
    await agree([ir.binary("add", x, data([50, 40])), ir.reduce("sum", x, [1])], 4, options);
    const index = ir.expand(data([300, 1], "int32", 50), [300, 40]);
    await agree([ir.gather(x, index, 0)], 1, options);
    await agree([ir.scatterAdd(x, index, data([300, 40]), 0)], 20, options);
    await agree([ir.contract(data([17, 20]), data([20, 18]), product)], 4, { slabs: 2 });
  });

  it("does the same where steps are guarded, and nothing once one has failed", async () => {
    const x = data([37, 200]);
    const nodes = [
      ir.softmax(x, [1]),
      ir.contract(x, data([200, 20]), product),
      ir.unary("exp", x),
    ];
    await agree(nodes, 20, { guarded: true });
    const stopped = await evaluate(engineOf({ guarded: true, status: 7 }), nodes);
    for (const values of stopped) expect(values.every(Number.isNaN)).toBe(true);
  });

  const half = device?.features.has("shader-f16") === true;
  it.skipIf(!half)("rounds factors to float16 (skipped where shaders have none)", async () => {
    const options = { features: { f16: true } };
    const node = ir.contract(data([100, 64]), data([64, 70]), product);
    const [expected] = await evaluate(reference.engine, [node]);
    const [actual] = await evaluate(engineOf(options), [node]);
    const errors = actual!.map((x, i) => Math.abs(x - expected![i]!));
    expect(Math.max(...errors)).toBeLessThan(64 * 4 * 2 ** -11);
    expect(Math.max(...errors)).toBeGreaterThan(1e-4);
    const exact = ir.contract(
      ir.unary("round", data([40, 64])),
      ir.unary("round", data([64, 9])),
      product,
    );
    await agree([exact], 1, options);
  });

  it("says which fault it was, whichever invocation found it", async () => {
    const table = data([10, 3]);
    const wrong = ir.expand(ir.reshape(given([1, 2, 10, 4], "int32"), [4, 1]), [4, 3]);
    const run = evaluate(engineOf({}), [ir.gather(table, wrong, 0)]);
    await expect(run).rejects.toThrow("gather: an index is outside [0, 10)");
  });
});
