// The network of `cells`: a small residual backbone whose last two levels meet at an eighth of the picture,
// and two heads on every cell of that grid: how likely a centre of each class is here, and how far the
// box's four sides are. Not here: what is learned from boxes, and boxes from what it says (detector.ts).

import { cat, nn, type Tensor } from "anneal";

/** Pixels of the picture to a cell of the grid, along a side. */
export const stride = 8;

const conv = (inputs: number, outputs: number, step = 1) =>
  new nn.Sequential(
    new nn.Conv2d(inputs, outputs, 3, { stride: step, padding: 1, bias: false }),
    new nn.BatchNorm2d(outputs),
  );

/** What is there, plus what two convolutions make of it (He et al. 2016). */
class Residual extends nn.Module {
  first: nn.Sequential;
  second: nn.Sequential;

  constructor(width: number) {
    super();
    this.first = conv(width, width);
    this.second = conv(width, width);
  }

  forward(x: Tensor): Tensor {
    return this.second.forward(this.first.forward(x).relu()).add(x).relu();
  }
}

/** Half the size and other channels, then residual blocks. */
function level(inputs: number, outputs: number, blocks: number): nn.Sequential {
  const residuals = Array.from({ length: blocks }, () => new Residual(outputs));
  return new nn.Sequential(conv(inputs, outputs, 2), new nn.ReLU(), ...residuals);
}

/** Pictures (B, 3, H, W) of 0 to 255 to (B, classes + 4, H/8, W/8): logits of centres, and logarithms of
 *  the distances from a cell's middle to the left, top, right and bottom side, in cells. H and W are
 *  multiples of 16. */
export class CellNet extends nn.Module {
  quarter: nn.Sequential;
  eighth: nn.Sequential;
  sixteenth: nn.Sequential;
  lateral: nn.Conv2d;
  joined: nn.Sequential;
  centres: nn.Sequential;
  sides: nn.Sequential;

  constructor(classes: number, width: number) {
    super();
    const [two, four, eight] = [2 * width, 4 * width, 8 * width];
    this.quarter = new nn.Sequential(conv(3, width, 2), new nn.ReLU(), level(width, two, 1));
    this.eighth = level(two, four, 2);
    this.sixteenth = level(four, eight, 2);
    this.lateral = new nn.Conv2d(eight, four, 1);
    this.joined = new nn.Sequential(conv(four, four), new nn.ReLU());
    const head = (outputs: number) =>
      new nn.Sequential(conv(four, four), new nn.ReLU(), new nn.Conv2d(four, outputs, 1));
    this.centres = head(classes);
    this.sides = head(4);
    // At first every place says 1 % (Lin et al. 2017): else the many empty ones drown the few centres.
    nn.init.constant((this.centres.at(-1) as nn.Conv2d).bias!, Math.log(0.01 / 0.99));
    nn.init.constant((this.sides.at(-1) as nn.Conv2d).bias!, 1);
  }

  forward(x: Tensor): Tensor {
    const scaled = x.to("float32").div(127.5).sub(1); // (B, 3, H, W)
    const near = this.eighth.forward(this.quarter.forward(scaled)); // (B, F, H/8, W/8)
    const far = this.lateral.forward(this.sixteenth.forward(near)); // (B, F, H/16, W/16)
    const wide = nn.interpolate(far, { scaleFactor: 2, mode: "nearest" }); // (B, F, H/8, W/8)
    const seen = this.joined.forward(near.add(wide)); // (B, F, H/8, W/8)
    return cat([this.centres.forward(seen), this.sides.forward(seen)], 1); // (B, classes + 4, H/8, W/8)
  }
}
