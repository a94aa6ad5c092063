// What the WebGPU backend promises beside right numbers: one submit a step, no growth, old values kept,
// faults that change nothing, memory beyond slabs and budgets, and a lost device. The op table, gradients
// and random graphs run on it with the others (tests/ops).
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { WebgpuBackend, type WebgpuOptions } from "../../src/backend/webgpu/backend.ts";
import { renderShader } from "../../src/backend/webgpu/render.ts";
import { compile, manualSeed, nn, ones, optim, rand, randint, Tensor } from "../../src/index.ts";
import { device } from "../../src/tensor/device.ts";
import { missingAdapter } from "./adapter.ts";

const why = await missingAdapter();
const backends: WebgpuBackend[] = [];

function backend(options: WebgpuOptions = {}): WebgpuBackend {
  const made = new WebgpuBackend(options);
  backends.push(made);
  device(made);
  return made;
}

const count = (b: WebgpuBackend, name: string) => b.describe()[name] as number;
const vector = (...values: number[]) => Tensor.from(new Float32Array(values), [values.length]);
const classes = (...values: number[]) => Tensor.from(new Int32Array(values), [values.length]);
const pixels = (i: number) =>
  Tensor.from(
    Float32Array.from({ length: 32 }, (_, k) => Math.sin(7 * k + i)),
    [4, 8],
  );

/** A classifier and its step; the loss looks for classes that are out of range. */
function classifier() {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 4));
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-2 });
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(loss);
    return loss;
  });
  return { model, step };
}

const weightsOf = async (model: nn.Module) =>
  Promise.all(model.parameters().map(async (p) => [...(await p.data())]));

