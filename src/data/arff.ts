// Tables from ARFF (Weka's format): attributes with types, then rows of cells; `?` is a missing one.
// Not here: sparse rows and dates, which are refused by name, or CSV (csv.ts).

import { type TextSource, textFrom } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";

/** A column: numbers, one of a few names, or any text. */
export interface ArffAttribute {
  readonly name: string;
  readonly type: "numeric" | "nominal" | "string";
  /** The names that a nominal one can have, in their order. */
  readonly values: readonly string[];
}

export interface Arff {
  readonly relation: string;
  readonly attributes: readonly ArffAttribute[];
  /** Cells row by row: numbers, texts, null where nothing is known. */
  readonly rows: readonly (readonly (number | string | null)[])[];
}

const numeric = ["numeric", "real", "integer"];

/** A cell, quoted or not, and what comes behind it. */
const cellPattern = /^\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,'"\s][^,]*?|))\s*(?:,|$)/;

/**
 * The table of an ARFF text. Throws LoadError that names the line for an unknown type, a row of more or
 * fewer cells than there are attributes, a cell that is no number, and a name that is none of the
 * attribute's.
 *
 * @example
 * const text = "@relation r\n@attribute x numeric\n@attribute y {no,yes}\n@data\n1.5,yes\n";
 * parseArff(text).rows; // [[1.5, "yes"]]
 */
export function parseArff(text: string, { file = "arff" }: { file?: string } = {}): Arff {
  const attributes: ArffAttribute[] = [];
  const rows: (number | string | null)[][] = [];
  let relation = "";
  let inData = false;
  text.split(/\r?\n/).forEach((raw, i) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("%")) return;
    const fail = (what: string): never => {
      throw new LoadError(file, `line ${i + 1} ${what}`);
    };
    if (inData) rows.push(rowOf(line, attributes, fail));
    else if (/^@relation\s/i.test(line)) relation = unquoted(line.slice(9).trim());
    else if (/^@attribute\s/i.test(line)) attributes.push(attributeOf(line.slice(10).trim(), fail));
    else if (/^@data$/i.test(line)) inData = true;
    else fail(`is no part of a header: ${JSON.stringify(line.slice(0, 40))}`);
  });
  if (!inData) throw new LoadError(file, "has no @data");
  if (attributes.length === 0) throw new LoadError(file, "has no @attribute");
  return { relation, attributes, rows };
}

/** The table of an ARFF file, or of one at an address with a checksum. */
export async function readArff(source: TextSource): Promise<Arff> {
  return parseArff(await textFrom(source), { file: source.from });
}

type Fail = (what: string) => never;

function attributeOf(text: string, fail: Fail): ArffAttribute {
  const parts = /^('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+)\s+(.+)$/.exec(text);
  if (parts === null) return fail("names an attribute without a type");
  const [name, kind] = [unquoted(parts[1]!), parts[2]!.trim()];
  if (kind.startsWith("{") && kind.endsWith("}")) {
    return { name, type: "nominal", values: cellsOf(kind.slice(1, -1), fail) };
  }
  const word = kind.toLowerCase();
  if (numeric.includes(word)) return { name, type: "numeric", values: [] };
  if (word === "string") return { name, type: "string", values: [] };
  return fail(`has an attribute of type ${kind}, which is not read`);
}

function rowOf(line: string, attributes: readonly ArffAttribute[], fail: Fail) {
  if (line.startsWith("{")) fail("is a sparse row, which is not read");
  const cells = cellsOf(line, fail);
  if (cells.length !== attributes.length) {
    fail(`has ${cells.length} cells for ${attributes.length} attributes`);
  }
  return cells.map((cell, i) => {
    const { name, type, values } = attributes[i]!;
    if (cell === "?") return null;
    if (type === "string") return cell;
    if (type === "numeric") {
      const value = Number(cell);
      return cell !== "" && Number.isFinite(value)
        ? value
        : fail(`has ${JSON.stringify(cell)} for a number in ${name}`);
    }
    return values.includes(cell) ? cell : fail(`has ${JSON.stringify(cell)} in ${name}`);
  });
}

function cellsOf(line: string, fail: Fail): string[] {
  const cells: string[] = [];
  let rest = line;
  for (;;) {
    const match = cellPattern.exec(rest);
    if (match === null) return fail("has text behind a quoted cell");
    const quoted = match[1] ?? match[2];
    cells.push(quoted === undefined ? (match[3] ?? "") : unescaped(quoted));
    rest = rest.slice(match[0].length);
    if (!match[0].endsWith(",")) return cells;
  }
}

function unquoted(text: string): string {
  const quote = text[0];
  const isQuoted = (quote === "'" || quote === '"') && text.length > 1 && text.endsWith(quote);
  return isQuoted ? unescaped(text.slice(1, -1)) : text;
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, "$1");
}
