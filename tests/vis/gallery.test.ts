// Galleries and the table of figures: every pixel as it should be, and no text breaks out.
import { PNG } from "pngjs";
import { describe, expect, it } from "vitest";
import {
  drawDigit,
  drawFigures,
  filters,
  type GalleryPicture,
  pictureOf,
  pngDataUrl,
  report,
} from "../../src/vis/index.ts";

const history: [] = [];
const page = (pictures: GalleryPicture[], width?: number) =>
  report({
    title: "t",
    history,
    pictures: [{ title: "Best <b>", note: "n & m", pictures, width }],
  });

/** Red, green and blue of every pixel of a data URL. */
function pixelsOf(url: string): number[][] {
  const png = PNG.sync.read(Buffer.from(url.split(",")[1] ?? "", "base64"));
  return Array.from({ length: png.width * png.height }, (_, i) => [
    ...png.data.subarray(4 * i, 4 * i + 3),
  ]);
}

describe("drawings", () => {
  it("stand among pictures as SVG that keeps its names to itself", () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"/></svg>';
    const drawing = { svg, width: 200, height: 100, caption: "C < O", tone: "wrong" } as const;
    const pictures = [{ title: "Molecules", pictures: [drawing, grey] }];
    const html = report({ title: "t", history, pictures });
    const [, code = ""] =
      /src="data:image\/svg\+xml;base64,([^"]+)" alt="C &lt; O"/.exec(html) ?? [];
    expect(Buffer.from(code, "base64").toString()).toBe(svg);
    expect(html).toContain('<li class="wrong" style="width:200px">');
    expect(html).toContain("data:image/png");
  });
});

const grey = { pixels: [0, 100, 200, 300], rows: 2, cols: 2 };
const colour = { pixels: [1, 2, 3, 40, 50, 60], rows: 1, cols: 2, channels: 3 } as const;

describe("pictures", () => {
  it("keep their colours, and clamp what is beyond", () => {
    expect(pixelsOf(pngDataUrl(colour))).toEqual([
      [1, 2, 3],
      [40, 50, 60],
    ]);
    expect(pixelsOf(pngDataUrl(grey)).map(([red]) => red)).toEqual([0, 100, 200, 255]);
  });

  it("come from images of either layout, of any range", () => {
    const data = Uint8Array.of(1, 40, 2, 50, 3, 60);
    expect(Array.from(pictureOf({ data, shape: [3, 1, 2], layout: "chw" }).pixels)).toEqual(
      colour.pixels,
    );
    const last = Float32Array.of(-1, 0, 1, 9, 1, 1, 0, 9);
    const shown = pictureOf({ data: last, shape: [1, 2, 4], layout: "hwc" }, { low: -1, high: 1 });
    expect(Array.from(shown.pixels)).toEqual([0, 128, 255, 255, 255, 128]);
    expect(() => pictureOf({ data: last, shape: [2, 2, 2], layout: "chw" })).toThrow(
      "pictureOf: an image of 2 channels has no colours",
    );
  });

  it("of another size than they say are named", () => {
    expect(() => pngDataUrl({ ...grey, rows: 3 })).toThrow(
      "picture: pixels: 4 values for 3 rows of 2 pixels, not 6",
    );
    const mask = { classes: [1, 2, 3] };
    expect(() => pngDataUrl({ ...grey, mask })).toThrow("picture: mask: 3 values for 2 rows");
    expect(() => pngDataUrl({ ...grey, heat: [1] })).toThrow("picture: heat: 1 values");
  });

  it("take a mask's colours, but not where a class has none", () => {
    const mask = { classes: [0, 1, 2, 255], colors: [null, "#ff0000", "#0000ff"], opacity: 0.5 };
    expect(pixelsOf(pngDataUrl({ ...grey, mask }))).toEqual([
      [0, 0, 0],
      [178, 50, 50],
      [100, 100, 228],
      [255, 255, 255],
    ]);
    const wrong = { ...mask, colors: ["red"] };
    expect(() => pngDataUrl({ ...grey, mask: wrong })).toThrow('a colour is #rrggbb, not "red"');
  });

  it("take outlines of things, also where two touch, but not at the picture's edge", () => {
    const labels = [1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 0];
    const pixels = new Uint8Array(12);
    const contours = [{ labels, color: "#ff0000" }];
    const drawn = pixelsOf(pngDataUrl({ pixels, rows: 3, cols: 4, contours }));
    expect(drawn.map(([red]) => (red === 255 ? 1 : 0))).toEqual([
      0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0,
    ]);
  });

  it("take heat: nothing at 0, mostly red at 1", () => {
    const drawn = pixelsOf(pngDataUrl({ ...grey, heat: [0, 1, Number.NaN, 0] }));
    expect(drawn[0]).toEqual([0, 0, 0]);
    expect(drawn[1]).toEqual([216, 25, 25]);
    expect(drawn[2]).toEqual([200, 200, 200]);
  });
});

