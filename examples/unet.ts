// A small U-Net (Ronneberger et al. 2015): down through levels of two convolutions each, and up again with
// what each level saw on the way down. Padded, with batch norm, for pictures of any size. Not here: what
// it learns (nuclei.ts, road.ts).

import { cat, nn, randn, type Tensor } from "anneal";

export interface UNetOptions {
  /** Channels of the first level; each level below has twice as many. */
  readonly width?: number;
  /** How often the sides are halved. */
  readonly depth?: number;
  /** Squares of so many pixels a side become channels at the front and pixels again at the back: 2 takes a
   *  quarter of the time, and loses no pixel. */
  readonly fold?: number;
  /** The part of the deepest level's channels that training leaves out. */
  readonly dropout?: number;
}

/** From pictures (B, inputs, H, W) to a score of each class at each pixel, (B, classes, H, W). */
export class UNet extends nn.Module {
  fold: nn.PixelUnshuffle;
  down = new nn.ModuleList<nn.Sequential>();
  bottom: nn.Sequential;
  lift = new nn.ModuleList<nn.ConvTranspose2d>();
  up = new nn.ModuleList<nn.Sequential>();
  head: nn.Conv2d;
  unfold: nn.PixelShuffle;
  /** Sides are padded to a multiple of this. */
  readonly step: number;

  constructor(inputs: number, classes: number, options: UNetOptions = {}) {
    super();
    const { width = 16, depth = 3, fold = 1, dropout = 0 } = options;
    this.step = fold * 2 ** depth;
    this.fold = new nn.PixelUnshuffle(fold);
    const widths = Array.from({ length: depth }, (_, level) => width * 2 ** level);
    widths.forEach((wide, level) => {
      this.down.append(double(level === 0 ? inputs * fold ** 2 : wide / 2, wide));
    });
    const deepest = width * 2 ** depth;
    this.bottom = new nn.Sequential(double(deepest / 2, deepest), new nn.Dropout2d(dropout));
    for (const wide of widths.reverse()) {
      this.lift.append(new nn.ConvTranspose2d(2 * wide, wide, 2, { stride: 2 }));
      this.up.append(double(2 * wide, wide));
    }
    this.head = new nn.Conv2d(width, classes * fold ** 2, 1);
    this.unfold = new nn.PixelShuffle(fold);
  }

  forward(x: Tensor): Tensor {
    const [height, width] = x.shape.slice(2) as [number, number];
    const spare = (size: number) => (this.step - (size % this.step)) % this.step;
    x = this.fold.forward(x.pad([0, spare(width), 0, spare(height)]));
    const seen: Tensor[] = [];
    for (const level of this.down) {
      x = level.forward(x); // (B, width · 2^i, H / 2^i, W / 2^i), of the folded picture
      seen.push(x);
      x = x.maxPool2d(2);
    }
    x = this.bottom.forward(x); // (B, width · 2^depth, H / 2^depth, W / 2^depth)
    for (const [i, level] of [...this.up].entries()) {
      x = level.forward(cat([this.lift.at(i).forward(x), seen.pop()!], 1));
    }
    const scores = this.unfold.forward(this.head.forward(x));
    return scores.narrow(2, 0, height).narrow(3, 0, width); // (B, classes, H, W)
  }
}

/** Two convolutions, each normalised. */
function double(inputs: number, outputs: number): nn.Sequential {
  const one = (from: number) => [
    new nn.Conv2d(from, outputs, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(outputs),
    new nn.ReLU(),
  ];
  return new nn.Sequential(...one(inputs), ...one(outputs));
}

/** Pictures (B, C, H, W) each in another light: brighter or darker, channel by channel too, and shifted. */
export function relit(
  x: Tensor,
  spread: { readonly light: number; readonly colour: number; readonly shift: number },
): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const all = (size: number) => randn([batch, 1, 1, 1]).mul(size);
  const each = (size: number) => randn([batch, channels, 1, 1]).mul(size);
  const gain = all(spread.light).add(each(spread.colour)).exp();
  return x
    .mul(gain)
    .add(all(spread.shift))
    .add(each(spread.shift / 2));
}
