// Rows of the op table: what models are made of (softmax, norms, losses, attention, dropout, optimizer
// updates in place): graphs of several kernels, several outputs, and their gradients.
import { grad } from "../../src/autodiff/backward.ts";
import * as ir from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { type Case, filled, leaf, ranged } from "./case.ts";

const rows = [[1, 1], [3, 5], [16, 17], [33, 64], [7, 257], [130, 10], [2, 1000]]; // biome-ignore format: a table

const last = (x: Node) => [x.shape.length - 1];
const num = (value: number, x: Node) => ir.full(value, x.shape, x.dtype);

function softmax(x: Node): Node {
  const top = ir.detach(ir.expand(ir.reduce("max", x, last(x)), x.shape));
  const e = ir.unary("exp", ir.binary("sub", x, top));
  return ir.binary("div", e, ir.expand(ir.reduce("sum", e, last(x)), x.shape));
}

function logSoftmax(x: Node): Node {
  const top = ir.detach(ir.expand(ir.reduce("max", x, last(x)), x.shape));
  const moved = ir.binary("sub", x, top);
  const sum = ir.reduce("sum", ir.unary("exp", moved), last(x));
  return ir.binary("sub", moved, ir.expand(ir.unary("log", sum), x.shape));
}

function mean(x: Node, axes: readonly number[]): Node {
  const n = axes.reduce((p, a) => p * x.shape[a]!, 1);
  const sum = ir.reduce("sum", x, axes);
  return ir.expand(ir.binary("mul", sum, num(1 / n, sum)), x.shape);
}

function normalize(x: Node, axes: readonly number[]): Node {
  const centred = ir.binary("sub", x, mean(x, axes));
  const variance = mean(ir.binary("mul", centred, centred), axes);
  const scale = ir.unary("rsqrt", ir.binary("add", variance, num(1e-5, x)));
  return ir.binary("mul", centred, scale);
}

function affine(y: Node, weight: Node, bias: Node): Node {
  const scaled = ir.binary("mul", y, ir.broadcastTo(weight, y.shape));
  return ir.binary("add", scaled, ir.broadcastTo(bias, y.shape));
}

function* rowwise(): Generator<Case> {
  for (const shape of rows) {
    const D = shape.at(-1)!;
    const smooth = shape[0]! * D < 400;
    const x = leaf(shape, smooth ? "float64" : "float32");
    const params = [leaf([D], x.dtype, 2), leaf([D], x.dtype, 3)];
    yield { name: `softmax [${shape}]`, leaves: [x], build: (x) => softmax(x!), smooth };
    for (const axes of [[shape.length - 1], shape.map((_, i) => i)]) {
      yield {
        name: `softmax [${shape}] over ${axes}, the composite`,
        leaves: [x],
        build: (x) => ir.softmax(x!, axes),
        smooth,
      };
    }
    yield {
      name: `log softmax [${shape}]`,
      leaves: [x],
      build: (x) => logSoftmax(x!),
      smooth,
      loose: 4,
    };
    yield {
      name: `layer norm [${shape}]`,
      leaves: [x, ...params],
      build: (x, w, b) => affine(normalize(x!, [1]), w!, b!),
      smooth: smooth && D > 1,
      loose: D > 1 ? 4 : 1,
    };
    yield {
      name: `softmax [${shape}] over rows`,
      leaves: [x],
      build: (x) => ir.permute(softmax(ir.permute(x!, [1, 0])), [1, 0]),
      smooth,
    };
  }
  yield {
    name: "softmax of a masked row",
    leaves: [leaf([4, 6], "float64"), leaf([4, 6], "bool")],
    build: (x, m) => softmax(ir.where(m!, x!, num(-1e30, x!))),
    smooth: true,
  };
  yield {
    name: "softmax with infinities",
    leaves: [
      filled([3, 4], "float32", [-Infinity, 1, 2, -Infinity, 0, 88, 3, 1, Infinity, 0, 1, 2]),
    ],
    build: (x) => softmax(x!),
  };
}

