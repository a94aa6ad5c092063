import { expect, it } from "vitest";
import {
  compile,
  grad,
  manualSeed,
  nn,
  randn,
  type Tensor,
  tensor,
  vmap,
  zeros,
} from "../../src/index.ts";

class Net extends nn.Module {
  fc1 = new nn.Linear(3, 4);
  fc2 = new nn.Linear(4, 1);

  forward(x: Tensor): Tensor {
    return this.fc2.forward(this.fc1.forward(x).tanh());
  }
}

const close = async (a: Tensor, b: Tensor) => {
  const [x, y] = [await a.data(), await b.data()];
  expect(x.length).toBe(y.length);
  x.forEach((v, i) => void expect(v).toBeCloseTo(y[i]!, 5));
};

it("calls a module with other values, and leaves its own", async () => {
  manualSeed(1);
  const [model, other] = [new Net(), new Net()];
  const x = randn(5, 3);
  const before = [...(await model.fc1.weight.data())];
  const values = Object.fromEntries(other.namedParameters());
  await close(nn.functionalCall(model, values, x), other.forward(x));
  expect([...(await model.fc1.weight.data())]).toEqual(before);
  const bias = nn.functionalCall(model, { "fc2.bias": tensor([100]) }, x);
  await close(bias, model.forward(x).sub(model.fc2.bias!).add(100));
});

it("gives gradients to the values, for each sample and in a compiled function", async () => {
  manualSeed(2);
  const model = new Net();
  const [xs, ys] = [randn(4, 3), randn(4, 1)];
  const parameters = Object.fromEntries(model.namedParameters());
  const loss = (p: nn.Substitutes, x: Tensor, y: Tensor) =>
    nn.functionalCall(model, p, x).sub(y).square().sum();
  const whole = grad(loss)(parameters, xs, ys) as Record<string, Tensor>;
  const each = (p: nn.Substitutes, x: Tensor, y: Tensor) =>
    vmap(grad(loss), { inAxes: [null, 0, 0] })(p, x, y) as Record<string, Tensor>;
  const eager = each(parameters, xs, ys);
  const compiled = compile(each)(parameters, xs, ys);
  model.forward(xs).sub(ys).square().sum().backward();
  for (const [name, own] of model.namedParameters()) {
    expect(eager[name]!.shape).toEqual([4, ...own.shape]);
    await close(eager[name]!.sum(0), whole[name]!);
    await close(compiled[name]!.sum(0), whole[name]!);
    await close(own.grad!, whole[name]!);
  }
});

it("leaves no gradient with the module", async () => {
  const model = new Net();
  const weight = zeros(4, 3, { requiresGrad: true });
  nn.functionalCall(model, { "fc1.weight": weight }, randn(2, 3)).sum().backward();
  expect(weight.grad).not.toBeNull();
  expect(model.fc1.weight.grad).toBeNull();
  expect(model.fc2.weight.grad).not.toBeNull();
});

it("names what does not fit", () => {
  const model = new Net();
  const x = zeros(1, 3);
  expect(() => nn.functionalCall(model, { fc3: x }, x)).toThrow('the module has no "fc3"');
  expect(() => nn.functionalCall(model, { "fc2.bias": zeros(2) }, x)).toThrow(
    "fc2.bias is [1], got [2]",
  );
  expect(() => nn.functionalCall(model, { "fc2.bias": 3 as never }, x)).toThrow("fc2.bias");
});