describe("gallery", () => {
  it("shows captions, notes and tones, escaped", () => {
    const html = page([{ ...grey, caption: "<i>7</i>\nis 9", tone: "wrong" }]);
    expect(html).toContain("<h2>Best &lt;b&gt;</h2>");
    expect(html).toContain("n &amp; m");
    expect(html).toContain('alt="&lt;i&gt;7&lt;/i&gt;, is 9"');
    expect(html).toContain("<span>&lt;i&gt;7&lt;/i&gt;\nis 9</span>");
    expect(html).toContain('<li class="wrong" style="width:108px">');
    expect(html).not.toMatch(/src="(?!data:)/);
  });

  it("shows small pictures by whole factors, large ones smaller, or as wide as asked", () => {
    const square = (side: number) => ({
      pixels: new Uint8Array(side * side),
      rows: side,
      cols: side,
    });
    const sizes = (html: string) =>
      [...html.matchAll(/width="(\d+)" height="(\d+)"/g)].map(([, w]) => w);
    expect(sizes(page([28, 32, 96, 200, 640].map(square)))).toEqual([
      "84",
      "96",
      "96",
      "200",
      "320",
    ]);
    expect(sizes(page([square(28)], 50))).toEqual(["50"]);
  });

  it("draws boxes in the picture's pixels, a colour for each kind, and tells what colours mean", () => {
    const boxes = [
      { x: 0.25, y: 0.5, width: 1, height: 1.5, kind: "truth", label: "<cell>" },
      { x: 0, y: 0, width: 1, height: 1, kind: "found", label: "cell", score: 0.876 },
    ];
    const mask = { classes: [0, 1, 0, 1], colors: [null, "#123456"], names: ["none", "car"] };
    const html = page([{ ...grey, boxes, mask }]);
    expect(html).toContain('<svg viewBox="0 0 2 2">');
    expect(html).toContain(
      '<rect x="0.25" y="0.5" width="1" height="1.5" stroke="#ffffff" class="dashed">',
    );
    expect(html).toContain(">cell 87.6 %</text>");
    expect(html).not.toContain("<cell>");
    const key = /<ul class="key">(.*?)<\/ul>/.exec(html)?.[1] ?? "";
    expect(key.replaceAll(/<[^>]*>/g, " ").split(/ +/)).toEqual(["", "truth", "found", "car", ""]);
    expect(key).toContain("background:#123456");
  });

  it("says so when there is nothing", () => {
    expect(page([])).toContain("<p>None.</p>");
  });
});

describe("filters", () => {
  it("scale each filter by its greatest weight, 0 in the middle", () => {
    const data = [0, 1, -2, 2, 0, 0.5, 0.25, -0.5];
    const { pictures } = filters({ data, shape: [2, 1, 2, 2] });
    expect(pictures.map(({ pixels }) => Array.from(pixels))).toEqual([
      [127.5, 191.25, 0, 255],
      [127.5, 255, 191.25, 0],
    ]);
  });

  it("show three channels as colours, pixel by pixel", () => {
    const { pictures } = filters({ data: [1, 0, 0, -1, 0.5, 0], shape: [1, 3, 1, 2] });
    expect(pictures[0]).toMatchObject({ rows: 1, cols: 2, channels: 3 });
    expect(Array.from(pictures[0]?.pixels ?? [])).toEqual([255, 127.5, 191.25, 127.5, 0, 127.5]);
  });

  it("refuse weights that cannot be seen", () => {
    expect(() => filters({ data: [], shape: [8, 16, 3, 3] })).toThrow("not [8,16,3,3]");
  });
});

describe("figures", () => {
  const figures = [
    {
      name: "test accuracy",
      value: 0.92345,
      baseline: "0.677 (nearest mean)",
      source: "Xiao <2017>",
    },
    { name: "pictures", value: 10000 },
  ];

  it("are a table in the report, without columns that nobody has", () => {
    const html = report({ title: "t", history, figures });
    expect(html).toContain("<strong>0.923</strong>");
    expect(html).toContain("<strong>10,000</strong>");
    expect(html).toContain("Xiao &lt;2017&gt;");
    expect(html).not.toContain("<th>published</th>");
  });

  it("are a table of text", () => {
    const [head, , first] = drawFigures(figures).split("\n");
    expect(head).toMatch(/^figure +here +baseline +source$/);
    expect(first).toMatch(/^test accuracy {2}0\.923 +0\.677 \(nearest mean\) +Xiao <2017>$/);
  });
});

describe("colours on a terminal", () => {
  it("are those of the picture", () => {
    const drawn = drawDigit({ ...colour, rows: 2, cols: 1 }, { color: true, unicode: true });
    expect(drawn).toContain("[38;2;1;2;3;48;2;40;50;60m▀");
  });

  it("are grey where there are none", () => {
    const white = { pixels: [255, 255, 255, 0, 0, 0], rows: 1, cols: 2, channels: 3 } as const;
    expect(drawDigit(white)).toBe("+ ");
  });
});
