// What mistakes are told, word for word: thrown where the op is written, with the fix where there is one.
import { beforeAll, describe, expect, it } from "vitest";
import { withScope } from "../../src/ir/node.ts";
import { fullLike, oneHot, ones, tensor, zeros } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { multinomial } from "../../src/tensor/draws.ts";
import { einsum } from "../../src/tensor/einsum.ts";
import { cat, stack } from "../../src/tensor/ops/join.ts";
import type { NestedArray } from "../../src/tensor/shape-types.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { messageOf } from "./devices.ts";

beforeAll(() => void device("reference"));

const x = ones(2, 3);
const int = { dtype: "int32" } as const;

const table: [string, () => unknown, string][] = [
  [
    "matmul, right operand transposed",
    () => ones(32, 784).matmul(ones(128, 784)),
    "ShapeError: matmul: [32,784] @ [128,784]: inner sizes 784 and 128 differ\n" +
      "  hint: the right operand looks transposed; use b.T",
  ],
  [
    "matmul, left operand transposed",
    () => ones(3, 2).matmul(ones(3, 4)),
    "ShapeError: matmul: [3,2] @ [3,4]: inner sizes 2 and 3 differ\n" +
      "  hint: the left operand looks transposed; use a.T",
  ],
  [
    "matmul, dtypes",
    () => x.matmul(ones(3, 2, { dtype: "float64" })),
    'DtypeError: matmul: operands are float32 and float64\n  hint: use b.to("float32")',
  ],
  [
    "broadcasting",
    () => x.add(ones(2, 4)),
    "ShapeError: add: [2,3] and [2,4] do not broadcast: sizes 3 and 4 differ",
  ],
  [
    "broadcasting that lines up the first axes",
    () => x.mul(ones(2)),
    "ShapeError: mul: [2,3] and [2] do not broadcast: sizes 3 and 2 differ\n" +
      "  hint: to line up the first axes use b.unsqueeze(-1)",
  ],
  [
    "reshape",
    () => x.reshape(4, 2),
    "ShapeError: reshape: [2,3] to [4,2]: 6 elements do not fit 8",
  ],
  [
    "reshape with -1",
    () => x.reshape(4, -1),
    "ShapeError: reshape: [2,3] to [4,-1]: 6 elements do not divide by 4",
  ],
  [
    "axis out of range",
    () => x.sum(2),
    "ShapeError: sum: axis 2 is outside [2,3]: axes go from -2 to 1",
  ],
  ["axis named twice", () => x.sum([0, -2]), "ShapeError: sum: axis 0 of [2,3] is named twice"],
  [
    "mean of ints",
    () => tensor([1], int).mean(),
    "DtypeError: mean: needs a float tensor, got int32\n  hint: use x.float().mean()",
  ],
  [
    "condition that is no bool",
    () => x.where(x, 0),
    "DtypeError: where: the condition must be bool, got float32\n" +
      "  hint: compare first, as in where(x.ne(0), a, b)",
  ],
  [
    "float bits",
    () => x.bitwiseAnd(1),
    "DtypeError: bitwiseAnd: needs ints or bools, got float32\n  hint: use x.int()",
  ],
  [
    "negative power of ints",
    () => tensor([2], int).pow(-1),
    "DtypeError: pow: an int tensor has no power -1\n  hint: use x.float().pow(…)",
  ],
  ["index", () => x.at(2), "ShapeError: at: index 2 is outside an axis of 2 of [2,3]"],
  ["too many indices", () => x.at(0, 0, 0), "ShapeError: at: 3 indices are too many for [2,3]"],
  [
    "mask as index",
    () => x.at(x.gt(0)),
    "DtypeError: at: a mask gives a shape that depends on its values\n" +
      "  hint: use await x.maskedSelect(mask), x.maskedFill(mask, v) or x.where(mask, y)",
  ],
  ["cat", () => cat([x, ones(2, 4)]), "ShapeError: cat: [2,3] and [2,4] differ off axis 0"],
  ["stack", () => stack([x, ones(2)]), "ShapeError: stack: [2,3] and [2] differ"],
  [
    "float indices",
    () => x.gather(0, x),
    "DtypeError: gather: indices must be ints, got float32\n  hint: use index.int()",
  ],
  [
    "ragged rows",
    () => tensor([[1, 2], [3]]),
    "ShapeError: tensor: rows of 2 and a row of 1 are mixed on axis 1",
  ],
  [
    "elements that are no numbers",
    () => tensor(["a"] as unknown as NestedArray),
    "ArgumentError: tensor: takes numbers and booleans, found a string",
  ],
  [
    "unknown dtype",
    () => zeros(2, { dtype: "float16" as "float32" }),
    'DtypeError: zeros: there is no dtype "float16"\n' +
      "  hint: use one of float32, float64, int32, uint8, bool",
  ],
  [
    "data and shape",
    () => Tensor.from(new Float32Array(3), [2, 2]),
    "ShapeError: Tensor.from: 3 elements do not fit [2,2]",
  ],
  [
    "convolution channels",
    () => ones(1, 3, 8, 8).conv2d(ones(4, 1, 3, 3)),
    "ShapeError: conv2d: input [1,3,8,8], weight [4,1,3,3]: 3 channels, the weight takes 1",
  ],
  [
    "convolution kernel",
    () => ones(1, 1, 2, 2).conv2d(ones(1, 1, 3, 3)),
    "ShapeError: conv2d: a kernel of 3 does not fit the padded input of 2",
  ],
  [
    "pooling",
    () => ones(1, 2, 2).maxPool2d(3),
    "ShapeError: maxPool2d: a window of 3 does not fit the padded input of 2",
  ],
  [
    "einsum",
    () => einsum("ij,jk->ik", x, x),
    'ShapeError: einsum: "ij,jk->ik": axis "j" has sizes 3 and 2',
  ],
  [
    "gradients of ints",
    () => tensor([1], { dtype: "int32", requiresGrad: true }),
    "DtypeError: requiresGrad: only float tensors have gradients, got int32",
  ],
  [
    "item of many",
    () => x.itemSync(),
    "ArgumentError: itemSync: needs a tensor of one element, got [2,3]\n" +
      "  hint: use await x.array()",
  ],
  [
    "assign",
    () => zeros(2).assign(ones(3)),
    "ShapeError: assign: [2] and [3] do not broadcast: sizes 2 and 3 differ",
  ],
  [
    "classes of oneHot",
    () => oneHot(x, 3),
    "DtypeError: oneHot: classes must be ints, got float32\n  hint: use x.int()",
  ],
  [
    "draws without replacement",
    () => multinomial(ones(3), 4),
    "ArgumentError: multinomial: 4 of 3 classes cannot be drawn without replacement\n" +
      "  hint: use { replacement: true }",
  ],
  [
    "an operand that is no number",
    () => x.add("1" as unknown as number),
    "ArgumentError: add: takes tensors and numbers, got a string",
  ],
];

describe("errors", () => {
  it.each(table)("%s", (_, f, text) => {
    expect(messageOf(f)).toBe(text);
  });

  it("name the module that is running", () => {
    const text = messageOf(() => withScope("model.fc1", () => x.add(fullLike(x.T, 1))));
    expect(text.split("\n").at(-1)).toBe("  in: model.fc1");
  });

  it("are thrown at the user's line", () => {
    let stack = "";
    try {
      x.matmul(x);
    } catch (error) {
      stack = (error as Error).stack ?? "";
    }
    expect(stack).toContain("errors.test.ts");
  });
});
