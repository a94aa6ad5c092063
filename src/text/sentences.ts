// A text cut into sentences, by the rules of Unicode as the runtime has them (Intl.Segmenter), and a few of
// ours about abbreviations. Not here: words (words.ts).

/** A part of a text: `text.slice(from, to)`. */
export interface TextSpan {
  readonly from: number;
  readonly to: number;
}

// A full stop behind one of these ends no sentence: initials, single letters between dots, titles, numbers
// of days and centuries in German.
const abbreviations = "\\p{L}|St|Dra?|Mrs?|Ms|Jr|Sra?|Prof|Nr|vs|ca|bzw|Gen|Col|Lt|Capt|Rev|Mt|Ft";
const endsInAbbreviation = new RegExp(`(?:^|[\\s(.])(?:${abbreviations})\\.\\s*$`, "u");
const endsInOrdinal = /(?:^|\s)\d{1,2}\.\s*$/u;

/**
 * Where the sentences of a text are: one after another, without the space between them. A text without a
 * word has none.
 *
 * @example
 * cutSentences("Dr. No is here. Who else?"); // [{ from: 0, to: 15 }, { from: 16, to: 25 }]
 */
export function cutSentences(text: string, { language = "en" } = {}): TextSpan[] {
  const segmenter = new Intl.Segmenter(language, { granularity: "sentence" });
  const found: { from: number; to: number }[] = [];
  let goesOn = false;
  for (const { segment, index } of segmenter.segment(text)) {
    const trimmed = segment.trim();
    if (trimmed === "") continue;
    const from = index + segment.indexOf(trimmed);
    const to = from + trimmed.length;
    if (goesOn) found.at(-1)!.to = to;
    else found.push({ from, to });
    goesOn = endsInAbbreviation.test(segment) || (language === "de" && endsInOrdinal.test(segment));
  }
  return found;
}
