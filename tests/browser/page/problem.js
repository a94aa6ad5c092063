// The training that Node and the page both do: the convolutional net of MNIST on batches of strokes, which
// look like digits enough to be told apart. Same seed, same batches, so that losses can be compared.
import { compile, manualSeed, nn, optim, Tensor } from "anneal";

class Cnn extends nn.Module {
  conv1 = new nn.Conv2d(1, 32, 3, { padding: 1 });
  conv2 = new nn.Conv2d(32, 64, 3, { padding: 1 });
  fc = new nn.Linear(64 * 7 * 7, 10);

  forward(x) {
    x = this.conv1.forward(x).relu().maxPool2d(2); // (B, 32, 14, 14)
    x = this.conv2.forward(x).relu().maxPool2d(2); // (B, 64, 7, 7)
    return this.fc.forward(x.flatten(1)); // (B, 10)
  }
}

/** Whole numbers below n that no library drew. */
function stream(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) % n;
  };
}

/** Images of 28 by 28 pixels with a thick line at an angle that the class gives, and their classes. */
function strokes(batch, next) {
  const pixels = new Float32Array(batch * 784);
  const labels = new Int32Array(batch);
  for (let b = 0; b < batch; b++) {
    labels[b] = next(10);
    const angle = (Math.PI * labels[b]) / 10 + next(100) / 1000;
    const [x0, y0] = [11 + next(6), 11 + next(6)];
    for (let i = -90; i <= 90; i++) {
      const x = Math.round(x0 + (Math.cos(angle) * i) / 10);
      const y = Math.round(y0 + (Math.sin(angle) * i) / 10);
      for (const at of [28 * y + x, 28 * y + x + 1]) pixels[784 * b + at] = 1;
    }
  }
  return [Tensor.from(pixels, [batch, 1, 28, 28]), Tensor.from(labels, [batch])];
}

/** Trains and gives the loss of each step. `ready` is waited for before the first step, `between` is told
 *  when a step's loss has arrived. */
export async function train({ steps, batch }, { ready, between } = {}) {
  manualSeed(42);
  const model = new Cnn();
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const step = compile((x, y) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(loss);
    return loss;
  });
  const next = stream(7);
  const losses = [];
  await ready?.();
  for (let i = 0; i < steps; i++) {
    losses.push(await step(...strokes(batch, next)).item());
    between?.(i);
  }
  return losses;
}
