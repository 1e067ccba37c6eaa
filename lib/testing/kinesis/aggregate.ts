import { md5 } from 'js-md5';

/** A user record of an aggregate. */
export interface AggregateRecord {
  /** The partition key. */
  readonly partitionKey: string;
  /** The hash key that overrides the partition key's, decimal. @defaultValue none */
  readonly explicitHashKey?: string;
  /** The payload; text is encoded as UTF-8. */
  readonly data: Uint8Array | string;
}

/**
 * Makes the payload of a Kinesis record that holds many user records, as the Kinesis Producer Library writes it.
 *
 * @remarks
 * It consists of the magic bytes, a message of protocol buffers (a table of the partition keys, one of the explicit hash keys, and the
 * records), and the MD5 of that message. Each key is once in its table. Nothing is limited or checked: Kinesis takes records of up to
 * 10 MiB, and KCL takes an aggregate without records for a plain record.
 *
 * @example
 * ```ts
 * import { aggregate } from 'rx-kinesis/testing';
 *
 * aggregate([
 *   { partitionKey: 'LH 400', data: 'boarding' },
 *   { partitionKey: 'LH 401', data: 'landed' },
 * ]);
 * ```
 */
export function aggregate(records: readonly AggregateRecord[]): Uint8Array {
  const partitionKeys = new Set(records.map(({ partitionKey }) => partitionKey));
  const explicitHashKeys = new Set(records.flatMap(({ explicitHashKey }) => explicitHashKey ?? []));
  const [partitionKeyIndexes, explicitHashKeyIndexes] = [indexesOf(partitionKeys), indexesOf(explicitHashKeys)];
  const message = concat([
    ...[...partitionKeys].map((key) => bytesField(1, ENCODER.encode(key))),
    ...[...explicitHashKeys].map((key) => bytesField(2, ENCODER.encode(key))),
    ...records.map(({ partitionKey, explicitHashKey, data }) =>
      bytesField(
        3,
        concat([
          varintField(1, partitionKeyIndexes.get(partitionKey)!),
          explicitHashKey === undefined ? NOTHING : varintField(2, explicitHashKeyIndexes.get(explicitHashKey)!),
          bytesField(3, typeof data === 'string' ? ENCODER.encode(data) : data),
        ]),
      ),
    ),
  ]);
  return concat([MAGIC, message, Uint8Array.from(md5.array(message))]);
}

const MAGIC = Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2);
const NOTHING = new Uint8Array();
const ENCODER = new TextEncoder();

function indexesOf(keys: ReadonlySet<string>): ReadonlyMap<string, number> {
  return new Map([...keys].map((key, index) => [key, index]));
}

function varintField(field: number, value: number): Uint8Array {
  return Uint8Array.from([field << 3, ...varint(value)]);
}

function bytesField(field: number, value: Uint8Array): Uint8Array {
  return concat([Uint8Array.from([(field << 3) | 2, ...varint(value.length)]), value]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return [...bytes, value];
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
