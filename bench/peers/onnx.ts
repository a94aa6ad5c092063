// Writes the small convolutional network as an ONNX file: the protobuf messages of onnx.proto that it
// takes, by field number, and nothing more. Not here: running it (onnxruntime.ts).
// Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
import type { InferSpec } from "../workloads.ts";
import { type WorkData, weightsOf } from "./protocol.ts";

type Bytes = number[] | Uint8Array;

/** Versions: of the file format (8) and of the operators (13), both old enough for every runtime. */
const IR_VERSION = 8;
const OPERATORS = 13;
const FLOAT = 1;

/** The network of `spec`, a CNN, with the data's weights. */
export function cnnModel(data: WorkData, { batch, input, sizes }: InferSpec): Uint8Array {
  const nodes = [
    ...["conv1", "conv2"].flatMap((name, i) => [
      node("Conv", [i ? "pool1" : "x", `${name}.weight`, `${name}.bias`], name, {
        kernel_shape: [3, 3],
        pads: [1, 1, 1, 1],
      }),
      node("Relu", [name], `relu${i + 1}`),
      node("MaxPool", [`relu${i + 1}`], `pool${i + 1}`, { kernel_shape: [2, 2], strides: [2, 2] }),
    ]),
    node("Flatten", ["pool2"], "flat", { axis: 1 }),
    node("Gemm", ["flat", "fc.weight", "fc.bias"], "y", { transB: 1 }),
  ];
  const graph = message(
    ...nodes.map((n) => field(1, n)),
    field(2, text("cnn")),
    ...weightsOf(data).map(([name, { shape, data: values }]) =>
      field(5, weight(name, shape, values)),
    ),
    field(11, value("x", [batch, ...input])),
    field(12, value("y", [batch, sizes[sizes.length - 1]!])),
  );
  const operators = message(field(2, OPERATORS));
  return Uint8Array.from(message(field(1, IR_VERSION), field(7, graph), field(8, operators)));
}

/** NodeProto. An attribute is an integer or a list of integers. */
function node(
  op: string,
  inputs: string[],
  output: string,
  attributes: Record<string, number | number[]> = {},
): Bytes {
  return message(
    ...inputs.map((name) => field(1, text(name))),
    field(2, text(output)),
    field(4, text(op)),
    ...Object.entries(attributes).map(([name, v]) => field(5, attribute(name, v))),
  );
}

/** AttributeProto: kind 2 is an integer, kind 7 a list of them. */
function attribute(name: string, v: number | number[]): Bytes {
  const values = typeof v === "number" ? [field(3, v)] : v.map((each) => field(8, each));
  return message(field(1, text(name)), ...values, field(20, typeof v === "number" ? 2 : 7));
}

/** TensorProto with its values as raw little-endian bytes. */
function weight(
  name: string,
  shape: number[],
  { buffer, byteOffset, byteLength }: ArrayBufferView,
) {
  return message(
    ...shape.map((size) => field(1, size)),
    field(2, FLOAT),
    field(8, text(name)),
    field(9, new Uint8Array(buffer, byteOffset, byteLength)),
  );
}

/** ValueInfoProto of a float tensor of fixed sizes. */
function value(name: string, shape: number[]): Bytes {
  const sizes = message(...shape.map((size) => field(1, message(field(1, size)))));
  const tensor = message(field(1, FLOAT), field(2, sizes));
  return message(field(1, text(name)), field(2, message(field(1, tensor))));
}

/** One field of a message: a number as a varint, anything else with its length before it. */
function field(number: number, content: number | Bytes): Bytes {
  if (typeof content === "number") return [...varint(number << 3), ...varint(content)];
  return message([...varint((number << 3) | 2), ...varint(content.length)], content);
}

function message(...parts: Bytes[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function varint(value: number): number[] {
  const out: number[] = [];
  for (; value > 127; value >>>= 7) out.push((value & 127) | 128);
  return [...out, value];
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
