// Recipes in files of the user's own: `anneal train ./mine.ts`, `anneal predict ./mine.ts INPUT` and
// `anneal evaluate RUN --recipe ./mine.ts`. Not here: the recipes that come along (recipes.ts).

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AnyRecipe } from "../recipe/index.ts";
import { AnnealError, LoadError } from "../util/errors.ts";

/** A command line, and the recipes that it may name. */
export interface Asking {
  readonly argv: readonly string[];
  readonly recipes: readonly AnyRecipe[];
  /** What recipes of files are called on the command line, by their names. */
  readonly files?: Readonly<Record<string, string>>;
}

const isScript = (word: string | undefined) => /\.[cm]?[jt]s$/.test(word ?? "");

/** The command line with the recipe's name in the place of its file, and that recipe among the others; one of
 *  the same name gives way. Throws LoadError for a file that has no recipe. */
export async function withOwnRecipe({ argv, recipes }: Asking): Promise<Asking> {
  const [, , command = "", named] = argv;
  if (["train", "predict"].includes(command) && isScript(named)) {
    const own = await recipeIn(named!);
    const files = { [own.name]: named! };
    return { argv: argv.toSpliced(3, 1, own.name), recipes: withOwn(recipes, own), files };
  }
  const at = argv.indexOf("--recipe");
  if (command !== "evaluate" || at < 0 || argv[at + 1] === undefined) return { argv, recipes };
  return { argv: argv.toSpliced(at, 2), recipes: withOwn(recipes, await recipeIn(argv[at + 1]!)) };
}

function withOwn(recipes: readonly AnyRecipe[], own: AnyRecipe): AnyRecipe[] {
  return [...recipes.filter(({ name }) => name !== own.name), own];
}

async function recipeIn(file: string): Promise<AnyRecipe> {
  const path = resolve(file);
  const isThere = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isThere) throw new LoadError(file, "is not there");
  const found = (await import(pathToFileURL(path).href).catch((cause: NodeJS.ErrnoException) => {
    if (cause instanceof AnnealError) throw cause;
    const hint =
      cause.code === "ERR_UNKNOWN_FILE_EXTENSION"
        ? "Node 22.18 and later read TypeScript"
        : undefined;
    throw new LoadError(file, `cannot be loaded: ${cause.message}`, { hint, cause });
  })) as { readonly recipe?: AnyRecipe; readonly default?: AnyRecipe };
  const recipe = found.recipe ?? found.default;
  if (recipe?.name && recipe.settings && typeof recipe.prepare === "function") return recipe;
  const hint = "export const recipe: Recipe<typeof settings> = { name, help, settings, prepare }";
  throw new LoadError(file, "exports no recipe", { hint });
}
