// What the benchmark measures: every workload as plain data, sizes and hyperparameters only.
// Not here: how a peer runs one (peers/), nor the numbers it starts from (weights.ts).

/** A network's shape by name; the networks themselves are in peers/. */
export type NetName = "mlp" | "cnn" | "resnet20" | "mobilenet" | "unet" | "lstm" | "gru" | "gpt";

interface NetSpec {
  net: NetName;
  /** Units or channels per level, from the input to the classes. Of a recurrent network: the
   *  vocabulary, the embedding, the layers' states (all of one size), the classes. Of a GPT: the
   *  vocabulary, the context, the width, the layers, the heads. */
  sizes: number[];
  activation: "relu" | "tanh" | "gelu";
  batch: number;
  /** Shape of one sample, without the batch. */
  input: number[];
}

/** A network trained on fresh batches. */
export interface TrainSpec extends NetSpec {
  kind: "train";
  /** `pixels` is the cross entropy of every pixel's class. */
  loss: "crossEntropy" | "pixels" | "mse";
  optimizer: "adam" | "adamw" | "sgd";
  lr: number;
  /** Of SGD; 0 for plain gradient descent. */
  momentum: number;
}

/** A network's answer to one fresh batch. */
export interface InferSpec extends NetSpec {
  kind: "infer";
}

/** A language model that reads a text token by token with kept keys and values, and gives the logits of
 *  what follows each before it is told the next: what a sampler asks of it. */
export interface GenerateSpec extends NetSpec {
  kind: "generate";
}

/** Whatever has a network. */
export type NetworkSpec = TrainSpec | InferSpec | GenerateSpec;

/** Attention of `heads` heads to themselves, (heads, length, size), and the gradients of all three
 *  operands. */
export interface AttentionSpec {
  kind: "attention";
  heads: number;
  length: number;
  size: number;
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

/** An operation on tensors that already belong to the framework. */
export type OperationSpec = MatmulSpec | EltwiseSpec | RowsSpec | AttentionSpec;
export type Spec = NetworkSpec | OperationSpec;

const cnn: Omit<NetSpec, "batch"> = {
  net: "cnn",
  sizes: [1, 32, 64, 10],
  activation: "relu",
  input: [1, 28, 28],
};
const text = {
  kind: "train",
  activation: "tanh",
  loss: "crossEntropy",
  optimizer: "adam",
  lr: 2e-3,
  momentum: 0,
} as const;
const gpt = {
  net: "gpt",
  sizes: [65, 64, 128, 4, 4],
  activation: "gelu",
  input: [64],
} satisfies Omit<NetSpec, "batch">;
const images = { kind: "train", activation: "relu", optimizer: "sgd", momentum: 0.9 } as const;

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
  attention: { kind: "attention", heads: 8, length: 256, size: 64 },
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
    momentum: 0,
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
    momentum: 0,
  },
  cnn_mnist: {
    ...cnn,
    kind: "train",
    batch: 64,
    loss: "crossEntropy",
    optimizer: "adam",
    lr: 1e-3,
    momentum: 0,
  },
  cnn_mnist_infer1: {
    ...cnn,
    kind: "infer",
    batch: 1,
  },
  resnet20_cifar: {
    ...images,
    net: "resnet20",
    sizes: [3, 16, 32, 64, 10],
    batch: 32,
    input: [3, 32, 32],
    loss: "crossEntropy",
    lr: 0.001,
  },
  mobilenet_block: {
    ...images,
    net: "mobilenet",
    sizes: [64, 64, 10],
    batch: 32,
    input: [64, 32, 32],
    loss: "crossEntropy",
    lr: 0.01,
  },
  unet_small: {
    ...images,
    net: "unet",
    sizes: [3, 16, 32, 64, 2],
    batch: 8,
    input: [3, 64, 64],
    loss: "pixels",
    lr: 0.01,
  },
  gpt_nano: {
    ...gpt,
    kind: "train",
    batch: 12,
    loss: "crossEntropy",
    optimizer: "adamw",
    lr: 1e-3,
    momentum: 0,
  },
  gpt_infer: { ...gpt, kind: "generate", batch: 1 },
  lstm_char: { ...text, net: "lstm", sizes: [65, 64, 256, 256, 65], batch: 32, input: [64] },
  gru_small: { ...text, net: "gru", sizes: [65, 64, 128, 65], batch: 16, input: [100] },
};

/** Floating-point operations of a matrix product; undefined for what has no such simple count. */
export function flopsOf(spec: Spec): number | undefined {
  return spec.kind === "matmul" ? 2 * spec.m * spec.n * spec.k : undefined;
}

/** How a network is described on the results page. */
const netText: { [N in NetName]: (spec: NetSpec) => string } = {
  mlp: ({ sizes, activation }) => `${sizes.join("-")} ${activation}`,
  cnn: ({ sizes: [a, b, c, classes] }) =>
    `conv ${a}→${b}→${c} 3×3, 2×2 pools, linear to ${classes}`,
  resnet20: ({ sizes: [, a, b, c, classes] }) =>
    `ResNet-20, 3 stages of 3 blocks, ${a}/${b}/${c} channels, linear to ${classes}`,
  mobilenet: ({ sizes: [a, b, classes] }) =>
    `depthwise 3×3 on ${a} channels, pointwise to ${b}, each with batch norm and relu, mean, ` +
    `linear to ${classes}`,
  unet: ({ sizes: [, a, b, c, classes] }) =>
    `U-Net of three levels, ${a}/${b}/${c} channels, ${classes} classes a pixel`,
  lstm: recurrentText,
  gru: recurrentText,
  gpt: ({ sizes: [tokens, , width, layers, heads] }) =>
    `GPT of ${layers} layers, ${heads} heads, ${width} wide, ${tokens} characters`,
};

/** Whether a network takes whole numbers, one a step, and answers at each step. */
export function takesTokens({ net }: { net: NetName }): boolean {
  return net === "lstm" || net === "gru" || net === "gpt";
}

function recurrentText({ net, sizes }: NetSpec): string {
  const states = sizes.slice(2, -1);
  const layers = `${states.length} layer${states.length > 1 ? "s" : ""} of ${states[0]}`;
  return `${net.toUpperCase()}, ${layers}, embedding ${sizes[1]}, ${sizes[0]} characters`;
}

/** A one-line description for the results page. */
export function describe(spec: Spec): string {
  switch (spec.kind) {
    case "matmul":
      return `(${spec.m}, ${spec.k}) @ (${spec.k}, ${spec.n})`;
    case "eltwise":
      return `tanh(x*y+x).sum() over ${spec.n} floats`;
    case "rows":
      return `${spec.op} over the rows of (${spec.rows}, ${spec.cols})`;
    case "attention":
      return `attention of ${spec.heads}×${spec.length}×${spec.size}, forward and backward`;
    case "train":
    case "generate":
    case "infer": {
      const steps = takesTokens(spec) ? ` of ${spec.input[0]} steps` : "";
      const sample = spec.input.length > 1 ? ` of ${spec.input.join("×")}` : steps;
      const how =
        spec.kind !== "train"
          ? { infer: "inference", generate: "one token after the other" }[spec.kind]
          : spec.momentum
            ? `${spec.optimizer} with momentum`
            : spec.optimizer;
      return `${netText[spec.net](spec)}, batch ${spec.batch}${sample}, ${how}`;
    }
  }
}
