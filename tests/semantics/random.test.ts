// Random numbers: from a saved base and the position of the draw, so that they are the same compiled or
// not, on every device, and after a resume.
import { beforeEach, expect, it } from "vitest";
import { compile } from "../../src/tensor/compile.ts";
import { rand } from "../../src/tensor/create.ts";
import { device } from "../../src/tensor/device.ts";
import { generatorState, manualSeed, setGeneratorState } from "../../src/tensor/random.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { leaf, list, onEveryDevice, vector } from "./devices.ts";

const noisy = (x: Tensor) =>
  rand([4])
    .sub(rand([4]))
    .mul(x);

async function draw(f: (x: Tensor) => Tensor, calls: number): Promise<number[][]> {
  const results: number[][] = [];
  for (let i = 0; i < calls; i++) results.push(await list(f(vector(1, 1, 1, 1))));
  return results;
}

onEveryDevice((use) => {
  beforeEach(() => {
    use();
    manualSeed(7);
  });

  it("compiled or not, and on the reference: the same bits", async () => {
    const plain = await draw(noisy, 4);
    manualSeed(7);
    const compiled = await draw(compile(noisy), 4);
    device("reference");
    manualSeed(7);
    expect(compiled).toEqual(plain);
    expect(await draw(noisy, 4)).toEqual(plain);
    expect(new Set(plain.flat()).size).toBe(16);
  });

  it("a resume is exact, also in the middle of a mixture", async () => {
    const step = compile(noisy);
    await draw(step, 2);
    await draw(noisy, 1);
    const saved = JSON.parse(JSON.stringify(generatorState()));
    const before = [...(await draw(step, 2)), ...(await draw(noisy, 1))];
    setGeneratorState(saved);
    expect([...(await draw(compile(noisy), 2)), ...(await draw(noisy, 1))]).toEqual(before);
  });

  it("the gradient recomputes the same mask, also after a read", async () => {
    const w = leaf(1, 1, 1, 1, 1, 1, 1, 1);
    const masked = w.mul(rand([8]).lt(0.5).float());
    const mask = await list(masked);
    masked.sum().backward();
    expect(await list(w.grad!)).toEqual(mask);
    expect(new Set(mask).size).toBe(2);
    const f = compile(() => {
      const y = w.mul(rand([8]).lt(0.5).float());
      w.grad = null;
      y.sum().backward();
      return [y, w.grad!.add(0)];
    });
    const [y, g] = f();
    expect(await list(g!)).toEqual(await list(y!));
  });
});
