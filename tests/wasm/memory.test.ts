// The heap of wasm memory against a model, growth, the arena, and state that moves to the host when
// it is over the budget.
import { describe, expect, it } from "vitest";
import { Heap } from "../../src/backend/heap.ts";
import { DeviceMemory, elementsOf } from "../../src/backend/wasm/memory.ts";
import { Buffer } from "../../src/ir/buffer.ts";

const reservedBytes = 65536;
const stateOf = (values: number[]) =>
  new Buffer("float32", values.length, Float32Array.from(values), true);

describe("the heap", () => {
  it("gives aligned blocks that do not touch, and joins what comes back", () => {
    const heap = new Heap(1 << 20, reservedBytes);
    const live = new Map<number, number>();
    let seed = 1;
    const random = (n: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed % n;
    };
    let refused = 0;
    for (let i = 0; i < 5000; i++) {
      if (live.size > 0 && random(5) < 2) {
        const at = [...live.keys()][random(live.size)]!;
        heap.release(at);
        live.delete(at);
        continue;
      }
      const bytes = random(20000);
      const at = heap.allocate(bytes);
      if (at < 0) {
        refused++;
        continue;
      }
      expect(at % 64).toBe(0);
      expect(at).toBeGreaterThanOrEqual(reservedBytes);
      expect(at + bytes + 128).toBeLessThanOrEqual(1 << 20);
      const apart = [...live].every(
        ([other, size]) => at + bytes + 128 <= other || other + size + 128 <= at,
      );
      expect(apart).toBe(true);
      live.set(at, bytes);
    }
    expect(refused).toBeGreaterThan(0);
    for (const at of live.keys()) heap.release(at);
    expect(heap.free).toEqual([{ at: reservedBytes, bytes: (1 << 20) - reservedBytes }]);
    expect(heap.usedBytes).toBe(0);
  });

  it("refuses to free twice", () => {
    const heap = new Heap(1 << 20, reservedBytes);
    const at = heap.allocate(100);
    heap.release(at);
    expect(() => heap.release(at)).toThrow(`nothing is allocated at ${at}`);
  });

  it("grows at its end", () => {
    const heap = new Heap(1 << 17, reservedBytes);
    heap.allocate(1000);
    const before = heap.tailBytes;
    heap.extend(1 << 18);
    expect(heap.tailBytes).toBe(before + (1 << 17));
    expect(heap.free.length).toBe(1);
  });
});

describe.each([false, true])("memory, shared %s", (shared) => {
  it("grows when asked for more, and keeps what it holds", () => {
    const memory = new DeviceMemory(shared);
    const at = memory.allocate(64, "a test");
    memory.copyIn(at, Float32Array.from([1, 2, 3]));
    const before = memory.byteLength;
    const large = memory.allocate(1 << 22, "a test");
    expect(memory.byteLength).toBeGreaterThan(before);
    expect(large + (1 << 22)).toBeLessThanOrEqual(memory.byteLength);
    expect([...memory.copyOut("float32", at, 3)]).toEqual([1, 2, 3]);
    expect(memory.f32.length * 4).toBe(memory.byteLength);
  });

  it("copies every dtype, few elements and many", () => {
    const memory = new DeviceMemory(shared);
    const at = memory.allocate(8000, "a test");
    for (const n of [0, 1, 3, 32, 33, 1000]) {
      const numbers = Array.from({ length: n }, (_, i) => (i * 7) % 251);
      for (const [dtype, type] of [
        ["float32", Float32Array],
        ["float64", Float64Array],
        ["int32", Int32Array],
        ["uint8", Uint8Array],
        ["bool", Uint8Array],
      ] as const) {
        memory.copyIn(at, type.from(numbers));
        const out = memory.copyOut(dtype, at, n);
        expect(out).toBeInstanceOf(type);
        expect([...out]).toEqual(numbers);
        expect(out.buffer).not.toBe(memory.memory.buffer);
      }
    }
  });

  it("has one arena, as large as the largest need", () => {
    const memory = new DeviceMemory(shared);
    memory.needArena(1000);
    const first = memory.arenaAt;
    memory.needArena(500);
    expect([memory.arenaAt, memory.arenaBytes]).toEqual([first, 1000]);
    memory.needArena(300_000);
    expect(memory.arenaBytes).toBe(300_000);
    const used = memory.byteLength;
    for (let i = 0; i < 100; i++) memory.needArena(300_000 - i);
    expect(memory.byteLength).toBe(used);
  });

  it("moves the least recently used state to the host, beyond the budget", () => {
    const memory = new DeviceMemory(shared, { state: 3 * 400 });
    const buffers = [0, 1, 2, 3].map((i) => stateOf(Array(100).fill(i)));
    for (const buffer of buffers.slice(0, 3)) {
      memory.clock++;
      memory.makeResident(buffer, "wasm").used = memory.clock;
    }
    expect(buffers.map((b) => b.host === null)).toEqual([true, true, true, false]);
    expect(memory.states.bytes).toBe(1200);
    memory.clock++;
    memory.blockOf(buffers[0]!)!.used = memory.clock;
    memory.clock++;
    memory.makeResident(buffers[3]!, "wasm").used = memory.clock;
    // 1 was used the longest ago.
    expect(buffers.map((b) => memory.blockOf(b) !== null)).toEqual([true, false, true, true]);
    expect(elementsOf(buffers[1]!)).toEqual(new Float32Array(100).fill(1));
    // It comes back when it is wanted, in the place of another.
    memory.clock++;
    memory.makeResident(buffers[1]!, "wasm").used = memory.clock;
    expect(memory.blockOf(buffers[2]!)).toBe(null);
    for (const [i, buffer] of buffers.entries()) {
      expect([...elementsOf(buffer)]).toEqual(Array(100).fill(i));
    }
    expect(memory.states.bytes).toBe(1200);
  });

  it("never evicts what the present run uses", () => {
    const memory = new DeviceMemory(shared, { state: 500 });
    memory.clock++;
    const [a, b] = [stateOf(Array(100).fill(1)), stateOf(Array(100).fill(2))];
    memory.makeResident(a, "wasm").used = memory.clock;
    memory.makeResident(b, "wasm").used = memory.clock;
    expect([memory.blockOf(a), memory.blockOf(b)].every((block) => block !== null)).toBe(true);
  });
});

describe("memory", () => {
  it("says what does not fit", () => {
    const memory = new DeviceMemory(false);
    expect(() => memory.allocate(5 * 2 ** 30, "temporaries")).toThrow(
      /^wasm: out of memory: 5120 MiB for temporaries do not fit \(\d+ MiB of wasm memory in use, of at/,
    );
    // Nothing is lost by that.
    expect(memory.allocate(100, "a test")).toBeGreaterThan(0);
  });

  it("says so when the elements are on another device", () => {
    const memory = new DeviceMemory(false);
    const buffer = new Buffer("float32", 4, null, true);
    buffer.owner = "webgpu";
    expect(() => memory.makeResident(buffer, "wasm")).toThrow('only on the device "webgpu"');
  });
});
