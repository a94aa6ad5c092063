// Nested state into JSON and tensors, and back.
import { beforeAll, expect, it } from "vitest";
import { parseSafetensors, writeSafetensors } from "../../src/io/index.ts";
import { device } from "../../src/tensor/device.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { type Entries, pack, unpack } from "../../src/train/pack.ts";

beforeAll(() => void device("reference"));

async function roundTrip(value: unknown): Promise<unknown> {
  const entries: Entries = new Map();
  const json = JSON.parse(JSON.stringify(await pack(value, "state", entries)));
  return unpack(json, parseSafetensors(writeSafetensors(entries)), "file");
}

it("gives back numbers that JSON does not know", async () => {
  const value = {
    a: [Number.NaN, Infinity, -Infinity, -0, 1e-300, 2 ** 53],
    b: null,
    c: "x",
    d: true,
  };
  expect(await roundTrip(value)).toEqual(value);
});

it("keeps strange keys as keys", async () => {
  const value = JSON.parse('{"__proto__":{"a":1},"constructor":2,"a.b":{"c":3}}');
  const back = (await roundTrip(value)) as object;
  expect(Object.keys(back)).toEqual(["__proto__", "constructor", "a.b"]);
  expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
});

it("gives back tensors of every dtype and typed arrays to the last bit", async () => {
  const dtypes = ["float32", "float64", "int32", "uint8", "bool"] as const;
  const tensors = dtypes.map((dtype) =>
    Tensor.from(Float64Array.of(0, 1, 1, 0, 1, 1), [2, 3], { dtype }),
  );
  const array = Float64Array.of(0.1, Number.MIN_VALUE, -0);
  const value = { deep: [{ tensors, scalar: Tensor.from(Float32Array.of(0.1), []) }], array };
  const back = (await roundTrip(value)) as typeof value;
  expect(back.array).toEqual(array);
  for (const [i, tensor] of back.deep[0].tensors.entries()) {
    expect([tensor.dtype, tensor.shape]).toEqual([dtypes[i], [2, 3]]);
    expect(await tensor.data()).toEqual(await tensors[i].data());
  }
  expect(back.deep[0].scalar.shape).toEqual([]);
});

it("names what cannot be saved, and what is missing", async () => {
  await expect(pack({ a: [new Map()] }, "training", new Map())).rejects.toThrow(
    "checkpoint: training.a.0 holds a Map, which cannot be saved",
  );
  await expect(pack({ f: () => 1 }, "training", new Map())).rejects.toThrow(
    "training.f holds a function",
  );
  const none = parseSafetensors(writeSafetensors([]));
  expect(() => unpack({ a: { $tensor: "w" } }, none, "training.json")).toThrow(
    'training.json has no tensor "w"',
  );
});
