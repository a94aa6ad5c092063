// A device behind messages: what is said and in which order, what fails, and what the other side keeps.
// The meaning of tensors on it is tested with that of all devices (tests/semantics).
import { beforeEach, describe, expect, it } from "vitest";
import { LateBackend } from "../../src/backend/late.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import { RemoteBackend } from "../../src/backend/remote/backend.ts";
import type { Answer, Request, RunRequest } from "../../src/backend/remote/messages.ts";
import { flattenError, unflattenError } from "../../src/backend/remote/messages.ts";
import { connectWasm } from "../../src/backend/remote/start.ts";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { compile } from "../../src/tensor/compile.ts";
import { arange, randn, tensor, zeros } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { scan } from "../../src/tensor/scan.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { ArgumentError, DeviceError, LoadError, ShapeError } from "../../src/util/errors.ts";
import { FlakyBackend, list, number, vector } from "../semantics/devices.ts";
import { type Loopback, loopback } from "./loopback.ts";

const wasm = () => new WasmBackend({ threads: 1 });
const isRun = (m: Request | Answer): m is RunRequest => "do" in m && m.do === "run";

async function heldBy(remote: RemoteBackend): Promise<number> {
  await remote.ready();
  return remote.describe().held as number;
}

let there: Loopback;

beforeEach(() => {
  there = loopback(wasm());
  device(there.backend);
});

describe("what is said", () => {
  it("asks for the next run before the last has answered, and sends a graph once", async () => {
    const w = number(1);
    const step = compile((x: Tensor) => {
      w.assign(w.mul(2).add(x));
      return w.add(0);
    });
    const calls = [1, 2, 3].map((x) => step(number(x)));
    expect(there.said.filter((m) => "to" in m)).toEqual([]);
    expect(await Promise.all(calls.map((c) => c.item()))).toEqual([3, 8, 19]);
    const kinds = there.said.flatMap((m) => ("do" in m ? [m.do] : []));
    expect(kinds.slice(0, 5)).toEqual(["start", "compile", "run", "run", "run"]);
    expect(kinds).not.toContain("read"); // small results come with the answer
  });

  it("sends data once when it comes again, and state not at all after the first run", async () => {
    const w = vector(0, 0, 0);
    const x = vector(1, 2, 3);
    const step = compile((x: Tensor) => void w.assign(w.add(x)));
    for (let i = 0; i < 5; i++) step(x);
    expect(await list(w)).toEqual([5, 10, 15]);
    expect(there.said.filter(isRun).map((run) => run.sent.length)).toEqual([2, 1, 0, 0, 0]);
  });

  it("knows at once what the far device says of itself, where saying costs nothing", async () => {
    const { backend } = loopback(new ReferenceBackend(), "far");
    device(backend);
    expect(backend.describe()).toEqual({ worker: true });
    expect(await vector(1).add(1).sum().item()).toBe(2);
    expect(backend.describe()).toMatchObject({ ...new ReferenceBackend().describe(), held: 0 });
  });

  it("fetches a large result when it is read, and the copy is the reader's", async () => {
    const y = arange(5000).add(1);
    const first = (await y.data()) as Float32Array;
    first[0] = 77;
    expect([...(await y.data()).slice(0, 2)]).toEqual([1, 2]);
    expect((await y.data()).length).toBe(5000);
  });

  it("sends loops, constants that JSON does not know, and long chains", async () => {
    const [, sums] = scan(
      (h: Tensor, x: Tensor) => [h.add(x), h.mul(2)],
      number(0),
      vector(1, 2, 3),
    );
    expect(await list(sums as Tensor)).toEqual([0, 2, 6]);
    const padded = vector(1).pad([1, 0], { value: -Infinity });
    expect(await list(padded)).toEqual([-Infinity, 1]);
    let deep = number(0);
    for (let i = 0; i < 1500; i++) deep = deep.add(i % 2);
    expect(await deep.item()).toBe(750);
  });
});

