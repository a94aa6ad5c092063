// The recipe `molecules`, small: what RDKit says of formulas, graphs whose answers hang on no order and no
// company, splits that leak nothing, what is learned of made-up solubilities, and bad tables.
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linearScores } from "../../examples/molecules/baseline.ts";
import {
  randomSplit,
  readMolecules,
  type Sample,
  scaffoldSplit,
  sets,
} from "../../examples/molecules/data.ts";
import {
  atomWidth,
  batchOf,
  bondWidth,
  type Graph,
  graphOf,
  roomFor,
} from "../../examples/molecules/graph.ts";
import { Committee, graphsOf, MoleculeNet, measuredLoss } from "../../examples/molecules/model.ts";
import { type Chemistry, type Molecule, openRDKit } from "../../examples/molecules/rdkit.ts";
import { sharesOf } from "../../examples/molecules/report.ts";
import { scoreOf } from "../../examples/molecules/score.ts";
import { Rng } from "../../src/data/index.ts";
import { manualSeed, nn, ones, tensor } from "../../src/index.ts";
import { anneal, scratch } from "../cli/run.ts";

let chemistry: Chemistry;
let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  [chemistry, place] = [await openRDKit(), await scratch()];
});
afterAll(() => place.remove());

function molecule(smiles: string): Molecule {
  const found = chemistry.read(smiles);
  if (typeof found === "string") throw new Error(`${smiles} ${found}`);
  return found;
}

const paracetamol = "CC(=O)Nc1ccc(O)cc1";

describe("molecules", () => {
  it("have atoms and bonds as chemists count them", () => {
    const { atoms, bonds } = molecule("C[N+](C)(C)CC#C.c1cc[nH]c1");
    expect(atoms.map(({ hydrogens }) => hydrogens)).toEqual([3, 0, 3, 3, 2, 0, 1, 1, 1, 1, 1, 1]);
    expect(atoms[1]).toMatchObject({ element: 7, charge: 1, ring: 0, aromatic: false });
    expect(atoms[10]).toMatchObject({ element: 7, charge: 0, ring: 5, aromatic: true });
    expect(bonds[4]).toMatchObject({ from: 4, to: 5, order: 1, ring: false });
    expect(bonds.map(({ order }) => order)).toContain(3);
    expect(bonds.filter(({ ring }) => ring)).toHaveLength(5);
    const indane = molecule("C1Cc2ccccc2C1C/C=C/C");
    expect(indane.atoms.map(({ ring }) => ring)).toEqual([5, 5, 5, 6, 6, 6, 6, 5, 5, 0, 0, 0, 0]);
    expect(indane.bonds.find(({ side }) => side !== "unspecified")?.side).toBe("trans");
  });

  it.each([
    [paracetamol, "c1ccccc1"],
    ["CCOC(=O)C", ""],
    ["CN(C)CCc1c[nH]c2ccccc12", "c1ccc2[nH]ccc2c1"],
    ["Cn1cccc1CCc1ccncc1C", "c1cc(CCc2ccncc2)[nH]c1"],
    ["CC1CCCCC1=O", "O=C1CCCCC1"],
    ["O=C(c1ccccc1)C1CC1.[Na+]", "O=C(c1ccccc1)C1CC1"],
    ["C[C@H](c1ccccc1)C1CCNC1", "c1ccc(CC2CCNC2)cc1"],
  ])("%s has the scaffold %j", (smiles, scaffold) => {
    const own = molecule(smiles).scaffold;
    expect(own).toBe(scaffold === "" ? "" : molecule(scaffold).canonical);
  });

  it.each([
    ["CC(C)(C)(C)C", "is no SMILES: Explicit valence for atom # 1 C, 5, is greater than permitted"],
    ["c1ccccc", "is no SMILES: unclosed ring"],
    ["CCO ethanol", "has a space in it"],
    ["C(", "is no SMILES: syntax error"],
    ["", "is empty"],
  ])("%j are refused in words", (smiles, why) => {
    expect(chemistry.read(smiles)).toBe(why);
  });

  it("have descriptors, fingerprints and a drawing", () => {
    const aspirin = molecule("CC(=O)Oc1ccccc1C(=O)O");
    const { names, values } = chemistry.descriptors(aspirin);
    expect(values[names.indexOf("amw")]).toBeCloseTo(180.16, 1);
    expect(values[names.indexOf("tpsa")]).toBeCloseTo(63.6, 1);
    const [own, other] = ["CC(=O)Oc1ccccc1C(=O)O", "OC(=O)c1ccccc1OC(C)=O"].map((smiles) => {
      return chemistry.fingerprint(molecule(smiles), 512);
    });
    expect(own).toEqual(other);
    expect(own!.reduce((a, b) => a + b, 0)).toBeGreaterThan(15);
    expect(chemistry.fingerprint(molecule("CCO"), 512)).not.toEqual(own);
    expect(chemistry.draw(aspirin)).toMatch(/^<svg[\s\S]*<path[\s\S]*<\/svg>\s*$/);
  });
});

