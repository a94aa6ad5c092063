// Molecules as RDKit reads them: SMILES to atoms and bonds, scaffolds, descriptors, fingerprints, drawings.
// RDKit (rdkit.org, BSD) runs as WebAssembly, from the optional package @rdkit/rdkit.
// Not here: what a network sees of an atom (graph.ts).

import { LoadError } from "anneal";

/** An atom: what RDKit says of it, and the rings it is in. */
export interface Atom {
  /** Atomic number; 0 stands for any. */
  readonly element: number;
  readonly charge: number;
  readonly hydrogens: number;
  readonly radicals: number;
  readonly chirality: "unspecified" | "cw" | "ccw";
  readonly aromatic: boolean;
  /** The size of the smallest ring, 0 outside rings. */
  readonly ring: number;
}

export interface Bond {
  readonly from: number;
  readonly to: number;
  /** 1, 2 or 3, in one of the forms with alternating single and double bonds. */
  readonly order: number;
  readonly aromatic: boolean;
  readonly ring: boolean;
  readonly side: "unspecified" | "cis" | "trans";
}

export interface Molecule {
  /** As it was written. */
  readonly smiles: string;
  /** The same for every way to write the same molecule, mirror images told apart. */
  readonly canonical: string;
  /** Its Bemis-Murcko scaffold: rings and what links them; empty without rings. */
  readonly scaffold: string;
  readonly atoms: readonly Atom[];
  readonly bonds: readonly Bond[];
}

export interface DrawOptions {
  readonly width?: number;
  readonly height?: number;
  /** Of each atom. */
  readonly weights?: readonly number[];
}

/** What is used of the package. */
interface Handle {
  get_json(): string;
  get_smiles(): string;
  get_descriptors(): string;
  get_morgan_fp_as_uint8array(options: string): Uint8Array;
  get_svg_with_highlights(options: string): string;
  delete(): void;
}

interface Log {
  get_buffer(): string;
  delete(): void;
}

interface Library {
  get_mol(text: string): Handle | null;
  set_log_capture(name: string): Log | null;
}

interface RawAtom {
  readonly z?: number;
  readonly chg?: number;
  readonly impHs?: number;
  readonly nRad?: number;
  readonly stereo?: Atom["chirality"];
}

interface RawBond {
  readonly bo?: number;
  readonly atoms: readonly [number, number];
  readonly stereo?: Bond["side"];
}

interface Extension {
  readonly aromaticAtoms?: readonly number[];
  readonly aromaticBonds?: readonly number[];
  readonly atomRings?: readonly (readonly number[])[];
}

interface RawMolecule {
  readonly atoms: readonly RawAtom[];
  readonly bonds: readonly RawBond[];
  readonly extensions?: readonly Extension[];
}

interface Raw {
  readonly molecules: readonly [RawMolecule];
}

let opened: Promise<Chemistry> | undefined;

/** RDKit, started once. Throws LoadError where the package is not installed. */
export function openRDKit(): Promise<Chemistry> {
  opened ??= start();
  return opened;
}

async function start(): Promise<Chemistry> {
  const name = "@rdkit/rdkit";
  const made: unknown = await import(name).catch((cause) => {
    throw new LoadError(name, "is not installed", { hint: `npm install ${name}`, cause });
  });
  return new Chemistry(await (made as { default(): Promise<Library> }).default());
}

/** The reader of molecules. */
export class Chemistry {
  readonly #library: Library;

  constructor(library: Library) {
    this.#library = library;
  }

