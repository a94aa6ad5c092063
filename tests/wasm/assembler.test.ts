// The assembler: modules it writes validate, run, and do what their instructions say.

import { describe, expect, test } from "vitest";
import { type FuncBuilder, ModuleBuilder, type ValType } from "../../src/backend/wasm/assembler.ts";
import {
  type LaneMemoryOp,
  type LaneOp,
  laneMemoryOps,
  laneOps,
  type MemoryOp,
  memoryOps,
  type PlainOp,
  plainOps,
} from "../../src/backend/wasm/assembler-opcodes.ts";

function build(
  params: readonly ValType[],
  results: readonly ValType[],
  write: (f: FuncBuilder, m: ModuleBuilder) => void,
  imports: WebAssembly.Imports = {},
) {
  const m = new ModuleBuilder({ record: true });
  const f = m.func(params, results, "test");
  write(f, m);
  m.exportFunc("test", f);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(m.toBytes()), imports);
  return instance.exports.test as (...args: number[]) => number;
}

describe("assembler", () => {
  test("constants of every size come back", () => {
    for (const x of [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 2 ** 31 - 1, -(2 ** 31)]) {
      expect(build([], ["i32"], (f) => f.i32(x))()).toBe(x);
      expect(build([], ["i64"], (f) => f.i64(BigInt(x) * 4294967296n))()).toBe(
        BigInt(x) * 4294967296n,
      );
    }
    expect(build([], ["f32"], (f) => f.f32(0.1))()).toBe(Math.fround(0.1));
    expect(build([], ["f64"], (f) => f.f64(0.1))()).toBe(0.1);
    expect(build([], ["f64"], (f) => f.f64(Number.NaN))()).toBeNaN();
  });

  test("a loop sums 1 to n", () => {
    const sum = build(["i32"], ["i32"], (f) => {
      const total = f.local("i32");
      const out = f.block();
      const again = f.loop();
      f.get(0);
      f.op("i32.eqz");
      f.brIf(out);
      f.get(total);
      f.get(0);
      f.op("i32.add");
      f.set(total);
      f.get(0);
      f.i32(1);
      f.op("i32.sub");
      f.set(0);
      f.br(again);
      f.end();
      f.end();
      f.get(total);
    });
    expect(sum(100)).toBe(5050);
  });

  test("imports may come after calls between own functions", () => {
    const m = new ModuleBuilder();
    const twice = m.func(["f64"], ["f64"], "twice");
    twice.get(0);
    twice.get(0);
    twice.op("f64.add");
    const main = m.func(["f64"], ["f64"], "main");
    main.get(0);
    main.call(twice);
    main.call(m.importFunc("math", "sin", ["f64"], ["f64"]));
    main.call(m.importFunc("math", "sin", ["f64"], ["f64"]));
    m.exportFunc("main", main);
    expect(m.importedNames("math")).toEqual(["sin"]);
    const module = new WebAssembly.Module(m.toBytes());
    const instance = new WebAssembly.Instance(module, { math: { sin: Math.sin } });
    const call = instance.exports.main as (x: number) => number;
    expect(call(0.3)).toBe(Math.sin(Math.sin(0.6)));
  });

  test("tables are filled and called through", () => {
    const m = new ModuleBuilder();
    m.importTable("env", "table", 4);
    const targets = [10, 20].map((x) => {
      const f = m.func(["i32"], ["i32"], `plus${x}`);
      f.get(0);
      f.i32(x);
      f.op("i32.add");
      return f;
    });
    m.fillTable(2, targets);
    const main = m.func(["i32", "i32"], ["i32"], "main");
    main.get(0);
    main.get(1);
    main.callIndirect(["i32"], ["i32"]);
    m.exportFunc("main", main);
    const table = new WebAssembly.Table({ element: "anyfunc", initial: 4 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.toBytes()), {
      env: { table },
    });
    const call = exports.main as (x: number, index: number) => number;
    expect([call(1, 2), call(1, 3)]).toEqual([11, 21]);
  });

  test("shared memory, atomics, lanes and shuffles", () => {
    const m = new ModuleBuilder();
    m.importMemory({ module: "env", name: "memory", min: 1, max: 2, shared: true });
    const f = m.func([], ["i32"], "main");
    f.i32(0);
    f.v128i32(1, 2, 3, 4);
    f.v128f32(1.5);
    f.shuffle([12, 13, 14, 15, 8, 9, 10, 11, 16, 17, 18, 19, 0, 1, 2, 3]);
    f.mem("v128.store", 64);
    f.i32(0);
    f.v128i32(5, 6, 7, 8);
    f.memLane("v128.store32_lane", 2, 80);
    f.fence();
    f.i32(80);
    f.i32(5);
    f.mem("i32.atomic.rmw.add");
    f.op("drop");
    f.i32(256);
    f.i32(64);
    f.i32(20);
    f.memoryCopy();
    f.i32(256);
    f.mem("i32.atomic.load", 16);
    m.exportFunc("main", f);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.toBytes()), {
      env: { memory },
    });
    expect((exports.main as () => number)()).toBe(12);
    const ints = new Int32Array(memory.buffer);
    expect([...ints.subarray(16, 21)]).toEqual([4, 3, 0x3fc00000, 1, 12]);
  });

  test("every instruction of the tables is known to the engine", () => {
    // After `unreachable` any operands type-check, so only unknown codes and immediates can fail.
    const m = new ModuleBuilder();
    m.importMemory({ module: "env", name: "memory", min: 1, max: 2, shared: true });
    const f = m.func([], [], "all");
    const names = [...Object.keys(plainOps)] as PlainOp[];
    for (const name of names) {
      f.op("unreachable");
      if (name !== "select" && name !== "drop") f.op(name);
    }
    for (const name of Object.keys(memoryOps) as MemoryOp[]) {
      f.op("unreachable");
      f.mem(name);
    }
    for (const name of Object.keys(laneMemoryOps) as LaneMemoryOp[]) {
      f.op("unreachable");
      f.memLane(name, 1);
    }
    for (const name of Object.keys(laneOps) as LaneOp[]) {
      f.op("unreachable");
      f.lane(name, 1);
    }
    f.op("unreachable");
    expect(() => new WebAssembly.Module(m.toBytes())).not.toThrow();
  });

  test("functions print as text where the module records", () => {
    const m = new ModuleBuilder({ record: true });
    const f = m.func(["i32"], [], "show");
    const v = f.local("v128");
    f.get(0);
    f.if();
    f.v128f32(2);
    f.set(v);
    f.end();
    expect(f.toString()).toBe(
      [
        "(func $show (param 0:i32) (result )",
        "  (local 1:v128)",
        "  local.get 0",
        "  if",
        "    v128.const f32x4 2 2 2 2",
        "    local.set 1",
        "  end",
        ")",
      ].join("\n"),
    );
  });
});