describe("the network", () => {
  const graphs = (list: readonly string[]) => list.map((smiles) => graphOf(molecule(smiles)));
  const options = { width: 8, depth: 3, dropout: 0.5, tasks: 2 };

  it("computes what loops over arrows compute", async () => {
    manualSeed(3);
    const net = new MoleculeNet({ ...options, dropout: 0 });
    const graph = graphs([paracetamol])[0]!;
    const got = await net.forward(batchOf([graph])).data();
    expect([...got]).toEqual((await byHand(net, graph)).map((v) => expect.closeTo(v, 5)));
  });

  it("says the same however a molecule is written, and whatever stands beside it", async () => {
    manualSeed(5);
    const net = new MoleculeNet(options);
    net.eval();
    const alone = await net.forward(batchOf(graphs([paracetamol]))).data();
    const others = graphs(["[Na+].[Cl-]", "Oc1ccc(NC(C)=O)cc1", "CCO", "C"]);
    const room = { atoms: 96, arrows: 220 };
    const all = await net.forward(batchOf(others, room)).data(); // (4, 2)
    expect([...all.subarray(2, 4)]).toEqual([...alone].map((v) => expect.closeTo(v, 5)));
    expect(all[4]).not.toBeCloseTo(alone[0]!, 3);
    expect(all.every(Number.isFinite)).toBe(true);
  });

  it("gives each network of a committee its own molecules", async () => {
    manualSeed(7);
    const spread = tensor([[2], [3]]);
    const committee = new Committee({ ...options, tasks: 1 }, { mean: ones(2, 1), spread });
    committee.eval();
    const rows = [graphs(["CCO", "c1ccccc1"]), graphs(["CCN", "CCCCCCCCCC"])];
    const got = await committee.forward(graphsOf(rows)).data(); // (2, 2, 1)
    for (const [k, net] of committee.members.entries()) {
      const own = await net.forward(batchOf(rows.map((row) => row[k]!))).data();
      for (const row of [0, 1]) expect(got[2 * row + k]).toBeCloseTo(1 + (2 + k) * own[row]!, 4);
    }
  });

  it("goes by the atoms whose absence changes its answer", async () => {
    manualSeed(9);
    const net = new MoleculeNet({ ...options, tasks: 1 });
    const chloropropanol = molecule("OCCCCl");
    const graph = graphOf(chloropropanol);
    const shares = await sharesOf(net, graph, 0);
    expect(shares).toHaveLength(5);
    net.eval();
    // Without its last atom's row the sum is over the others: by hand, of the atoms' own rows.
    const batch = batchOf([graph]);
    const others = tensor([0, 0, 0, 0, ...Array(batch.molecule.shape[0]! - 4).fill(1)]).int();
    const [whole, part] = [net.forward(batch), net.forward({ ...batch, molecule: others })];
    expect(shares[4]).toBeCloseTo((await whole.item()) - (await part.item()), 5);
    expect(new Set(shares.map((share) => share.toFixed(6))).size).toBe(5);
    const svg = chemistry.draw(chloropropanol, { weights: [1, 0, 0, 0, -1] });
    expect(svg).toContain("#599EFF");
  });

  it("has room in steps, for an atom and two arrows more", () => {
    const [small, large] = [graphs(["C"]), graphs(Array(50).fill(paracetamol))];
    expect(roomFor([small])).toEqual({ atoms: 16, arrows: 36 });
    const room = roomFor([small, large]);
    expect(room.atoms).toBeGreaterThan(550);
    expect(room.arrows).toBeGreaterThanOrEqual(1100);
    expect(room).toEqual(roomFor([graphs(Array(46).fill(paracetamol))]));
  });

  it("loses by what was measured alone", async () => {
    const said = tensor([[0.5, -2], [1, 3]]); // biome-ignore format: rows
    const truth = tensor([[1, Number.NaN], [0, 1]]); // biome-ignore format: rows
    const known = nn.bceWithLogits(tensor([0.5, 1, 3]), tensor([1, 0, 1]));
    const weight = nn.parameter(said);
    const loss = measuredLoss("yes or no")(weight, truth);
    expect(await loss.item()).toBeCloseTo(await known.item(), 5);
    loss.backward();
    expect((await weight.grad!.data())[1]).toBe(0);
    const squares = measuredLoss("number", tensor([2, 2]))(said, truth);
    expect(await squares.item()).toBeCloseTo((0.0625 + 0.25 + 1) / 3, 5);
  });
});

