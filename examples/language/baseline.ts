// What counting pairs of tokens alone reaches: each token foretold by the one before it.
// Not here: models that look further back (models.ts).

/** Tokens and those that follow them, place by place; a follower below 0 does not count. */
export interface Followed {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/** The mean cross entropy of `test` by how often which token follows which in `train`; every pair of the
 *  `size` tokens is taken to have been seen once more than it was. */
export function bigramLoss(
  train: readonly Followed[],
  test: readonly Followed[],
  size: number,
): number {
  const pairs = new Float64Array(size * size).fill(1);
  const firsts = new Float64Array(size).fill(size);
  each(train, (x, y) => {
    pairs[x * size + y]! += 1;
    firsts[x]! += 1;
  });
  let [loss, count] = [0, 0];
  each(test, (x, y) => {
    loss -= Math.log(pairs[x * size + y]! / firsts[x]!);
    count++;
  });
  return loss / count;
}

function each(list: readonly Followed[], visit: (x: number, y: number) => void): void {
  for (const { x, y } of list) {
    for (let i = 0; i < x.length; i++) if (y[i]! >= 0) visit(x[i]!, y[i]!);
  }
}
