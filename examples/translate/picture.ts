// Where a translation looked, as a picture. Not here: the translation (data.ts), or the drawing (anneal/vis).

import { noGrad, Tensor } from "anneal";
import type { Tokenizer } from "anneal/text";
import { heatMap } from "anneal/vis";
import type { TranslationModel } from "./models.ts";

/** A heat map: rows are the pieces that were said, columns those that were read. */
export async function attentionPicture(
  model: TranslationModel,
  tokenizer: Tokenizer,
  text: string,
  said: string,
): Promise<string> {
  const source = tokenizer.encode(text, { end: true });
  const target = tokenizer.encode(said, { begin: true });
  const weights = noGrad(() =>
    model.attention({
      source: Tensor.from(source, [1, source.length]),
      lengths: Tensor.from(Int32Array.of(source.length), [1]),
      target: Tensor.from(target, [1, target.length]),
    }),
  ); // (1, T, S)
  const spell = (token: number) => tokenizer.decode([token], { specials: true }).trim() || "␣";
  // Row t is about the token after place t of the target.
  const rows = [...Array.from(target.subarray(1), spell), "</s>"];
  const columns = Array.from(source, spell);
  const values = (await weights.data()) as Float32Array;
  return heatMap({ rows, columns, values, title: said });
}
