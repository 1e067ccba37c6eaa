import fc from 'fast-check';
import type { WirePage, SdkRecord } from '../../lib/kinesis/wire/wire-page.js';
import { cborOf, type CborStyle } from './cbor.js';

/** Payloads, from none to more than a slab. */
const anyPayload = fc.oneof(
  { weight: 20, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1_000, max: 70_000 }).map((length) => new Uint8Array(length).map((_, i) => i * 7)) },
);

/** To the millisecond, from 1973 on: as numbers, earlier ms would be taken for seconds. */
const anyTime = fc.date({ min: new Date(1e11), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true });

const anySequenceNumber = fc.bigInt(0n, 10n ** 129n - 1n).map(String);

const anyRecord: fc.Arbitrary<SdkRecord> = fc.record(
  {
    SequenceNumber: anySequenceNumber,
    ApproximateArrivalTimestamp: anyTime,
    Data: anyPayload,
    PartitionKey: fc.string({ unit: 'binary', minLength: 1, maxLength: 256 }),
    EncryptionType: fc.constantFrom('KMS', 'NONE'),
  },
  { requiredKeys: ['SequenceNumber', 'Data', 'PartitionKey'], noNullPrototype: true },
);

const anyHashKey = fc.bigInt(0n, 2n ** 128n - 1n).map(String);
const anyShardId = fc.bigInt(0n, 10n ** 12n - 1n).map((id) => `shardId-${String(id).padStart(12, '0')}`);
const anyChild = fc.record(
  {
    ShardId: anyShardId,
    ParentShards: fc.array(anyShardId, { maxLength: 2 }),
    HashKeyRange: fc.record({ StartingHashKey: anyHashKey, EndingHashKey: anyHashKey }, { noNullPrototype: true }),
  },
  { noNullPrototype: true },
);

/** Pages of GetRecords. */
export const anyPage: fc.Arbitrary<WirePage> = fc.record(
  {
    Records: fc.array(anyRecord, { maxLength: 12 }),
    NextShardIterator: fc.base64String({ minLength: 100, maxLength: 300 }),
    MillisBehindLatest: fc.nat(86_400_000),
    ChildShards: fc.array(anyChild, { maxLength: 3 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

/** Ways to write CBOR. */
export const anyStyle: fc.Arbitrary<CborStyle> = fc.record({
  indefinite: fc.boolean(),
  partBytes: fc.constantFrom(undefined, undefined, 1, 23, 100),
  blobs: fc.constantFrom('bytes', 'base64'),
  times: fc.constantFrom('tagged-ms', 'ms', 'seconds'),
});

/** Something that no client knows. */
const anyUnknown = fc.anything({ withNullPrototype: false, maxDepth: 3 }).filter(isEncodable);

/** What may be done to a page without changing its meaning. */
export interface Disguise {
  /** Chooses the order of keys. */
  readonly random: readonly number[];
  readonly unknown: Readonly<Record<string, unknown>>;
  /** Whether absent fields are there as `null`. */
  readonly nulls: boolean;
}

export const anyDisguise: fc.Arbitrary<Disguise> = fc.record({
  random: fc.array(fc.nat(100), { minLength: 12, maxLength: 12 }),
  unknown: fc.dictionary(
    fc.constantFrom('A', 'Data2', 'Datum', 'StreamSequence', 'PartitionKeyV2', '', 'MillisBehindEarliest'),
    anyUnknown,
    { maxKeys: 3, noNullPrototype: true },
  ),
  nulls: fc.boolean(),
});

/** The same page with its keys in another order, with keys that no client knows, and with `null` for what is absent. */
export function disguised(page: WirePage, { random, unknown, nulls }: Disguise): object {
  const disguise = (fields: object, optional: readonly string[]): object => {
    const absent = nulls ? Object.fromEntries(optional.map((name) => [name, null])) : {};
    const entries = Object.entries({ ...unknown, ...absent, ...fields });
    return Object.fromEntries(
      entries
        .map((entry, i) => ({ entry, at: random[i % random.length]! }))
        .sort((a, b) => a.at - b.at)
        .map(({ entry }) => entry),
    );
  };
  const Records = page.Records?.map((record) => disguise(record, ['ApproximateArrivalTimestamp', 'EncryptionType']));
  const ChildShards = page.ChildShards?.map((child) => disguise(child, []));
  const lists = { ...(Records && { Records }), ...(ChildShards && { ChildShards }) };
  return disguise({ ...page, ...lists }, ['Records', 'NextShardIterator', 'MillisBehindLatest', 'ChildShards']);
}

/** A page as CBOR. */
export function cborPageOf(page: object, style?: CborStyle): Uint8Array {
  return cborOf(page, style);
}

/** A page as the service writes it in JSON: payloads in base64, times in seconds. */
export function jsonPageOf(page: object): string {
  return JSON.stringify(page, function (this: Record<string, unknown>, key, value: unknown) {
    const original = this[key];
    if (original instanceof Uint8Array) return Buffer.from(original).toString('base64');
    return original instanceof Date ? original.getTime() / 1_000 : value;
  });
}

/** Cuts bytes at some places, each piece in a buffer of its own, as a connection delivers them. */
export function chunksOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return places.slice(1).map((to, i) => bytes.slice(places[i], to));
}

/** Whether the encoder of the specs can write it: no functions, no symbols, no numbers beyond 64 bits. */
function isEncodable(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEncodable);
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isEncodable);
  if (typeof value === 'number') return !Number.isInteger(value) || (Number.isSafeInteger(value) && !Object.is(value, -0));
  return value !== undefined;
}
