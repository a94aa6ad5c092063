// anneal predict: asks a trained run of any recipe. Not here: what is asked and how the answer looks (the
// recipes).

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type AnyRecipe,
  type Asked,
  configOf,
  type Terminal,
  UsageError,
} from "../recipe/index.ts";
import { loadWeights } from "../train/index.ts";
import { LoadError } from "../util/errors.ts";
import { readConfig, trainedRun, weightsIn } from "./runs.ts";
import { type MachineOptions, useMachine } from "./train.ts";

/** What the command line says: also the recipe's own settings, and the input under its option's name. */
export type AskOptions = MachineOptions & { readonly run?: string } & Readonly<
    Record<string, unknown>
  >;

/** A recipe that can be asked. */
export type Answering = AnyRecipe & Required<Pick<AnyRecipe, "predict">>;

/** Whether runs of a recipe can be asked. */
export function canAnswer(recipe: AnyRecipe): recipe is Answering {
  return recipe.predict !== undefined;
}

/** Prints what the run that is named, or the recipe's last, says of the input. */
export async function ask(
  recipe: Answering,
  words: readonly string[],
  options: AskOptions,
  terminal: Terminal,
): Promise<void> {
  const { predict } = recipe;
  const { run, input } = runAndInput(recipe, words, options);
  await useMachine(options);
  const folder = await trainedRun(options.out, run, [recipe.name]);
  const { config } = await readConfig(folder, [recipe]).catch((error: Error) => {
    throw options.run === undefined && folder === words[0] ? withHint(error) : error;
  });
  const asked: Asked = {
    ...{ input, config, folder },
    options: configOf(predict.settings ?? {}, options),
    async load(model) {
      await loadWeights(model, await weightsIn(folder));
      model.eval();
      return model;
    },
    read: (name) =>
      readFile(join(folder, name), "utf8").catch((cause: Error) => {
        throw new LoadError(join(folder, name), "cannot be read", { cause });
      }),
  };
  await predict.run(asked as never, terminal);
}

/** A word that was meant as the beginning of a text. */
function withHint(error: Error): Error {
  if (!(error instanceof LoadError) || !error.detail.startsWith("is not the folder")) return error;
  const hint = "an input of several words stands in quotes";
  return new LoadError(error.file, error.detail, { hint, cause: error });
}

/** `RUN INPUT`, or `INPUT` alone for the last run; the option of the input leaves the words to the run. */
function runAndInput(
  { name, predict }: Answering,
  words: readonly string[],
  options: AskOptions,
): { run: string | undefined; input: string } {
  const { option, takes, help } = predict.input;
  const named = options[option] as string | undefined;
  const [first, ...rest] = words;
  const isRun = named !== undefined || (options.run === undefined && rest.length > 0);
  const input = named ?? (isRun ? rest : words).join(" ");
  if (input.trim() !== "") return { run: options.run ?? (isRun ? first : undefined), input };
  const asks = `anneal predict ${name}`;
  throw new UsageError(asks, `needs ${takes}: ${help}`, { hint: `${asks} --help` });
}

/**
 * The command line with `predict RUN …` as `predict RECIPE --run RUN …`, so that one command knows the
 * recipe's options. Throws LoadError for a folder that is no run.
 */
export async function withRecipe(
  argv: readonly string[],
  recipes: readonly AnyRecipe[],
): Promise<readonly string[]> {
  const [runtime = "", main = "", command, named, ...rest] = argv;
  if (command !== "predict" || named === undefined) return argv;
  if (named.startsWith("-") || recipes.some(({ name }) => name === named)) return argv;
  const isFolder = await stat(named).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return argv;
  const { recipe } = await readConfig(named, recipes.filter(canAnswer));
  return [runtime, main, command, recipe.name, "--run", named, ...rest];
}
