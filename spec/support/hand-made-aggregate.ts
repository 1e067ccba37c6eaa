import { createHash } from 'node:crypto';

const MAGIC = Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2);

/** A varint of any value, in its shortest form. */
export function varint(value: bigint | number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(rest)]);
}

/** A field with a number. */
export function number(field: number, value: bigint | number): Uint8Array {
  return bytes(varint(field << 3), varint(value));
}

/** A field with text or bytes. */
export function text(field: number, value: Uint8Array | string): Uint8Array {
  const content = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return bytes(varint((field << 3) | 2), varint(content.length), content);
}

/** A record of an aggregate's message, from its fields. */
export function entry(...fields: readonly Uint8Array[]): Uint8Array {
  return text(3, bytes(...fields));
}

/** A record with one letter as its data. */
export function letter(data: string, keyIndex: bigint | number = 0): Uint8Array {
  return entry(number(1, keyIndex), text(3, data));
}

/** `count` groups, one within the other. */
export function groups(count: number): Uint8Array {
  return Uint8Array.from([...Array.from({ length: count }, () => (9 << 3) | 3), ...Array.from({ length: count }, () => (9 << 3) | 4)]);
}

/** `count` times the same part. */
export function times(count: number, part: Uint8Array): Uint8Array {
  const repeated = new Uint8Array(count * part.length);
  for (let i = 0; i < count; i++) repeated.set(part, i * part.length);
  return repeated;
}

/** The parts in a row. */
export function bytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A message with the magic bytes before it and its MD5 behind it. */
export function sealed(...message: readonly Uint8Array[]): Uint8Array {
  return bytes(MAGIC, ...message, digest(bytes(...message)));
}

function digest(content: Uint8Array): Uint8Array {
  return createHash('md5').update(content).digest();
}
