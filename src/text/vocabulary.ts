// A vocabulary: tokens by number and numbers by token, with the special ones named by what they do.
// What is not in it becomes the unknown token where it has one, and is an error where it has none.
// Not here: how a text is cut into tokens (characters.ts, words.ts, bpe.ts).

import { ArgumentError } from "../util/errors.ts";

/** What a special token can be for: filling up, what is not known, the begin and the end of a
 * text. */
export const roles = ["pad", "unknown", "begin", "end"] as const;
export type Role = (typeof roles)[number];

/** Special tokens by role, as they are spelled. */
export type Specials = { readonly [R in Role]?: string | undefined };

/** The usual spelling of all four. */
export const allSpecials = { pad: "<pad>", unknown: "<unk>", begin: "<s>", end: "</s>" } as const;

export interface CountOptions {
  /** Tokens that are rarer are left out. */
  minCount?: number | undefined;
  /** Only the most frequent are taken, specials included in the number. */
  maxSize?: number | undefined;
  specials?: Specials | undefined;
}

/** A vocabulary as JSON. */
export interface VocabularyJson {
  readonly tokens: readonly string[];
  readonly specials: Specials;
}

/**
 * Tokens and their numbers, from 0. Throws ArgumentError for a token that is there twice, and for a
 * special that is not among the tokens.
 *
 * @example
 * const vocabulary = Vocabulary.count(["b", "a", "b"], { specials: { unknown: "?" } });
 * vocabulary.tokens; // ["?", "b", "a"]
 * vocabulary.id("z"); // 0
 */
export class Vocabulary {
  readonly tokens: readonly string[];
  readonly specials: Specials;
  readonly pad: number | undefined;
  readonly unknown: number | undefined;
  readonly begin: number | undefined;
  readonly end: number | undefined;
  private readonly ids: ReadonlyMap<string, number>;

  constructor(tokens: Iterable<string>, specials: Specials = {}) {
    this.tokens = [...tokens];
    this.specials = specials;
    const ids = new Map<string, number>();
    this.tokens.forEach((token, id) => {
      if (typeof token !== "string") fail(`token ${id} is a ${typeof token}, not a string`);
      if (ids.has(token)) fail(`token ${JSON.stringify(token)} is there twice`);
      ids.set(token, id);
    });
    this.ids = ids;
    for (const role of roles) {
      const token = specials[role];
      if (token === undefined) continue;
      const id = ids.get(token);
      if (id === undefined) fail(`the ${role} token ${JSON.stringify(token)} is not in it`);
      this[role] = id;
    }
  }

  /** The specials, then the tokens by how often they come; of equals the one that sorts first. */
  static count(tokens: Iterable<string>, options: CountOptions = {}): Vocabulary {
    const { minCount = 1, maxSize = Number.POSITIVE_INFINITY, specials = {} } = options;
    const counts = new Map<string, number>();
    for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    const first = specialTokens(specials);
    for (const token of first) counts.delete(token);
    const frequent = [...counts].filter(([, count]) => count >= minCount);
    frequent.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    const room = Math.max(0, maxSize - first.length);
    return new Vocabulary([...first, ...frequent.slice(0, room).map(([token]) => token)], specials);
  }

  get size(): number {
    return this.tokens.length;
  }

  has(token: string): boolean {
    return this.ids.has(token);
  }

  /** The number of a token, or that of the unknown one. Throws ArgumentError where there is
   * none. */
  id(token: string): number {
    const id = this.ids.get(token) ?? this.unknown;
    if (id !== undefined) return id;
    throw new ArgumentError("Vocabulary.id", `${JSON.stringify(token)} is not in the vocabulary`, {
      hint: `train with specials: { unknown: "${allSpecials.unknown}" } to let it through`,
    });
  }

  /** The token with this number. Throws ArgumentError where there is none. */
  token(id: number): string {
    const token = this.tokens[id];
    if (token !== undefined) return token;
    const what = `token ${id} is not in a vocabulary of ${this.size}`;
    throw new ArgumentError("Vocabulary.token", what);
  }

  /** The number of a special token. Throws ArgumentError where the vocabulary has none of that
   * role. */
  special(role: Role): number {
    const id = this[role];
    if (id !== undefined) return id;
    const hint = `new Vocabulary(tokens, { ${role}: "${allSpecials[role]}" })`;
    throw new ArgumentError("Vocabulary.special", `has no token for ${role}`, { hint });
  }

  /** Whether a number is that of a special token. */
  isSpecial(id: number): boolean {
    return roles.some((role) => this[role] === id);
  }

  toJSON(): VocabularyJson {
    return { tokens: this.tokens, specials: this.specials };
  }
}

/** The spellings of specials in the order of their roles, each once. */
export function specialTokens(specials: Specials): string[] {
  return [...new Set(roles.flatMap((role) => specials[role] ?? []))];
}

function fail(detail: string): never {
  throw new ArgumentError("Vocabulary", detail);
}