function* norms(): Generator<Case> {
  for (const shape of [
    [4, 3, 5, 5],
    [2, 17, 8, 8],
    [6, 20],
  ]) {
    const C = shape[1]!;
    const axes = shape.map((_, i) => i).filter((i) => i !== 1);
    const column = [C, ...shape.slice(2).map(() => 1)];
    const smooth = shape.length === 4 && C === 3;
    const dtype = smooth ? "float64" : "float32";
    yield {
      name: `batch norm [${shape}] with running means`,
      leaves: [
        leaf(shape, dtype),
        leaf(column, dtype, 2),
        leaf(column, dtype, 3),
        leaf(
          shape.map((_, i) => (i === 1 ? C : 1)),
          dtype,
          4,
        ),
      ],
      build: (x, w, b, running) => {
        const y = affine(normalize(x!, axes), w!, b!);
        const n = x!.shape.reduce((p, d) => p * d, 1) / C;
        const now = ir.binary("mul", ir.reduce("sum", x!, axes), num(0.1 / n, running!));
        return [y, ir.binary("add", ir.binary("mul", running!, num(0.9, running!)), now)];
      },
      into: [-1, 3],
      smooth,
      loose: 10,
    };
  }
}

function crossEntropy(logits: Node, target: Node): Node {
  const [B, C] = logits.shape as [number, number];
  const classes = ir.broadcastTo(ir.iota(C), [B, C]);
  const hot = ir.compare("eq", classes, ir.expand(ir.reshape(target, [B, 1]), [B, C]));
  const picked = ir.where(hot, logSoftmax(logits), num(0, logits));
  return ir.unary("neg", ir.reshape(ir.reduce("sum", picked, [0, 1]), []));
}

function* losses(): Generator<Case> {
  for (const [B, C] of [[5, 3], [64, 10], [33, 17]] as const) {
    const smooth = B === 5;
    const leaves = [leaf([B, C], smooth ? "float64" : "float32"), ranged([B], "int32", 0, C)];
    const build = (x: Node, t: Node) => crossEntropy(x, t);
    yield { name: `cross entropy [${B},${C}]`, leaves, build, smooth, loose: 10 };
    yield {
      name: `cross entropy [${B},${C}], loss and gradient`,
      leaves,
      build: (x, t) => withGradients(crossEntropy(x!, t!), [x!]),
      smooth,
      loose: 10,
    };
  } // biome-ignore format: a table
}

function withGradients(loss: Node, wrt: Node[]): Node[] {
  const gradients = grad([loss], [num(1, loss)], wrt);
  return [loss, ...gradients.map((g, i) => g ?? num(0, wrt[i]!))];
}

function* networks(): Generator<Case> {
  const mlp = (x: Node, t: Node, w1: Node, b1: Node, w2: Node, b2: Node) => {
    const linear = { a: "bi", b: "oi", out: "bo" };
    const h = ir.contract(x, w1, linear); // (B, H)
    const a = ir.unary("relu", ir.binary("add", h, ir.broadcastTo(b1, h.shape)));
    const y = ir.contract(a, w2, linear); // (B, C)
    return crossEntropy(ir.binary("add", y, ir.broadcastTo(b2, y.shape)), t);
  };
  for (const [B, D, H, C] of [[4, 2, 16, 3], [33, 20, 65, 10]] as const) {
    const dtype = B === 4 ? "float64" : "float32";
    yield {
      name: `mlp ${B}×${D}×${H}×${C}, loss and all gradients`,
      leaves: [
        leaf([B, D], dtype),
        ranged([B], "int32", 0, C),
        leaf([H, D], dtype, 2),
        leaf([H], dtype, 3),
        leaf([C, H], dtype, 4),
        leaf([C], dtype, 5),
      ],
      build: (x, t, ...p) => withGradients(mlp(x!, t!, p[0]!, p[1]!, p[2]!, p[3]!), p as Node[]),
      smooth: B === 4,
      loose: 50,
    };
  } // biome-ignore format: a table
  yield {
    name: "attention with a causal mask, and its gradients",
    leaves: [1, 2, 3].map((seed) => leaf([2, 5, 2, 3], "float64", seed)), // (B, T, H, D)
    build: (q, k, v) => {
      const scores = ir.contract(q!, k!, { a: "bqhd", b: "bkhd", out: "bhqk" });
      const at = ir.iota(5);
      const [row, column] = [
        ir.broadcastTo(ir.reshape(at, [5, 1]), [5, 5]),
        ir.broadcastTo(at, [5, 5]),
      ];
      const seen = ir.broadcastTo(ir.compare("le", column, row), scores.shape);
      const p = softmax(ir.where(seen, scores, num(-Infinity, scores))); // (B, H, T, T)
      const y = ir.contract(p, v!, { a: "bhqk", b: "bkhd", out: "bqhd" });
      const loss = ir.reshape(ir.reduce("sum", ir.unary("tanh", y), [0, 1, 2, 3]), []);
      return [y, ...withGradients(loss, [q!, k!, v!])];
    },
    smooth: true,
  };
  yield {
    name: "conv net, loss and all gradients",
    leaves: [
      leaf([3, 1, 8, 8], "float32"),
      ranged([3], "int32", 0, 4),
      leaf([6, 1, 3, 3], "float32", 2),
      leaf([4, 6 * 16], "float32", 3),
    ],
    build: (x, t, w, v) => {
      const attrs = { stride: [1, 1], lo: [1, 1], hi: [1, 1], dilation: [1, 1], groups: 1 };
      const y = ir.unary("relu", ir.conv(x!, w!, attrs)); // (3, 6, 8, 8)
      const pooled = ir.reduce("max", ir.window(y, [2, 3], [2, 2], [2, 2], [1, 1]), [4, 5]);
      const logits = ir.contract(ir.reshape(pooled, [3, 96]), v!, { a: "bi", b: "oi", out: "bo" });
      return withGradients(crossEntropy(logits, t!), [w!, v!]);
    },
    loose: 50,
  };
}

