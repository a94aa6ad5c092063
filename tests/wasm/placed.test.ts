// Data of the user's that goes straight to the device: it is a copy, whoever reads it finds it, memory
// stays flat however much passes, and what is looked at on the host stays there.
import { afterEach, describe, expect, it } from "vitest";
import { WasmBackend, type WasmOptions } from "../../src/backend/wasm/backend.ts";
import { compile, device, full, nn, setCheckMode, Tensor, tensor } from "../../src/index.ts";
import { Buffer } from "../../src/ir/buffer.ts";

const size = 10_000;
const ramp = (n: number, from = 0) => Float32Array.from({ length: n }, (_, i) => from + i);

const backends: WasmBackend[] = [];
afterEach(() => {
  for (const backend of backends.splice(0)) backend.dispose();
  device("wasm");
  setCheckMode(true);
});

function make(options: WasmOptions = {}): WasmBackend {
  const backend = new WasmBackend({ threads: 2, revectorize: false, ...options });
  backends.push(backend);
  device(backend);
  return backend;
}

/** A device that has begun to work. */
async function working(options: WasmOptions = {}): Promise<WasmBackend> {
  const backend = make(options);
  expect(await tensor([1, 2]).sum().item()).toBe(3);
  return backend;
}

describe("data from the host", () => {
  for (const threads of [1, 2]) {
    it(`is a copy on the device, with ${threads} thread(s)`, async () => {
      await working({ threads });
      const mine = ramp(size);
      const x = Tensor.from(mine, [100, 100]);
      expect(x.current.buffer!.host).toBe(null);
      mine.fill(-1);
      expect(await x.data()).toEqual(ramp(size));
      (await x.data()).fill(7);
      expect(await x.add(1).data()).toEqual(ramp(size, 1));
      const part = Tensor.from(ramp(size + 5).subarray(5)); // not from the start of its memory
      expect(await part.data()).toEqual(ramp(size, 5));
    });
  }

  it("keeps every bit", async () => {
    await working();
    const bits = Uint32Array.from({ length: size }, (_, i) => 0x7f800000 + 977 * i); // many a NaN
    const x = Tensor.from(new Float32Array(bits.buffer));
    expect(new Uint32Array((await x.data()).buffer)).toEqual(bits);
  });

  it("stays on the host where it is small, whole numbers, of a trace, or before the device works", async () => {
    const backend = make();
    const early = Tensor.from(ramp(size));
    expect(early.current.buffer!.host).not.toBe(null);
    expect(await early.sum().item()).toBe((size * (size - 1)) / 2);
    for (const data of [ramp(100), Int32Array.from(ramp(size)), Uint8Array.from(ramp(size))]) {
      expect(Tensor.from(data).current.buffer!.host).toEqual(data);
    }
    const f = compile((x: Tensor) => x.add(Tensor.from(ramp(size))).max());
    setCheckMode(true);
    for (const s of [1, 2]) expect(await f(full([size], s)).item()).toBe(size - 1 + s);
    const large = new Float32Array(1000);
    expect(backend.place(new Buffer("float32", 1000, null), large)).toBe(false);
  });

  it("is found by other devices, and outlives its own", async () => {
    const backend = await working();
    const [x, y] = [Tensor.from(ramp(size)), Tensor.from(ramp(size, 3))];
    device("reference");
    expect(await x.max().item()).toBe(size - 1);
    backend.dispose();
    device(backend);
    expect(await y.max().item()).toBe(size + 2);
  });

  it("becomes the value of parameters", async () => {
    await working();
    const layer = new nn.Linear(100, 100, { bias: false });
    const weight = Tensor.from(ramp(size), [100, 100]);
    layer.loadStateDict({ weight });
    const copy = nn.parameter(weight);
    weight.dispose();
    expect(await layer.weight.data()).toEqual(ramp(size));
    expect(await copy.data()).toEqual(ramp(size));
  });

  it("leaves memory flat in a loop that keeps nothing", async () => {
    const backend = await working();
    const total = compile((x: Tensor) => x.sum());
    const data = new Float32Array(100_000).fill(1);
    for (let i = 0; i < 600; i++) expect(await total(Tensor.from(data)).item()).toBe(100_000);
    expect(backend.memoryBytes()).toBeLessThan(2 ** 26); // of 240 MB that passed
  });

  it("goes to the host when there is too much of it, and from there to the next run", async () => {
    const backend = await working({ resultBudget: 2 ** 20 });
    const all = Array.from({ length: 60 }, (_, i) => Tensor.from(ramp(size, i)));
    expect(backend.describe().resultBytes).toBeLessThanOrEqual(2 ** 20);
    for (const [i, x] of all.entries()) expect(await x.min().item()).toBe(i);
    for (const [i, x] of all.entries()) expect(await x.data()).toEqual(ramp(size, i));
  });
});
