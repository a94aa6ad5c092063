// The networks of the benchmark as a user of Anneal would write them; parameters carry PyTorch's
// names (see parameters.ts). Not here: losses, optimizers and steps (anneal-work.ts).
import type { NetName, NetworkSpec as Spec } from "../workloads.ts";
import { cat, type Module, nn, type Tensor } from "./library.ts";

export type Network = Module & { forward(x: Tensor): Tensor };

/** Makes each network from its description. */
export const networks: { [N in NetName]: (spec: Spec) => Network } = {
  mlp: ({ sizes, activation }) => new Mlp(sizes, activation),
  cnn: ({ sizes, input }) => new Cnn(sizes, input[1]! / 4),
  resnet20: ({ sizes }) => new ResNet(sizes),
  mobilenet: ({ sizes }) => new MobileNet(sizes),
  unet: ({ sizes }) => new UNet(sizes),
  lstm: ({ sizes }) => new Recurrent(nn.LSTM, sizes),
  gru: ({ sizes }) => new Recurrent(nn.GRU, sizes),
  gpt: (spec) => new Gpt(spec),
};

class Mlp extends nn.Module {
  fc1;
  fc2;
  fc3;
  activation: Spec["activation"];

  constructor(sizes: number[], activation: Spec["activation"]) {
    super();
    this.activation = activation;
    this.fc1 = new nn.Linear(sizes[0]!, sizes[1]!);
    this.fc2 = new nn.Linear(sizes[1]!, sizes[2]!);
    this.fc3 = sizes.length > 3 ? new nn.Linear(sizes[2]!, sizes[3]!) : undefined;
  }

  forward(x: Tensor): Tensor {
    const act = (h: Tensor) => (this.activation === "tanh" ? h.tanh() : h.relu());
    const h = this.fc2.forward(act(this.fc1.forward(x))); // (B, sizes[2])
    return this.fc3 ? this.fc3.forward(act(h)) : h;
  }
}

class Cnn extends nn.Module {
  conv1;
  conv2;
  fc;

  constructor([a, b, c, classes]: number[], side: number) {
    super();
    this.conv1 = new nn.Conv2d(a!, b!, 3, { padding: 1 });
    this.conv2 = new nn.Conv2d(b!, c!, 3, { padding: 1 });
    this.fc = new nn.Linear(c! * side * side, classes!);
  }

  forward(x: Tensor): Tensor {
    x = this.conv1.forward(x).relu().maxPool2d(2); // (B, 32, 14, 14)
    x = this.conv2.forward(x).relu().maxPool2d(2); // (B, 64, 7, 7)
    return this.fc.forward(x.flatten(1)); // (B, 10)
  }
}

/** Two convolutions and the way past them: He et al. (2015), projections (option B) where sizes change. */
class Block extends nn.Module {
  conv1;
  bn1;
  conv2;
  bn2;
  down;
  downBn;

  constructor(from: number, to: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(to);
    this.conv2 = new nn.Conv2d(to, to, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(to);
    this.down = from === to ? undefined : new nn.Conv2d(from, to, 1, { stride, bias: false });
    this.downBn = from === to ? undefined : new nn.BatchNorm2d(to);
  }

  forward(x: Tensor): Tensor {
    let h = this.bn1.forward(this.conv1.forward(x)).relu(); // (B, to, H/s, W/s)
    h = this.bn2.forward(this.conv2.forward(h));
    const past = this.down ? this.downBn!.forward(this.down.forward(x)) : x;
    return h.add(past).relu();
  }
}

class ResNet extends nn.Module {
  conv;
  bn;
  blocks: Block[] = [];
  fc;

  constructor([colours, ...stages]: number[]) {
    super();
    const classes = stages.pop()!;
    let from = stages[0]!;
    this.conv = new nn.Conv2d(colours!, from, 3, { padding: 1, bias: false });
    this.bn = new nn.BatchNorm2d(from);
    for (const to of stages) {
      for (let i = 0; i < 3; i++) {
        this.blocks.push(new Block(from, to, from === to ? 1 : 2));
        from = to;
      }
    }
    this.fc = new nn.Linear(from, classes);
  }

