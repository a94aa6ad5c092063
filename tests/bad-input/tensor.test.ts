// What a slip in plain JavaScript or a habit from PyTorch gets: a typed error at the user's line, word for
// word. The types refuse most of it; who writes without them meets these. Not here: shapes that are well
// formed and do not fit each other (tests/tensor/errors.test.ts).
import { describe, expect, it } from "vitest";
import * as anneal from "../../src/index.ts";

// biome-ignore lint/suspicious/noExplicitAny: the point is what the types do not allow.
const a = anneal as any;
const { ones, zeros, tensor, full, arange, cat, compile } = a;
const int = { dtype: "int32" };
const image = () => ones(1, 1, 8, 8);
const kernel = () => ones(1, 1, 3, 3);

const cases: [string, () => unknown, string][] = [
  [
    "more elements than can be counted",
    () => zeros(2 ** 20, 2 ** 20),
    "ShapeError: zeros: [1048576,1048576] has 1099511627776 elements, a tensor at most 2147483647",
  ],
  [
    "a size beyond int32",
    () => ones(1).expand(2 ** 40),
    "ShapeError: expand: [1099511627776] is too large: a size may be at most 2147483647",
  ],
  [
    "null among sizes",
    () => zeros(null),
    "ShapeError: zeros: sizes must be whole and not negative, got []",
  ],
  [
    "a number for a shape",
    () => full(2, 3),
    "ArgumentError: full: a shape must be a list of sizes, got a number",
  ],
  [
    "a word to fill with",
    () => full([2], "a"),
    "ArgumentError: full: takes a number, got a string",
  ],
  [
    "a range beyond int32",
    () => arange(3e9, 3e9 + 2),
    'ArgumentError: arange: 3000000000 to 3000000002 does not fit int32\n  hint: { dtype: "float64" }',
  ],
  [
    "a number beyond its dtype",
    () => tensor([3e9], int),
    "ArgumentError: tensor: 3000000000 does not fit int32\n  hint: use float32, or x.to(…)",
  ],
  [
    "NaN as an int",
    () => tensor([Number.NaN], int),
    "ArgumentError: tensor: NaN does not fit int32\n  hint: use float32, or x.to(…)",
  ],
  [
    "a dtype where options stand",
    () => tensor([1], "int32"),
    "ArgumentError: tensor: options must be an object, got a string\n" +
      '  hint: options come last, as in { dtype: "int32" }; for a shape use Tensor.from(data, shape)',
  ],
  [
    "a shape where options stand",
    () => tensor(new Float32Array(4), [2, 2]),
    "ArgumentError: tensor: options must be an object, got an array\n" +
      '  hint: options come last, as in { dtype: "int32" }; for a shape use Tensor.from(data, shape)',
  ],
  [
    "PyTorch's positional keepdim",
    () => ones(2, 3).sum(0, true),
    "ArgumentError: sum: options must be an object, got a boolean\n  hint: use { keepdim: true }",
  ],
  [
    "keepdim with a capital",
    () => ones(2, 3).mean(0, { keepDim: true }),
    "ArgumentError: mean: there is no such option\n  hint: use { keepdim: true }",
  ],
  [
    "axes that are none",
    () => ones(2, 3).sum("a"),
    "ArgumentError: sum: axes must be a whole number or a list of them, got a string",
  ],
  [
    "an array for a matrix",
    () => ones(2, 1).matmul([[1]]),
    "ArgumentError: matmul: the right operand must be a tensor, got an array\n  hint: make it one: tensor(x)",
  ],
  [
    "a tensor for a list",
    () => cat(ones(2)),
    "ArgumentError: cat: takes a list of tensors, got a Tensor",
  ],
  [
    "a number in a list",
    () => cat([ones(2), 1]),
    "ArgumentError: cat: each operand must be a tensor, got a number\n  hint: make it one: tensor(x)",
  ],
  [
    "options where the bias stands",
    () => image().conv2d(kernel(), { stride: 2 }),
    "ArgumentError: conv2d: the bias (options come after it) must be a tensor, got a Object\n" +
      "  hint: make it one: tensor(x)",
  ],
  [
    "a stride of 0",
    () => image().conv2d(kernel(), null, { stride: 0 }),
    "ArgumentError: conv2d: stride must be a whole number or 2 of them, at least 1, got [0,0]",
  ],
  [
    "no window",
    () => image().maxPool2d(),
    "ArgumentError: maxPool2d: the size must be a whole number or 2 of them, at least 1, got []",
  ],
  [
    "an array for indices",
    () => ones(3).indexSelect(0, [0]),
    "ArgumentError: indexSelect: the index must be a tensor, got an array\n  hint: make it one: tensor(x)",
  ],
  [
    "a dtype that is none",
    () => ones(2).to("float16"),
    'DtypeError: to: there is no dtype "float16"\n  hint: use one of float32, float64, int32, uint8, bool',
  ],
  ["no equation", () => a.einsum(3), "ArgumentError: einsum: takes an equation, got a number"],
  [
    "no device",
    () => a.device(null),
    'ArgumentError: device: takes a name or a Backend\n  hint: device("wasm")',
  ],
  [
    "+ on tensors",
    () => ones(2) + ones(2),
    "ArgumentError: tensor: operators such as + and > do not work on tensors\n" +
      "  hint: use a.add(b), a.gt(b) …, or the number itself: await a.item()",
  ],
  [
    "> on tensors",
    () => ones(2) > 0,
    "ArgumentError: tensor: operators such as + and > do not work on tensors\n" +
      "  hint: use a.add(b), a.gt(b) …, or the number itself: await a.item()",
  ],
  [
    "a range from high to low",
    () => a.uniform(1, 0, [3]),
    "ArgumentError: uniform: 1 to 0 is no range",
  ],
  [
    "a number as a gradient",
    () => tensor([1], { requiresGrad: true }).mul(2).backward(3),
    "ArgumentError: tensor: a tensor is needed here, got number\n  hint: make it one: tensor(x)",
  ],
  [
    "a generator",
    () => compile(function* () {}),
    "ArgumentError: compile: takes no generator function",
  ],
  [
    "seeding inside a trace",
    () => compile((x: unknown) => a.manualSeed(1) ?? x)(ones(1)),
    "StateError: manualSeed: cannot be called inside a compiled function\n" +
      "  hint: call it before or after the compiled step",
  ],
];

