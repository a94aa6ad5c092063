// What the output can show: colours and block characters in a terminal, plain ASCII in a pipe or
// file.
// Not here: what is shown (show.ts), or progress bars (progress.ts).

import type { Terminal } from "../recipe/index.ts";
import { env } from "../util/env.ts";

/** Standard output. NO_COLOR and FORCE_COLOR are heeded. */
export function standardOutput(): Terminal {
  const { stdout } = process;
  const terminal = stdout.isTTY === true && env("TERM") !== "dumb";
  const forced = env("FORCE_COLOR");
  const colored = forced === undefined ? terminal && !env("NO_COLOR") : forced !== "0";
  return {
    style: { color: colored, unicode: terminal && speaksUnicode() },
    columns: stdout.columns ?? 80,
    print: (text = "") => void stdout.write(`${text}\n`),
    write: (text) => void stdout.write(text),
  };
}

/** What the locale says; macOS and Windows terminals can without one. */
function speaksUnicode(): boolean {
  const locale = env("LC_ALL") || env("LC_CTYPE") || env("LANG");
  if (locale) return /utf-?8/i.test(locale);
  return process.platform === "darwin" || process.platform === "win32";
}
