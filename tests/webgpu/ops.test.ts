// A part of the op table, of the gradients and of the random graphs on WebGPU, against the reference: a
// row of each kind, named here. All of them, which takes minutes on a driver in software:
// ANNEAL_TEST_BACKENDS=reference,webgpu npx vitest run tests/ops/forward.test.ts tests/ops/fuzz.test.ts
import { afterAll, describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { WebgpuBackend } from "../../src/backend/webgpu/backend.ts";
import { compile, manualSeed, rand, randint } from "../../src/index.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import { full } from "../../src/ir/build.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { device } from "../../src/tensor/device.ts";
import { reference, type UnderTest } from "../ops/backends.ts";
import { type Case, instantiate } from "../ops/case.ts";
import { difference } from "../ops/close.ts";
import { randomCase, small } from "../ops/random-graph.ts";
import { table } from "../ops/table.ts";
import { missingAdapter, refused } from "./adapter.ts";

/** How the names of the rows begin; the first of each runs, and its gradient where it has one. */
const rows = [
  ...[
    "exp float32",
    "log float32",
    "erf float32",
    "div int32",
    "mod int32",
    "pow float32",
    "max float32",
  ],
  ...["lt float32", "where float32", "shr int32", "round float32"],
  ...["sum float32", "max float32", "argmax", "sum int32 wraps", "reshape", "flip", "pad"],
  ...["window", "gather", "scatterAdd", "scatter", "embedding of expanded indices"],
  ...["softmax [", "softmax of a masked row", "layer norm [", "batch norm [", "cross entropy ["],
  ...["matmul", "contract nt", "contract heads", "contract two sums", "linear with bias", "conv"],
  ...["mlp", "attention with a causal mask", "adam [", "sgd ["],
  ...["two buffers exchanged in place", "a buffer reversed in place", "dropout, forward"],
  ...["scan of a recurrence", "scan with a contraction", "scan of ints"],
];
const found = rows.map((row) => table.find((c) => c.name.startsWith(row)));
const part = [...new Set(found)].filter((c): c is Case => c !== undefined);
const seeds = [1, 2, 3, 4, 5, 6];

const why = await missingAdapter();
const backend = new WebgpuBackend();
const webgpu: UnderTest = { name: "webgpu", backend, engine: new Engine(backend) };

async function run({ engine }: UnderTest, nodes: readonly Node[], assign?: (Buffer | null)[]) {
  const { buffers, done } = engine.evaluate(nodes, assign);
  await done;
  return Promise.all(buffers.map((buffer) => engine.read(buffer)));
}

/** The case and its gradient on both; the graph is made anew for each, for it may write to its leaves. */
async function compare(
  graph: () => { nodes: readonly Node[]; assign?: (Buffer | null)[] },
  loose = 1,
) {
  const [mine, theirs] = [graph(), graph()];
  const expected = await run(reference, theirs.nodes, theirs.assign);
  const actual = await run(webgpu, mine.nodes, mine.assign);
  mine.nodes.forEach((node, i) => {
    expect(difference(actual[i]!, expected[i]!, node.dtype, loose), `output ${i}`).toBeNull();
  });
}

function graphOf(c: Case) {
  const { outputs, leaves } = instantiate(c, "float32");
  const assign = outputs.map((_, i) => leaves[c.into?.[i] ?? -1]?.buffer ?? null);
  return { nodes: outputs, assign };
}

function gradientOf(c: Case) {
  const { outputs, leaves } = instantiate(c, "float32");
  const floats = outputs.filter((y) => isFloat(y.dtype));
  const ones = floats.map((y) => full(1, y.shape, y.dtype));
  return { nodes: grad(floats, ones, leaves).filter((g) => g !== null) };
}

describe.skipIf(why !== null)(`ops on WebGPU${why === null ? "" : ` (${why})`}`, () => {
  afterAll(() => {
    device("wasm");
    backend.dispose();
  });

  it("has a row for each beginning of a name", () => {
    expect(rows.filter((_, i) => found[i] === undefined)).toEqual([]);
  });

  it.for(part)("$name", async (c, { skip }) => {
    const cannot = refused(graphOf(c).nodes);
    if (cannot !== null) skip(cannot);
    await compare(() => graphOf(c), 4 * (c.loose ?? 1));
  });

  it.each(part.filter((c) => c.smooth))("the gradient of $name", async (c) => {
    await compare(() => gradientOf(c), 10 * (c.loose ?? 1));
  });

  it.each(seeds)("random graph %i", async (seed) => {
    const make = () => instantiate(randomCase(seed, "float32", 14, small)).outputs;
    await compare(() => ({ nodes: make() }), 100);
  });

  it("draws the same random bits, and whole numbers in a compiled function", async () => {
    const draw = async () => {
      manualSeed(7);
      const dice = compile(() => randint(-7, 2 ** 31 - 8, [1000]));
      return [await rand(1000).data(), await dice().data()];
    };
    device(backend);
    const here = await draw();
    device("reference");
    expect(here).toEqual(await draw());
  });
});
