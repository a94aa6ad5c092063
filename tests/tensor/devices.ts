// The devices that tensor tests run on, and reading helpers.
import type { DeviceName } from "../../src/tensor/device.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

export const devices: DeviceName[] = ["reference", "wasm"];

/** The elements, rounded to 6 significant digits and without negative zeros, so that they can be
 *  written by hand. */
export async function values(x: Tensor): Promise<number[]> {
  const data = await x.data();
  return Array.from(data, (v) => (Number.isFinite(v) ? Number(v.toPrecision(6)) + 0 : v));
}

/** The first line and the hint of what `f` throws. */
export function messageOf(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    return String(error);
  }
  return "nothing was thrown";
}
