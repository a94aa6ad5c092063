// What a network sees of molecules: numbers of each atom and bond, and many molecules as one graph that is in
// many parts. Every bond is two arrows, side by side: arrow 2k and arrow 2k + 1 are each other's reverse.
// Not here: where molecules come from (rdkit.ts), or what is computed on graphs (model.ts).

import { Tensor } from "anneal";
import type { Atom, Bond, Molecule } from "./rdkit.ts";

/** Molecules as one graph, by the names that the network's input has. */
export interface GraphBatch {
  /** (V, atomWidth) */
  readonly atoms: Tensor;
  /** (E, bondWidth): of each arrow */
  readonly bonds: Tensor;
  /** int32 (E): the atom that an arrow leaves, and the one that it points at */
  readonly from: Tensor;
  readonly to: Tensor;
  /** int32 (V): the molecule of each atom */
  readonly molecule: Tensor;
  /** int32 (B): how many atoms each molecule has */
  readonly sizes: Tensor;
}

/** The numbers of one molecule. */
export interface Graph {
  readonly atoms: Float32Array;
  readonly bonds: Float32Array;
  readonly ends: Int32Array;
}

/** A table of what is said of an atom or a bond: one place for each value, and one for all others. */
type Columns<T> = readonly { readonly values: readonly number[]; of(item: T): number }[];

const elements = [6, 7, 8, 9, 15, 16, 17, 35, 53, 5, 14, 11, 19, 20, 34];

interface Placed extends Atom {
  readonly degree: number;
  /** The pi bonds that it is part of. */
  readonly pi: number;
}

const atomColumns: Columns<Placed> = [
  { values: elements, of: ({ element }) => element },
  { values: [0, 1, 2, 3, 4], of: ({ degree }) => degree },
  { values: [-1, 0, 1], of: ({ charge }) => charge },
  { values: [0, 1, 2, 3], of: ({ hydrogens }) => hydrogens },
  { values: [0, 1], of: ({ pi, aromatic }) => (aromatic ? 1 : pi) },
  { values: [0, 3, 4, 5, 6], of: ({ ring }) => ring },
  { values: [0], of: ({ aromatic }) => Number(aromatic) },
  { values: [0], of: ({ radicals }) => radicals },
  { values: [0, 1], of: ({ chirality }) => ["unspecified", "cw", "ccw"].indexOf(chirality) },
];

const bondColumns: Columns<Bond & { readonly conjugated: boolean }> = [
  { values: [1, 2, 3], of: ({ order, aromatic }) => (aromatic ? 4 : order) },
  { values: [0], of: ({ conjugated }) => Number(conjugated) },
  { values: [0], of: ({ ring }) => Number(ring) },
  { values: [0, 1], of: ({ side }) => ["unspecified", "cis", "trans"].indexOf(side) },
];

const widthOf = (columns: Columns<never>) => columns.reduce((n, c) => n + c.values.length + 1, 0);

/** How many numbers an atom and a bond are. */
export const atomWidth = widthOf(atomColumns as Columns<never>);
export const bondWidth = widthOf(bondColumns as Columns<never>);

/** The numbers of a molecule: each fact is a 1 at the place of its value. */
export function graphOf({ atoms, bonds }: Molecule): Graph {
  const [degree, pi] = [atoms.map(() => 0), atoms.map(() => 0)];
  for (const { from, to, order } of bonds) {
    for (const end of [from, to]) {
      degree[end]!++;
      pi[end]! += order - 1;
    }
  }
  const flat = (i: number) => pi[i]! > 0 || atoms[i]!.aromatic;
  const bondRows = bonds.map((bond) => {
    return encoded(bondColumns, { ...bond, conjugated: flat(bond.from) && flat(bond.to) });
  });
  return {
    atoms: Float32Array.from(
      atoms.flatMap((atom, i) => encoded(atomColumns, { ...atom, degree: degree[i]!, pi: pi[i]! })),
    ),
    bonds: Float32Array.from(bondRows.flatMap((row) => [...row, ...row])),
    ends: Int32Array.from(bonds.flatMap(({ from, to }) => [from, to])),
  };
}

function encoded<T>(columns: Columns<T>, item: T): number[] {
  return columns.flatMap(({ values, of }) => {
    const row = new Array<number>(values.length + 1).fill(0);
    const at = values.indexOf(of(item));
    row[at < 0 ? values.length : at] = 1;
    return row;
  });
}

/** How large a graph is: filled up to one of few sizes, since each other shape is another program. */
export interface GraphSize {
  readonly atoms: number;
  readonly arrows: number;
}

/** A size that fits all of these groups of molecules: steps of about a tenth. There is room for an atom of no
 *  molecule, at which all arrows that fill up begin and end. */
export function roomFor(groups: readonly (readonly Graph[])[]): GraphSize {
  const count = (pick: (graph: Graph) => number) => {
    return Math.max(...groups.map((group) => group.reduce((sum, graph) => sum + pick(graph), 0)));
  };
  const atoms = count((graph) => graph.atoms.length / atomWidth) + 1;
  const arrows = count((graph) => graph.ends.length);
  let size = 16;
  while (size < atoms || 2.25 * size < arrows) size = 8 * Math.ceil((1.1 * size) / 8);
  return { atoms: size, arrows: 2 * Math.ceil(1.125 * size) };
}

/** Molecules as one graph of a size that they fit in. What fills up belongs to one molecule more. */
export function batchOf(graphs: readonly Graph[], size = roomFor([graphs])): GraphBatch {
  const atoms = new Float32Array(size.atoms * atomWidth);
  const bonds = new Float32Array(size.arrows * bondWidth);
  const none = size.atoms - 1;
  const from = new Int32Array(size.arrows).fill(none);
  const to = new Int32Array(size.arrows).fill(none);
  const molecule = new Int32Array(size.atoms).fill(graphs.length);
  const sizes = Int32Array.from(graphs, (graph) => graph.atoms.length / atomWidth);
  let [atom, arrow] = [0, 0];
  graphs.forEach((graph, i) => {
    const count = sizes[i]!;
    atoms.set(graph.atoms, atom * atomWidth);
    bonds.set(graph.bonds, arrow * bondWidth);
    molecule.fill(i, atom, atom + count);
    for (let k = 0; k < graph.ends.length; k += 2) {
      const [a, b] = [graph.ends[k]! + atom, graph.ends[k + 1]! + atom];
      from.set([a, b], arrow + k);
      to.set([b, a], arrow + k);
    }
    atom += count;
    arrow += graph.ends.length;
  });
  return {
    atoms: Tensor.from(atoms, [size.atoms, atomWidth]),
    bonds: Tensor.from(bonds, [size.arrows, bondWidth]),
    from: Tensor.from(from, [size.arrows]),
    to: Tensor.from(to, [size.arrows]),
    molecule: Tensor.from(molecule, [size.atoms]),
    sizes: Tensor.from(sizes, [graphs.length]),
  };
}
