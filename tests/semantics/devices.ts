// The devices on which the meaning of tensors is tested: it must be the same on all of them. "late" answers
// every run and read after a while, a "card" besides keeps what it computes to itself, "remote" is spoken
// to by messages alone, "flaky" fails the runs it is told to.
import { describe } from "vitest";
import type { Backend, Program } from "../../src/backend/backend.ts";
import { LateBackend } from "../../src/backend/late.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import type { Engine } from "../../src/schedule/engine.ts";
import { device } from "../../src/tensor/device.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { DeviceError } from "../../src/util/errors.ts";
import { loopback } from "../remote/loopback.ts";
import { missingAdapter } from "../webgpu/adapter.ts";
import { Card } from "./card.ts";

const late = new LateBackend(new ReferenceBackend());
const remote = loopback(new ReferenceBackend(), "remote reference").backend;
const card = new Card("card");

const devices: Record<string, () => Engine> = {
  reference: () => device("reference"),
  wasm: () => device("wasm"),
  late: () => device(late),
  remote: () => device(remote),
  card: () => device(card),
  ...(await webgpu()),
};

/** WebGPU, where there is an adapter. */
async function webgpu(): Promise<Record<string, () => Engine>> {
  const why = await missingAdapter();
  return why === null ? { webgpu: () => device("webgpu") } : {};
}

/** The same tests on every device; `use` makes it current and gives its engine. */
export function onEveryDevice(body: (use: () => Engine, name: string) => void): void {
  for (const [name, use] of Object.entries(devices)) {
    describe(name, () => body(use, name));
  }
}

/** Computes as the reference does, but fails a run when `failNext` says so. */
export class FlakyBackend extends ReferenceBackend {
  /** How many runs from now fails; 0: the next. -1: none. */
  failIn = -1;

  override run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void {
    if (this.failIn-- === 0) throw new DeviceError("flaky", "the device was lost");
    super.run(program, inputs, scalars, outputs);
  }
}

/** Runs that were asked for and not yet made can be counted: a slow device with a known order. */
export function slow(inner: Backend): LateBackend {
  return new LateBackend(inner, { maxDelay: 2, random: () => 0.5 });
}

export function vector(...values: number[]): Tensor {
  return Tensor.from(new Float32Array(values), [values.length]);
}

export function number(value: number): Tensor {
  return Tensor.from(new Float32Array([value]), []);
}

export function leaf(...values: number[]): Tensor {
  const t = vector(...values);
  t.requiresGrad = true;
  return t;
}

export async function list(t: Tensor): Promise<number[]> {
  return [...(await t.data())];
}
