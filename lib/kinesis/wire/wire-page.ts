import type { GetRecordsPage, PortChildShard, PortRecord } from '../port.js';
import type { RecordFields } from '../../values/record.js';
import { WireError } from './wire-error.js';

/** A record as the SDK gives it. */
export interface SdkRecord extends PortRecord {
  readonly EncryptionType?: string;
}

/**
 * A record of the wire, with the own properties of an {@link SdkRecord}. By accessors it also has the fields that this package gives a record, so a reader need not copy it: most of the
 * time of reading is that of the garbage collector, and copies of a page are there all at once.
 */
export class WireRecord implements SdkRecord, RecordFields {
  readonly SequenceNumber: string;
  declare readonly ApproximateArrivalTimestamp?: Date;
  readonly Data: Uint8Array;
  readonly PartitionKey: string;
  declare readonly EncryptionType?: string;

  constructor(SequenceNumber: string, PartitionKey: string, Data: Uint8Array, time: Date | undefined, EncryptionType: string | undefined) {
    this.SequenceNumber = SequenceNumber;
    if (time !== undefined) this.ApproximateArrivalTimestamp = time;
    this.Data = Data;
    this.PartitionKey = PartitionKey;
    if (EncryptionType !== undefined) this.EncryptionType = EncryptionType;
  }

  get sequenceNumber(): string {
    return this.SequenceNumber;
  }

  get subSequenceNumber(): number {
    return 0;
  }

  get partitionKey(): string {
    return this.PartitionKey;
  }

  get data(): Uint8Array {
    return this.Data;
  }

  get approximateArrivalTimestamp(): Date | undefined {
    return this.ApproximateArrivalTimestamp;
  }
}

/** A page as the SDK gives it, without `$metadata`. Fields may be missing: readers check the page. */
export interface WirePage extends Omit<GetRecordsPage, 'Records'> {
  readonly Records?: readonly SdkRecord[];
}

/** Makes a page without the fields that are absent or `null` in the answer. */
export function wirePage(
  Records: readonly WireRecord[] | undefined,
  NextShardIterator: string | undefined,
  MillisBehindLatest: number | undefined,
  ChildShards: readonly PortChildShard[] | undefined,
): WirePage {
  // To spread an object for each field would take ten times as long.
  const page: { -readonly [Field in keyof WirePage]: WirePage[Field] } = {};
  if (Records) page.Records = Records;
  if (NextShardIterator !== undefined) page.NextShardIterator = NextShardIterator;
  if (MillisBehindLatest !== undefined) page.MillisBehindLatest = MillisBehindLatest;
  if (ChildShards) page.ChildShards = ChildShards;
  return page;
}

/** Makes a record. @throws WireError without a required field */
export function wireRecord(
  SequenceNumber: string | undefined,
  PartitionKey: string | undefined,
  Data: Uint8Array | undefined,
  time: number | undefined,
  EncryptionType: string | undefined,
): WireRecord {
  if (SequenceNumber === undefined || PartitionKey === undefined || Data === undefined) {
    throw new WireError('a record without sequence number, partition key or payload');
  }
  return new WireRecord(SequenceNumber, PartitionKey, Data, dateOf(time), EncryptionType);
}

/** As seconds this number is the year 5138, as milliseconds it is in 1973: no answer has a time near either. */
const SECONDS_END = 1e11;

/** Reads a time: the service sends ms in CBOR and seconds in JSON; emulators send either of them in CBOR. One that is no time counts as absent. */
function dateOf(time: number | undefined): Date | undefined {
  if (time === undefined) return undefined;
  const date = new Date(time < SECONDS_END ? Math.round(time * 1000) : time);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** The children that a page names, with the fields that the API knows. */
export function childShardsOf(value: unknown): PortChildShard[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw new WireError('child shards that are no array');
  return value.map((child: unknown) => {
    const { ShardId, ParentShards, HashKeyRange } = fieldsOf(child);
    if (typeof ShardId !== 'string' || !areTexts(ParentShards)) throw new WireError('a child shard without id or parents');
    const { StartingHashKey, EndingHashKey } = fieldsOf(HashKeyRange);
    if (typeof StartingHashKey !== 'string' || typeof EndingHashKey !== 'string') throw new WireError('a child shard without hash keys');
    return { ShardId, ParentShards, HashKeyRange: { StartingHashKey, EndingHashKey } };
  });
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

/** The fields of an object in an answer. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new WireError(`an object was expected, and not ${typeof value}`);
  return value as Readonly<Record<string, unknown>>;
}
