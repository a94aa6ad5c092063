// Tables from CSV (RFC 4180): quoted cells, a header, the same number of cells in every row; and
// columns of numbers with a stated policy for cells that are missing. A table is small enough to be
// read whole.
// Not here: what is forecast from it (series.ts).

import { type TextSource, textFrom } from "../io/index.ts";
import { ArgumentError, LoadError } from "../util/errors.ts";

export interface CsvOptions {
  /** What errors call the table. */
  file?: string | undefined;
  delimiter?: string | undefined;
}

/** Cells as they are spelled. */
export interface Csv {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The line of the file in which each row begins, the first being 1: for errors to name. */
  readonly lines: readonly number[];
}

/**
 * The cells of a table whose first row names the columns. Throws LoadError that names the line for
 * a row with more or fewer cells than the header, and for a quote without an end.
 *
 * @example
 * parseCsv('day,rain\n1,"0,5"\n').rows; // [["1", "0,5"]]
 */
export function parseCsv(text: string, { file = "csv", delimiter = "," }: CsvOptions = {}): Csv {
  const lines: { cells: string[]; line: number }[] = [];
  const reader = new CsvReader(text.startsWith("\ufeff") ? text.slice(1) : text, file, delimiter);
  for (let row = reader.row(); row !== undefined; row = reader.row()) lines.push(row);
  const [header, ...rows] = lines;
  if (header === undefined) throw new LoadError(file, "is empty");
  const names = header.cells.map((name) => name.trim());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new LoadError(file, `names two columns ${JSON.stringify(twice)}`);
  for (const { cells, line } of rows) {
    if (cells.length === names.length) continue;
    const what = `has ${cells.length} cells in line ${line}, its header has ${names.length}`;
    throw new LoadError(file, what);
  }
  return {
    header: names,
    rows: rows.map(({ cells }) => cells),
    lines: rows.map(({ line }) => line),
  };
}

/**
 * The cells of a CSV file, gzipped or not, or of one at an address with a checksum.
 *
 * @example
 * const { header, rows } = await readCsv({ from: "esol.csv" });
 */
export async function readCsv(source: TextSource, options: CsvOptions = {}): Promise<Csv> {
  return parseCsv(await textFrom(source), { file: source.from, ...options });
}

class CsvReader {
  private at = 0;
  private line = 1;
  private readonly text: string;
  private readonly file: string;
  private readonly delimiter: string;

  constructor(text: string, file: string, delimiter: string) {
    this.text = text;
    this.file = file;
    this.delimiter = delimiter;
  }

  /** The next row that is not an empty line. */
  row(): { cells: string[]; line: number } | undefined {
    while (this.at < this.text.length) {
      const { line } = this;
      const cells = [this.cell()];
      while (this.text[this.at] === this.delimiter) {
        this.at++;
        cells.push(this.cell());
      }
      this.endLine();
      if (cells.length > 1 || cells[0] !== "") return { cells, line };
    }
    return undefined;
  }

  private cell(): string {
    if (this.text[this.at] === '"') return this.quoted();
    const start = this.at;
    while (this.at < this.text.length) {
      const c = this.text[this.at];
      if (c === this.delimiter || c === "\n" || c === "\r") break;
      this.at++;
    }
    return this.text.slice(start, this.at);
  }

  private quoted(): string {
    const from = this.line;
    const parts: string[] = [];
    for (;;) {
      const start = ++this.at;
      const end = this.text.indexOf('"', start);
      if (end < 0) throw new LoadError(this.file, `has a quote without end from line ${from}`);
      parts.push(this.text.slice(start, end));
      this.line += this.text.slice(start, end).split("\n").length - 1;
      this.at = end + 1;
      if (this.text[this.at] !== '"') break; // two quotes are one that is meant
    }
    const next = this.text[this.at];
    if (next === undefined || next === this.delimiter || next === "\n" || next === "\r")
      return parts.join('"');
    throw new LoadError(this.file, `has text behind a quoted cell in line ${this.line}`);
  }

  private endLine(): void {
    if (this.text[this.at] === "\r") this.at++;
    if (this.text[this.at] === "\n") this.at++;
    this.line++;
  }
}

/**
 * What becomes of a cell without a number: `error` refuses it, `previous` takes the value of the
 * row before (of the first rows, the first that is known), `mean` the mean of the column, `drop`
 * leaves out the row.
 */
export type MissingPolicy = "error" | "previous" | "mean" | "drop";

export interface TableOptions extends CsvOptions {
  missing?: MissingPolicy | undefined;
  /** Which columns, in this order; without it all that hold numbers. */
  columns?: readonly string[] | undefined;
}