describe.skipIf(why !== null)(`the WebGPU backend${why === null ? "" : ` (${why})`}`, () => {
  let shared: WebgpuBackend;
  beforeEach(() => {
    shared ??= backend();
    device(shared);
  });
  afterAll(() => {
    device("wasm");
    for (const b of backends) b.dispose();
  });

  it("runs a step as one submit, and gives the loss without another", async () => {
    const { step } = classifier();
    const y = classes(0, 1, 2, 3);
    await step(pixels(0), y).item();
    const [submits, reads] = [count(shared, "submits"), count(shared, "reads")];
    for (let i = 1; i <= 5; i++) await step(pixels(i), y).item();
    expect(count(shared, "submits") - submits).toBe(5);
    expect(count(shared, "reads") - reads).toBe(0);
  });

  it("does not wait between steps", async () => {
    const { step } = classifier();
    const y = classes(0, 1, 2, 3);
    await step(pixels(0), y).item();
    const submits = count(shared, "submits");
    const losses = [1, 2, 3, 4, 5].map((i) => step(pixels(i), y));
    expect(count(shared, "submits") - submits).toBe(5);
    const all = await Promise.all(losses.map((loss) => loss.item()));
    device("reference");
    const plain = classifier();
    await plain.step(pixels(0), y).item();
    for (const [i, loss] of all.entries()) {
      expect(loss).toBeCloseTo(await plain.step(pixels(i + 1), y).item(), 5);
    }
  });

  it("drops the same elements as the reference", async () => {
    manualSeed(5);
    const here = await new nn.Dropout(0.5).forward(ones(1000)).data();
    device("reference");
    manualSeed(5);
    expect(here).toEqual(await new nn.Dropout(0.5).forward(ones(1000)).data());
  });

  it("draws the same bits as the reference, and whole numbers in a compiled function", async () => {
    const draw = async () => {
      manualSeed(7);
      const dice = compile(() => randint(-7, 2 ** 31 - 8, [1000]));
      return [await rand(1000).data(), await dice().data()];
    };
    const here = await draw();
    device("reference");
    expect(here).toEqual(await draw());
  });

  it("changes nothing where a class is out of range, and goes on", async () => {
    const { model, step } = classifier();
    const good = classes(0, 1, 2, 3);
    await step(pixels(0), good).item();
    const before = await weightsOf(model);
    const bad = step(pixels(1), classes(0, 1, 2, 9));
    const after = step(pixels(2), good);
    const said = { name: "ArgumentError", message: /gather: an index is outside \[0, 4\)/ };
    await expect(bad.item()).rejects.toThrow(expect.objectContaining({ name: said.name }));
    await expect(bad.item()).rejects.toThrow(said.message);
    await expect(after.item()).rejects.toThrow(said.message);
    expect(await weightsOf(model)).toEqual(before);
    const loss = await step(pixels(1), good).item();
    device("reference");
    const plain = classifier();
    await plain.step(pixels(0), good).item();
    expect(loss).toBeCloseTo(await plain.step(pixels(1), good).item(), 5);
  });

  it("runs what does not need a failed run again", async () => {
    const one = classifier();
    const other = classifier();
    const good = classes(0, 1, 2, 3);
    const first = await one.step(pixels(0), good).item();
    expect(await other.step(pixels(0), good).item()).toBe(first);
    const bad = one.step(pixels(1), classes(0, 1, 2, -1));
    const losses = [other.step(pixels(1), good), other.step(pixels(2), good)];
    await expect(bad.item()).rejects.toThrow(/outside/);
    const got = await Promise.all(losses.map((loss) => loss.item()));
    const wanted = [await one.step(pixels(1), good).item(), await one.step(pixels(2), good).item()];
    expect(got).toEqual(wanted);
    expect(await weightsOf(other.model)).toEqual(await weightsOf(one.model));
  });

  it("keeps old values that a reader still wants", async () => {
    const w = new nn.Linear(2, 1);
    const optimizer = new optim.SGD(w.parameters(), { lr: 0.5 });
    const old = await w.weight.data();
    const doubled = w.weight.mul(2);
    optimizer.step(w.forward(ones(1, 2)).sum());
    const reading = w.weight.data();
    optimizer.step(w.forward(ones(1, 2)).sum());
    expect([...(await doubled.data())]).toEqual([...old].map((v) => 2 * v));
    expect([...(await reading)]).toEqual([...old].map((v) => Math.fround(v - 0.5)));
    const twice = [...old].map((v) => Math.fround(Math.fround(v - 0.5) - 0.5));
    expect([...(await w.weight.data())]).toEqual(twice);
  });

  it("refuses float64, and says what to do", async () => {
    const wide = Tensor.from(new Float64Array([1, 2]), [2]);
    await expect((async () => wide.add(1).data())()).rejects.toThrow(
      'add: the device "webgpu" has no float64\n  hint: use x.float(), or',
    );
    expect(await vector(1, 2).sum().item()).toBe(3);
  });

  it("holds bool and uint8 as words, and gives them back as bytes", async () => {
    const bytes = Tensor.from(new Uint8Array([250, 7, 0]), [3]);
    const more = await bytes.add(Tensor.from(new Uint8Array([10, 1, 0]), [3])).data();
    expect(more).toEqual(new Uint8Array([4, 8, 0]));
    expect(await vector(1, -1, 0).gt(0).data()).toEqual(new Uint8Array([1, 0, 0]));
  });

  it("grows by nothing over 2,000 steps", async () => {
    const model = new nn.Linear(2, 1);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const step = compile((x: Tensor) => {
      const loss = model.forward(x).square().mean();
      optimizer.step(loss);
      return loss;
    });
    const { step: other } = classifier();
    const run = async (steps: number) => {
      for (let i = 0; i < steps; i++) {
        const loss = step(Tensor.from(new Float32Array([i % 3, 1]), [1, 2]));
        if (i % 8 === 0) await loss.item();
        if (i % 20 === 0) await other(pixels(i), classes(0, 1, 2, 3)).item();
      }
      return shared.describe();
    };
    const before = await run(100);
    const after = await run(2000);
    expect(after.memoryBytes).toBe(before.memoryBytes);
    expect(after.stateBytes).toBe(before.stateBytes);
    // Results that nobody can reach are found by the megabyte.
    expect(Number(after.resultBytes) - Number(before.resultBytes)).toBeLessThan(2100 * 8);
    expect(after.pipelines).toBe(before.pipelines);
  }, 60_000);

  it("is a device of its own with f16, and exact where the card has none", async () => {
    const engine = device("webgpu", { f16: true });
    expect(engine.name).toBe("webgpu f16");
    const x = Tensor.from(new Float32Array([1, 2, 3, 4]), [2, 2]);
    const y = await x.matmul(x).data();
    expect([...y]).toEqual([7, 10, 15, 22]);
    expect(
      await Tensor.from(new Float32Array([0.1]), [1])
        .add(0)
        .item(),
    ).toBe(Math.fround(0.1));
    expect(() => device("wasm", { f16: true })).toThrow('only "webgpu" takes f16 as an option');
  });

  it("lets a process end by itself", async () => {
    const child = join(import.meta.dirname, "ending-child.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [child], { timeout: 25_000 });
    expect(stdout).toMatch(/^trained to [\d.]+\n$/);
  });

  it("names the kernel whose shader does not compile, and lives on", async () => {
    const broken = backend({
      render: (kernel, layout, features) => {
        const shader = renderShader(kernel, layout, features);
        return { ...shader, code: shader.code.replace("fn main", "fn main_") };
      },
    });
    await expect(vector(1, 2).mul(3).data()).rejects.toThrow(
      /^webgpu: the shader of kernel mul 2 does not compile: /,
    );
    expect(count(broken, "pipelines")).toBe(2);
    device(shared);
    expect([...(await vector(1, 2).mul(3).data())]).toEqual([3, 6]);
  });

  it("lays operands across slabs, and grows by more of them", async () => {
    const small = backend({ slabBytes: 2 ** 16 });
    const n = 50_000; // 200 kB: four slabs
    const x = Tensor.from(
      Float32Array.from({ length: n }, (_, i) => i % 1000),
      [n],
    );
    const y = await x.mul(2).add(1).data();
    expect(y.every((v, i) => v === 2 * (i % 1000) + 1)).toBe(true);
    expect(await x.sum().item()).toBe(50 * 499_500);
    expect(await x.reshape([50, 1000]).sum(0).mul(1).max().item()).toBe(50 * 999);
    expect(count(small, "slabs")).toBeGreaterThan(4);
    // What spans more slabs than a shader may bind is refused, and the device works on.
    const wide = () => Tensor.from(new Float32Array(4 * n).fill(1), [4 * n]);
    const sum = wide().mul(wide()).add(wide());
    await expect(sum.data()).rejects.toThrow(/^webgpu: kernel add .* needs \d+ slabs of /);
    expect(await x.max().item()).toBe(999);
  });

  it("gives slabs back that have long been empty, and takes new ones", async () => {
    const small = backend({ slabBytes: 2 ** 16 });
    const x = vector(1, 2, 3);
    const next = compile((v: Tensor) => v.add(1));
    const run = async (times: number) => {
      for (let i = 0; i < times; i++) expect([...(await next(x).data())]).toEqual([2, 3, 4]);
    };
    const left: number[] = [];
    await run(1);
    for (let round = 0; round < 2; round++) {
      const wide = Tensor.from(new Float32Array(50_000).fill(round), [50_000]).add(1);
      expect((await wide.data()).every((v) => v === round + 1)).toBe(true);
      wide.dispose();
      const [most, bytes] = [count(small, "slabs"), count(small, "memoryBytes")];
      expect(most).toBeGreaterThan(4);
      // Not at once: they may be wanted again.
      await run(8);
      expect(count(small, "slabs")).toBe(most);
      await run(80);
      const freed = most - count(small, "slabs");
      expect(freed).toBeGreaterThanOrEqual(4);
      left.push(count(small, "memoryBytes"));
      expect(bytes - left[round]!).toBe(freed * 2 ** 16);
    }
    expect(left[1]).toBe(left[0]);
  });

  it("moves to the host what is over the budget, and back", async () => {
    const tight = backend({ state: 3 * 4096, results: 3 * 4096 });
    const layers = Array.from({ length: 8 }, () => new nn.Linear(32, 32, { bias: false }));
    const x = ones(1, 32);
    const expected = await Promise.all(layers.map(async (l) => (await l.weight.data()).slice()));
    const optimizers = layers.map((l) => new optim.SGD(l.parameters(), { lr: 1 }));
    for (let round = 0; round < 2; round++) {
      layers.forEach((l, i) => {
        optimizers[i]!.step(l.forward(x).sum());
      });
    }
    for (const [i, layer] of layers.entries()) {
      const wanted = expected[i]!.map((v) => Math.fround(Math.fround(v - 1) - 1));
      expect(await layer.weight.data()).toEqual(wanted);
    }
    expect(count(tight, "stateBytes")).toBeLessThanOrEqual(3 * 4096);
  });

  it("tells that a device was lost, and opens another", async () => {
    const b = backend();
    const { model, step } = classifier();
    const y = classes(0, 1, 2, 3);
    await step(pixels(0), y).item();
    const saved = await weightsOf(model);
    const fresh = vector(1, 2);
    const pending = step(pixels(1), y);
    b.dispose();
    await expect(pending.item()).rejects.toThrow(/^webgpu: the device was lost/);
    // What was read last is still there.
    expect(await weightsOf(model)).toEqual(saved);
    expect([...(await fresh.mul(2).data())]).toEqual([2, 4]);
    expect(count(b, "devices")).toBe(2);
    // The optimizer's moments were only on the device that was lost.
    const again = async () => step(pixels(1), y).item();
    await expect(again()).rejects.toThrow(/were lost with the device/);
  });
});
