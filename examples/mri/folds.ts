// Cross-validation of the recipe `mri`: who is tested by which fold, batches in which every fold sees
// pictures of its own training part, and a network for each fold, all in one program.
// Not here: reading pictures (data.ts), or judging (../mri.ts).

import { nn, stack, type Tensor } from "anneal";
import {
  compose,
  type Dataset,
  type ImageArray,
  type NdArray,
  Rng,
  randomAffine,
  randomHorizontalFlip,
  type Transform,
} from "anneal/data";

/** What the folds are not tested on: what they train on. */
export function othersOf(tests: readonly (readonly number[])[], count: number): number[][] {
  return tests.map((test) => Array.from(Array(count).keys()).filter((i) => !test.includes(i)));
}

/** A label of no class: nothing is to be said there. */
export const nobody = -100;

/** The pictures of all folds side by side. */
export interface FoldSample {
  /** (F, 1, S, S) */
  readonly x: NdArray;
  /** (F) */
  readonly y: NdArray;
}

/** A view of a picture: turned a little, moved, enlarged and mirrored. Networks that have seen views only are
 *  asked about views only: untouched pictures are sharper, and what that means they did not learn. */
export const augment: Transform = compose(
  randomHorizontalFlip(),
  randomAffine({ degrees: 12, translate: [0.06, 0.06], scale: [0.9, 1.15] }),
);

/** Row i has a view of the i-th picture of each fold's list. A list that is at its end begins again where
 *  `around`; else it is filled with nobody. */
export class FoldRows implements Dataset<FoldSample> {
  readonly length: number;
  private readonly lists: readonly (readonly number[])[];
  private readonly pictures: readonly ImageArray[];
  private readonly labels: readonly number[];
  private readonly around: boolean;

  constructor(
    lists: readonly (readonly number[])[],
    pictures: readonly ImageArray[],
    labels: readonly number[],
    around: boolean,
  ) {
    this.length = Math.max(...lists.map((list) => list.length));
    this.lists = lists;
    this.pictures = pictures;
    this.labels = labels;
    this.around = around;
  }

  get(index: number, rng: Rng = new Rng(0, index)): FoldSample {
    const size = this.pictures[0]!.data.length;
    const side = Math.sqrt(size);
    const x = new Float32Array(this.lists.length * size);
    const y = new Int32Array(this.lists.length).fill(nobody);
    for (const [fold, list] of this.lists.entries()) {
      const at = this.around ? list[index % list.length] : list[index];
      if (at === undefined) continue;
      x.set(evened(augment(this.pictures[at]!, rng).data), fold * size);
      y[fold] = this.labels[at]!;
    }
    const folds = this.lists.length;
    return { x: { data: x, shape: [folds, 1, side, side] }, y: { data: y, shape: [folds] } };
  }
}

/** Pixels of mean 0 and spread 1: scanners differ in brightness. */
export function evened(data: ArrayLike<number>): Float32Array {
  const values = Float32Array.from(data);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  const spread = Math.sqrt(squares) || 1;
  return values.map((value) => (value - mean) / spread);
}

/** Four blocks of convolutions and the mean over what is left of the picture. */
export class ScanNet extends nn.Module {
  blocks: nn.Sequential;
  dropout: nn.Dropout;
  out: nn.Linear;

  constructor(width: number, dropout: number) {
    super();
    const widths = [1, width, 2 * width, 4 * width, 4 * width];
    this.blocks = new nn.Sequential(
      ...widths
        .slice(1)
        .flatMap((outputs, i) => [
          new nn.Conv2d(widths[i]!, outputs, 3, { padding: 1, bias: false }),
          new nn.BatchNorm2d(outputs),
          new nn.ReLU(),
          ...(i < 3 ? [new nn.MaxPool2d(2)] : []),
        ]),
    );
    this.dropout = new nn.Dropout(dropout);
    this.out = new nn.Linear(4 * width, 2);
  }

  /** (B, 1, S, S) → (B, 2) */
  forward(x: Tensor): Tensor {
    const found = this.blocks.forward(x).mean([2, 3]); // (B, 4·width)
    return this.out.forward(this.dropout.forward(found));
  }
}

/** A network for each fold. */
export class FoldNets extends nn.Module {
  nets: nn.ModuleList<ScanNet>;

  constructor(folds: number, width: number, dropout: number) {
    super();
    this.nets = new nn.ModuleList(Array.from({ length: folds }, () => new ScanNet(width, dropout)));
  }

  /** (B, F, 1, S, S) → (B, 2, F) */
  forward(x: Tensor): Tensor {
    return stack(
      [...this.nets].map((net, fold) => net.forward(x.select(1, fold))),
      2,
    );
  }
}