/** D-MPNN as loops over the arrows of one molecule. */
async function byHand(net: MoleculeNet, graph: Graph): Promise<number[]> {
  const weights = Object.fromEntries(
    await Promise.all(net.namedParameters().map(async ([name, t]) => [name, await t.data()])),
  ) as Record<string, Float32Array>;
  const apply = (name: string, x: readonly number[]) => {
    const [w, bias] = [weights[`${name}.weight`]!, weights[`${name}.bias`]];
    return Array.from({ length: w.length / x.length }, (_, o) => {
      return x.reduce((sum, v, i) => sum + v * w[o * x.length + i]!, bias?.[o] ?? 0);
    });
  };
  const relu = (x: readonly number[]) => x.map((v) => Math.max(0, v));
  const plus = (a: readonly number[], b: readonly number[]) => a.map((v, i) => v + b[i]!);
  const atom = (i: number) => [...graph.atoms.subarray(i * atomWidth, (i + 1) * atomWidth)];
  const arrows = Array.from({ length: graph.ends.length }, (_, k) => {
    const [from, to] = [graph.ends[k]!, graph.ends[k ^ 1]!];
    const bond = [...graph.bonds.subarray(k * bondWidth, (k + 1) * bondWidth)];
    return { from, to, first: apply("start", [...atom(from), ...bond]) };
  });
  const none = new Array<number>(8).fill(0);
  let messages = arrows.map(({ first }) => relu(first));
  for (let t = 1; t < net.depth; t++) {
    messages = arrows.map(({ from, to, first }) => {
      const come = arrows.map((other, i) => {
        return other.to === from && other.from !== to ? messages[i]! : none;
      });
      return relu(plus(first, apply("pass", come.reduce(plus, none))));
    });
  }
  const atoms = Array.from({ length: graph.atoms.length / atomWidth }, (_, i) => {
    const come = arrows.map(({ to }, k) => (to === i ? messages[k]! : none)).reduce(plus, none);
    return relu(apply("gather", [...atom(i), ...come]));
  });
  const whole = atoms.reduce(plus, none).map((v) => v / 16);
  return apply("out", relu(apply("hidden", whole)));
}

