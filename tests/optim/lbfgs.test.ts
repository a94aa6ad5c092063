// L-BFGS beyond the golden cases: several parameters, a known minimum, bad input.
import { beforeEach, describe, expect, it } from "vitest";
import { device, nn, optim, type Tensor, tensor } from "../../src/index.ts";
import { devices } from "../tensor/devices.ts";

describe.each(devices)("L-BFGS on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it("fits a line exactly, whatever the shapes of its parameters", async () => {
    const layer = new nn.Linear(2, 1);
    const x = tensor([
      [1, 2],
      [0, -1],
      [3, 1],
      [-2, 0.5],
    ]); // (4, 2)
    const y = x.matmul(tensor([[2], [-1]])).add(0.5); // (4, 1)
    const optimizer = new optim.LBFGS(layer.parameters(), { lineSearchFn: "strong_wolfe" });
    const lossOf = (): Tensor => nn.mseLoss(layer.forward(x), y);
    const before = await lossOf().item();
    expect(await optimizer.step(lossOf)).toBeCloseTo(before, 5);
    for (let i = 0; i < 2; i++) await optimizer.step(lossOf);
    const [a, b] = await layer.weight.data();
    expect(a).toBeCloseTo(2, 3);
    expect(b).toBeCloseTo(-1, 3);
    expect(await layer.bias!.item()).toBeCloseTo(0.5, 3);
  });

  it("refuses a loss of other parameters", async () => {
    const [w, other] = [nn.parameter(tensor([1])), nn.parameter(tensor([1]))];
    await expect(new optim.LBFGS([w]).step(() => other.sum())).rejects.toThrow(
      "step: the loss depends on none of the optimizer's parameters",
    );
    expect(() => new optim.LBFGS([])).toThrow("LBFGS: has no parameters to train");
  });
});
