// Embedding's rarer options, against values of PyTorch 1.13.
import { expect, it } from "vitest";
import { compile, nn, optim, type Tensor, tensor, zeros } from "../../src/index.ts";

const rows = () => tensor([[3, 4], [0.3, 0.4], [6, 8]]); // biome-ignore format: a matrix
const places = tensor([0, 1, 0, 0], { dtype: "int32" });

const table = (options: nn.EmbeddingOptions) =>
  nn.Embedding.fromPretrained(rows(), { freeze: false, ...options });

const close = async (x: Tensor, wanted: number[][]) => {
  const found = await x.data();
  wanted.flat().forEach((v, i) => void expect(found[i]).toBeCloseTo(v, 4));
};

it("divides gradients by how often a row was looked up", async () => {
  const layer = table({ scaleGradByFreq: true });
  const factors = tensor([[1, 2], [3, 4], [5, 6], [7, 8]]); // biome-ignore format: a matrix
  const y = layer.forward(places);
  expect(await y.array()).toEqual(await rows().indexSelect(0, places).array());
  y.mul(factors).sum().backward();
  await close(layer.weight.grad!, [[4.3333, 5.3333], [3, 4], [0, 0]]); // biome-ignore format: a matrix
});

it("scales long rows down where they are looked up", async () => {
  for (const run of [(f: (i: Tensor) => Tensor) => f, compile]) {
    const two = table({ maxNorm: 1 });
    await close(run((i: Tensor) => two.forward(i))(places), [[0.6, 0.8], [0.3, 0.4], [0.6, 0.8], [0.6, 0.8]]); // biome-ignore format: a matrix
    await close(two.weight, [[0.6, 0.8], [0.3, 0.4], [6, 8]]); // biome-ignore format: a matrix
  }
  const one = table({ maxNorm: 2, normType: 1 });
  await close(one.forward(places), [[0.8571, 1.1429], [0.3, 0.4]]); // biome-ignore format: a matrix
});

it("trains with a largest norm, in a compiled step", async () => {
  const layer = table({ maxNorm: 1 });
  const optimizer = new optim.SGD(layer.parameters(), { lr: 0.5 });
  const step = compile((i: Tensor) => {
    const loss = layer.forward(i).sum();
    optimizer.step(loss);
    return loss;
  });
  await step(tensor([0], { dtype: "int32" })).item();
  await close(layer.weight, [[0.1, 0.3], [0.3, 0.4], [6, 8]]); // biome-ignore format: a matrix
});

it("names what does not fit", () => {
  expect(() => new nn.Embedding(3, 2, { maxNorm: 0 })).toThrow("maxNorm must be above 0, got 0");
  expect(() => new nn.Embedding(3, 2, { normType: -1 })).toThrow(
    "normType must be above 0, got -1",
  );
  expect(() => new nn.Embedding(3, 2).forward(zeros(2))).toThrow("indices must be int32");
});
