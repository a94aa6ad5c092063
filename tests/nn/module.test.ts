// Modules: what is state, under which names; modes; state dicts in and out; how they print.
import { beforeEach, describe, expect, it } from "vitest";
import { compile, device, manualSeed, nn, optim, Tensor, tensor, zeros } from "../../src/index.ts";
import { nodeOf } from "../../src/tensor/core.ts";
import { devices } from "../tensor/devices.ts";

class Block extends nn.Module {
  weight = nn.parameter(zeros(2, 3));
  running = zeros(3);
  layers = [new nn.Linear(3, 2), new nn.Linear(2, 3, { bias: false })];
  byName = { a: new nn.Linear(1, 1), more: new Map([["b", new nn.Identity()]]) };
  scale = 3;
  #hidden = zeros(5);

  hidden(): Tensor {
    return this.#hidden;
  }
}

class Child extends nn.Module {
  parent: nn.Module | null = null;
  fc = new nn.Linear(2, 2);
}

class Cyclic extends nn.Module {
  child = new Child();

  constructor() {
    super();
    this.child.parent = this;
  }
}

class Tied extends nn.Module {
  embed = new nn.Embedding(5, 3);
  head = new nn.Linear(3, 5, { bias: false });

  constructor() {
    super();
    this.head.weight = this.embed.weight;
  }
}

beforeEach(() => {
  device("reference");
  manualSeed(0);
});

describe("state", () => {
  it("is found in fields, arrays, objects and Maps, under PyTorch's names", () => {
    const block = new Block();
    expect(block.namedParameters().map(([name]) => name)).toEqual([
      "weight",
      "layers.0.weight",
      "layers.0.bias",
      "layers.1.weight",
      "byName.a.weight",
      "byName.a.bias",
    ]);
    expect(block.namedBuffers().map(([name]) => name)).toEqual(["running"]);
    expect(block.namedModules().map(([name]) => name)).toEqual([
      "",
      "layers.0",
      "layers.1",
      "byName.a",
      "byName.more.b",
    ]);
    expect(block.hidden().shape).toEqual([5]);
  });

  it("has the numbers of Sequential, ModuleList and ModuleDict as names", () => {
    const list = new nn.ModuleList([new nn.Linear(1, 1)]).append(new nn.Linear(1, 1));
    const dict = new nn.ModuleDict({ first: new nn.Linear(1, 1, { bias: false }) });
    const names = (module: nn.Module) => Object.keys(module.stateDict());
    expect(names(new nn.Sequential(new nn.ReLU(), new nn.Linear(1, 1)))).toEqual([
      "1.weight",
      "1.bias",
    ]);
    expect(names(list)).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
    expect(names(dict)).toEqual(["first.weight"]);
  });

  it("lists tied weights once as parameters and under both names in the state dict", () => {
    const model = new Tied();
    expect(model.parameters()).toHaveLength(1);
    expect(Object.keys(model.stateDict())).toEqual(["embed.weight", "head.weight"]);
  });

  it("survives a field that points back to a parent", () => {
    const names = new Cyclic().namedParameters().map(([name]) => name);
    expect(names).toEqual(["child.fc.weight", "child.fc.bias"]);
  });

  it("keeps a frozen parameter a parameter", () => {
    const layer = new nn.Linear(2, 2).freeze();
    expect(layer.parameters()).toHaveLength(2);
    expect(layer.parameters().some((p) => p.requiresGrad)).toBe(false);
    expect(
      layer
        .unfreeze()
        .parameters()
        .every((p) => p.requiresGrad),
    ).toBe(true);
  });

  it("of an int tensor cannot be a parameter", () => {
    expect(() => nn.parameter(Tensor.from(Int32Array.of(1)))).toThrow(
      "parameter: needs a float tensor, got int32",
    );
  });
});

describe.each(devices)("state dicts on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it("carry values to another model, as tensors and as typed arrays", async () => {
    const [a, b, c] = [new nn.Linear(3, 2), new nn.Linear(3, 2), new nn.Linear(3, 2)];
    b.loadStateDict(a.stateDict());
    c.loadStateDict({
      weight: (await a.weight.data()) as Float32Array,
      bias: (await a.bias!.data()) as Float32Array,
    });
    expect(await b.weight.array()).toEqual(await a.weight.array());
    expect(await c.weight.array()).toEqual(await a.weight.array());
    expect(await c.bias!.array()).toEqual(await a.bias!.array());
  });

  it("stay what they are while the model trains", async () => {
    const model = new nn.Linear(2, 1);
    const saved = model.stateDict();
    const before = await new nn.Linear(2, 1).loadStateDict(model.stateDict()).weight.data();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
    const step = compile((x: Tensor) => {
      const loss = model.forward(x).square().sum();
      optimizer.step(loss);
      return loss;
    });
    for (let i = 0; i < 3; i++) await step(tensor([[1, 2]])).item();
    expect(Array.from(await saved.weight!.data())).toEqual(Array.from(before));
    expect(Array.from(await model.weight.data())).not.toEqual(Array.from(before));
  });

  it("that do not fit change nothing and say all that is wrong", async () => {
    const model = new Tied();
    const before = await model.embed.weight.data();
    const wrong = { "embed.weight": zeros(5, 4), extra: zeros(1) };
    expect(() => model.loadStateDict(wrong)).toThrow(
      [
        "the state dict does not fit Tied: 1 missing, 1 unexpected, 1 wrong shape",
        "  missing     head.weight",
        "  unexpected  extra",
        "  shape       embed.weight: given [5,4], model [5,3]",
        "  hint: loadStateDict(values, { strict: false }) keeps what fits",
      ].join("\n"),
    );
    expect(await model.embed.weight.data()).toEqual(before);
    model.loadStateDict({ ...wrong, "head.weight": zeros(5, 3) }, { strict: false });
    expect(Math.max(...(await model.embed.weight.data()))).toBe(0);
  });
});

