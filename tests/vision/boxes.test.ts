// Boxes from VOC's XML and COCO's JSON, lists of names, and that what is wrong is named with its line.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { BadItem } from "../../src/data/index.ts";
import { parseCoco, parseVoc, readNames, readVoc } from "../../src/vision/index.ts";
import { writeTree } from "./make.ts";

const root = mkdtempSync(join(tmpdir(), "anneal-boxes-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const object = (name: string, box: number[], more = "") => `  <object>
    <name>${name}</name>${more}
    <bndbox>
      <xmin>${box[0]}</xmin><ymin>${box[1]}</ymin><xmax>${box[2]}</xmax><ymax>${box[3]}</ymax>
    </bndbox>
  </object>`;
const size = "  <size><width>64</width><height>48</height><depth>3</depth></size>";
const voc = (...parts: string[]) => `<annotation>
  <filename>a.jpg</filename>
${parts.join("\n")}
</annotation>`;
const options = { classes: ["cat", "dog"], file: "a.xml" };

describe("parseVoc", () => {
  it("gives boxes and classes", () => {
    const text = voc(
      size,
      object("dog", [1, 2, 64, 48]),
      object("cat", [3.5, 4, 5, 6], "<difficult>1</difficult>"),
    );
    expect(parseVoc(text, options)).toEqual({
      picture: "a.jpg",
      width: 64,
      height: 48,
      boxes: [
        [1, 2, 64, 48],
        [3.5, 4, 5, 6],
      ],
      labels: [1, 0],
      difficult: [false, true],
    });
    expect(parseVoc(voc(size), options).boxes).toEqual([]);
  });

  it.each([
    ["has no size of its picture (line 1)", voc(object("dog", [1, 2, 3, 4]))],
    [
      "has no size of its picture (line 3)",
      voc("  <size><width>0</width><height>0</height></size>"),
    ],
    [
      'has the class "cow" (line 10), not one of cat, dog',
      voc(size, object("dog", [1, 2, 3, 4]), object("cow", [1, 2, 3, 4])),
    ],
    [
      "has a box that cannot be: [1,2,65,4] lies outside of its picture of 64 × 48 (line 4)",
      voc(size, object("dog", [1, 2, 65, 4])),
    ],
    [
      "has a box that cannot be: [7,2,7,4] is empty (line 4)",
      voc(size, object("dog", [7, 2, 7, 4])),
    ],
    [
      "has a box that cannot be: [1,2,NaN,4] is not made of numbers (line 4)",
      voc(
        size,
        "  <object><name>dog</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax></xmax><ymax>4</ymax></bndbox></object>",
      ),
    ],
    ["has no <annotation>", "<other><size>1</size></other>"],
    ["is no XML (line 5)", voc(size, "<object>")],
  ])("says %s", (what, text) => {
    expect(() => parseVoc(text, options)).toThrow(`a.xml ${what}`);
  });

  it("lists bad boxes instead, and keeps the others", () => {
    const bad: BadItem[] = [];
    const text = voc(
      size,
      object("cow", [1, 2, 3, 4]),
      object("dog", [9, 9, 9, 9]),
      object("cat", [1, 2, 3, 4]),
    );
    const { boxes, labels } = parseVoc(text, { ...options, bad });
    expect([boxes, labels]).toEqual([[[1, 2, 3, 4]], [0]]);
    expect(bad.map(({ file, reason }) => `${file} ${reason}`)).toEqual([
      'a.xml has the class "cow" (line 4), not one of cat, dog',
      "a.xml has a box that cannot be: [9,9,9,9] is empty (line 10)",
    ]);
  });
});

describe("parseCoco", () => {
  const coco = {
    info: { annotations: "not these" },
    images: [
      { id: 7, file_name: "a.jpg", width: 10, height: 20 },
      { id: 8, file_name: "b [1].jpg", width: 5, height: 5 },
    ],
    annotations: [
      { id: 1, image_id: 7, category_id: 18, bbox: [1, 2, 3, 4], iscrowd: 0, area: 12 },
      { id: 2, image_id: 7, category_id: 3, bbox: [0, 0, 10.2, 20], iscrowd: 1, area: 200 },
    ],
    categories: [
      { id: 18, name: "dog" },
      { id: 3, name: "car" },
    ],
  };
  const textOf = (json: object) => JSON.stringify(json, null, 1);
  const withBox = (more: object) => {
    return textOf({
      ...coco,
      annotations: [coco.annotations[0], { ...coco.annotations[1], ...more }],
    });
  };

  it("gives boxes by picture, classes in the order of their ids", () => {
    const { classes, pictures } = parseCoco(textOf(coco));
    expect(classes).toEqual(["car", "dog"]);
    expect(pictures).toEqual([
      {
        picture: "a.jpg",
        width: 10,
        height: 20,
        boxes: [
          [1, 2, 4, 6],
          [0, 0, 10, 20],
        ],
        labels: [1, 0],
        difficult: [false, true],
      },
      { picture: "b [1].jpg", width: 5, height: 5, boxes: [], labels: [], difficult: [] },
    ]);
    expect(parseCoco(textOf(coco), { classes: ["dog", "car"] }).pictures[0]?.labels).toEqual([
      0, 1,
    ]);
  });

  it.each([
    [{ bbox: [1, 2, 10, 4] }, "[1,2,10,4] lies outside of its picture of 10 × 20"],
    [{ bbox: [1, 2, 0, 4] }, "[1,2,0,4] is empty"],
    [{ bbox: [1, 2, 3] }, "[1,2,3] is not made of numbers"],
    [{ image_id: 9 }, "has a box in no picture, 9"],
    [{ category_id: 4 }, 'has the class "category 4"'],
  ])("names the line of %o", (more, what) => {
    const text = withBox(more);
    const line = text.split("\n").findIndex((found) => /"id": 2,/.test(found)); // its brace is before
    const place = `annotation 2, line ${line}`;
    expect(() => parseCoco(text, { file: "c.json" })).toThrow(what);
    expect(() => parseCoco(text, { file: "c.json" })).toThrow(place);
    const bad: BadItem[] = [];
    expect(parseCoco(text, { bad }).pictures[0]?.boxes.length).toBe(1);
    expect(bad.length).toBe(1);
  });

  it("refuses what is no COCO file", () => {
    const parse = (text: string) => () => parseCoco(text, { file: "c.json" });
    expect(parse("{")).toThrow("c.json is no JSON");
    expect(parse("[]")).toThrow("c.json is no COCO file");
    expect(parse('{"images": []}')).toThrow('it has no list "annotations"');
    const images = [{ id: 1, file_name: "a.jpg" }];
    expect(parse(textOf({ ...coco, images }))).toThrow("has no size of a.jpg (line ");
  });
});

describe("readNames", () => {
  it("takes names with and without VOC's flags", async () => {
    writeTree(root, {
      "a.txt": "one\ntwo 1\r\nthree -1\n\nfour words here\n",
      "b.txt": "x\ny\nx\n",
    });
    expect(await readNames(join(root, "a.txt"))).toEqual(["one", "two", "four words here"]);
    await expect(readNames(join(root, "b.txt"))).rejects.toThrow("has x in line 3 that line 1 has");
    writeTree(root, { "c.txt": "\n" });
    await expect(readNames(join(root, "c.txt"))).rejects.toThrow("has no names");
  });
});

const bccd = join(
  process.env.ANNEAL_DATA ?? join(import.meta.dirname, "../../../shared/data"),
  "detection/bccd",
);

describe.skipIf(!existsSync(bccd))("BCCD (skipped where the data is not there)", () => {
  it("has 4,886 boxes of three classes, and two empty ones", async () => {
    const bad: BadItem[] = [];
    const folder = join(bccd, "Annotations");
    const read = (name: string) => {
      return readVoc(join(folder, name), { classes: ["RBC", "WBC", "Platelets"], bad });
    };
    const found = await Promise.all(readdirSync(folder).map(read));
    expect(found.reduce((sum, { boxes }) => sum + boxes.length, 0)).toBe(4886);
    expect(bad.map(({ reason }) => /is empty \(line \d+\)$/.test(reason))).toEqual([true, true]);
  });
});
