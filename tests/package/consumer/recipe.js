// A recipe of a user's own: a straight line through points.
import { nn, optim, tensor } from "anneal";
import { number, seeded, seedOf, whole } from "anneal/recipe";

const settings = {
  epochs: whole("times through the points", 10),
  lr: number("learning rate", 0.1),
  seed: seedOf("weights"),
};

export const recipe = {
  name: "line",
  help: "draw a line through points",
  settings,
  async prepare({ epochs, lr, seed }) {
    const xs = [0, 0.5, 1, 1.5];
    const batch = { x: tensor(xs.map((x) => [x])), y: tensor(xs.map((x) => [3 * x + 1])) };
    const model = seeded(seed, () => new nn.Linear(1, 1));
    const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
    return {
      ...{ model, epochs, optimizer, loss: nn.mseLoss, train: [batch, batch], validation: [batch] },
      ...{ summary: nn.summary(model, [1]), data: "4 points", method: "SGD" },
      schedule: new optim.LambdaLR(optimizer, () => 1),
      async test() {
        const slope = await model.weight.item();
        return { value: slope.toFixed(2), label: "slope", shown: "", result: { slope }, facts: [] };
      },
    };
  },
};
