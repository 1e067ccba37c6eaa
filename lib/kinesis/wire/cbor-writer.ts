/** The types of the fields of a GetRecords request. */
type Scalar = string | number | boolean;

/**
 * Writes a flat map of texts, whole numbers and booleans as CBOR; leaves out fields that are `undefined`.
 *
 * @returns `undefined` when the map has a value of another type.
 */
export function encodeCborMap(fields: object): Uint8Array | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (!entries.every((entry): entry is [string, Scalar] => isScalar(entry[1]))) return undefined;
  const writer = new CborWriter(entries.reduce((size, [key, value]) => size + mostBytes(key) + mostBytes(value), MAX_HEAD));
  writer.head(MAP, entries.length);
  for (const [key, value] of entries) {
    writer.text(key);
    writer.scalar(value);
  }
  return writer.written();
}

const UNSIGNED = 0;
const NEGATIVE = 1;
const TEXT = 3;
const MAP = 5;
const FALSE = 0xf4;
const TRUE = 0xf5;

/** The largest number that fits in 32 bits: no request has a larger one. */
const MAX = 2 ** 32 - 1;
/** The most bytes that a type and such a number take. */
const MAX_HEAD = 5;

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'boolean' || (Number.isInteger(value) && Math.abs(value as number) <= MAX);
}

/** A unit of UTF-16 takes at most three bytes of UTF-8. */
function mostBytes(value: Scalar): number {
  return MAX_HEAD + (typeof value === 'string' ? 3 * value.length : 0);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

const ENCODER = /* @__PURE__ */ new TextEncoder();

/** Writes into bytes of its own, of which there are enough. */
class CborWriter {
  readonly #bytes: Uint8Array;
  #length = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  scalar(value: Scalar): void {
    if (typeof value === 'string') this.text(value);
    else if (typeof value === 'boolean') this.#byte(value ? TRUE : FALSE);
    else if (value < 0) this.head(NEGATIVE, -1 - value);
    else this.head(UNSIGNED, value);
  }

  text(text: string): void {
    // An iterator has some 200 characters, of ASCII: the encoder, which allocates, takes four times as long.
    if (isAscii(text)) {
      this.head(TEXT, text.length);
      for (let i = 0; i < text.length; i++) this.#byte(text.charCodeAt(i));
    } else {
      const encoded = ENCODER.encode(text);
      this.head(TEXT, encoded.length);
      this.#bytes.set(encoded, this.#length);
      this.#length += encoded.length;
    }
  }

  head(type: number, argument: number): void {
    const major = type << 5;
    if (argument < 24) this.#byte(major | argument);
    else if (argument < 256) this.#number(major | 24, argument, 1);
    else if (argument < 65_536) this.#number(major | 25, argument, 2);
    else this.#number(major | 26, argument, 4);
  }

  #number(first: number, value: number, bytes: number): void {
    this.#byte(first);
    for (let shift = 8 * (bytes - 1); shift >= 0; shift -= 8) this.#byte(value >>> shift);
  }

  #byte(byte: number): void {
    this.#bytes[this.#length++] = byte;
  }
}
