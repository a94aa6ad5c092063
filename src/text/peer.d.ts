// What is used of the optional peer @huggingface/tokenizers, so that the sources compile without
// it.

declare module "@huggingface/tokenizers" {
  export class Tokenizer {
    constructor(tokenizer: object, config: object);
    encode(text: string, options?: { add_special_tokens?: boolean }): { ids: number[] };
    decode(ids: number[], options?: { skip_special_tokens?: boolean }): string;
    get_vocab(withAdded?: boolean): Map<string, number>;
  }
}