/** Columns of numbers. */
export interface NumberTable {
  readonly columns: readonly string[];
  /** Row by row, (N, C). */
  readonly values: Float64Array;
  /** N */
  readonly length: number;
  /** Columns that are no numbers, such as dates: their cells by name. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** How many cells were missing, by column, and what became of them. */
  readonly missing: {
    readonly policy: MissingPolicy;
    readonly cells: Readonly<Record<string, number>>;
  };
}

/** What stands for a number that is not known. */
const nothing = new Set(["", "na", "n/a", "nan", "null", "none", "?", "-"]);

/**
 * The columns of numbers of a CSV table. A column is one of numbers if its first cell that is not
 * missing is. Throws LoadError, naming line and column, for a missing cell under the policy
 * `error`, and for a cell in a column of numbers that is none.
 *
 * @example
 * const table = parseTable("t,x\nmon,1\ntue,\nwed,3\n", { missing: "previous" });
 * table.values; // [1, 1, 3]
 * table.missing.cells; // { x: 1 }
 */
export function parseTable(text: string, options: TableOptions = {}): NumberTable {
  const { file = "csv", missing: policy = "error" } = options;
  const { header, rows } = parseCsv(text, options);
  if (rows.length === 0) throw new LoadError(file, "has a header and no rows");
  const cells = (at: number) => rows.map((row) => row[at].trim());
  const numeric = header.filter((_, at) => {
    const first = cells(at).find((cell) => !isMissing(cell));
    return first !== undefined && !Number.isNaN(numberOf(first));
  });
  const columns = options.columns ?? numeric;
  for (const name of columns) {
    if (numeric.includes(name)) continue;
    const what = `column ${JSON.stringify(name)} is not one of numbers`;
    throw new ArgumentError("parseTable", what, { hint: `there are ${numeric.join(", ")}` });
  }
  if (columns.length === 0) throw new LoadError(file, "has no column of numbers");
  const lists = columns.map((name) =>
    readColumn(cells(header.indexOf(name)), { name, file, policy }),
  );
  const whole = rows.map(
    (_, row) => policy !== "drop" || lists.every(({ values }) => !Number.isNaN(values[row])),
  );
  const kept = rows.flatMap((_, row) => (whole[row] ? [row] : []));
  if (kept.length === 0) throw new LoadError(file, "has no row without a missing cell");
  const values = new Float64Array(kept.length * columns.length);
  kept.forEach((row, i) => {
    lists.forEach((list, c) => {
      values[i * columns.length + c] = list.values[row];
    });
  });
  const others = header.filter((name) => !numeric.includes(name));
  const labels = others.map((name) => {
    const all = cells(header.indexOf(name));
    return [name, kept.map((row) => all[row])] as const;
  });
  const counts = columns.flatMap((name, c) =>
    lists[c].missing > 0 ? [[name, lists[c].missing] as const] : [],
  );
  return {
    ...{ columns, values, length: kept.length, labels: Object.fromEntries(labels) },
    missing: { policy, cells: Object.fromEntries(counts) },
  };
}

/** The columns of numbers of a CSV file, or of one at an address with a checksum. */
export async function readTable(
  source: TextSource,
  options: TableOptions = {},
): Promise<NumberTable> {
  return parseTable(await textFrom(source), { file: source.from, ...options });
}

function isMissing(cell: string): boolean {
  return nothing.has(cell.toLowerCase());
}

function numberOf(cell: string): number {
  const value = Number(cell);
  return cell !== "" && Number.isFinite(value) ? value : Number.NaN;
}

function readColumn(
  cells: readonly string[],
  { name, file, policy }: { name: string; file: string; policy: MissingPolicy },
): { values: Float64Array; missing: number } {
  let missing = 0;
  const values = Float64Array.from(cells, (cell, row) => {
    const value = numberOf(cell);
    if (!Number.isNaN(value)) return value;
    const where = `row ${row + 1}, column ${JSON.stringify(name)}`;
    if (!isMissing(cell))
      throw new LoadError(file, `has ${JSON.stringify(cell)} for a number in ${where}`);
    if (policy === "error") {
      const hint = `pass { missing: "previous" }, "mean" or "drop"`;
      throw new LoadError(file, `lacks a number in ${where}`, { hint });
    }
    missing++;
    return Number.NaN;
  });
  if (missing > 0) fill[policy](values);
  return { values, missing };
}

const fill: Record<MissingPolicy, (values: Float64Array) => void> = {
  error: () => {},
  drop: () => {},
  previous(values) {
    let last = values.find((value) => !Number.isNaN(value)) ?? 0;
    values.forEach((value, i) => {
      if (Number.isNaN(value)) values[i] = last;
      else last = value;
    });
  },
  mean(values) {
    const known = values.filter((value) => !Number.isNaN(value));
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    values.forEach((value, i) => {
      if (Number.isNaN(value)) values[i] = mean;
    });
  },
};
