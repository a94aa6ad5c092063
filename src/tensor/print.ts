// How tensors print: as PyTorch prints them (precision 4, 80 columns, 3 elements at each edge of a
// dimension of tensors of more than 1000), from torch/_tensor_str.py's rules.
// Not here: reading the values (read.ts).

import { type DType, isFloat, type TypedArray } from "../ir/dtype.ts";
import { type Shape, sizeOf } from "../ir/node.ts";

const precision = 4;
const threshold = 1000;
const edge = 3;
const columns = 80;

/** The text of a tensor; `values` is null where they have not been read yet. */
export function format(
  values: TypedArray | null,
  shape: Shape,
  dtype: DType,
  requiresGrad = false,
): string {
  const prefix = "tensor(";
  const notes: string[] = [];
  const empty = sizeOf(shape) === 0;
  if (values === null || (empty && shape.length !== 1)) notes.push(`size=(${shape.join(", ")})`);
  if (values === null || !plainType(dtype, empty)) notes.push(`dtype=${dtype}`);
  if (requiresGrad) notes.push("requiresGrad=true");
  let body = "<pending>";
  if (values !== null) body = empty ? "[]" : bodyOf(values, shape, dtype, prefix.length);
  return `${[prefix + body, ...notes].join(", ")})`;
}

/** Dtypes that the digits tell: float32 by its point, bool by its words. */
function plainType(dtype: DType, empty: boolean): boolean {
  return dtype === "float32" || (dtype === "bool" && !empty);
}

/** Makes a text of one element; all have one width. */
type Formatter = (value: number) => string;

function bodyOf(values: TypedArray, shape: Shape, dtype: DType, indent: number): string {
  const cut = sizeOf(shape) > threshold;
  const shown = cut ? edges(values, shape) : values;
  const formatter = formatterOf(dtype, shown);
  if (shape.length === 0) return formatter(values[0]).trim();
  return block(values, shape, 0, 0, indent, cut, formatter);
}

/** The elements that a summary shows. */
function edges(values: TypedArray, shape: Shape): number[] {
  let places = [0];
  for (const size of shape) {
    const rows =
      size > 2 * edge
        ? [0, 1, 2, size - 3, size - 2, size - 1]
        : Array.from({ length: size }, (_, i) => i);
    places = places.flatMap((p) => rows.map((r) => p * size + r));
  }
  return places.map((p) => values[p]);
}

function formatterOf(dtype: DType, shown: ArrayLike<number>): Formatter {
  const list = Array.from(shown);
  const text = dtype === "bool" ? boolText : isFloat(dtype) ? floatText(list) : String;
  // As in PyTorch, zeros and what is not finite do not widen a column of floats.
  const counted = isFloat(dtype) ? list.filter((v) => Number.isFinite(v) && v !== 0) : list;
  const width = Math.max(0, ...counted.map((v) => text(v).length));
  return (v) => text(v).padStart(width);
}

function boolText(value: number): string {
  return value !== 0 ? "true" : "false";
}

/** Whole numbers as "3.", others with four decimals, or powers of ten where the range asks for it. */
function floatText(list: number[]): Formatter {
  const sizes = list.filter((v) => Number.isFinite(v) && v !== 0).map(Math.abs);
  const [most, least] = [Math.max(...sizes), Math.min(...sizes)];
  const wide = sizes.length > 0 && (most / least > 1000 || most > 1e8 || least < 1e-4);
  const whole = sizes.every((v) => Math.ceil(v) === v);
  const scientific = wide && (!whole || most / least > 1000 || most > 1e8);
  return (v) => {
    if (!Number.isFinite(v)) return Number.isNaN(v) ? "nan" : v > 0 ? "inf" : "-inf";
    const sign = Object.is(v, -0) ? "-" : "";
    if (scientific) return sign + exponential(v);
    return sign + (whole ? `${v.toFixed(0)}.` : v.toFixed(precision));
  };
}

/** As C writes it: 1.0000e-05. */
function exponential(value: number): string {
  const [digits, power] = value.toExponential(precision).split("e");
  const size = power.slice(1).padStart(2, "0");
  return `${digits}e${power[0]}${size}`;
}

function block(
  values: TypedArray,
  shape: Shape,
  axis: number,
  start: number,
  indent: number,
  cut: boolean,
  formatter: Formatter,
): string {
  const size = shape[axis];
  const rows: (number | null)[] =
    cut && size > 2 * edge
      ? [0, 1, 2, null, size - 3, size - 2, size - 1]
      : Array.from({ length: size }, (_, i) => i);
  if (axis === shape.length - 1) return vector(rows, values, start * size, indent, formatter);
  const texts = rows.map((r) =>
    r === null
      ? "..."
      : block(values, shape, axis + 1, start * size + r, indent + 1, cut, formatter),
  );
  const gap = `,${"\n".repeat(shape.length - axis - 1)}${" ".repeat(indent + 1)}`;
  return `[${texts.join(gap)}]`;
}

function vector(
  rows: (number | null)[],
  values: TypedArray,
  start: number,
  indent: number,
  formatter: Formatter,
): string {
  const width = formatter(values[start]).length + 2;
  const perLine = Math.max(1, Math.floor((columns - indent) / width));
  const texts = rows.map((r) => (r === null ? " ..." : formatter(values[start + r])));
  const lines: string[] = [];
  for (let i = 0; i < texts.length; i += perLine) {
    lines.push(texts.slice(i, i + perLine).join(", "));
  }
  return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
}
