// Small maps of labels as lines of digits and letters, for tests.

const names = "0123456789abcdefghijklmnopqrstuvwxyz";

/** A map of the labels that the characters of each row name. */
export function map(rows: readonly string[]) {
  const data = Int32Array.from([...rows.join("")], (name) => names.indexOf(name));
  return { data, shape: [rows.length, rows[0]!.length] as [number, number] };
}

/** The rows of a map. */
export function digits({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }) {
  const width = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, row) =>
    Array.from({ length: width }, (_, col) => names[data[row * width + col]!]).join(""),
  );
}
