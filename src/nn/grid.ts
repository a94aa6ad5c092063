// Sampling pictures and volumes at places of a grid (Jaderberg et al. 2015), and grids of affine maps.
// Along each axis a place has one, two or four neighbours with weights; a sample sums all their products,
// so gradients reach both the picture and the grid. Not here: resizing (resize.ts).

import { show } from "../ir/build.ts";
import { currentScope, sizeOf } from "../ir/node.ts";
import { arange, onesLike } from "../tensor/create.ts";
import { meshgrid, stack } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { cubicWeight } from "./resize.ts";

export interface GridSampleOptions {
  /** "bilinear" is trilinear in volumes; "bicubic" is for pictures only. */
  mode?: "bilinear" | "nearest" | "bicubic" | undefined;
  /** What lies outside: 0, the edge's value, or the mirrored picture. */
  paddingMode?: "zeros" | "border" | "reflection" | undefined;
  /** Whether -1 and 1 are the centres of the outermost elements, or the outer edges. */
  alignCorners?: boolean | undefined;
}

/** A neighbour along one axis: its place (which exists) and its weight (0 where it does not). */
type Tap = readonly [place: Tensor, weight: Tensor];

interface Axis {
  readonly size: number;
  readonly padding: NonNullable<GridSampleOptions["paddingMode"]>;
  readonly corners: boolean;
}

/** Places that border and reflection put inside; with "zeros" as they are. */
function padded(place: Tensor, { size, padding, corners }: Axis): Tensor {
  if (padding === "zeros") return place;
  if (padding === "border") return place.clamp(0, size - 1);
  const [low, span] = corners ? [0, size - 1] : [-0.5, size];
  if (span === 0) return place.mul(0);
  // Back and forth between both ends: distances from the lower one run up in even turns, down in odd ones.
  const away = place.sub(low).abs();
  const turn = away.div(span).floor().detach();
  const rest = away.sub(turn.mul(span));
  const inside = rest.where(turn.remainder(2).eq(0), rest.rsub(span)).add(low);
  return inside.clamp(0, size - 1);
}

function tap(place: Tensor, weight: Tensor, { size }: Axis): Tap {
  const inside = place.ge(0).logicalAnd(place.le(size - 1));
  return [
    place
      .detach()
      .clamp(0, size - 1)
      .int(),
    weight.where(inside, 0),
  ];
}

const taps: { [K in NonNullable<GridSampleOptions["mode"]>]: (at: Tensor, axis: Axis) => Tap[] } = {
  nearest: (at, axis) => {
    const place = padded(at, axis).detach().round();
    return [tap(place, onesLike(place), axis)];
  },
  bilinear: (at, axis) => {
    const place = padded(at, axis);
    const low = place.floor().detach();
    const share = place.sub(low);
    return [tap(low, share.rsub(1), axis), tap(low.add(1), share, axis)];
  },
  bicubic: (at, axis) => {
    const low = at.floor().detach();
    const share = at.sub(low);
    return [-1, 0, 1, 2].map((shift) => {
      const weight = cubicWeight(share.sub(shift).abs());
      return tap(padded(low.add(shift), axis), weight, axis);
    });
  },
};

/**
 * Samples x (B, C, H, W) at the places of a grid (B, H', W', 2), whose last axis is (x, y) from -1 to 1, to
 * (B, C, H', W'); volumes likewise with (x, y, z). As torch.nn.functional.grid_sample.
 *
 * @example
 * gridSample(image, affineGrid(theta, [B, C, 32, 32])); // (B, C, 32, 32)
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const { mode = "bilinear", paddingMode = "zeros", alignCorners = false } = options;
  const dims = x.shape.length - 2;
  checkOptions(mode, paddingMode, dims);
  const fits = grid.shape.length === dims + 2 && grid.shape[0] === x.shape[0];
  if (dims < 2 || dims > 3 || !fits || grid.shape.at(-1) !== dims) {
    const shapes = `input ${show(x.shape)} and grid ${show(grid.shape)} do not fit`;
    throw new ShapeError("gridSample", shapes, { in: currentScope() });
  }
  const sizes = x.shape.slice(2);
  const out = grid.shape.slice(1, -1);
  const lists = sizes.map((size, i) => {
    const unit = grid.select(-1, dims - 1 - i).reshape(x.shape[0]!, -1); // (B, P)
    const at = alignCorners ? unit.add(1).mul((size - 1) / 2) : unit.add(1).mul(size).sub(1).div(2);
    return taps[mode](at, { size, padding: paddingMode, corners: alignCorners });
  });
  // All combinations of neighbours: flat places and products of weights.
  const all = lists.reduce((sum, list, i) =>
    sum.flatMap(([place, weight]) =>
      list.map(([p, w]): Tap => [place.mul(sizes[i]!).add(p), weight.mul(w)]),
    ),
  );
  const [B, C] = x.shape as [number, number];
  const flat = x.reshape(B, C, sizeOf(sizes)); // (B, C, H·W)
  const points = sizeOf(out);
  const parts = all.map(([place, weight]) =>
    flat.gather(2, place.unsqueeze(1).expand(B, C, points)).mul(weight.unsqueeze(1)),
  );
  return parts.reduce((p, q) => p.add(q)).reshape(B, C, ...out);
}

function checkOptions(mode: string, padding: string, dims: number): void {
  const modes = dims === 3 ? ["bilinear", "nearest"] : Object.keys(taps);
  const paddings = ["zeros", "border", "reflection"];
  for (const [name, value, known] of [
    ["mode", mode, modes],
    ["paddingMode", padding, paddings],
  ] as const) {
    if (known.includes(value)) continue;
    const hint = `use one of ${known.join(", ")}`;
    throw new ArgumentError("gridSample", `no ${name} "${value}"`, { hint, in: currentScope() });
  }
}

/**
 * The grid for {@link gridSample} of affine maps theta (B, 2, 3) for results of sizes [B, C, H, W]:
 * (B, H, W, 2); with (B, 3, 4) and [B, C, D, H, W] for volumes.
 */
export function affineGrid(
  theta: Tensor,
  sizes: readonly number[],
  options: { alignCorners?: boolean | undefined } = {},
): Tensor {
  const dims = sizes.length - 2;
  const wanted = [sizes[0], dims, dims + 1];
  if ((dims !== 2 && dims !== 3) || String(theta.shape) !== String(wanted)) {
    const detail = `theta ${show(theta.shape)} does not fit results of ${show(sizes)}`;
    throw new ShapeError("affineGrid", detail, { in: currentScope() });
  }
  const own = sizes.slice(2);
  const lines = own.map((size) => {
    const line = arange(size).to(theta.dtype);
    if (!options.alignCorners) return line.mul(2).add(1).div(size).sub(1);
    return size > 1 ? line.mul(2 / (size - 1)).sub(1) : line;
  });
  const grid = meshgrid(lines).reverse(); // x first
  const base = stack([...grid, onesLike(grid[0]!)], -1).reshape(-1, dims + 1); // (points, dims + 1)
  return base.matmul(theta.mT).reshape(sizes[0]!, ...own, dims); // (B, …, dims)
}
