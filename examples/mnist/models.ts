// The models of `anneal train mnist`, each with the training that suits it: a table, and nothing that
// a user could not write. Not here: the training (../mnist.ts).

import { nn, type Tensor } from "anneal";

/** Two hidden layers: quick, about 98.3 % right. */
export class Mlp extends nn.Module {
  fc1 = new nn.Linear(28 * 28, 256);
  fc2 = new nn.Linear(256, 128);
  fc3 = new nn.Linear(128, 10);

  forward(images: Tensor): Tensor {
    let x = images.flatten(1); // (B, 784)
    x = this.fc1.forward(x).relu(); // (B, 256)
    x = this.fc2.forward(x).relu(); // (B, 128)
    return this.fc3.forward(x); // (B, 10)
  }
}

/** Two convolutions and one layer on top: about 99.2 % right. */
export class Cnn extends nn.Module {
  conv1 = new nn.Conv2d(1, 32, 3, { padding: 1 });
  conv2 = new nn.Conv2d(32, 64, 3, { padding: 1 });
  drop = new nn.Dropout(0.3);
  fc = new nn.Linear(64 * 7 * 7, 10);

  forward(images: Tensor): Tensor {
    let x = this.conv1.forward(images).relu().maxPool2d(2); // (B, 32, 14, 14)
    x = this.conv2.forward(x).relu().maxPool2d(2); // (B, 64, 7, 7)
    return this.fc.forward(this.drop.forward(x.flatten(1))); // (B, 10)
  }
}

/** What training takes where the command line does not say. */
export interface Preset {
  readonly epochs: number;
  readonly batch: number;
  /** The highest learning rate of the one cycle. */
  readonly lr: number;
  readonly make: () => nn.Module & { forward(x: Tensor): Tensor };
}

export const models = {
  cnn: { epochs: 5, batch: 64, lr: 3e-3, make: () => new Cnn() },
  mlp: { epochs: 8, batch: 128, lr: 3e-3, make: () => new Mlp() },
} as const satisfies Record<string, Preset>;

export type ModelName = keyof typeof models;
export const modelNames = Object.keys(models) as ModelName[];