  /** A molecule, or in words why the text is none. */
  read(smiles: string): Molecule | string {
    if (smiles.trim() === "") return "is empty";
    if (/\s/.test(smiles.trim())) return "has a space in it";
    return this.#quietly((said) => {
      const handle = this.#open(smiles.trim());
      if (handle === null) return reasonOf(said());
      return closing(handle, () => this.#moleculeOf(smiles.trim(), handle));
    });
  }

  /** 43 numbers that chemists have thought of: weight, polar surface, estimated log P, rings, … */
  descriptors({ smiles }: Molecule): { names: readonly string[]; values: readonly number[] } {
    const found = this.#with(smiles, (handle) => JSON.parse(plain(handle.get_descriptors())));
    const values = Object.values(found as Record<string, number>);
    return { names: Object.keys(found), values: values.map((v) => (Number.isFinite(v) ? v : 0)) };
  }

  /** Which neighbourhoods of up to two bonds the molecule has (Rogers and Hahn 2010), folded to 0 and 1. */
  fingerprint({ smiles }: Molecule, bits: number): Uint8Array {
    const options = JSON.stringify({ radius: 2, nBits: bits });
    const packed = this.#with(smiles, (handle) => handle.get_morgan_fp_as_uint8array(options));
    return Uint8Array.from({ length: bits }, (_, i) => (packed[i >> 3]! >> (i & 7)) & 1);
  }

  /** The formula as an SVG picture; atoms of positive weight on blue, of negative on red. */
  draw(
    { smiles }: Molecule,
    { width = 220, height = 150, weights = [] }: DrawOptions = {},
  ): string {
    const most = weights.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    const colors = weights.map((weight) => tint(weight / most));
    const options = {
      ...{ width, height, bondLineWidth: 1.2, padding: 0.08, fixedBondLength: 24 },
      ...{ atoms: [...weights.keys()], bonds: [] },
      highlightAtomColors: Object.fromEntries(colors.entries()),
    };
    const asked = JSON.stringify(options);
    return compact(this.#with(smiles, (handle) => handle.get_svg_with_highlights(asked)));
  }

  #with<T>(smiles: string, use: (handle: Handle) => T): T {
    return this.#quietly(() => {
      const handle = this.#open(smiles);
      if (handle === null) throw new LoadError(smiles, "is no molecule that RDKit reads");
      return closing(handle, () => use(handle));
    });
  }

  /** Keeps what RDKit has to say, complaints and warnings, from the terminal. */
  #quietly<T>(use: (said: () => string) => T): T {
    const log = this.#library.set_log_capture("rdApp.*");
    try {
      return use(() => log?.get_buffer() ?? "");
    } finally {
      log?.delete();
    }
  }

  #open(text: string): Handle | null {
    try {
      return this.#library.get_mol(text);
    } catch {
      return null; // what C++ throws comes as an exception without a message
    }
  }

  #moleculeOf(smiles: string, handle: Handle): Molecule {
    const raw = JSON.parse(handle.get_json()) as Raw;
    const [{ atoms, bonds, extensions = [] }] = raw.molecules;
    const { aromaticAtoms = [], aromaticBonds = [], atomRings = [] } = extensions[0] ?? {};
    const ring = atoms.map(() => 0);
    for (const members of [...atomRings].sort((a, b) => b.length - a.length)) {
      for (const i of members) ring[i] = members.length; // the smallest comes last
    }
    const inRing = new Set(atomRings.flatMap(pairsAround));
    const [ofAtoms, ofBonds] = [new Set(aromaticAtoms), new Set(aromaticBonds)];
    const molecule = {
      smiles,
      canonical: handle.get_smiles(),
      atoms: atoms.map(
        ({ z = 6, chg = 0, impHs = 0, nRad = 0, stereo = "unspecified" }, i): Atom => ({
          ...{ element: z, charge: chg, hydrogens: impHs, radicals: nRad, chirality: stereo },
          ...{ aromatic: ofAtoms.has(i), ring: ring[i]! },
        }),
      ),
      bonds: bonds.map(({ bo = 1, atoms: [from, to], stereo = "unspecified" }, i): Bond => {
        const closed = inRing.has(pairKey(from, to));
        return { from, to, order: bo, aromatic: ofBonds.has(i), ring: closed, side: stereo };
      }),
    };
    return { ...molecule, scaffold: this.#scaffoldOf(raw, molecule) };
  }

  /** Ends that are in no ring are cut off until none is left; what a double bond holds stays (Bemis and
   *  Murcko 1996, as RDKit reads it). Each cut bond leaves hydrogens. */
  #scaffoldOf(raw: Raw, { atoms, bonds }: Omit<Molecule, "scaffold">): string {
    const kept = scaffoldAtoms(atoms, bonds);
    if (kept.size === 0) return "";
    const order = [...kept].sort((a, b) => a - b);
    const place = new Map(order.map((atom, i) => [atom, i]));
    const lost = new Map<number, number>();
    for (const { from, to, order: n } of bonds) {
      if (kept.has(from) && !kept.has(to)) lost.set(from, (lost.get(from) ?? 0) + n);
      if (kept.has(to) && !kept.has(from)) lost.set(to, (lost.get(to) ?? 0) + n);
    }
    const [first] = raw.molecules;
    const part: RawMolecule = {
      atoms: order.map((i) => {
        const { stereo: _, impHs = 0, ...atom } = first.atoms[i]!;
        return { ...atom, impHs: impHs + (lost.get(i) ?? 0) };
      }),
      bonds: first.bonds.flatMap(({ bo = 1, atoms: [from, to] }) => {
        if (!kept.has(from) || !kept.has(to)) return [];
        return [{ bo, atoms: [place.get(from)!, place.get(to)!] as const }];
      }),
    };
    const handle = this.#open(JSON.stringify({ ...raw, molecules: [part] }));
    if (handle === null) return order.map((i) => atoms[i]!.element).join("-");
    return closing(handle, () => handle.get_smiles());
  }
}

