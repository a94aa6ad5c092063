// What the benchmark measures: every workload as plain data, sizes and hyperparameters only.
// Not here: how a peer runs one (peers/), nor the numbers it starts from (weights.ts).

/** A network trained on fresh batches: `layers` names its shape, not its implementation. */
export interface TrainSpec {
  kind: "train";
  net: "cnn" | "mlp";
  /** Units per layer of an MLP, from input to output; of a CNN, channels: 1, 32, 64, then classes. */
  sizes: number[];
  activation: "relu" | "tanh";
  batch: number;
  /** Shape of one sample, without the batch. */
  input: number[];
  loss: "crossEntropy" | "mse";
  optimizer: "adam" | "sgd";
  lr: number;
}

/** C (M, N) = A (M, K) @ B (K, N). */
export interface MatmulSpec {
  kind: "matmul";
  m: number;
  n: number;
  k: number;
}

/** `tanh(x * y + x).sum()` over vectors of `n` elements. */
export interface EltwiseSpec {
  kind: "eltwise";
  n: number;
}

/** Softmax or layer norm (no affine, eps 1e-5) over the last axis of (rows, cols). */
export interface RowsSpec {
  kind: "rows";
  op: "softmax" | "layernorm";
  rows: number;
  cols: number;
}

export type Spec = TrainSpec | MatmulSpec | EltwiseSpec | RowsSpec;

/** Every workload by its name in the JSON. */
export const workloads: Record<string, Spec> = {
  matmul64: { kind: "matmul", m: 64, n: 64, k: 64 },
  matmul256: { kind: "matmul", m: 256, n: 256, k: 256 },
  matmul512: { kind: "matmul", m: 512, n: 512, k: 512 },
  matmul1024: { kind: "matmul", m: 1024, n: 1024, k: 1024 },
  matmul4096x256x64: { kind: "matmul", m: 4096, n: 256, k: 64 },
  eltwise1M: { kind: "eltwise", n: 1_000_000 },
  softmax: { kind: "rows", op: "softmax", rows: 4096, cols: 256 },
  layernorm: { kind: "rows", op: "layernorm", rows: 4096, cols: 256 },
  mlp_tiny: {
    kind: "train",
    net: "mlp",
    sizes: [2, 16, 1],
    activation: "tanh",
    batch: 4,
    input: [2],
    loss: "mse",
    optimizer: "sgd",
    lr: 0.1,
  },
  mlp_mnist: {
    kind: "train",
    net: "mlp",
    sizes: [784, 512, 256, 10],
    activation: "relu",
    batch: 128,
    input: [784],
    loss: "crossEntropy",
    optimizer: "adam",
    lr: 1e-3,
  },
  cnn_mnist: {
    kind: "train",
    net: "cnn",
    sizes: [1, 32, 64, 10],
    activation: "relu",
    batch: 64,
    input: [1, 28, 28],
    loss: "crossEntropy",
    optimizer: "adam",
    lr: 1e-3,
  },
};

/** A one-line description for the results page. */
export function describe(spec: Spec): string {
  switch (spec.kind) {
    case "matmul":
      return `(${spec.m}, ${spec.k}) @ (${spec.k}, ${spec.n})`;
    case "eltwise":
      return `tanh(x*y+x).sum() over ${spec.n} floats`;
    case "rows":
      return `${spec.op} over the rows of (${spec.rows}, ${spec.cols})`;
    case "train":
      return spec.net === "mlp"
        ? `${spec.sizes.join("-")} ${spec.activation}, batch ${spec.batch}, ${spec.optimizer}`
        : `conv ${spec.sizes[0]}→${spec.sizes[1]}→${spec.sizes[2]} 3×3, 2×2 pools, linear to ` +
            `${spec.sizes[3]}, batch ${spec.batch}, ${spec.optimizer}`;
  }
}