describe("modes", () => {
  it("reach every module and compiled functions", async () => {
    const model = new nn.Sequential(new nn.Dropout(1), new nn.Identity());
    const run = compile((x: Tensor) => model.forward(x));
    const x = tensor([1, 2]);
    expect(await run(x).array()).toEqual([0, 0]);
    model.eval();
    expect(model.modules().every((module) => !module.training)).toBe(true);
    expect(await run(x).array()).toEqual([1, 2]);
    model.train();
    expect(await run(x).array()).toEqual([0, 0]);
  });

  it("set directly are honoured too", async () => {
    const layer = new nn.Dropout(1);
    const run = compile((x: Tensor) => layer.forward(x));
    expect(await run(tensor([1])).array()).toEqual([0]);
    layer.training = false;
    expect(await run(tensor([1])).array()).toEqual([1]);
  });
});

describe("names", () => {
  it("print as a tree", () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 8, 3, { padding: 1 }),
      new nn.Sequential(new nn.ReLU(), new nn.Flatten()),
    );
    expect(String(model)).toBe(
      [
        "Sequential(",
        "  (0): Conv2d(1 -> 8, kernel 3x3, padding 1)",
        "  (1): Sequential(",
        "    (0): ReLU()",
        "    (1): Flatten()",
        "  )",
        ")",
      ].join("\n"),
    );
  });

  it("stand in errors and on nodes once a walk has met the module", () => {
    const model = new nn.Sequential(new nn.ReLU(), new nn.Linear(3, 2));
    expect(() => model.forward(zeros(4, 5))).toThrow(
      "linear: input [4,5], weight [2,3]: the last axis is 5, not 3\n  in: Linear 3 -> 2",
    );
    model.parameters();
    expect(() => model.forward(zeros(4, 5))).toThrow("in: model.1 (Linear 3 -> 2)");
    expect(nodeOf(model.forward(zeros(4, 3))).scope).toBe("model.1 (Linear 3 -> 2)");
  });
});

describe("summary", () => {
  class Net extends nn.Module {
    conv = new nn.Conv2d(1, 4, 3, { padding: 1 });
    norm = new nn.BatchNorm2d(4);
    fc = new nn.Linear(4 * 14 * 14, 10);

    forward(x: Tensor): Tensor {
      const h = this.norm.forward(this.conv.forward(x)).maxPool2d(2); // (B, 4, 14, 14)
      return this.fc.forward(h.flatten(1));
    }
  }

  it("has shapes and counts, computes nothing and changes nothing", async () => {
    const model = new Net();
    const compiled = device("reference").compiled;
    const table = nn.summary(model, [1, 28, 28]);
    expect(table.rows).toEqual([
      { name: "", kind: "Net", outputShape: [1, 10], parameters: 0 },
      { name: "conv", kind: "Conv2d", outputShape: [1, 4, 28, 28], parameters: 40 },
      { name: "norm", kind: "BatchNorm2d", outputShape: [1, 4, 28, 28], parameters: 8 },
      { name: "fc", kind: "Linear", outputShape: [1, 10], parameters: 7850 },
    ]);
    expect([table.total, table.trainable]).toEqual([7898, 7898]);
    expect(String(table)).toContain("total 7,898 parameters");
    expect(device("reference").compiled).toBe(compiled);
    expect(model.training).toBe(true);
    expect(await model.norm.num_batches_tracked!.item()).toBe(0);
    expect(Object.hasOwn(model.fc, "forward")).toBe(false);
  });

  it("takes what a forward takes where that is no one tensor of floats", () => {
    class Pair extends nn.Module {
      embed = new nn.Embedding(5, 3);
      forward({ ids, weight }: { ids: Tensor; weight: Tensor }): Tensor {
        return this.embed.forward(ids).mul(weight);
      }
    }
    const ids = tensor([[0, 4]], { dtype: "int32" });
    const { rows } = nn.summary(new Pair(), { ids, weight: zeros(1, 2, 1) });
    expect(rows.map(({ outputShape }) => outputShape)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });
});
