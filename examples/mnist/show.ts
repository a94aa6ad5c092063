// What `anneal train mnist` draws on the terminal: the confusion matrix, and rows of digits.
// Not here: the drawings themselves (anneal/vis).

import type { Terminal } from "anneal/recipe";
import { beside, drawDigit, drawMatrix, percent } from "anneal/vis";
import type { DigitAnswer, TestResult } from "./result.ts";

/** The confusion matrix, a row of test digits, and a row of mistakes. */
export function showResult({ matrix, answers, mistakes }: TestResult, terminal: Terminal): string {
  const { style } = terminal;
  const most = Math.max(1, Math.floor((Math.min(terminal.columns, 120) + 2) / (24 + 2)));
  const parts = [drawMatrix(matrix, style)];
  parts.push("", digitRow(answers.slice(0, most), terminal));
  if (mistakes.length > 0) {
    const count = `${mistakes.length} of ${answers.length.toLocaleString("en")} wrong`;
    parts.push("", `${count}; the surest:`, digitRow(mistakes.slice(0, most), terminal));
  }
  return parts.join("\n");
}

function digitRow(answers: readonly DigitAnswer[], { style }: Terminal): string {
  const blocks = answers.map((answer) => {
    const picture = { pixels: answer.pixels, rows: 28, cols: 28 };
    return `${drawDigit(picture, { ...style, margin: 2 })}\n${caption(answer)}`;
  });
  return beside(blocks);
}

/** `says 7 (99.9 %)`, and what it is where that is something else. */
function caption({ truth, said, probability }: DigitAnswer): string {
  const says = `says ${said} (${percent(probability)})`;
  return truth === said ? says : `${says}, is ${truth}`;
}