/** White at 0, blue at 1, red at -1: red, green and blue from 0 to 1. */
function tint(weight: number): [number, number, number] {
  const far = Math.min(1, Math.abs(weight));
  return weight > 0 ? [1 - 0.65 * far, 1 - 0.38 * far, 1] : [1, 1 - 0.55 * far, 1 - 0.6 * far];
}

/** The atoms of rings, of what links rings, and what hangs on either by a double bond. */
function scaffoldAtoms(atoms: readonly Atom[], bonds: readonly Bond[]): Set<number> {
  const kept = new Set(atoms.keys());
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    const degree = atoms.map(() => 0);
    for (const { from, to } of bonds) {
      if (!kept.has(from) || !kept.has(to)) continue;
      degree[from]!++;
      degree[to]!++;
    }
    for (const i of [...kept]) if (atoms[i]!.ring === 0 && degree[i]! <= 1) kept.delete(i);
  }
  for (const { from, to, order } of bonds) {
    if (order !== 2 || kept.has(from) === kept.has(to)) continue;
    kept.add(kept.has(from) ? to : from);
  }
  return kept;
}

function pairsAround(ring: readonly number[]): string[] {
  return ring.map((atom, i) => pairKey(atom, ring[(i + 1) % ring.length]!));
}

function pairKey(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function closing<T>(handle: Handle, use: () => T): T {
  try {
    return use();
  } finally {
    handle.delete();
  }
}

/** The first thing that RDKit complains of, without the time and the text itself. */
function reasonOf(log: string): string {
  const [line = ""] = log.split("\n");
  const said = line.replace(/^\[[^\]]*\]\s*/, "").replace(/^SMILES Parse Error:\s*/, "");
  const reason = said.replace(/(?: while parsing| for input)?:.*$/, "").trim();
  return reason === "" ? "is no SMILES" : `is no SMILES: ${reason}`;
}

/** RDKit writes infinities and NaN where JSON has none. */
function plain(json: string): string {
  return json.replaceAll(/:\s*-?(?:nan|inf|infinity)\b/gi, ":null");
}

/** Without the prologue, and with one style for all bonds where RDKit repeats it on each. */
function compact(svg: string): string {
  return svg
    .replace(/^<\?xml[^>]*>\s*/, "")
    .replaceAll(/<!--.*?-->\s*/g, "")
    .replaceAll(/ class='[^']*'/g, "")
    .replaceAll("fill-rule:evenodd;", "")
    .replaceAll("stroke-linecap:butt;stroke-linejoin:miter;stroke-opacity:1", "")
    .replaceAll(/\s+/g, " ");
}
