// The batches a network sees. Classification: noisy copies of one pattern a class. Regression: the
// product of the inputs. Classes of pixels: a brighter disc on noise is to be found. Text: each
// character mostly says which comes next.
import { type Block, fill } from "./draw.ts";
import { type NetworkSpec, takesTokens } from "./workloads.ts";

type Next = () => number;
type Maker = (i: number) => Block[];

/** Returns what makes batch `i`: `x0` and `y0`, and so on. */
export function batchMaker(spec: NetworkSpec, next: Next): Maker {
  if (takesTokens(spec)) return characters(spec, next);
  const loss = spec.kind === "train" ? spec.loss : "crossEntropy";
  return { crossEntropy: patterns, pixels: discs, mse: products }[loss](spec, next);
}

function patterns(spec: NetworkSpec, next: Next): Maker {
  const size = count(spec.input);
  const classes = spec.sizes[spec.sizes.length - 1]!;
  const patternOf = Array.from({ length: classes }, () => fill([size], next));
  return (i) => {
    const x = new Float32Array(spec.batch * size);
    const labels = new Int32Array(spec.batch);
    for (let b = 0; b < spec.batch; b++) {
      const label = Math.floor(next() * classes);
      labels[b] = label;
      for (let j = 0; j < size; j++) {
        x[b * size + j] = 0.25 * patternOf[label]![j]! + 0.75 * next();
      }
    }
    return blocks(i, spec, x, { shape: [spec.batch], data: labels });
  };
}

/** The targets are what comes next at each step, sample after sample. */
function characters(spec: NetworkSpec, next: Next): Maker {
  const [vocabulary] = spec.sizes as [number];
  const [T] = spec.input as [number];
  const draw = () => Math.floor(next() * vocabulary);
  return (i) => {
    const x = new Int32Array(spec.batch * T);
    const y = new Int32Array(spec.batch * T);
    for (let b = 0; b < spec.batch; b++) {
      let now = draw();
      for (let t = 0; t < T; t++) {
        x[b * T + t] = now;
        now = next() < 0.75 ? (7 * now + 3) % vocabulary : draw();
        y[b * T + t] = now;
      }
    }
    return blocks(i, spec, x, { shape: [spec.batch * T], data: y });
  };
}

function products(spec: NetworkSpec, next: Next): Maker {
  const size = count(spec.input);
  return (i) => {
    const x = fill([spec.batch * size], () => 2 * next() - 1);
    const targets = new Float32Array(spec.batch);
    for (let b = 0; b < spec.batch; b++) {
      targets[b] = x.subarray(b * size, (b + 1) * size).reduce((a, v) => a * v, 1);
    }
    return blocks(i, spec, x, { shape: [spec.batch, 1], data: targets });
  };
}

function discs(spec: NetworkSpec, next: Next): Maker {
  const [colours, height, width] = spec.input as [number, number, number];
  return (i) => {
    const x = fill([spec.batch, ...spec.input], () => 0.75 * next());
    const labels = new Int32Array(spec.batch * height * width);
    for (let b = 0; b < spec.batch; b++) {
      const [row, column] = [next() * height, next() * width];
      const radius = (0.1 + 0.3 * next()) * height;
      for (let p = 0; p < height * width; p++) {
        const [h, w] = [Math.floor(p / width), p % width];
        if ((h - row) ** 2 + (w - column) ** 2 > radius ** 2) continue;
        labels[b * height * width + p] = 1;
        for (let c = 0; c < colours; c++) x[(b * colours + c) * height * width + p]! += 0.25;
      }
    }
    return blocks(i, spec, x, { shape: [spec.batch, height, width], data: labels });
  };
}

function blocks(
  i: number,
  { batch, input }: NetworkSpec,
  x: Float32Array | Int32Array,
  y: Omit<Block, "name">,
): Block[] {
  return [
    { name: `x${i}`, shape: [batch, ...input], data: x },
    { name: `y${i}`, ...y },
  ];
}

function count(shape: number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
