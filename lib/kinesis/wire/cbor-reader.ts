import { TextReader } from './bytes.js';
import { ARRAY, BYTES, CborCursor, INDEFINITE, MAP, NEGATIVE, NEXT_2_BYTES, NEXT_8_BYTES, SIMPLE, TEXT, UNSIGNED } from './cbor-cursor.js';
import { WireError } from './wire-error.js';
import type { PagePayloads } from './page-payloads.js';

/** Simple values: RFC 8949, section 3.3. */
const FALSE = 20;
const TRUE = 21;
const NULL = 22;
const UNDEFINED = 23;

/** Deeper than any answer; it stops an input that would exhaust the stack. */
const MAX_DEPTH = 64;

/** The keys that a map may have, each of four letters or more, as 32-bit words to compare: the last word may overlap the one before. */
export type Keys = readonly { readonly name: string; readonly length: number; readonly words: Uint32Array }[];

/** Prepares names for {@link CborReader.key}. */
export function keysOf(...names: readonly string[]): Keys {
  return names.map((name) => {
    const bytes = new TextEncoder().encode(name);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { length } = bytes;
    const words = Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => view.getUint32(Math.min(i * 4, length - 4)));
    return { name, length, words };
  });
}

/**
 * Reads CBOR (RFC 8949) item by item; makes no objects of items that nobody asks for.
 *
 * @remarks
 * Pure. Lengths may be definite or indefinite, tags are skipped, and every item except a key may be `null` or `undefined`.
 * It throws a {@link WireError} when the bytes end within an item, and for an item of another type than asked for.
 */
export class CborReader {
  readonly #cursor: CborCursor;
  readonly #text: TextReader;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#cursor = new CborCursor(bytes);
    this.#text = new TextReader(bytes);
  }

  /** Enters a map. Returns how many pairs it has; -1 when a break will end it. */
  map(): number | undefined {
    return this.#enter(MAP);
  }

  /** Enters an array. Returns how many items it has, as {@link map} does. */
  array(): number | undefined {
    return this.#enter(ARRAY);
  }

  /** Whether another pair or item follows, when `left` are left of the count from {@link map} or {@link array}. */
  more(left: number): boolean {
    return left >= 0 ? left > 0 : !this.#cursor.takeBreak();
  }

  /** Reads a key. Returns its index in `keys`, or -1. */
  key(keys: Keys): number {
    const cursor = this.#cursor;
    if (cursor.head() !== TEXT) throw new WireError('CBOR: a key that is no text');
    if (cursor.info === INDEFINITE) {
      const name = this.#joinedText();
      return keys.findIndex((key) => key.name === name);
    }
    const from = cursor.take();
    const length = cursor.at - from;
    for (let i = 0; i < keys.length; i++) if (keys[i]!.length === length && this.#isAt(from, keys[i]!)) return i;
    return -1;
  }

  /** Reads a text. */
  text(): string | undefined {
    const type = this.#cursor.head();
    return type === TEXT ? this.#textContent() : this.#nothing(type);
  }

  /** Reads a text that is surely ASCII, which is faster. */
  ascii(): string | undefined {
    const cursor = this.#cursor;
    const type = cursor.head();
    if (type !== TEXT) return this.#nothing(type);
    return cursor.info === INDEFINITE ? this.#joinedText() : this.#text.ascii(cursor.take(), cursor.at);
  }

  /** Reads a payload: bytes, or a base64 text, as some emulators send it. */
  payload(payloads: PagePayloads): Uint8Array | undefined {
    const cursor = this.#cursor;
    const type = cursor.head();
    if (type === TEXT) return payloads.decode(this.#textContent());
    if (type !== BYTES) return this.#nothing(type);
    return cursor.info === INDEFINITE ? cursor.join(BYTES) : payloads.view(cursor.take(), cursor.at);
  }

  /** Reads a number. */
  number(): number | undefined {
    const type = this.#cursor.head();
    if (type === UNSIGNED) return this.#cursor.argument;
    if (type === NEGATIVE) return -1 - this.#cursor.argument;
    return type === SIMPLE && this.#isFloat() ? this.#cursor.float() : this.#nothing(type);
  }

  /** Reads an item of any type; this is also how to skip one. A map becomes a plain object. */
  value(depth = 0): unknown {
    if (depth > MAX_DEPTH) throw new WireError('CBOR: nested too deep');
    const cursor = this.#cursor;
    switch (cursor.head()) {
      case UNSIGNED:
        return cursor.argument;
      case NEGATIVE:
        return -1 - cursor.argument;
      case BYTES:
        return cursor.info === INDEFINITE ? cursor.join(BYTES) : cursor.bytes.slice(cursor.take(), cursor.at);
      case TEXT:
        return this.#textContent();
      case ARRAY:
        return this.#items(this.#count(), depth + 1);
      case MAP:
        return this.#pairs(this.#count(), depth + 1);
      default:
        return this.#simple();
    }
  }

  #enter(expected: number): number | undefined {
    const type = this.#cursor.head();
    return type === expected ? this.#count() : this.#nothing(type);
  }

  #count(): number {
    return this.#cursor.info === INDEFINITE ? -1 : this.#cursor.argument;
  }

  #textContent(): string {
    const cursor = this.#cursor;
    return cursor.info === INDEFINITE ? this.#joinedText() : this.#text.utf8(cursor.take(), cursor.at);
  }

  #joinedText(): string {
    const joined = this.#cursor.join(TEXT);
    return new TextReader(joined).utf8(0, joined.length);
  }

  #items(count: number, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let left = count; this.more(left); left--) items.push(this.value(depth));
    return items;
  }

  #pairs(count: number, depth: number): object {
    const pairs: [PropertyKey, unknown][] = [];
    for (let left = count; this.more(left); left--) pairs.push([String(this.value(depth)), this.value(depth)]);
    return Object.fromEntries(pairs);
  }

  #simple(): unknown {
    if (this.#isFloat()) return this.#cursor.float();
    const { info } = this.#cursor;
    if (info === INDEFINITE) throw new WireError('CBOR: a break where an item should be');
    return info === TRUE ? true : info === FALSE ? false : undefined;
  }

  #isFloat(): boolean {
    return this.#cursor.info >= NEXT_2_BYTES && this.#cursor.info <= NEXT_8_BYTES;
  }

  #isAt(from: number, { words, length }: Keys[number]): boolean {
    const last = words.length - 1;
    for (let i = 0; i < last; i++) if (this.#view.getUint32(from + i * 4) !== words[i]) return false;
    return this.#view.getUint32(from + length - 4) === words[last];
  }

  /** Accepts `null` and `undefined` as an absent value; throws for an item of another type. */
  #nothing(type: number): undefined {
    const { info } = this.#cursor;
    if (type !== SIMPLE || (info !== NULL && info !== UNDEFINED)) throw new WireError(`CBOR: an item of another type (${type})`);
  }
}