describe("what fails", () => {
  it("throws the backend's own error at the reader; nothing has changed", async () => {
    const [table, w] = [vector(1, 2, 3), number(1)];
    const step = compile((i: Tensor) => {
      const found = table.indexSelect(0, i); // (1)
      w.assign(w.add(found.sum()));
      return found;
    });
    const at = (i: number) => step(tensor(Int32Array.of(i)));
    expect(await list(at(1))).toEqual([2]);
    const error = await at(7)
      .data()
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ArgumentError);
    device(wasm());
    const same = vector(1, 2, 3).indexSelect(0, tensor(Int32Array.of(7)));
    expect(String(error)).toBe(String(await same.data().catch((e: unknown) => e)));
    device(there.backend);
    expect(await w.item()).toBe(3);
    expect(await list(at(2))).toEqual([3]);
    expect(await w.item()).toBe(6);
  });

  it("tells those who are waiting and those who come that the worker is gone", async () => {
    const y = arange(5000).add(1);
    const waiting = y.data();
    there.crash("the script did not load");
    await expect(waiting).rejects.toThrow(DeviceError);
    await expect(waiting).rejects.toThrow("remote: the script did not load");
    await expect(vector(1).add(1).data()).rejects.toThrow("the script did not load");
  });

  it("says why it cannot start to whoever asks first", async () => {
    const broken = Object.assign(wasm(), {
      init: () => {
        throw new DeviceError("wasm", "there is no memory to be had");
      },
    });
    device(loopback(broken).backend);
    await expect(vector(1).add(1).data()).rejects.toThrow("wasm: there is no memory to be had");
  });

  it("frees nothing that a run behind a failed one still needs", async () => {
    const flaky = new FlakyBackend();
    device(loopback(flaky).backend);
    const w = number(1);
    const step = compile((x: Tensor) => void w.assign(w.add(x)));
    step(number(1));
    expect(await w.item()).toBe(2);
    flaky.failIn = 1;
    for (let i = 0; i < 4; i++) step(number(1));
    expect(await w.item().catch(String)).toContain("the device was lost");
    expect(await w.item()).toBe(3);
    step(number(10));
    expect(await w.item()).toBe(13);
  });

  it("goes on where the far backend queues its runs: in order, each with its own error", async () => {
    const flaky = new FlakyBackend();
    const queueing = Object.assign(new LateBackend(flaky, { maxDelay: 1 }), { queues: true });
    device(loopback(queueing).backend);
    const w = number(1);
    const table = arange(3);
    const step = compile((x: Tensor, i: Tensor) => {
      w.assign(w.mul(2).add(x));
      return w.add(table.indexSelect(0, i).sum());
    });
    const at = (x: number, i = 0) => step(number(x), tensor(Int32Array.of(i)));
    const calls = [at(1), at(2), at(3, 1)];
    const large = zeros(5000).add(w);
    expect(await Promise.all(calls.map((c) => c.item()))).toEqual([3, 8, 20]);
    expect((await large.data())[4999]).toBe(19);
    flaky.failIn = 1;
    const [good, bad, after] = [at(0), at(0), at(0)];
    expect(await good.item()).toBe(38);
    await expect(bad.item()).rejects.toThrow("the device was lost");
    await expect(after.item()).rejects.toThrow("the device was lost");
    expect(await w.item()).toBe(38);
    expect(await at(1).item()).toBe(77);
  });

  it("keeps class, text and hint of errors on the way", () => {
    const known = new ShapeError("matmul", "[2] @ [3]", { hint: "use b.T", in: "fc1" });
    const copy = unflattenError(structuredClone(flattenError(known)));
    expect(copy).toBeInstanceOf(ShapeError);
    expect(String(copy)).toBe(String(known));
    expect(copy).toMatchObject({ op: "matmul", hint: "use b.T", in: "fc1" });
    expect(String(unflattenError(flattenError(new RangeError("too deep"))))).toBe(
      "RangeError: too deep",
    );
    expect(unflattenError(flattenError(new LoadError("a", "is gone"))).message).toBe("a is gone");
    expect(unflattenError(flattenError(null)).message).toBe("null");
  });
});

describe("what the other side keeps", () => {
  it("does not grow with steps whose results nobody reads", async () => {
    const w = vector(1, 1);
    const step = compile((x: Tensor) => {
      w.assign(w.mul(0.5).add(x));
      return w.sum();
    });
    for (let i = 0; i < 20; i++) await step(vector(i, i)).item();
    const before = await heldBy(there.backend);
    for (let i = 0; i < 500; i++) step(vector(i, i));
    await w.data();
    expect(await heldBy(there.backend)).toBe(before);
    expect(before).toBeLessThan(4);
  });

  it("brings results home when they are too many, and they are still read", async () => {
    const small = loopback(wasm(), "small", { budget: 100_000 });
    device(small.backend);
    const results: Tensor[] = [];
    for (let i = 0; i < 12; i++) {
      results.push(zeros(5000).add(i));
      await results[i]!.sum().item();
    }
    await small.backend.ready();
    expect(await heldBy(small.backend)).toBeLessThanOrEqual(5);
    for (let i = 0; i < 12; i++) expect((await results[i]!.data())[4999]).toBe(i);
    expect(await results[0]!.add(results[11]!).sum().item()).toBe(55_000);
  });

  it("gives back what is disposed of", async () => {
    const x = randn(5000).add(1);
    await x.data();
    const before = await heldBy(there.backend);
    x.dispose();
    expect(await heldBy(there.backend)).toBe(before - 1);
  });
});

describe("a worker of Node", () => {
  it("computes what is computed here, on its own threads", async () => {
    const remote = new RemoteBackend("wasm worker", connectWasm, { threads: 2, strict: true });
    const a = randn(64, 300);
    const product = compile((a: Tensor) => a.matmul(a.T).tanh().sum(1));
    device("wasm", { strict: true });
    const expected = await list(product(a));
    device(remote);
    expect(await list(product(a))).toEqual(expected);
    await remote.ready();
    expect(remote.describe()).toMatchObject({ threads: 2, strict: true, worker: true });
    remote.dispose();
    await expect(product(a).data()).rejects.toThrow("the device was disposed of");
  });
});
