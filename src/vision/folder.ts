// Pictures in a folder for each class, as torchvision's ImageFolder has them: CLASS/NAME.jpg, in a
// directory or a tar archive. Not here: decoding (decode.ts), or how samples are cut into parts.
import { type Dataset, type ImageArray, type ReadAll, readAll } from "../data/index.ts";
import { ArgumentError, LoadError } from "../util/errors.ts";
import { decodePicture } from "./decode.ts";
import { type FileTree, openFiles } from "./files.ts";

/** One file and its class. */
export interface FolderEntry {
  /** The path below the folder, with `/`. */
  readonly name: string;
  /** A number into `classes`. */
  readonly label: number;
}

/** One picture, of 8 bits, and its class. */
export interface FolderSample extends FolderEntry {
  readonly image: ImageArray;
}

export interface ImageFolderOptions {
  /** The classes in the order of their numbers; the folders by name without it. */
  readonly classes?: readonly string[] | undefined;
  /** Grey or RGB; 3 without it. */
  readonly channels?: 1 | 3 | 4 | undefined;
  /** Endings of files that are pictures, in lower case. */
  readonly extensions?: readonly string[] | undefined;
}

/** What is taken for a picture. */
export const PICTURE_EXTENSIONS: readonly string[] = [
  ".jpg",
  ".jpeg",
  ".png",
  ".bmp",
  ".gif",
  ".webp",
  ".tif",
  ".tiff",
];

/**
 * The pictures below a folder or in a tar archive, of which the first part of each path is the class. As a
 * dataset it decodes when it is asked; `read` decodes all of it into memory, and finds bad files
 * before a training begins.
 *
 * @example
 * const train = await ImageFolder.open("cifar10/train.tar"); // train.classes: ["airplane", …]
 * const { items, bad } = await train.read({ skipBad: true });
 */
export class ImageFolder implements Dataset<Promise<FolderSample>> {
  readonly classes: readonly string[];
  readonly entries: readonly FolderEntry[];
  private readonly files: FileTree;
  private readonly channels: 1 | 3 | 4;

  private constructor(
    files: FileTree,
    classes: readonly string[],
    entries: readonly FolderEntry[],
    channels: 1 | 3 | 4,
  ) {
    this.files = files;
    this.classes = classes;
    this.entries = entries;
    this.channels = channels;
  }

  /**
   * Finds the files. Throws LoadError where nothing is there, and for a class that is not asked for, that has
   * no picture, or is missing.
   */
  static async open(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
    const { channels = 3, extensions = PICTURE_EXTENSIONS } = options;
    const files = await openFiles(root);
    const pictures = files.names.filter((name) => {
      return name.includes("/") && extensions.some((end) => name.toLowerCase().endsWith(end));
    });
    const found = [...new Set(pictures.map(classOf))];
    const classes = options.classes ?? found;
    checkClasses(root, classes, found);
    const numbers = new Map(classes.map((name, label) => [name, label]));
    const entries = pictures.map((name) => ({ name, label: numbers.get(classOf(name)) as number }));
    return new ImageFolder(files, classes, entries, channels);
  }

  get length(): number {
    return this.entries.length;
  }

  /** The number of pictures of each class. */
  get counts(): number[] {
    const counts = this.classes.map(() => 0);
    for (const { label } of this.entries) counts[label]++;
    return counts;
  }

  /** What errors call a picture: its path. */
  label(index: number): string {
    return this.files.label(this.entries[index].name);
  }

  /** A picture, decoded. Rejects with LoadError for one that cannot be. */
  async get(index: number): Promise<FolderSample> {
    const entry = this.entries[index];
    if (entry === undefined) {
      const what = `index ${index} is not in a dataset of ${this.length} samples`;
      throw new ArgumentError("ImageFolder.get", what);
    }
    const bytes = await this.files.read(entry.name);
    const { channels } = this;
    const file = this.files.label(entry.name);
    const image = await decodePicture(bytes, { channels, bits: 8, file });
    return { ...entry, image };
  }

  /**
   * All pictures, or those of some numbers, decoded. Rejects with LoadError for the first that cannot be
   * read, or, with `skipBad`, lists such ones.
   */
  read(
    options: { skipBad?: boolean; indices?: ArrayLike<number> } = {},
  ): Promise<ReadAll<FolderSample>> {
    const { skipBad, indices = Array.from(this.entries.keys()) } = options;
    return readAll(Array.from(indices), (index) => this.get(index), { skipBad });
  }
}

function classOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

function checkClasses(root: string, classes: readonly string[], found: readonly string[]): void {
  if (found.length === 0) {
    const hint = "pictures lie in a folder for each class: CLASS/NAME.jpg";
    throw new LoadError(root, "has no pictures in folders of classes", { hint });
  }
  const missing = classes.filter((name) => !found.includes(name));
  const unknown = found.filter((name) => !classes.includes(name));
  if (missing.length === 0 && unknown.length === 0) return;
  const lines = [
    ...missing.map((name) => `missing     ${name}`),
    ...unknown.map((name) => `unexpected  ${name}`),
  ];
  throw new LoadError(root, `has other classes than the ${classes.length} that are wanted`, {
    lines,
  });
}
