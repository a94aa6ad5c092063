#!/usr/bin/env node
// anneal: the commands and their options, and how errors leave the process: typed, with a hint and
// without a stack (ANNEAL_DEBUG=1 shows it); code 1 for what went wrong, 2 for what was asked
// wrongly.
// Not here: what the commands do.

import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { modelNames, models } from "../../examples/mnist/models.ts";
import { nn } from "../index.ts";
import {
  type AnyRecipe,
  oneOf,
  optionOf,
  positive,
  type Settings,
  UsageError,
  wholeFrom,
} from "../recipe/index.ts";
import { debugLevel } from "../util/env.ts";
import { AnnealError } from "../util/errors.ts";
import { ask, canAnswer, withRecipe } from "./ask.ts";
import { doctor } from "./doctor.ts";
import { generateText } from "./generate.ts";
import { type Asking, withOwnRecipe } from "./own-recipe.ts";
import { recipes as shipped, textRecipes } from "./recipes.ts";
import { standardOutput } from "./terminal.ts";
import { evaluateRun, train } from "./train.ts";
import { usageOf } from "./usage.ts";

const deviceNames = ["auto", "wasm", "webgpu", "reference"] as const;
const terminal = standardOutput();

function version(): string {
  const path = new URL("../../package.json", import.meta.url);
  return JSON.parse(readFileSync(path, "utf8")).version;
}

function commands({ recipes, files = {} }: Omit<Asking, "argv">): Command {
  const anneal = new Command("anneal")
    .description("Deep learning for TypeScript: train, try out, look into.")
    .version(version())
    .addHelpText("after", "\nBegin with: anneal train mnist");
  const train = anneal.command("train").description("train a model on a data set");
  train.addHelpText("after", "\nOr a file that exports a recipe: anneal train ./mine.ts");
  addTrain(train, recipes, files);
  const predict = anneal.command("predict").description("ask a trained model");
  predict.addHelpText("after", "\nOr a run instead of a command: anneal predict RUN INPUT");
  addAsking(predict, recipes);
  onMachine(anneal.command("evaluate").description("judge a trained run once more"))
    .argument("[run]", "the folder of the run (the last one)")
    .option("--recipe <file>", "the file of a recipe of your own, of which the run is")
    .action((run, options) => evaluateRun(recipes, { ...options, run }, terminal));
  addGenerate(anneal.command("generate").description("write with a trained language model"));
  const translate = recipes.filter(({ name }) => name === "translate");
  addAsking(anneal, translate);
  anneal
    .command("summary")
    .description("the layers of a model with shapes and counts")
    .option("--model <name>", `${modelNames.join(" or ")} (cnn)`, oneOf("--model", modelNames))
    .action(({ model = "cnn" }: { model?: keyof typeof models }) => {
      terminal.print(String(nn.summary(models[model].make(), [1, 28, 28])));
    });
  anneal
    .command("doctor")
    .description("runtime, devices, threads, and how fast the kernels run here")
    .option("--json", "as JSON")
    .option("--device <name>", deviceNames.join(" or "), oneOf("--device", deviceNames))
    .action((options) => doctor(terminal, options));
  return anneal;
}

/** One command a recipe: its settings, and what every run can be told. */
function addTrain(
  parent: Command,
  recipes: readonly AnyRecipe[],
  files: Readonly<Record<string, string>>,
): void {
  for (const recipe of recipes) {
    const command = parent.command(recipe.name).description(recipe.help);
    addSettings(command, recipe.settings);
    onMachine(command)
      .option("--resume [folder]", "go on with an interrupted run (the last one)")
      .option("--detect-nan", "name the op and layer that make a NaN; slow")
      .action(async (options) => {
        const called = files[recipe.name] ?? recipe.name;
        process.exitCode = await train(recipe, { ...options, called }, terminal);
      });
  }
}

function addSettings(command: Command, settings: Settings): void {
  for (const [name, { takes, help, parse }] of Object.entries(settings)) {
    const option = optionOf(name);
    if (takes === undefined) command.option(option, help);
    else command.option(`${option} ${takes}`, help, parse(option));
  }
}

/** The options that change where and how fast a command runs, not what comes out. */
function onMachine(command: Command): Command {
  return command
    .option("--device <name>", deviceNames.join(" or "), oneOf("--device", deviceNames))
    .option("--threads <n>", "threads to compute on (one a core)", wholeFrom("--threads", 1))
    .option("--out <folder>", "where the folders of runs lie", "runs");
}

/** One command a recipe that can be asked: its input, and its settings. */
function addAsking(parent: Command, all: readonly AnyRecipe[]): void {
  for (const recipe of all.filter(canAnswer)) {
    const { help, input, settings = {} } = recipe.predict;
    const command = onMachine(parent.command(recipe.name).description(help))
      .argument("[input...]", `${input.help}; the folder of a run may stand before it`)
      .option(`--${input.option} ${input.takes}`, "the same")
      .option("--run <folder>", "the folder of the run (the last one)");
    addSettings(command, settings);
    command.action((words: string[], options) => ask(recipe, words, options, terminal));
  }
}

function addGenerate(generate: Command): void {
  onMachine(generate)
    .argument("[run]", "the folder of the run (the last one that can write)")
    .option("--prompt <text>", "how the text begins")
    .option("--tokens <n>", "how many tokens at most", wholeFrom("--tokens", 1), 500)
    .option("--count <n>", "how many texts", wholeFrom("--count", 1))
    .option(
      "--temperature <x>",
      "below 1 stays with the likely, 0 takes the likeliest",
      atLeastZero,
    )
    .option("--top-k <n>", "draw from the k likeliest only", wholeFrom("--top-k", 1))
    .option("--top-p <x>", "draw from the fewest that sum to p", positive("--top-p"))
    .option("--seed <n>", "the same seed writes the same (1)", wholeFrom("--seed", 0))
    .action((run, options) => generateText(textRecipes, { ...options, run }, terminal));
}

function atLeastZero(text: string): number {
  return /^0+(\.0*)?$/.test(text) ? 0 : positive("--temperature")(text);
}

/** Every command ends in an exception of commander's that tells what was wrong, instead of the
 * process. */
function quietly(command: Command, path = command.name()): void {
  command.exitOverride((error) => {
    const helped = error.exitCode === 0 || error.code === "commander.help";
    throw helped ? error : usageOf(error.message, path);
  });
  command.configureOutput({ outputError: () => {} }).showSuggestionAfterError();
  for (const child of command.commands) quietly(child, `${path} ${child.name()}`);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // help was shown
  const expected = error instanceof AnnealError && debugLevel() === 0;
  const stack = error instanceof Error ? error.stack : undefined;
  process.stderr.write(`${expected ? String(error) : (stack ?? String(error))}\n`);
  return error instanceof UsageError ? 2 : 1;
}

// A reader that has seen enough (`anneal summary | head -1`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  const { argv, ...known } = await withOwnRecipe({ argv: process.argv, recipes: shipped });
  const program = commands(known);
  quietly(program);
  await program.parseAsync(await withRecipe(argv, known.recipes));
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
