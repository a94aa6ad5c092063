// A text with its class, each word as strongly marked as it counted: in a terminal, in a pipe, in a report.
// Not here: how much words count (the models).

import { escapeHtml } from "./report-parts.ts";
import { paintOf, type TextStyle } from "./style.ts";
import { percent } from "./table.ts";

/** A text that a model has read. */
export interface Passage {
  /** The text in pieces, the spaces before them included. */
  readonly words: readonly string[];
  /** How much each word counted; together 1. */
  readonly weights: readonly number[];
  /** What stands above it: a question about it, say. */
  readonly title?: string | undefined;
  readonly said: string;
  /** How sure the model was of that, from 0 to 1. */
  readonly probability: number;
  /** What it is, where that is known. */
  readonly truth?: string | undefined;
}

/** Strengths from 0 to 1: how far words are above an even share, against the one that counted most, or
 *  two shares where none is so far above. */
function strengths({ weights }: Passage): number[] {
  const above = weights.map((weight) => Math.max(0, weight * weights.length - 1));
  const most = Math.max(1, ...above);
  return above.map((excess) => excess / most);
}

/**
 * A text as lines: words that counted are bold, or in a pipe stand between stars; then the verdict.
 *
 * @example
 * console.log(drawPassage({ words: ["a", " joy"], weights: [0.1, 0.9], said: "for", probability: 0.98 }));
 * // a *joy*
 * //   for (98.0 %)
 */
export function drawPassage(
  passage: Passage,
  { width = 80, ...style }: TextStyle & { readonly width?: number } = {},
): string {
  const paint = paintOf(style);
  const strong = strengths(passage);
  const mark = (word: string, strength: number) => {
    if (strength < 0.5) return word;
    return style.color ? paint.bold(paint.yellow(word)) : `*${word}*`;
  };
  const lines: string[] = [];
  let [line, used] = ["", 0];
  passage.words.forEach((piece, i) => {
    const word = piece.trimStart();
    const gap = used > 0 && word !== piece ? 1 : 0;
    const size = word.length + (strong[i]! >= 0.5 && !style.color ? 2 : 0);
    const wraps = gap > 0 && used + gap + size > Math.min(width, 100);
    if (wraps) lines.push(line);
    line = `${wraps ? "" : `${line}${" ".repeat(gap)}`}${mark(word, strong[i]!)}`;
    used = (wraps ? 0 : used + gap) + size;
  });
  const title = passage.title === undefined ? [] : [paint.bold(passage.title)];
  return [...title, ...lines, line, `  ${verdict(passage)}`].join("\n");
}

function verdict({ said, probability, truth }: Passage): string {
  const sure = `${said} (${percent(probability)})`;
  return truth === undefined || truth === "" || truth === said ? sure : `${sure}, is ${truth}`;
}

/** Texts of a report, their words shaded. */
export function passageSection(passages: readonly Passage[]): string {
  const items = passages.map((passage) => {
    const strong = strengths(passage);
    const words = passage.words.map((word, i) => {
      const depth = Math.round(60 * strong[i]!);
      const text = escapeHtml(word.trimStart());
      const gap = word.startsWith(" ") ? " " : "";
      return `${gap}<span style="--depth:${depth}%">${text}</span>`;
    });
    const wrong = passage.truth !== undefined && passage.truth !== passage.said;
    const kind = wrong ? ' class="wrong"' : "";
    const title = passage.title === undefined ? "" : `<b>${escapeHtml(passage.title)}</b>`;
    return `<li${kind}>${title}<p>${words.join("")}</p><b>${escapeHtml(verdict(passage))}</b></li>`;
  });
  const note =
    "The deeper a word is shaded, the more it counted. First what the model got wrong, surest first.";
  const title = `<h2>Texts</h2><p class="note">${note}</p>`;
  return `<section>${title}<ul class="passages">${items.join("")}</ul></section>`;
}
