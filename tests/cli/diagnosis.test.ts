// `anneal train diagnosis`, small: folds that hold no patient twice, spreads that know no test patient,
// models side by side that are as good as models by themselves, the three tables, and bad files.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPatients } from "../../examples/diagnosis/data.ts";
import { foldedLoss, standardized, testRows } from "../../examples/diagnosis/folds.ts";
import { nn, tensor } from "../../src/index.ts";
import { anneal, scratch } from "./run.ts";

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

describe("folds", () => {
  const ill = Uint8Array.from({ length: 23 }, (_, i) => Number(i % 3 === 0));

  it("test everyone once a repeat, with a share of the ill in each", () => {
    const tests = testRows(ill, { folds: 4, repeats: 2, seed: 1 });
    expect(tests).toHaveLength(8);
    for (const repeat of [tests.slice(0, 4), tests.slice(4)]) {
      const times = ill.map((_, i) => repeat.reduce((sum, test) => sum + test[i]!, 0));
      expect([...times]).toEqual(Array(23).fill(1));
      for (const test of repeat) {
        expect(ill.filter((sick, i) => sick === 1 && test[i] === 1).length).toBe(2);
      }
    }
    expect(tests[0]).not.toEqual(tests[4]);
  });

  it("take means and spreads from those they train on, and the mean for what is unknown", async () => {
    const patients = {
      columns: ["a"],
      values: Float64Array.of(1, 3, 100, Number.NaN),
      ill: Uint8Array.of(0, 1, 0, 1),
    };
    const x = await standardized(patients, [Uint8Array.of(0, 0, 1, 0)]).data();
    expect([...x]).toEqual([-1, 1, 98, 0]);
  });

  it("lose what each loses by itself", async () => {
    const logits = tensor([
      [
        [2, -1, 0.5],
        [0, 30, -30],
      ],
      [
        [1, 1, 1],
        [-2, 0.1, 3],
      ],
    ]); // (2, 2, 3)
    const [ill, counts] = [
      [
        [1, 0, 1],
        [1, 0, 1],
      ],
      [
        [1, 1, 0],
        [0, 1, 1],
      ],
    ];
    const found = await foldedLoss(logits, tensor([ill, counts])).item();
    let sum = 0;
    for (const model of [0, 1]) {
      for (const fold of [0, 1]) {
        const own = [0, 1, 2].filter((i) => counts[fold]![i] === 1);
        const said = tensor(own.map((i) => i)).int();
        const z = logits.select(0, model).select(0, fold).indexSelect(0, said);
        const y = tensor(own.map((i) => ill[fold]![i]!));
        sum += (await nn.bceWithLogits(z, y).item()) / 2;
      }
    }
    expect(found).toBeCloseTo(sum, 5);
  });
});

describe("train diagnosis", () => {
  /** Who is ill has a large a; b says nothing, and one patient stands there twice. */
  const pima = () => {
    const names = ["preg", "plas", "pres", "skin", "insu", "mass", "pedi", "age"];
    const head = names.map((name) => `@attribute ${name} numeric`).join("\n");
    const rows = Array.from({ length: 60 }, (_, i) => {
      const sick = i % 2;
      const plas = i === 7 ? 0 : 90 + 50 * sick + ((i * 13) % 31);
      return `${i % 5},${plas},70,20,${(i * 37) % 90},30,0.5,${20 + (i % 40)},${sick ? "tested_positive" : "tested_negative"}`;
    });
    rows.push(rows[3]!);
    return `@relation p\n${head}\n@attribute class {tested_negative,tested_positive}\n@data\n${rows.join("\n")}\n`;
  };

  it("judges a perceptron beside a logistic regression, on patients not trained on", async () => {
    await writeFile(join(place.folder, "diabetes.arff"), pima());
    const args = ["train", "diagnosis", "--set", "pima", "--data", ".", "--folds", "5"];
    const done = await anneal([...args, "--repeats", "2"], place.folder);
    expect(done.stderr).toBe("");
    expect(done.stdout).toContain(
      "60 patients, 30 ill, 8 columns, 1 who stand there twice taken once",
    );
    const [run = ""] = await readdir(join(place.folder, "runs"));
    const folder = join(place.folder, "runs", run);
    const result = JSON.parse(await readFile(join(folder, "result.json"), "utf8"));
    expect(result.area).toBeGreaterThan(0.9);
    expect(result.logisticArea).toBeGreaterThan(0.9);
    const page = await readFile(join(folder, "report.html"), "utf8");
    expect(page).toContain("How sure, and how often right");
    expect(await readFile(join(folder, "calibration.svg"), "utf8")).toContain("<svg");
  });

  it("takes zeros of what cannot be zero for unknown", async () => {
    const { values } = await readPatients("pima", place.folder);
    expect(values[7 * 8 + 1]).toBeNaN();
    expect(values[8 * 8]).toBe(3);
  });

  it("reads kinds as columns, and the reversed target of Cleveland as it is meant", async () => {
    const head = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,target";
    const rows = ["63,1,3,145,233,1,0,150,0,2.3,0,0,1,1", "37,1,2,130,250,0,1,187,0,3.5,0,4,0,0"];
    await writeFile(join(place.folder, "cleveland-heart.csv"), `${head}\n${rows.join("\n")}\n`);
    const { columns, values, ill } = await readPatients("cleveland", place.folder);
    expect(columns).toContain("cp 2");
    expect(columns).not.toContain("thal 0");
    expect([...ill]).toEqual([0, 1]);
    const at = (row: number, name: string) => values[row * columns.length + columns.indexOf(name)];
    expect([at(0, "cp 2"), at(1, "cp 2"), at(1, "ca"), at(1, "thal 1")]).toEqual([
      0,
      1,
      Number.NaN,
      0,
    ]);
  });

  it("reads the counts and the columns of WDBC, and names a bad line", async () => {
    const row = (last: number) => [...Array.from({ length: 30 }, (_, i) => i + last), last].join();
    const path = join(place.folder, "wdbc.csv");
    await writeFile(path, `2,30,malignant,benign\n${row(0)}\n${row(1)}\n`);
    const { columns, ill } = await readPatients("wdbc", place.folder);
    expect([columns.length, columns[20], [...ill]]).toEqual([30, "worst radius", [1, 0]]);
    await writeFile(path, `2,30,malignant,benign\n${row(0)}\n1,2\n`);
    await expect(readPatients("wdbc", place.folder)).rejects.toThrow("line 3 is not 31 numbers");
    const missing = join(place.folder, "no");
    await expect(readPatients("wdbc", missing)).rejects.toThrow("wdbc.csv is not there");
  });
});
