// State: tensors that own their elements and are updated in place: parameters, moments, running means.
// How they are made of host arrays, snapshotted, and given other values. Used by nn/ and optim/.
// Not here: assignment inside programs (core.ts), names and files.

import { Buffer } from "../ir/buffer.ts";
import { bufferNode, cast, show } from "../ir/build.ts";
import { type DType, makeArray, type TypedArray } from "../ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { assignAll, nodeOf, noGrad, realize } from "./core.ts";
import { engineOf } from "./device.ts";
import { arrivalOf } from "./moves.ts";
import { movedTo } from "./place.ts";
import { Tensor } from "./tensor.ts";
import { untraced } from "./trace.ts";

export { refuseInTrace } from "./trace.ts";

/** A data node over elements that nobody else writes to. */
export function stateNode(host: TypedArray, shape: Shape, dtype: DType = dtypeOf(host)): Node {
  if (host.length !== sizeOf(shape)) {
    throw new ShapeError("state", `${host.length} elements do not fit ${show(shape)}`);
  }
  return bufferNode(new Buffer(dtype, host.length, host, true), shape);
}

/** A tensor of state over elements that nobody else writes to. */
export function stateTensor(host: TypedArray, shape: Shape, dtype?: DType): Tensor {
  return new Tensor(stateNode(host, shape, dtype), null);
}

/** The dtype that a typed array holds by itself (a Uint8Array: uint8, not bool). */
function dtypeOf(host: TypedArray): DType {
  if (host instanceof Float32Array) return "float32";
  if (host instanceof Float64Array) return "float64";
  if (host instanceof Int32Array) return "int32";
  if (host instanceof Uint8Array) return "uint8";
  throw new ArgumentError("state", "takes a Float32Array, Float64Array, Int32Array or Uint8Array");
}

/** The value of a tensor now, as a tensor of its own that later updates do not change. */
export function snapshot(tensor: Tensor): Tensor {
  if (tensor.current.op !== "buffer") untraced(() => realize([tensor]));
  const { buffer, shape, placed } = tensor.current;
  if (buffer === null) return new Tensor(tensor.current, null);
  buffer.shared = true; // an update in place must save the elements first
  return new Tensor(bufferNode(buffer, shape, placed), null);
}

/** Gives tensors new values of the same shape, all or none. Values are copied. Flat typed arrays are
 *  row-major. */
export function setState(pairs: readonly (readonly [Tensor, Tensor | TypedArray])[]): void {
  const onHost: [Tensor, Node][] = [];
  const elsewhere: [Tensor, Node][] = [];
  for (const [target, value] of pairs) {
    const host = hostCopy(target.dtype, value);
    if (host) onHost.push([target, stateNode(host, target.shape, target.dtype)]);
    else elsewhere.push([target, valueFor(target, value as Tensor)]);
  }
  if (elsewhere.length > 0) {
    assignAll(
      elsewhere.map(([target]) => target),
      elsewhere.map(([, node]) => node),
    );
  }
  for (const [target, node] of onHost) {
    node.placed = target.current.placed;
    target.current = node;
  }
}

/** The value as the target may take it: moved, if both were placed and not on one device. */
function valueFor(target: Tensor, value: Tensor): Node {
  return noGrad(() => {
    const { placed } = target.current;
    const node = nodeOf(value);
    const apart = placed !== null && node.placed !== null && node.placed !== placed;
    return cast(apart ? movedTo(node, placed) : node, target.dtype);
  });
}

// A copy of the elements in a dtype, if they are on the host, or were brought from it.
function hostCopy(dtype: DType, value: Tensor | TypedArray): TypedArray | null {
  const elements = value instanceof Tensor ? hostOf(value.current.buffer) : value;
  if (elements === null) return null;
  const copy = makeArray(dtype, elements.length);
  if (dtype === "bool") elements.forEach((v, i) => void (copy[i] = v !== 0 ? 1 : 0));
  else copy.set(elements);
  return copy;
}

/** The elements of data that is no state, at once; null where that would be a detour. */
function hostOf(buffer: Buffer | null): TypedArray | null {
  if (buffer === null || buffer.host !== null) return buffer?.host ?? null;
  if (buffer.state || arrivalOf(buffer) !== undefined) return null;
  const found = engineOf(buffer).read(buffer);
  if (!(found instanceof Promise)) return found;
  found.catch(() => {});
  return null;
}
