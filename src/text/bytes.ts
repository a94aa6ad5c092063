// Bytes as visible characters, and the cutting of a text before its parts are merged: both as GPT-2
// has them (Radford et al. 2019), so that its files can be read. A byte that prints in Latin-1 is
// that character, the other 68 are those from U+0100 on.
// Not here: merging (bpe.ts).

/** The character of each byte. */
export const byteCharacters: readonly string[] = characters();

const byteOf: ReadonlyMap<string, number> = new Map(byteCharacters.map((c, byte) => [c, byte]));

function characters(): string[] {
  const prints = (byte: number) =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte <= 0xff && byte !== 0xad);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(prints(byte) ? byte : next++),
  );
}

/** The bytes that visible characters stand for, or undefined where one stands for none. */
export function bytesOf(visible: string): Uint8Array | undefined {
  const bytes = Array.from(visible, (character) => byteOf.get(character));
  return bytes.includes(undefined) ? undefined : Uint8Array.from(bytes as number[]);
}

// White space by Unicode's property: JavaScript's \s has the byte order mark besides, and lacks U+0085.
const space = String.raw`\p{White_Space}`;
const cut = new RegExp(
  [
    "'s|'t|'re|'ve|'m|'ll|'d",
    String.raw` ?\p{L}+| ?\p{N}+`,
    String.raw` ?[^${space}\p{L}\p{N}]+`,
    String.raw`${space}+(?!\P{White_Space})|${space}+`,
  ].join("|"),
  "gu",
);

/** The parts of a text within which bytes are merged: words with the space before them, numbers,
 * signs. */
export function cutText(text: string): string[] {
  return text.match(cut) ?? [];
}