  forward(x: Tensor): Tensor {
    x = this.bn.forward(this.conv.forward(x)).relu(); // (B, 16, 32, 32)
    for (const block of this.blocks) x = block.forward(x);
    return this.fc.forward(x.mean([2, 3])); // (B, 64, 8, 8) → (B, 10)
  }
}

class MobileNet extends nn.Module {
  depthwise;
  bn1;
  pointwise;
  bn2;
  fc;

  constructor([a, b, classes]: number[]) {
    super();
    this.depthwise = new nn.Conv2d(a!, a!, 3, { padding: 1, groups: a!, bias: false });
    this.bn1 = new nn.BatchNorm2d(a!);
    this.pointwise = new nn.Conv2d(a!, b!, 1, { bias: false });
    this.bn2 = new nn.BatchNorm2d(b!);
    this.fc = new nn.Linear(b!, classes!);
  }

  forward(x: Tensor): Tensor {
    x = this.bn1.forward(this.depthwise.forward(x)).relu(); // (B, 64, 32, 32)
    x = this.bn2.forward(this.pointwise.forward(x)).relu();
    return this.fc.forward(x.mean([2, 3])); // (B, 10)
  }
}

function double(from: number, to: number) {
  return new nn.Sequential(
    new nn.Conv2d(from, to, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(to, to, 3, { padding: 1 }),
    new nn.ReLU(),
  );
}

/** Ronneberger, Fischer and Brox (2015), padded, with three levels. */
class UNet extends nn.Module {
  down1;
  down2;
  bottom;
  lift2;
  up2;
  lift1;
  up1;
  head;

  constructor([colours, a, b, c, classes]: number[]) {
    super();
    this.down1 = double(colours!, a!);
    this.down2 = double(a!, b!);
    this.bottom = double(b!, c!);
    this.lift2 = new nn.ConvTranspose2d(c!, b!, 2, { stride: 2 });
    this.up2 = double(2 * b!, b!);
    this.lift1 = new nn.ConvTranspose2d(b!, a!, 2, { stride: 2 });
    this.up1 = double(2 * a!, a!);
    this.head = new nn.Conv2d(a!, classes!, 1);
  }

  forward(x: Tensor): Tensor {
    const level1 = this.down1.forward(x); // (B, 16, 64, 64)
    const level2 = this.down2.forward(level1.maxPool2d(2)); // (B, 32, 32, 32)
    x = this.bottom.forward(level2.maxPool2d(2)); // (B, 64, 16, 16)
    x = this.up2.forward(cat([this.lift2.forward(x), level2], 1)); // (B, 32, 32, 32)
    x = this.up1.forward(cat([this.lift1.forward(x), level1], 1)); // (B, 16, 64, 64)
    return this.head.forward(x); // (B, 2, 64, 64)
  }
}

/** A language model of characters: what comes next at each step. */
class Recurrent extends nn.Module {
  embedding;
  rnn;
  fc;

  constructor(kind: typeof nn.LSTM | typeof nn.GRU, [vocabulary, inner, ...sizes]: number[]) {
    super();
    const classes = sizes.pop()!;
    this.embedding = new nn.Embedding(vocabulary!, inner!);
    this.rnn = new kind(inner!, sizes[0]!, { numLayers: sizes.length, batchFirst: true });
    this.fc = new nn.Linear(sizes[0]!, classes);
  }

  forward(x: Tensor): Tensor {
    const [out] = this.rnn.forward(this.embedding.forward(x)); // (B, T, H)
    return this.fc.forward(out).flatten(0, 1); // (B·T, V)
  }
}

/** The package's, whose answer is (B·T, V). */
export class Gpt extends nn.GPT {
  constructor({ sizes }: Spec) {
    const [vocabularySize, contextLength, width, layers, heads] = sizes as [
      number,
      number,
      ...number[],
    ];
    super({ vocabularySize, contextLength, width, layers, heads });
  }

  override forward(tokens: Tensor): Tensor {
    return super.forward(tokens).flatten(0, 1);
  }
}