function* updates(): Generator<Case> {
  for (const n of [1, 17, 1000, 4099]) {
    yield {
      name: `adam [${n}] in place`,
      leaves: [
        leaf([n]),
        leaf([n], "float32", 2),
        leaf([n], "float32", 3),
        ranged([n], "float32", 0, 1),
      ],
      build: (p, g, m, v) => adam(p!, g!, m!, v!),
      into: [0, 2, 3],
      loose: 4,
    };
    yield {
      name: `sgd [${n}] in place, with the old values as an output`,
      leaves: [leaf([n]), leaf([n], "float32", 2)],
      build: (p, g) => {
        const step = ir.binary("mul", g!, ir.broadcastTo(ir.scalar(0.1, "float32"), [n]));
        return [ir.binary("sub", p!, step), ir.unary("exp", p!), p!];
      },
      into: [0, -1, -1],
    };
  }
  yield {
    name: "two buffers exchanged in place",
    leaves: [leaf([33]), leaf([33], "float32", 2)],
    build: (a, b) => [b!, a!],
    into: [0, 1],
  };
  yield {
    name: "a buffer reversed in place",
    leaves: [leaf([7, 5])],
    build: (a) => ir.flip(a!, [0, 1]),
    into: [0],
  };
  yield {
    name: "dropout, forward and backward from the same bits",
    leaves: [leaf([9, 33]), filled([], "int32", [7]), filled([], "int32", [42])],
    build: (x, seed, base) => {
      const bits = ir.random(x!.shape, seed!, base!, 1);
      const kept = ir.compare("lt", bits, ir.full(0, x!.shape, "int32"));
      const y = ir.where(kept, ir.binary("mul", x!, num(2, x!)), num(0, x!));
      const loss = ir.reshape(ir.reduce("sum", ir.binary("mul", y, y), [0, 1]), []);
      return [y, ...withGradients(loss, [x!])];
    },
    loose: 10,
  };
}

function adam(p: Node, g: Node, m: Node, v: Node): Node[] {
  const [b1, b2] = [num(0.9, p), num(0.999, p)];
  const m1 = ir.binary("add", ir.binary("mul", m, b1), ir.binary("mul", g, num(0.1, g)));
  const g2 = ir.binary("mul", g, g);
  const v1 = ir.binary("add", ir.binary("mul", v, b2), ir.binary("mul", g2, num(0.001, g)));
  const lr = ir.broadcastTo(ir.scalar(0.01, "float32"), p.shape);
  const root = ir.binary("add", ir.unary("sqrt", v1), num(1e-8, p));
  return [ir.binary("sub", p, ir.binary("mul", lr, ir.binary("div", m1, root))), m1, v1];
}

export const modelCases: readonly Case[] = [
  ...rowwise(),
  ...norms(),
  ...losses(),
  ...networks(),
  ...updates(),
];
