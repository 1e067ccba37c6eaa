/** The bytes are not a message of protocol buffers. The error never leaves this folder: such a record is a plain one. */
export class MalformedMessage extends Error {}

/** The wire types, which say how a field's value is written: the low three bits of its tag. */
export const VARINT = 0;
export const LENGTH_DELIMITED = 2;
const [FIXED_64, START_GROUP, END_GROUP, FIXED_32] = [1, 3, 4, 5] as const;

/** The tag of a field. */
export function tagOf(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

/**
 * Reads the wire format of protocol buffers in place, like Java's `CodedInputStream`, which KCL uses.
 *
 * @remarks
 * Like that one it refuses a varint of more than ten bytes, field number 0, wire types 6 and 7, a length past the end, and groups more
 * than 100 deep or not closed; and it takes only the low 32 bits of an index or tag of 64 bits. Allocates nothing.
 */
export class ProtobufReader {
  private depth = 0;

  constructor(
    readonly bytes: Uint8Array,
    public position: number,
    private end: number,
  ) {}

  /** The next field's tag; 0 at the end of the message. */
  tag(): number {
    if (this.position === this.end) return 0;
    const tag = this.varint();
    if (tag >>> 3 === 0) throw new MalformedMessage();
    return tag;
  }

  /** The low 32 bits of a varint, signed. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < MAX_VARINT_BITS; shift += 7) {
      if (this.position >= this.end) throw new MalformedMessage();
      const byte = this.bytes[this.position++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new MalformedMessage();
  }

  /** Reads a length and skips that many bytes, up to the new position; returns where they begin. */
  span(): number {
    const length = this.varint();
    if (length < 0 || length > this.end - this.position) throw new MalformedMessage();
    this.position += length;
    return this.position - length;
  }

  /** Enters a message within this one: until {@link leave}, its end is the reader's end. Returns the outer end, for {@link leave}. */
  enter(): number {
    const outerEnd = this.end;
    const start = this.span();
    this.deepen();
    this.end = this.position;
    this.position = start;
    return outerEnd;
  }

  /** Returns to the outer message after all of the inner one is read. */
  leave(outerEnd: number): void {
    this.depth--;
    this.end = outerEnd;
  }

  /** Skips the value of an unknown field. */
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        this.varint();
        return;
      case FIXED_64:
        return this.advance(8);
      case LENGTH_DELIMITED:
        this.span();
        return;
      case START_GROUP:
        return this.skipGroup(tag >>> 3);
      case FIXED_32:
        return this.advance(4);
      default:
        throw new MalformedMessage();
    }
  }

  private skipGroup(field: number): void {
    this.deepen();
    const closing = tagOf(field, END_GROUP);
    for (let tag = this.tag(); tag !== closing; tag = this.tag()) {
      if (tag === 0) throw new MalformedMessage();
      this.skip(tag);
    }
    this.depth--;
  }

  private advance(length: number): void {
    if (length > this.end - this.position) throw new MalformedMessage();
    this.position += length;
  }

  private deepen(): void {
    if (this.depth >= MAX_DEPTH) throw new MalformedMessage();
    this.depth++;
  }
}

/** Ten bytes of seven bits. */
const MAX_VARINT_BITS = 70;
/** CodedInputStream.setRecursionLimit: 100 by default. */
const MAX_DEPTH = 100;
