// Tokenizers of Hugging Face, from their tokenizer.json and tokenizer_config.json, by the package
// @huggingface/tokenizers where the user has installed it. Their own rules put special tokens in.
// Not here: our own tokenizers and their files (files.ts).

import { LoadError } from "../util/errors.ts";
import {
  checkText,
  type DecodeOptions,
  type EncodeOptions,
  framed,
  type TextStream,
  type Tokenizer,
} from "./tokenizer.ts";
import { type Role, Vocabulary } from "./vocabulary.ts";

/** What tokenizer_config.json calls each role. */
const names: Readonly<Record<Role, string>> = {
  pad: "pad_token",
  unknown: "unk_token",
  begin: "bos_token",
  end: "eos_token",
};

/** A character whose bytes have not all come. */
const broken = "\ufffd";

/**
 * A tokenizer from the two files, parsed. `encode` adds begin and end where its options ask, never
 * by itself. Throws LoadError where the package is missing or does not take the files.
 *
 * @example
 * const tokenizer = await fromHuggingFace(
 *   JSON.parse(await readText("tokenizer.json")),
 *   JSON.parse(await readText("tokenizer_config.json")),
 * );
 */
export async function fromHuggingFace(json: object, config: object = {}): Promise<Tokenizer> {
  const peer = await import("@huggingface/tokenizers").catch((cause) => {
    const hint = "npm install @huggingface/tokenizers";
    throw new LoadError("@huggingface/tokenizers", "is not installed", { hint, cause });
  });
  try {
    const inner = new peer.Tokenizer(json, config);
    return new HuggingFaceTokenizer(inner, vocabularyOf(inner, config), { json, config });
  } catch (cause) {
    const what = `is not taken by @huggingface/tokenizers: ${(cause as Error).message}`;
    throw new LoadError("tokenizer.json", what, { cause });
  }
}

type Inner = InstanceType<typeof import("@huggingface/tokenizers").Tokenizer>;

function vocabularyOf(inner: Inner, config: object): Vocabulary {
  const tokens: string[] = [];
  for (const [token, id] of inner.get_vocab(true)) tokens[id] = token;
  // Numbers that nobody has need a spelling of their own.
  for (let id = 0; id < tokens.length; id++) tokens[id] ??= `<unused ${id}>`;
  const spelled = Object.entries(names).flatMap(([role, name]): [string, string][] => {
    const given = (config as Record<string, unknown>)[name];
    const token =
      typeof given === "string" ? given : (given as { content?: string } | null)?.content;
    return token !== undefined && tokens.includes(token) ? [[role, token]] : [];
  });
  return new Vocabulary(tokens, Object.fromEntries(spelled));
}

class HuggingFaceTokenizer implements Tokenizer {
  readonly vocabulary: Vocabulary;
  private readonly inner: Inner;
  private readonly files: { json: object; config: object };

  constructor(inner: Inner, vocabulary: Vocabulary, files: { json: object; config: object }) {
    this.inner = inner;
    this.vocabulary = vocabulary;
    this.files = files;
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    checkText("HuggingFaceTokenizer.encode", text);
    const { ids } = this.inner.encode(text, { add_special_tokens: false });
    return framed(ids, this.vocabulary, options);
  }

  decode(tokens: ArrayLike<number>, { specials = false }: DecodeOptions = {}): string {
    const ids = Array.from(tokens);
    for (const id of ids) this.vocabulary.token(id);
    if (ids.length === 0) return "";
    return this.inner.decode(ids, { skip_special_tokens: !specials });
  }

  /** How a token reads depends on its neighbours, so that the last ones are decoded together. */
  stream(options: DecodeOptions = {}): TextStream {
    let kept: number[] = [];
    let told = "";
    const rest = (text: string) => {
      const more = text.slice(told.length);
      told = text;
      return more;
    };
    return {
      push: (token) => {
        kept.push(token);
        const text = this.decode(kept, options);
        if (text.endsWith(broken) || text.length <= told.length) return "";
        const more = rest(text);
        if (kept.length <= 32) return more;
        kept = kept.slice(-8);
        told = this.decode(kept, options);
        return more;
      },
      end: () => rest(this.decode(kept, options)),
    };
  }

  toJSON(): object {
    return { format: 1, kind: "huggingFace", ...this.files };
  }
}
