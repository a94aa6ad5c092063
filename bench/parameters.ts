// The initial parameters of each network, by the names they have in every peer that follows
// PyTorch's: `conv1.weight`. PyTorch's default initialisation: weights and biases uniform within
// 1/sqrt(fan in), batch norms 1 and 0; recurrent ones within 1/sqrt(units). Not here: the networks
// themselves (peers/).
import { type Block, fill } from "./draw.ts";
import type { NetworkSpec as Net, NetName } from "./workloads.ts";

type Next = () => number;

/** The initial parameters of a network. */
export function parameters(spec: Net, next: Next): Block[] {
  return tables[spec.net](spec, next);
}

const tables: { [N in NetName]: (spec: Net, next: Next) => Block[] } = {
  mlp: ({ sizes }, next) =>
    sizes.slice(1).flatMap((out, i) => layer(`fc${i + 1}`, [out, sizes[i]!], next)),

  cnn({ sizes: [a, b, c, classes], input }, next) {
    const side = input[1]! / 4; // two 2×2 pools
    return [
      ...layer("conv1", [b!, a!, 3, 3], next),
      ...layer("conv2", [c!, b!, 3, 3], next),
      ...layer("fc", [classes!, c! * side * side], next),
    ];
  },

  resnet20({ sizes: [colours, ...stages] }, next) {
    const classes = stages.pop()!;
    const out = [...kernel("conv", [stages[0]!, colours!, 3, 3], next), ...norm("bn", stages[0]!)];
    let from = stages[0]!;
    for (const [i, to] of stages.flatMap((c) => [c, c, c]).entries()) {
      const at = `blocks.${i}`;
      out.push(...kernel(`${at}.conv1`, [to, from, 3, 3], next), ...norm(`${at}.bn1`, to));
      out.push(...kernel(`${at}.conv2`, [to, to, 3, 3], next), ...norm(`${at}.bn2`, to));
      if (from !== to) {
        out.push(...kernel(`${at}.down`, [to, from, 1, 1], next), ...norm(`${at}.downBn`, to));
      }
      from = to;
    }
    return [...out, ...layer("fc", [classes, from], next)];
  },

  mobilenet: ({ sizes: [a, b, classes] }, next) => [
    ...kernel("depthwise", [a!, 1, 3, 3], next),
    ...norm("bn1", a!),
    ...kernel("pointwise", [b!, a!, 1, 1], next),
    ...norm("bn2", b!),
    ...layer("fc", [classes!, b!], next),
  ],

  unet({ sizes: [colours, a, b, c, classes] }, next) {
    const double = (name: string, from: number, to: number) => [
      ...layer(`${name}.0`, [to, from, 3, 3], next),
      ...layer(`${name}.2`, [to, to, 3, 3], next),
    ];
    return [
      ...double("down1", colours!, a!),
      ...double("down2", a!, b!),
      ...double("bottom", b!, c!),
      ...transposed("lift2", [c!, b!, 2, 2], next),
      ...double("up2", 2 * b!, b!),
      ...transposed("lift1", [b!, a!, 2, 2], next),
      ...double("up1", 2 * a!, a!),
      ...layer("head", [classes!, a!, 1, 1], next),
    ];
  },

  lstm: (spec, next) => recurrent(spec, 4, next),
  gru: (spec, next) => recurrent(spec, 3, next),

  // Without biases, as nanoGPT's; the output layer is the embedding of tokens.
  gpt({ sizes: [tokens, context, width, layers] }, next) {
    const matrix = (name: string, rows: number, columns: number) =>
      bounded(`${name}.weight`, [rows, columns], 0.035, next);
    const C = width!;
    const scale = (name: string) => norm(name, C).slice(0, 1);
    const out = [
      matrix("transformer.wte", tokens!, C),
      matrix("transformer.wpe", context!, C),
      ...scale("transformer.ln_f"),
    ];
    for (let i = 0; i < layers!; i++) {
      const at = `transformer.h.${i}`;
      out.push(...scale(`${at}.ln_1`), ...scale(`${at}.ln_2`));
      out.push(matrix(`${at}.attn.c_attn`, 3 * C, C), matrix(`${at}.attn.c_proj`, C, C));
      out.push(matrix(`${at}.mlp.c_fc`, 4 * C, C), matrix(`${at}.mlp.c_proj`, C, 4 * C));
    }
    return out;
  },
};

/** An embedding of variance 1, layers with so many gates, and a linear layer at each step. */
function recurrent({ sizes }: Net, gates: number, next: Next): Block[] {
  const [vocabulary, embedding] = sizes as [number, number];
  const states = sizes.slice(2, -1);
  const out = [bounded("embedding.weight", [vocabulary, embedding], Math.sqrt(3), next)];
  states.forEach((units, i) => {
    const bound = 1 / Math.sqrt(units);
    const add = (name: string, shape: number[]) =>
      void out.push(bounded(`rnn.${name}_l${i}`, shape, bound, next));
    add("weight_ih", [gates * units, sizes[1 + i]!]);
    add("weight_hh", [gates * units, units]);
    add("bias_ih", [gates * units]);
    add("bias_hh", [gates * units]);
  });
  return [...out, ...layer("fc", [sizes.at(-1)!, states.at(-1)!], next)];
}

function bounded(name: string, shape: number[], bound: number, next: Next): Block {
  return { name, shape, data: fill(shape, () => (2 * next() - 1) * bound) };
}

/** 1/sqrt(fan in): the inputs of one unit, which PyTorch takes to be all axes but the first. */
function boundOf(shape: number[]): number {
  return 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1));
}

function kernel(name: string, shape: number[], next: Next): Block[] {
  return [bounded(`${name}.weight`, shape, boundOf(shape), next)];
}

/** A weight of (out, in, …) and a bias of (out). */
function layer(name: string, shape: number[], next: Next): Block[] {
  const weight = kernel(name, shape, next);
  return [...weight, bounded(`${name}.bias`, [shape[0]!], boundOf(shape), next)];
}

/** A transposed convolution's weight of (in, out, …) and a bias of (out). */
function transposed(name: string, shape: number[], next: Next): Block[] {
  const weight = kernel(name, shape, next);
  return [...weight, bounded(`${name}.bias`, [shape[1]!], boundOf(shape), next)];
}

function norm(name: string, channels: number): Block[] {
  const shape = [channels];
  return [
    { name: `${name}.weight`, shape, data: fill(shape, () => 1) },
    { name: `${name}.bias`, shape, data: fill(shape, () => 0) },
  ];
}
