// A strict JSON reader over bytes for file headers. It differs from JSON.parse in what a hostile
// file needs: every value knows its byte, a key given twice is an error, `__proto__` is an ordinary
// key (objects are Maps), numbers stay text so that 2^53 + 1 is not rounded away, and depth is
// bounded. It is not a general JSON library: use JSON.parse for files that we wrote ourselves.
import { LoadError } from "../util/errors.ts";

/** A JSON value with the byte of the file at which it starts. */
export type JsonNode =
  | { readonly kind: "object"; readonly at: number; readonly entries: Map<string, JsonNode> }
  | { readonly kind: "array"; readonly at: number; readonly items: JsonNode[] }
  | { readonly kind: "string"; readonly at: number; readonly value: string }
  | { readonly kind: "number"; readonly at: number; readonly text: string }
  | { readonly kind: "literal"; readonly at: number; readonly value: boolean | null };

const MAX_DEPTH = 16;
/** A million tensors' worth: a header must not take many times its own size in memory. */
const MAX_VALUES = 8_000_000;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Reads one JSON value that fills `bytes`, apart from white space around it. `base` is the position
 * of `bytes[0]` in `file`, so that errors name the byte of the file. Throws LoadError.
 */
export function readJson(bytes: Uint8Array, file: string, base = 0): JsonNode {
  const reader = new JsonReader(bytes, file, base);
  const node = reader.value(0);
  reader.space();
  if (reader.at < bytes.length) reader.fail("has text after the end of its JSON");
  return node;
}

class JsonReader {
  at = 0;
  private values = 0;
  private readonly bytes: Uint8Array;
  private readonly file: string;
  private readonly base: number;
  private readonly decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array, file: string, base: number) {
    this.bytes = bytes;
    this.file = file;
    this.base = base;
  }

  fail(detail: string, at = this.at): never {
    const byte = this.base + at;
    throw new LoadError(this.file, `${detail} (byte ${byte})`, { byte });
  }

  space(): void {
    while (isSpace(this.bytes[this.at])) this.at++;
  }

  value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) this.fail(`nests its JSON deeper than ${MAX_DEPTH}`);
    if (++this.values > MAX_VALUES) this.fail(`has more than ${MAX_VALUES} values in its JSON`);
    this.space();
    switch (this.bytes[this.at]) {
      case 0x7b: // {
        return this.object(depth);
      case 0x5b: // [
        return this.array(depth);
      case QUOTE:
        return { kind: "string", at: this.base + this.at, value: this.string() };
      default:
        return this.scalar();
    }
  }

  private object(depth: number): JsonNode {
    const at = this.base + this.at++;
    const entries = new Map<string, JsonNode>();
    this.space();
    if (this.take(0x7d)) return { kind: "object", at, entries };
    for (;;) {
      this.space();
      if (this.bytes[this.at] !== QUOTE) this.fail("has invalid JSON: a key must be a string");
      const start = this.at;
      const key = this.string();
      if (entries.has(key)) this.fail(`has the key ${JSON.stringify(key)} twice`, start);
      this.space();
      if (!this.take(0x3a)) this.fail("has invalid JSON: ':' expected");
      entries.set(key, this.value(depth + 1));
      this.space();
      if (this.take(0x7d)) return { kind: "object", at, entries };
      if (!this.take(0x2c)) this.fail("has invalid JSON: ',' or '}' expected");
    }
  }

  private array(depth: number): JsonNode {
    const at = this.base + this.at++;
    const items: JsonNode[] = [];
    this.space();
    if (this.take(0x5d)) return { kind: "array", at, items };
    for (;;) {
      items.push(this.value(depth + 1));
      this.space();
      if (this.take(0x5d)) return { kind: "array", at, items };
      if (!this.take(0x2c)) this.fail("has invalid JSON: ',' or ']' expected");
    }
  }

  private string(): string {
    const start = this.at++;
    let escaped = false;
    for (; this.bytes[this.at] !== QUOTE; this.at++) {
      const byte = this.bytes[this.at];
      if (byte === undefined) this.fail("has invalid JSON: a string without end", start);
      if (byte < 0x20) this.fail("has invalid JSON: a control character in a string");
      if (byte === BACKSLASH) {
        escaped = true;
        this.at++;
      }
    }
    this.at++;
    return this.text(start, escaped);
  }

  // The string between the quotes at start and at - 1; JSON.parse decodes escapes of one string
  // only.
  private text(start: number, escaped: boolean): string {
    try {
      const quoted = this.decoder.decode(this.bytes.subarray(start, this.at));
      const value = escaped ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
      if (!LONE_SURROGATE.test(value)) return value;
    } catch {
      // told below, with its byte
    }
    return this.fail("has invalid JSON: a string that is not valid UTF-8 or escapes", start);
  }

  private scalar(): JsonNode {
    const start = this.at;
    while (isWord(this.bytes[this.at])) this.at++;
    const text = String.fromCharCode(...this.bytes.subarray(start, Math.min(this.at, start + 64)));
    const at = this.base + start;
    if (this.at - start > 64) this.fail("has invalid JSON: a number of more than 64 signs", start);
    if (NUMBER.test(text)) return { kind: "number", at, text };
    if (text === "true" || text === "false") return { kind: "literal", at, value: text === "true" };
    if (text === "null") return { kind: "literal", at, value: null };
    return this.fail("has invalid JSON: a value expected", start);
  }

  private take(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

// Letters, digits, '+', '-' and '.': all that numbers and literals are made of.
function isWord(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return true;
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
