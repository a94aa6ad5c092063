// Reading: from a lazy tensor to numbers that belong to the caller. Always possible asynchronously;
// at once only where the device is in this process.
// Not here: what evaluation does (core.ts), or how values print (print.ts).

import type { DType, TypedArray } from "../ir/dtype.ts";
import { type Shape, sizeOf } from "../ir/node.ts";
import { DeviceError } from "../util/errors.ts";
import { checkOutside, hostElements, readTensor } from "./core.ts";
import { argumentError } from "./ops/common.ts";
import { format } from "./print.ts";
import type { NestedArray } from "./shape-types.ts";
import type { Tensor } from "./tensor.ts";
import { activeTrace, disposed } from "./trace.ts";

/** Throws, rather than rejecting, where a value is asked for inside a trace: the function need not wait
 *  for the promise, and nobody would see it fail. */
export function refuseTraced(x: Tensor): void {
  if (activeTrace() !== null) checkOutside(x);
}

export async function dataOf(x: Tensor): Promise<TypedArray> {
  return readTensor(x);
}

export async function itemOf(x: Tensor): Promise<number> {
  requireSingle("item", x.shape);
  return (hostElements(x) ?? (await readTensor(x)))[0];
}

export async function arrayOf(x: Tensor): Promise<NestedArray> {
  return nested(await readTensor(x), x.shape, x.dtype);
}

/** The elements at once. Throws where the device answers later. */
export function readSync(x: Tensor, op: string): TypedArray {
  const found = readTensor(x);
  if (!(found instanceof Promise)) return found;
  found.catch(() => {});
  throw new DeviceError(op, `the device "${x.device}" answers later`, {
    hint: "use await x.data(), x.item() or x.array()",
  });
}

/** Throws unless the shape holds exactly one element. */
export function requireSingle(op: string, shape: Shape): void {
  const size = sizeOf(shape);
  if (size === 1) return;
  throw argumentError(op, `needs a tensor of one element, got [${shape}]`, "use await x.array()");
}

/** Elements as nested arrays; booleans for bool. */
export function nested(values: TypedArray, shape: Shape, dtype: DType): NestedArray {
  const list: (number | boolean)[] = [];
  for (const v of values) list.push(dtype === "bool" ? v !== 0 : v);
  if (shape.length === 0) return list[0];
  let level: NestedArray[] = list;
  for (let axis = shape.length - 1; axis > 0; axis--) {
    const rows: NestedArray[] = [];
    const count = sizeOf(shape.slice(0, axis));
    for (let i = 0; i < count; i++) rows.push(level.slice(i * shape[axis], (i + 1) * shape[axis]));
    level = rows;
  }
  return level;
}

/** As PyTorch prints; `<pending>` where the values are not here yet, `<disposed>` where they are gone. */
export function toText(x: Tensor): string {
  if (x.trace === disposed) return `tensor(<disposed>, size=(${x.shape.join(", ")}))`;
  const pending = () => format(null, x.shape, x.dtype, x.requiresGrad);
  if (x.trace !== null || activeTrace() !== null) return pending();
  const found = readTensor(x);
  if (!(found instanceof Promise)) return format(found, x.shape, x.dtype, x.requiresGrad);
  found.catch(() => {});
  return pending();
}
