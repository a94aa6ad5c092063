// A recipe of a user's own, for tests: a straight line through points, of which some cannot be read.

import { readFile } from "node:fs/promises";
import { ArgumentError, LoadError, nn, optim, type Tensor, tensor } from "anneal";
import { readAll } from "anneal/data";
import { number, type Recipe, seeded, seedOf, skipBadOf, text, whole } from "anneal/recipe";
import { predict } from "anneal/train";

const settings = {
  epochs: whole("times through the points", 30),
  lr: number("learning rate", 0.1),
  seed: seedOf("weights"),
  skipBad: skipBadOf("points"),
  data: text("a file with a point a line", "<file>"),
} as const;

const model = () => new nn.Linear(1, 1);

export const recipe: Recipe<typeof settings> = {
  name: "line",
  help: "draw a line through points",
  settings,
  async prepare({ epochs, lr, seed, data, skipBad }) {
    const lines = (await readFile(data ?? "points.txt", "utf8")).trim().split("\n");
    const { items, bad } = await readAll(lines, pointOf, { skipBad });
    const line = seeded(seed, model);
    const batch = {
      x: tensor(items.map(([x]) => [x])), // (N, 1)
      y: tensor(items.map(([, y]) => [y])), // (N, 1)
    };
    const optimizer = new optim.SGD(line.parameters(), { lr, momentum: 0.9 });
    return {
      ...{ model: line, epochs, optimizer, loss: nn.mseLoss, skipped: bad },
      summary: nn.summary(line, [1]),
      data: `${items.length} points`,
      method: "SGD",
      train: [batch, batch],
      validation: [batch],
      schedule: new optim.LambdaLR(optimizer, () => 1),
      async test() {
        const slope = await line.weight.item();
        return { value: slope.toFixed(2), label: "slope", shown: "", result: { slope }, facts: [] };
      },
    };
  },
  predict: {
    help: "say y",
    input: { option: "x", takes: "<x>", help: "a number" },
    async run({ input, load }, { print }) {
      if (Number.isNaN(Number(input))) throw new ArgumentError("--x", `${input} is no number`);
      const said: Tensor = await predict(await load(model()), tensor([[Number(input)]]));
      print((await said.item()).toFixed(1));
    },
  },
};

function pointOf(line: string, index: number): readonly [number, number] {
  const [x, y] = line.split(" ").map(Number);
  if (x !== undefined && y !== undefined && Number.isFinite(x + y)) return [x, y];
  const hint = "--skip-bad leaves such points out";
  throw new LoadError(`points.txt:${index + 1}`, "is no point", { hint });
}
