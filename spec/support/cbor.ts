/** How some CBOR is written, where it leaves a choice. */
export interface CborStyle {
  /** Maps and arrays end with a break, and do not say how long they are. */
  readonly indefinite?: boolean;
  /** Texts and byte strings longer than this come in parts of at most as many bytes. */
  readonly partBytes?: number;
  /** Payloads are byte strings, as the service sends them, or base64 texts, as emulators do. */
  readonly blobs?: 'base64' | 'bytes';
  /** Times are ms with the tag of an epoch time, as the service sends them, the same without, or seconds as a float. */
  readonly times?: 'ms' | 'seconds' | 'tagged-ms';
}

/** How the service itself writes. */
export const SERVICE_STYLE: CborStyle = { indefinite: true, blobs: 'bytes', times: 'tagged-ms' };

/** Encodes a value; what is `undefined` in an object is left out. */
export function cborOf(value: unknown, style: CborStyle = SERVICE_STYLE): Buffer {
  const parts: Buffer[] = [];
  write(value);
  return Buffer.concat(parts);

  function write(item: unknown): void {
    if (item === null) parts.push(Buffer.of(0xf6));
    else if (typeof item === 'boolean') parts.push(Buffer.of(item ? 0xf5 : 0xf4));
    else if (typeof item === 'number') parts.push(numberOf(item));
    else if (typeof item === 'string') writeString(3, Buffer.from(item));
    else if (item instanceof Date) writeTime(item);
    else if (item instanceof Uint8Array) writeBlob(Buffer.from(item));
    else if (Array.isArray(item)) writeAll(4, item.length, item);
    else writeMap(item as object);
  }

  function writeMap(item: object): void {
    const entries = Object.entries(item).filter(([, each]) => each !== undefined);
    writeAll(5, entries.length, entries.flat());
  }

  function writeAll(type: number, length: number, items: readonly unknown[]): void {
    parts.push(style.indefinite ? Buffer.of((type << 5) | 31) : head(type, length));
    items.forEach(write);
    if (style.indefinite) parts.push(Buffer.of(0xff));
  }

  function writeBlob(bytes: Buffer): void {
    if (style.blobs === 'base64') writeString(3, Buffer.from(bytes.toString('base64')));
    else writeString(2, bytes);
  }

  function writeString(type: number, bytes: Buffer): void {
    const { partBytes = Infinity } = style;
    if (bytes.length <= partBytes) return void parts.push(head(type, bytes.length), bytes);
    parts.push(Buffer.of((type << 5) | 31));
    for (let at = 0; at < bytes.length; at += partBytes) {
      const part = bytes.subarray(at, at + partBytes);
      parts.push(head(type, part.length), part);
    }
    parts.push(Buffer.of(0xff));
  }

  function writeTime(time: Date): void {
    if (style.times === 'seconds') return void parts.push(float64(time.getTime() / 1_000));
    if (style.times !== 'ms') parts.push(Buffer.of(0xc1));
    parts.push(numberOf(time.getTime()));
  }
}

function numberOf(value: number): Buffer {
  if (!Number.isInteger(value)) return float64(value);
  return value < 0 ? head(1, -1 - value) : head(0, value);
}

function float64(value: number): Buffer {
  const bytes = Buffer.alloc(9, 0xfb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function head(type: number, argument: number): Buffer {
  const major = type << 5;
  if (argument < 24) return Buffer.of(major | argument);
  if (argument < 2 ** 8) return Buffer.of(major | 24, argument);
  if (argument < 2 ** 16) return Buffer.of(major | 25, argument >> 8, argument & 255);
  const bytes = Buffer.alloc(argument < 2 ** 32 ? 5 : 9);
  bytes[0] = major | (argument < 2 ** 32 ? 26 : 27);
  if (argument < 2 ** 32) bytes.writeUInt32BE(argument, 1);
  else bytes.writeBigUInt64BE(BigInt(argument), 1);
  return bytes;
}
