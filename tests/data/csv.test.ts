// CSV: quotes, ragged rows, and what becomes of cells that are missing.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { parseCsv, parseTable, readCsv } from "../../src/data/index.ts";

describe("CSV", () => {
  it("reads quoted cells, line ends of any kind, and no empty lines", () => {
    const text = '\ufeff"a","b ""x""",c\r\n1,"2,\n3",\r\n\r\n4,,"6"';
    expect(parseCsv(text)).toEqual({
      header: ["a", 'b "x"', "c"],
      rows: [
        ["1", "2,\n3", ""],
        ["4", "", "6"],
      ],
      lines: [2, 5],
    });
    expect(parseCsv("a;b\n1;2\n", { delimiter: ";" }).rows).toEqual([["1", "2"]]);
  });

  it("reads a gzipped file as what is in it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "anneal-csv-"));
    const file = join(folder, "t.csv.gz");
    await writeFile(file, gzipSync("a,b\n1,2\n"));
    expect((await readCsv({ from: file })).rows).toEqual([["1", "2"]]);
    await writeFile(file, gzipSync("a,b\n1,2\n").subarray(0, 12));
    await expect(readCsv({ from: file })).rejects.toThrow(`${file} is no gzip file`);
    await rm(folder, { recursive: true });
  });

  it.each([
    ["a,b\n1,2\n3\n", "t.csv has 1 cells in line 3, its header has 2"],
    ['a,b\n"1\n2",2\n1,2,3\n', "t.csv has 3 cells in line 4, its header has 2"],
    ['a\n"1\n', "t.csv has a quote without end from line 2"],
    ['a\n"1"2\n', "t.csv has text behind a quoted cell in line 2"],
    ["a,a\n1,2\n", 't.csv names two columns "a"'],
    ["\n\n", "t.csv is empty"],
  ])("refuses %j", (text, message) => {
    expect(() => parseCsv(text, { file: "t.csv" })).toThrow(message);
  });
});

describe("a table of numbers", () => {
  const text = "day,x,y\nmon,,10\ntue,2,NA\nwed,4,30\nthu,nan,50\n";

  it("keeps what is no number as labels", () => {
    const table = parseTable("day,x\nmon,1\ntue,-2.5e1\n");
    expect([...table.values]).toEqual([1, -25]);
    expect(table).toMatchObject({ columns: ["x"], length: 2, labels: { day: ["mon", "tue"] } });
    expect(table.missing).toEqual({ policy: "error", cells: {} });
  });

  it.each([
    ["previous", [2, 10, 2, 10, 4, 30, 4, 50]],
    ["mean", [3, 10, 2, 30, 4, 30, 3, 50]],
    ["drop", [4, 30]],
  ] as const)("fills by %s, and says how much", (missing, values) => {
    const table = parseTable(text, { missing });
    expect([...table.values]).toEqual(values);
    expect(table.missing).toEqual({ policy: missing, cells: { x: 2, y: 1 } });
    expect(table.labels.day).toHaveLength(table.length);
  });

  it("takes the columns that are asked for, in their order", () => {
    const { columns, values } = parseTable("a,b,c\n1,2,3\n", { columns: ["c", "a"] });
    expect([columns, [...values]]).toEqual([
      ["c", "a"],
      [3, 1],
    ]);
    expect(() => parseTable("a,b\n1,2\n", { columns: ["z"] })).toThrow(
      'parseTable: column "z" is not one of numbers\n  hint: there are a, b',
    );
  });

  it("refuses what is missing without a policy, and what is no number", () => {
    expect(() => parseTable(text, { file: "t.csv" })).toThrow(
      't.csv lacks a number in row 1, column "x"\n  hint: pass { missing: "previous" }',
    );
    expect(() => parseTable("x\n1\ntwo\n")).toThrow(
      'csv has "two" for a number in row 2, column "x"',
    );
    expect(() => parseTable("x\n1\n1e999\n")).toThrow('csv has "1e999" for a number');
    expect(() => parseTable("x\n")).toThrow("csv has a header and no rows");
    expect(() => parseTable("day\nmon\n")).toThrow("csv has no column of numbers");
    expect(() => parseTable("x,y\n1,\n,2\n", { missing: "drop" })).toThrow("no row without");
  });
});
