// Small zip and tar archives for tests, sound ones and broken ones.
import { deflateRawSync } from "node:zlib";

export interface ZipFaults {
  /** 0 stores, 8 deflates. */
  method?: number;
  saysMethod?: number;
  flags?: number;
  comment?: string;
  /** Bytes that the directory says too many. */
  longer?: number;
  /** Bytes that the directory is said to begin later. */
  moved?: number;
}

/** A zip archive of texts by name. */
export function zipOf(
  files: Readonly<Record<string, string>>,
  faults: ZipFaults = {},
): Uint8Array<ArrayBuffer> {
  const {
    method = 8,
    saysMethod = method,
    flags = 0,
    comment = "",
    longer = 0,
    moved = 0,
  } = faults;
  const [parts, entries]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    const packed = method === 8 ? deflateRawSync(bytes) : bytes;
    // Version, flags, method, time, date, checksum (unread), packed and own length, name, extra field.
    const shared = numbers(
      [2, 20],
      [2, flags],
      [2, saysMethod],
      [4, 0],
      [4, 0],
      [4, packed.length],
    );
    const sizes = numbers([4, bytes.length + longer], [2, name.length], [2, 0]);
    const file = Buffer.concat([
      numbers([4, 0x04034b50]),
      shared,
      sizes,
      Buffer.from(name),
      packed,
    ]);
    const rest = numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, at]);
    const head = numbers([4, 0x02014b50], [2, 20]);
    entries.push(Buffer.concat([head, shared, sizes, rest, Buffer.from(name)]));
    parts.push(file);
    at += file.length;
  }
  const directory = Buffer.concat(entries);
  const count = entries.length;
  const end = numbers(
    [4, 0x06054b50],
    [4, 0],
    [2, count],
    [2, count],
    [4, directory.length],
    [4, at + moved],
  );
  const last = [end, numbers([2, comment.length]), Buffer.from(comment)];
  return Uint8Array.from(Buffer.concat([...parts, directory, ...last]));
}

/** A tar archive of texts by name. */
export function tarOf(files: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        0", 148);
    header.write("ustar\0", 257);
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Uint8Array.from(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

/** Numbers of so many bytes, the lowest first. */
function numbers(...list: readonly (readonly [size: number, value: number])[]): Buffer {
  const parts = list.map(([size, value]) => {
    const bytes = Buffer.alloc(size);
    bytes.writeUIntLE(value, 0, size);
    return bytes;
  });
  return Buffer.concat(parts);
}
