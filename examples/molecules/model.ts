// The network of `molecules`: messages run along the bonds of a molecule, from arrow to arrow and never
// straight back (D-MPNN, Yang et al. 2019, "Analyzing learned molecular representations for property
// prediction").
// Not here: what atoms and bonds are in numbers (graph.ts).

import { cat, nn, stack, type Tensor, where, zeros } from "anneal";
import { atomWidth, batchOf, bondWidth, type Graph, type GraphBatch, roomFor } from "./graph.ts";

export interface NetOptions {
  /** H: numbers of a message. */
  readonly width: number;
  /** T: how often messages move on. */
  readonly depth: number;
  readonly dropout: number;
  /** K: the properties that are told. */
  readonly tasks: number;
}

/** One network: a batch of B molecules to (B, K). */
export class MoleculeNet extends nn.Module {
  start: nn.Linear;
  pass: nn.Linear;
  gather: nn.Linear;
  dropout: nn.Dropout;
  hidden: nn.Linear;
  out: nn.Linear;
  depth: number;

  constructor({ width, depth, dropout, tasks }: NetOptions) {
    super();
    this.start = new nn.Linear(atomWidth + bondWidth, width, { bias: false });
    this.pass = new nn.Linear(width, width, { bias: false });
    this.gather = new nn.Linear(atomWidth + width, width);
    this.dropout = new nn.Dropout(dropout);
    this.hidden = new nn.Linear(width, width);
    this.out = new nn.Linear(width, tasks);
    this.depth = depth;
  }

  forward(graph: GraphBatch): Tensor {
    const { atoms, bonds, from, molecule, sizes } = graph;
    const count = sizes.shape[0]!;
    const first = this.start.forward(cat([atoms.indexSelect(0, from), bonds], 1)); // (E, H)
    let arrows = first.relu();
    for (let t = 1; t < this.depth; t++) {
      const come = arrived(arrows, graph).indexSelect(0, from); // (E, H): at where it begins
      const passed = this.pass.forward(come.sub(reversed(arrows)));
      arrows = this.dropout.forward(first.add(passed).relu());
    }
    const seen = cat([atoms, arrived(arrows, graph)], 1); // (V, F + H)
    const known = this.dropout.forward(this.gather.forward(seen).relu()); // (V, H)
    const molecules = sumOver(known, molecule, count + 1).narrow(0, 0, count); // (B, H)
    const hidden = this.hidden.forward(molecules.mul(perAtom)).relu();
    return this.out.forward(this.dropout.forward(hidden)); // (B, K)
  }
}

/** Sums over a few dozen atoms are brought to the size of one. */
const perAtom = 1 / 16;

/**
 * Networks side by side, each with molecules of its own to train on: R graphs of B molecules each
 * (`graphsOf`) to (B, R, K) in the units of the properties.
 */
export class Committee extends nn.Module {
  members: MoleculeNet[];
  /** (R, K): of what each network trains on. */
  mean: Tensor;
  spread: Tensor;

  constructor(options: NetOptions, units: { readonly mean: Tensor; readonly spread: Tensor }) {
    super();
    const { mean, spread } = units;
    this.members = Array.from({ length: mean.shape[0]! }, () => new MoleculeNet(options));
    this.mean = mean;
    this.spread = spread;
  }

  forward(x: NamedGraphs): Tensor {
    const told = this.members.map((net, k) => net.forward(graphAt(x, k)));
    return stack(told, 1).mul(this.spread).add(this.mean); // (B, R, K)
  }
}

/** What a committee takes: of each network its graph, `0.atoms`, `0.bonds`, … */
export type NamedGraphs = Readonly<Record<string, Tensor>>;

/** B rows of R molecules, one for each network, as what a committee takes: all its graphs have the same
 *  size. */
export function graphsOf(rows: readonly (readonly Graph[])[]): NamedGraphs {
  const groups = rows[0]!.map((_, k) => rows.map((row) => row[k]!));
  const room = roomFor(groups);
  const named = groups.flatMap((graphs, k) => {
    const batch = Object.entries(batchOf(graphs, room));
    return batch.map(([name, tensor]) => [`${k}.${name}`, tensor] as const);
  });
  return Object.fromEntries(named);
}

function graphAt(x: NamedGraphs, k: number): GraphBatch {
  const names = ["atoms", "bonds", "from", "to", "molecule", "sizes"];
  const part = names.map((name) => [name, x[`${k}.${name}`]!]);
  return Object.fromEntries(part) as GraphBatch;
}

/** At each atom the sum over the arrows that point at it: (E, H) → (V, H). */
function arrived(arrows: Tensor, { atoms, to }: GraphBatch): Tensor {
  return sumOver(arrows, to, atoms.shape[0]!);
}

function sumOver(x: Tensor, places: Tensor, count: number): Tensor {
  return zeros([count, x.shape[1]!]).indexAdd(0, places, x);
}

/** Of each arrow the one the other way: they lie side by side. */
function reversed(arrows: Tensor): Tensor {
  const [count, width] = arrows.shape as [number, number];
  return arrows
    .reshape([count / 2, 2, width])
    .flip(1)
    .reshape([count, width]);
}

/** The mean over what was measured: the squared error in units of the spread, or the cross entropy of yes
 *  and no. A target that is NaN was not measured. */
export function measuredLoss(kind: "number" | "yes or no", spread?: Tensor) {
  return (said: Tensor, target: Tensor): Tensor => {
    const unknown = target.isnan();
    const wanted = where(unknown, 0, target);
    const each =
      kind === "number"
        ? said
            .sub(wanted)
            .div(spread ?? 1)
            .square()
        : said.clamp(0, null).sub(said.mul(wanted)).add(said.abs().neg().exp().log1p());
    const counts = unknown.logicalNot().float();
    return each.mul(counts).sum().div(counts.sum().clamp(1, null));
  };
}
