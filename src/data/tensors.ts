// The step from a batch's arrays to tensors, the loader's default. Widths that tensors do not have are
// widened, so that no value changes.
import { fromArray } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import type { NdArray } from "./collate.ts";

/**
 * A tensor with the values of an array: float32, float64, int32 and uint8 keep their dtype, int8, int16
 * and uint16 become int32. Throws ArgumentError for uint32, which int32 cannot hold.
 */
export function toTensor({ data, shape }: NdArray): Tensor {
  if (data instanceof Int8Array || data instanceof Int16Array || data instanceof Uint16Array) {
    return fromArray(Int32Array.from(data), shape);
  }
  if (data instanceof Uint8ClampedArray) return fromArray(new Uint8Array(data), shape);
  if (!(data instanceof Uint32Array)) return fromArray(data, shape);
  throw new ArgumentError("toTensor", `there is no uint32 tensor, got uint32 [${shape}]`, {
    hint: "use an Int32Array, or pass { toTensor } to the DataLoader",
  });
}
