import { WireError } from './wire-error.js';

/** The major types of RFC 8949, section 3.1. */
export const UNSIGNED = 0;
export const NEGATIVE = 1;
export const BYTES = 2;
export const TEXT = 3;
export const ARRAY = 4;
export const MAP = 5;
const TAG = 6;
export const SIMPLE = 7;

/** From this value of the low five bits of a head on, the argument follows in 1, 2, 4 or 8 bytes. */
export const NEXT_BYTE = 24;
export const NEXT_2_BYTES = 25;
export const NEXT_4_BYTES = 26;
export const NEXT_8_BYTES = 27;
/** This value of the same bits: the length is unknown, and a break ends the item. */
export const INDEFINITE = 31;
const BREAK = 0xff;

/** A place in CBOR bytes. It moves from head to head, and keeps the content of the last one. */
export class CborCursor {
  readonly bytes: Uint8Array;
  /** The next byte to read. */
  at = 0;
  /** The low five bits of the head read last. */
  info = 0;
  /** The number or the length in that head. */
  argument = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads the head of an item, skips its tags, and returns its major type. */
  head(): number {
    for (;;) {
      const first = this.#byte();
      const info = first & 31;
      this.info = info;
      this.argument = info < NEXT_BYTE ? info : this.#longArgument(info);
      if (first >> 5 !== TAG) return first >> 5;
    }
  }

  /** Skips the content of a text or byte string of definite length, and returns where it begins; it ends at {@link at}. */
  take(): number {
    const from = this.at;
    this.#advance(this.argument);
    return from;
  }

  /** Whether the next item is a break; if so, skips it. */
  takeBreak(): boolean {
    if (this.at >= this.bytes.length) throw new WireError(CUT_OFF);
    if (this.bytes[this.at] !== BREAK) return false;
    this.at++;
    return true;
  }

  /** Joins the parts of a text or byte string of indefinite length. */
  join(type: number): Uint8Array {
    const parts: Uint8Array[] = [];
    while (!this.takeBreak()) {
      if (this.head() !== type || this.info === INDEFINITE) throw new WireError('CBOR: a part of another type than its string');
      parts.push(this.bytes.subarray(this.take(), this.at));
    }
    const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  /** The float whose head was read last: the head's argument is its bits. */
  float(): number {
    const { buffer, byteOffset } = this.bytes;
    const view = new DataView(buffer, byteOffset, this.at);
    if (this.info === NEXT_8_BYTES) return view.getFloat64(this.at - 8);
    return this.info === NEXT_4_BYTES ? view.getFloat32(this.at - 4) : halfFloat(this.argument);
  }

  #longArgument(info: number): number {
    if (info === INDEFINITE) return 0;
    if (info > NEXT_8_BYTES) throw new WireError(`CBOR: additional information ${info} is reserved`);
    let argument = 0;
    for (let left = 1 << (info - NEXT_BYTE); left > 0; left--) argument = argument * 256 + this.#byte();
    return argument;
  }

  #byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new WireError(CUT_OFF);
    this.at++;
    return byte;
  }

  #advance(length: number): void {
    if (length > this.bytes.length - this.at) throw new WireError(CUT_OFF);
    this.at += length;
  }
}

const CUT_OFF = 'CBOR: the bytes end within an item';

/** A half-precision float from its bits: RFC 8949, appendix D. */
function halfFloat(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (mantissa + 1024) * 2 ** (exponent - 25);
}
