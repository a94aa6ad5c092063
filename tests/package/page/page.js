// The same program in a page, and one large enough for threads: the title says when it is over,
// `outcome` says what came of it.
import { compile, device, tensor } from "anneal";
import { train } from "./train.js";

/** Products of small integers, hence exact, on as many threads as there are. */
async function multiply(size) {
  const number = (i, j) => ((i * 7 + j * 3) % 5) - 2;
  const rows = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => number(i, j)),
  );
  const a = tensor(rows); // (N, N)
  const product = compile((a) => a.matmul(a)); // (N, N)
  await product(a).data();
  const { backend } = device();
  await backend.ready();
  let wrong = 0;
  for (let run = 0; run < 20; run++) {
    const values = await product(a).data();
    for (let i = 0; i < size; i += 5) {
      for (let j = 0; j < size; j += 7) {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += rows[i][k] * rows[k][j];
        if (values[i * size + j] !== sum) wrong++;
      }
    }
  }
  return { wrong, threads: backend.describe().threadsReady };
}

async function run() {
  return {
    result: await train(),
    product: await multiply(300),
    cores: navigator.hardwareConcurrency,
  };
}

try {
  globalThis.outcome = { isolated: crossOriginIsolated, ...(await run()) };
} catch (error) {
  globalThis.outcome = { isolated: crossOriginIsolated, error: String(error?.stack ?? error) };
}
document.title = "done";
