// What networks of the recipe `mri` are asked: several views of a picture, as they were trained on, whose
// answers are averaged. Not here: training (folds.ts), or what the answers are worth (../mri.ts).

import { Tensor } from "anneal";
import { type ImageArray, Rng } from "anneal/data";
import { predict } from "anneal/train";
import { augment, evened, type FoldNets, type ScanNet } from "./folds.ts";

const views = 16;

/** A view of a picture, the same each time. */
export function viewOf(head: ImageArray, index: number, view: number): ImageArray {
  return augment(head, new Rng(0, view, index));
}

/** Pictures as a batch, (B, 1, S, S). */
export function batchOf(pictures: readonly ImageArray[]): Tensor {
  const [height, width] = pictures[0]!.shape; // (S, S, 1)
  const pixels = Float32Array.from(pictures.flatMap(({ data }) => [...evened(data)]));
  return Tensor.from(pixels, [pictures.length, 1, height, width]);
}

/** How likely a network calls pictures a tumour, in the mean over views of each. */
export async function oddsOf(
  net: ScanNet,
  heads: readonly ImageArray[],
  indices: readonly number[],
) {
  const batches = Array.from({ length: views }, (_, view) => {
    return batchOf(heads.map((head, k) => viewOf(head, indices[k]!, view)));
  });
  const likely = (await predict(net, batches)).softmax(1).select(1, 1); // (views · B)
  const odds = new Array<number>(heads.length).fill(0);
  for (const [k, p] of (await likely.data()).entries()) odds[k % heads.length]! += p / views;
  return odds;
}

/** Of each picture how likely the network of its own fold calls it a tumour. */
export async function heldOut(
  model: FoldNets,
  heads: readonly ImageArray[],
  tests: readonly (readonly number[])[],
): Promise<number[]> {
  const odds = new Array<number>(heads.length).fill(0);
  for (const [fold, net] of [...model.nets].entries()) {
    const own = tests[fold]!;
    const said = await oddsOf(
      net,
      own.map((i) => heads[i]!),
      own,
    );
    own.forEach((i, k) => void (odds[i] = said[k]!));
  }
  return odds;
}
