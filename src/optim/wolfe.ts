// Line search by cubic interpolation for the strong Wolfe conditions (Nocedal and Wright, Numerical
// Optimization, algorithms 3.5 and 3.6), with the safeguards that torch.optim.LBFGS uses.
// Not here: the direction (lbfgs.ts).

/** The function along the line at a step: value, gradient, and slope. */
export interface Point {
  readonly t: number;
  readonly loss: number;
  readonly grad: Float64Array;
  readonly slope: number;
}

export type Evaluate = (t: number) => Promise<Point>;

const c1 = 1e-4;
const c2 = 0.9;

/** Where the cubic through two points with slopes is lowest, held within bounds. */
function lowest(a: Point, b: Point, bounds?: readonly [number, number]): number {
  const [p, q] = a.t <= b.t ? [a, b] : [b, a];
  const [low, high] = bounds ?? [p.t, q.t];
  const d1 = p.slope + q.slope - (3 * (p.loss - q.loss)) / (p.t - q.t);
  const square = d1 * d1 - p.slope * q.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const t = q.t - (q.t - p.t) * ((q.slope + d2 - d1) / (q.slope - p.slope + 2 * d2));
  return Math.min(Math.max(t, low), high);
}

/** The best point that at most `most` evaluations find, and how many were made. */
export async function strongWolfe(
  start: Point,
  first: number,
  evaluate: Evaluate,
  length: number,
  tolerance: number,
  most = 25,
): Promise<{ point: Point; evaluations: number }> {
  let evaluations = 0;
  const at = (t: number) => {
    evaluations++;
    return evaluate(t);
  };
  const tooHigh = (p: Point) => p.loss > start.loss + c1 * p.t * start.slope;
  const flat = (p: Point) => Math.abs(p.slope) <= -c2 * start.slope;
  let before = start;
  let now = await at(first);
  let bracket: [Point, Point] | null = null;
  for (let i = 0; i < most; i++) {
    if (tooHigh(now) || (i > 0 && now.loss >= before.loss)) bracket = [before, now];
    else if (flat(now)) return { point: now, evaluations };
    else if (now.slope >= 0) bracket = [before, now];
    if (bracket) break;
    const bounds = [now.t + 0.01 * (now.t - before.t), now.t * 10] as const;
    const next = lowest(before, now, bounds);
    before = now;
    now = await at(next);
  }
  bracket ??= [start, now];
  return { point: await zoom(bracket), evaluations };

  // Narrows the bracket until a point in it meets both conditions.
  async function zoom([a, b]: [Point, Point]): Promise<Point> {
    let [low, high] = a.loss <= b.loss ? [a, b] : [b, a];
    let stuck = false;
    while (evaluations < most) {
      const [left, right] = [Math.min(low.t, high.t), Math.max(low.t, high.t)];
      if ((right - left) * length < tolerance) break;
      let t = lowest(low, high);
      const edge = 0.1 * (right - left);
      if (Math.min(right - t, t - left) < edge) {
        // Too near an end: allowed once, then pushed away from it.
        if (stuck || t >= right || t <= left) {
          t = Math.abs(t - right) < Math.abs(t - left) ? right - edge : left + edge;
          stuck = false;
        } else stuck = true;
      } else stuck = false;
      const point = await at(t);
      if (tooHigh(point) || point.loss >= low.loss) high = point;
      else {
        if (flat(point)) return point;
        if (point.slope * (high.t - low.t) >= 0) high = low;
        low = point;
      }
    }
    return low;
  }
}
