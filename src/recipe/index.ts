// anneal/recipe: what the author of a recipe needs, that is of something that `anneal train` trains: its
// settings, its data's place, its verdict. Names only.

export { type Answer, type Classified, classified, softmax } from "./classified.ts";
export { nearestMean, type Rows } from "./nearest-mean.ts";
export { below1, oneOf, positive, UsageError, wholeFrom } from "./options.ts";
export { answerPicture, type PictureQuestion } from "./picture-answer.ts";
export { type PictureTest, pictureVerdict } from "./picture-verdict.ts";
export {
  type FolderConfig,
  folderOf,
  folderSettings,
  type Published,
  type PublishedFile,
  publishedAt,
} from "./published.ts";
export type { AnyRecipe, Asked, Predict, Prepared, Recipe, Skipped, Verdict } from "./recipe.ts";
export { seeded } from "./seeded.ts";
export {
  type Config,
  choice,
  configOf,
  differing,
  isConfig,
  limitTo,
  number,
  optionOf,
  part,
  type RunConfig,
  type Setting,
  type Settings,
  seedOf,
  skipBadOf,
  text,
  toggle,
  whole,
  word,
} from "./settings.ts";
export { type FileConfig, fileSettings, inDataFolder, sourceOf } from "./sources.ts";
export { type Split, splitFile } from "./split-file.ts";
export type { Terminal } from "./terminal.ts";
