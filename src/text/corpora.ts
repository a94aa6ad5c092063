// Texts to learn from: Tiny Shakespeare, a list of names, and translated sentences in pairs of
// files, from a path, from a folder, or from where their authors publish them, checked.
// Not here: cutting them into tokens (the tokenizers), or tables (data/csv.ts).

import { linesOf, type TextSource, textFrom } from "../io/index.ts";
import { node } from "../io/node.ts";
import { ArgumentError, LoadError } from "../util/errors.ts";

const onGithub = "https://raw.githubusercontent.com";

/** Where the texts are published, with the SHA-256 of each. */
export const corpora = {
  shakespeare: {
    from: `${onGithub}/karpathy/char-rnn/master/data/tinyshakespeare/input.txt`,
    checksum: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
  },
  names: {
    from: `${onGithub}/karpathy/makemore/master/names.txt`,
    checksum: "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
  },
} as const satisfies Record<string, TextSource>;

/**
 * A text whole, for a language model. Throws LoadError for an empty one.
 *
 * @example
 * const text = await readCorpus(corpora.shakespeare); // 1,115,394 characters
 */
export async function readCorpus(source: TextSource): Promise<string> {
  const text = await textFrom(source);
  if (text.trim() === "") throw new LoadError(source.from, "is empty");
  return text;
}

/** The lines of a text, each a sample. Throws LoadError for an empty line, naming it. */
export async function readLines(source: TextSource): Promise<string[]> {
  return samples(linesOf(await readCorpus(source)), source.from);
}

function samples(lines: string[], file: string): string[] {
  const empty = lines.findIndex((line) => line.trim() === "");
  if (empty < 0) return lines;
  const hint = "take it out, of both files where two belong together";
  throw new LoadError(file, `has an empty line ${empty + 1}`, { hint });
}

/** Where a text is cut in two: the first `part` of its characters, and the rest. */
export function splitText(text: string, part: number): [string, string] {
  if (!(part > 0 && part < 1)) {
    throw new ArgumentError("splitText", `part must be between 0 and 1, got ${part}`);
  }
  const at = Math.floor(part * text.length);
  return [text.slice(0, at), text.slice(at)];
}

/** Sentences and their translations, line by line. */
export interface ParallelText {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

export interface ParallelOptions {
  /** The language that is read, as the files' last part of the name says: `de`. */
  from: string;
  /** The language that is written. */
  to: string;
  /** What stands before the language: `train` finds `train.de` and `multi30k.train.de`. */
  split: string;
  /** The folder; without it Multi30k is fetched from its authors. */
  root?: string | undefined;
  /** The cache folder of downloads. */
  cache?: string | undefined;
}

/** SHA-256 of Multi30k's texts (Elliott et al. 2016), uncompressed. */
export const MULTI30K_CHECKSUMS: Readonly<Record<string, string>> = {
  "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
  "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
  "train.fr": "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
  "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
  "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
  "val.fr": "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
  "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
  "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
  "test_2016_flickr.fr": "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
};

/**
 * Sentences in two languages. Throws ArgumentError for a language that is not there, naming those
 * that are, and LoadError where the files differ in their number of lines or have an empty one.
 *
 * @example
 * const train = await readParallel({ root: "multi30k", split: "train", from: "de", to: "en" });
 */
export async function readParallel(options: ParallelOptions): Promise<ParallelText> {
  const { from, to, split, root } = options;
  if (from === to) throw new ArgumentError("readParallel", `from and to are both ${from}`);
  const files = root === undefined ? published(options) : await inFolder(root, split);
  const read = async (language: string) => {
    const source = files.get(language);
    if (source === undefined) {
      const known = [...files.keys()].join(", ");
      const hint = known === "" ? `the folder needs ${split}.${language}` : `there are ${known}`;
      throw new ArgumentError("readParallel", `unknown language ${JSON.stringify(language)}`, {
        hint,
      });
    }
    return { file: source.from, lines: samples(linesOf(await textFrom(source)), source.from) };
  };
  const [source, target] = [await read(from), await read(to)];
  if (source.lines.length !== target.lines.length) {
    const what = `has ${target.lines.length} lines, ${source.file} has ${source.lines.length}`;
    throw new LoadError(target.file, what);
  }
  return { from: source.lines, to: target.lines };
}

function published({ split, cache }: ParallelOptions): Map<string, TextSource> {
  const folder = `${onGithub}/multi30k/dataset/master/data/task1/raw`;
  const files = Object.entries(MULTI30K_CHECKSUMS).filter(([name]) => name.startsWith(`${split}.`));
  return new Map(
    files.map(([name, checksum]) => {
      const language = name.slice(split.length + 1);
      return [language, { from: `${folder}/${name}.gz`, checksum, gzip: true, cache }];
    }),
  );
}

/** The files of a split by language: `SPLIT.LANGUAGE`, or with a name and a dot before it. */
async function inFolder(root: string, split: string): Promise<Map<string, TextSource>> {
  const { fs, path } = await node();
  const names = await fs.readdir(root).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "is not there" : `cannot be read: ${cause.code}`;
    throw new LoadError(root, why, { cause });
  });
  const found = new Map<string, TextSource>();
  for (const name of names.sort()) {
    const parts = name.split(".");
    const language = parts.at(-1) ?? "";
    if (parts.length > 1 && parts.at(-2) === split)
      found.set(language, { from: path.join(root, name) });
  }
  return found;
}