describe("slips", () => {
  it.each(cases)("%s", (_, act, text) => {
    let error: unknown = null;
    try {
      act();
    } catch (thrown) {
      error = thrown;
    }
    expect(String(error)).toBe(text);
    expect(error).toBeInstanceOf(anneal.AnnealError);
    const frames = (error as Error)
      .stack!.split("\n")
      .filter((line) => /^\s+at .*\.ts:/.test(line));
    expect(frames.find((line) => !line.includes("/src/"))).toContain("bad-input/tensor.test.ts");
  });

  it("an argument that contains itself", () => {
    const own: Record<string, unknown> = { x: ones(1) };
    own.own = own;
    expect(() => compile((o: { x: unknown }) => o.x)(own)).toThrow(
      "compile: a value is nested more than 100 levels deep; does it contain itself?",
    );
  });

  it("print in a template as tensors do", () => {
    expect(`${tensor([1, 2])}`).toBe("tensor([1., 2.])");
  });
});

describe("reading inside a trace", () => {
  const reads: [string, (x: anneal.Tensor) => unknown][] = [
    ["item", (x) => x.sum().item()],
    ["data", (x) => x.data()],
    ["array", (x) => x.array()],
  ];
  it.each(reads)("%s throws at once, so that no promise fails unseen", (_, read) => {
    const step = compile((x: anneal.Tensor) => {
      void read(x);
      return x;
    });
    expect(() => step(ones(2))).toThrow(
      "a value cannot be read while its function is being traced",
    );
  });
});

describe("indices", () => {
  it("may be taken from a range as from any table", async () => {
    const at = tensor([2, 0], int);
    expect([...(await arange(3).gather(0, at).data())]).toEqual([2, 0]);
    expect([...(await tensor([5, 6, 7]).gather(0, arange(3).gather(0, at)).data())]).toEqual([
      7, 5,
    ]);
    await expect(a.oneHot(tensor([0, 3], int), 3).data()).rejects.toThrow(
      "an index is outside [0, 3)",
    );
    await expect(
      arange(3)
        .gather(0, tensor([3], int))
        .data(),
    ).rejects.toThrow("gather: an index is outside [0, 3)");
  });
});
