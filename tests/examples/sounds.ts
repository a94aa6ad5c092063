// Tones in the place of spoken digits: WAV files that a recipe of sounds can learn in seconds.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A tone of a quarter of a second as 16-bit WAV. */
export function tone(hertz: number, rate = 8000, channels = 1): Uint8Array {
  const count = rate / 4;
  const bytes = new Uint8Array(44 + 2 * count * channels);
  const view = new DataView(bytes.buffer);
  const text = (at: number, t: string) =>
    [...t].forEach((c, i) => void (bytes[at + i] = c.charCodeAt(0)));
  text(0, "RIFF");
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count * channels, true);
  for (let i = 0; i < count * channels; i++) {
    view.setInt16(44 + 2 * i, 8000 * Math.sin((2 * Math.PI * hertz * i) / (rate * channels)), true);
  }
  return bytes;
}

/** Recordings of two speakers, 0 to 15 of each digit: another tone each. */
export async function toneFolder(folder: string): Promise<void> {
  await mkdir(folder);
  for (let digit = 0; digit < 10; digit++) {
    for (let index = 0; index < 16; index++) {
      const file = `${digit}_${index % 2 ? "high" : "low"}_${index}.wav`;
      await writeFile(join(folder, file), tone(200 + 250 * digit + 6 * (index % 7)));
    }
  }
}