describe("splits and scores", () => {
  const samplesOf = (list: readonly string[]): Sample[] => {
    return list.map((smiles, i) => {
      const own = molecule(smiles);
      return { line: i + 2, name: "", molecule: own, graph: graphOf(own), labels: [i % 2] };
    });
  };

  it("by lot test no molecule that stands there twice", () => {
    const chains = Array.from({ length: 38 }, (_, i) => "C".repeat(i + 1));
    const samples = samplesOf([...chains, "OCC", "CCO"]);
    for (const key of [0, 1, 2]) {
      const { train, validation, test } = randomSplit(samples, new Rng(1, key));
      expect([train, validation, test].map(({ length }) => length)).toEqual([32, 4, 4]);
      expect([...train, ...validation, ...test].sort((a, b) => a - b)).toEqual([...samples.keys()]);
      expect(train).toEqual(expect.arrayContaining([38, 39]));
    }
    expect(randomSplit(samples, new Rng(1, 0))).not.toEqual(randomSplit(samples, new Rng(1, 1)));
  });

  it("by scaffold test rings that none to train on has", () => {
    const rings = [3, 4, 5, 6, 7].map((n) => `C1${"C".repeat(n - 2)}C1`);
    const list = rings.flatMap((ring, r) => {
      return Array.from({ length: 5 - r }, (_, i) => `${"C".repeat(i + 1)}${ring}`);
    });
    const samples = samplesOf([...list, "CC", "CCC", "CCCC", "CCCCC", "CCCCCC"]);
    const { train, validation, test } = scaffoldSplit(samples);
    expect(train.length + validation.length + test.length).toBe(20);
    const scaffolds = (part: readonly number[]) => part.map((i) => samples[i]!.molecule.scaffold);
    const known = new Set(scaffolds(train));
    expect(scaffolds([...validation, ...test]).filter((own) => known.has(own))).toEqual([]);
    expect([train, validation, test].map(({ length }) => length)).toEqual([16, 3, 1]); // 5 + 5 + 4 + 2
  });

  it("are judged by what was measured", async () => {
    const nan = Number.NaN;
    const said = [1, 9, 2, -1, 3, 0, 0, 1];
    const labels = [[0, 1], [0, 0], [1, nan], [1, 1]]; // biome-ignore format: rows
    const area = await scoreOf("yes or no", said, labels);
    expect(area.tasks).toEqual([expect.closeTo(0.5), expect.closeTo(1)]);
    expect(area.value).toBeCloseTo(0.75);
    const error = await scoreOf("number", said, labels);
    expect(error.tasks[0]).toBeCloseTo(Math.sqrt((1 + 4 + 4 + 1) / 4), 5);
  });

  it("have a linear model beside them that finds a line", async () => {
    const samples = samplesOf(Array.from({ length: 40 }, (_, i) => "C".repeat(i + 1)));
    const linear = samples.map((sample, i) => ({ ...sample, labels: [3 - 0.5 * i] }));
    const split = randomSplit(linear, new Rng(2));
    const { descriptors } = await linearScores(chemistry, sets.esol, linear, [split]);
    expect(descriptors.mean).toBeLessThan(0.5); // the labels have a spread of 5.8
  });
});

