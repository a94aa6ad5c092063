// Trainings whose every bit counts, in strict mode: a convolutional net with most of what one is made of,
// and float64 functions. What comes out is a hash, the same in every runtime and at any number of threads.
import { compile, device, manualSeed, nn, optim, tensor } from "anneal";

/** Numbers in [0, 1) that no library drew. */
function stream(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

class Net extends nn.Module {
  conv1 = new nn.Conv2d(3, 16, 3, { padding: 1 });
  norm = new nn.BatchNorm2d(16);
  conv2 = new nn.Conv2d(16, 32, 3, { padding: 1 });
  drop = new nn.Dropout(0.3);
  fc1 = new nn.Linear(32 * 4 * 4, 64);
  fc2 = new nn.Linear(64, 10);

  forward(x) {
    x = this.norm.forward(this.conv1.forward(x)).relu().maxPool2d(2); // (B, 16, 8, 8)
    x = this.conv2.forward(x).relu().maxPool2d(2); // (B, 32, 4, 4)
    x = this.drop.forward(x.flatten(1)); // (B, 512)
    x = this.fc1.forward(x).tanh(); // (B, 64)
    return this.fc2.forward(x); // (B, 10)
  }
}

class Mlp extends nn.Module {
  fc1 = new nn.Linear(37, 130);
  norm = new nn.LayerNorm(130);
  fc2 = new nn.Linear(130, 5);

  forward(x) {
    return this.fc2.forward(this.norm.forward(this.fc1.forward(x)).gelu()); // (B, 5)
  }
}

/** Two words of FNV-1a over the bytes of typed arrays. */
class Hash {
  a = 0x811c9dc5;
  b = 0x1234567;

  add(values) {
    for (const byte of new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) {
      this.a = Math.imul(this.a ^ byte, 0x01000193);
      this.b = Math.imul(this.b ^ byte ^ 0x5a, 0x01000193) + 1;
    }
  }

  text() {
    return [this.a, this.b].map((x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** Steps on fresh batches; hashes the losses and what the model ends as. */
async function fit(hash, model, optimizer, shape, classes, steps) {
  const scheduler = new optim.CosineAnnealingLR(optimizer, { tMax: steps });
  const next = stream(99);
  const size = shape.reduce((product, d) => product * d, 1);
  const step = compile((x, y) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(loss);
    return loss;
  });
  const losses = [];
  for (let i = 0; i < steps; i++) {
    const x = tensor(Float32Array.from({ length: size }, () => 2 * next() - 1)).reshape(shape);
    const labels = Int32Array.from({ length: shape[0] }, () => Math.floor(classes * next()));
    losses.push(await step(x, tensor(labels)).item());
    // From here on all threads take part.
    if (i === 0) await device().backend.ready?.();
    scheduler.step();
  }
  hash.add(Float64Array.from(losses));
  for (const value of Object.values(model.stateDict())) hash.add(await value.data());
  return losses;
}

/** float64 functions, which WebAssembly lacks. */
async function functions(hash) {
  const next = stream(5);
  const x = tensor(Float64Array.from({ length: 3000 }, () => 40 * next() - 20));
  const size = x.abs().add(0.01);
  const all = [x.exp(), x.expm1(), size.log(), size.log1p(), x.sin(), x.cos(), x.atan(), x.tanh()];
  for (const y of [...all, x.sigmoid(), x.erf(), size.pow(0.3), size.pow(x)]) {
    hash.add(await y.data());
  }
}

/** Runs it all on the current device. */
export async function trainStrictly() {
  manualSeed(1234);
  const hash = new Hash();
  const net = new Net();
  const mlp = new Mlp();
  const adam = new optim.Adam(net.parameters(), { lr: 3e-3 });
  const sgd = new optim.SGD(mlp.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 });
  const losses = [
    ...(await fit(hash, net, adam, [16, 3, 16, 16], 10, 8)),
    ...(await fit(hash, mlp, sgd, [33, 37], 5, 8)),
  ];
  await functions(hash);
  return { hash: hash.text(), losses };
}