describe("train molecules", () => {
  const head = "Compound ID,measured log solubility in mols per litre,smiles";
  /** Each oxygen brings what three carbons take. */
  const table = () => {
    const rows = Array.from({ length: 150 }, (_, i) => {
      const [carbons, oxygens] = [1 + (i % 9), Math.floor(i / 9) % 5];
      const branch = i >= 45 ? "C(C)".repeat(Math.floor(i / 45)) : "";
      const total = carbons + 2 * Math.floor(i / 45);
      const value = 0.9 * oxygens - 0.3 * total;
      return `m${i},${value.toFixed(2)},${"C".repeat(carbons)}${branch}${"OC".repeat(oxygens)}O`;
    });
    return [head, ...rows].join("\n");
  };
  const fit = [
    "--networks",
    "1",
    "--epochs",
    "25",
    "--batch",
    "20",
    "--width",
    "32",
    "--lr",
    "0.005",
  ];
  const train = (...args: string[]) => {
    return anneal(["train", "molecules", "--data", ".", ...fit, ...args], place.folder);
  };

  it("learns made-up solubilities, and tells those of other molecules", async () => {
    await writeFile(join(place.folder, "esol.csv"), `${table()}\n`);
    const done = await train();
    expect(done.stderr).toBe("");
    const [run = ""] = await readdir(join(place.folder, "runs"));
    const folder = join(place.folder, "runs", run);
    const result = JSON.parse(await readFile(join(folder, "result.json"), "utf8"));
    expect(result.score).toBeLessThan(0.4); // the labels have a spread of 1.5
    const parts = (await readFile(join(folder, "splits.csv"), "utf8")).trim().split("\n");
    expect(parts).toHaveLength(151);
    expect(parts[1]).toMatch(/^2,.*,(train|validation|test)$/);
    const page = await readFile(join(folder, "report.html"), "utf8");
    expect(page).toContain("Told worst");
    expect(page).toContain("data:image/svg+xml;base64,");
    const said = await anneal(["predict", "molecules", "CCCCOCO"], place.folder);
    expect(said.stdout).toMatch(/^solubility -?\d+\.\d\d log mol\/l\n$/);
    expect(Math.abs(Number(said.stdout.split(" ")[1]) - (1.8 - 1.8))).toBeLessThan(1.2);
    const refused = await anneal(["predict", "molecules", "C(C"], place.folder);
    expect(refused.stderr).toContain("C(C is no SMILES");
  });

  it.each([
    ["x,1,C(", 'has in line 152 "C(", which is no SMILES: syntax error'],
    [
      "x,abc,CC",
      'line 152 "abc" as "measured log solubility in mols per litre", which is not a number',
    ],
    ["x,77,CC", "which is not a number from -15 to 5"],
    ["x,,CC", '"" as "measured log solubility in mols per litre", which is not a number'],
  ])("stops at %j before training, or leaves it out", async (row, message) => {
    await writeFile(join(place.folder, "esol.csv"), `${table()}\n${row}\n`);
    const read = { limit: null, skipBad: false };
    await expect(readMolecules(sets.esol, place.folder, read)).rejects.toThrow(message);
    const { samples, bad } = await readMolecules(sets.esol, place.folder, {
      ...read,
      skipBad: true,
    });
    expect([samples.length, bad.length]).toEqual([150, 1]);
    expect(`${bad[0]?.file} ${bad[0]?.reason}`).toContain(message);
  });

  it("names what is missing", async () => {
    const read = { limit: null, skipBad: false };
    await writeFile(join(place.folder, "esol.csv"), "smiles,logS\nC,1\n");
    await expect(readMolecules(sets.esol, place.folder, read)).rejects.toThrow(
      'has no column "measured log solubility in mols per litre"\n  hint: it has smiles, logS',
    );
    await writeFile(join(place.folder, "esol.csv"), `${head}\nx,1,C\n`);
    await expect(readMolecules(sets.esol, place.folder, read)).rejects.toThrow(
      "has 1 molecules, too few",
    );
    await expect(readMolecules(sets.tox21, place.folder, read)).rejects.toThrow(
      "tox21.csv.gz is not there",
    );
    const tox = ["smiles,p_np,name", ...Array.from({ length: 30 }, () => "CC,1,"), "CC,0.5,"];
    await writeFile(join(place.folder, "BBBP.csv"), tox.join("\n"));
    await expect(readMolecules(sets.bbbp, place.folder, read)).rejects.toThrow(
      'line 32 "0.5" as "p_np", which is not 0 or 1',
    );
  });
});

describe("the real tables", () => {
  const data = join(process.env.ANNEAL_DATA ?? "../shared/data", "molecules");
  const missing = !existsSync(data);

  it.skipIf(missing)(
    "of BBBP has eleven formulas that are none (skipped without its file)",
    async () => {
      const { samples, bad } = await readMolecules(sets.bbbp, data, { limit: null, skipBad: true });
      expect([samples.length, bad.length]).toEqual([2039, 11]);
      expect(bad[0]?.reason).toContain("line 61");
      const { train, test } = scaffoldSplit(samples);
      expect([train.length, test.length]).toEqual([1631, 204]);
    },
  );
});
