import { Decoder, Encoder } from '@msgpack/msgpack';
import { makeBlock, type Block } from '../values/block.js';
import { InvalidValueError } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import { wholeRangesFromJson } from '../values/ranges-json.js';
import type { SequenceNumberRange, SequenceNumberRangesJson } from '../values/sequence-range.js';

/** A record without the stream and shard, which its range has. Absent fields are `null`. */
type Row = [
  sequenceNumber: string,
  subSequenceNumber: number,
  partitionKey: string,
  data: Uint8Array,
  arrivedMs: number | null,
  explicitHashKey: string | null,
];
type Body = [recovered: boolean, ranges: SequenceNumberRangesJson, rows: Row[]];

/** Writes a block as MessagePack. */
export function writeBody({ recovered, ranges, records }: Block): Uint8Array {
  const body: Body = [recovered, ranges.toJSON(), records.map(rowOf)];
  // The encoder's own buffer would be copied again and again while it grows.
  const initialBufferSize =
    records.reduce((sum, { data, partitionKey }) => sum + data.byteLength + partitionKey.length, 0) + ROW_BYTES * (records.length + 10);
  return new Encoder({ initialBufferSize }).encodeSharedRef(body);
}

/** What a row takes beside its payload and its key, most often; where it takes more, the buffer grows. */
const ROW_BYTES = 100;

/**
 * Reads what {@link writeBody} wrote. Payloads are views of `bytes`.
 *
 * @throws InvalidValueError when the bytes are anything else; its message quotes none of them.
 */
export function readBody(bytes: Uint8Array): Block {
  const [recovered, json, rows] = bodyIn(bytes);
  const ranges = wholeRangesFromJson(json);
  if (typeof recovered !== 'boolean' || !Array.isArray(rows) || rows.length !== ranges.recordCount) {
    throw new InvalidValueError('the stored block does not have the records of its ranges');
  }
  const records: KinesisRecord[] = [];
  for (const range of ranges.ranges) {
    const end = records.length + range.recordCount;
    while (records.length < end) records.push(recordIn(rows[records.length], range));
  }
  return makeBlock(records, ranges, recovered);
}

function rowOf(record: KinesisRecord): Row {
  const { sequenceNumber, subSequenceNumber, partitionKey, data, approximateArrivalTimestamp, explicitHashKey } = record;
  return [sequenceNumber, subSequenceNumber, partitionKey, data, approximateArrivalTimestamp?.getTime() ?? null, explicitHashKey ?? null];
}

function bodyIn(bytes: Uint8Array): Partial<Body> {
  // No length in the body can exceed the number of its bytes; the limits stop the decoder from allocating for a false one.
  const max = bytes.byteLength;
  const limits = { maxStrLength: max, maxBinLength: max, maxArrayLength: max, maxMapLength: max, maxExtLength: 0 };
  let body: unknown;
  try {
    body = new Decoder(limits).decode(bytes);
  } catch {
    // The decoder's message is left out: it may quote its input.
    throw new InvalidValueError('the stored block is not MessagePack');
  }
  if (!Array.isArray(body) || body.length !== 3) throw new InvalidValueError('the stored block does not have three parts');
  return body as Partial<Body>;
}

function recordIn(row: unknown, { streamName, shardId }: SequenceNumberRange): KinesisRecord {
  if (!isRow(row)) throw new InvalidValueError('the stored block has a malformed record');
  const [sequenceNumber, subSequenceNumber, partitionKey, data, arrivedMs, explicitHashKey] = row;
  return {
    streamName,
    shardId,
    sequenceNumber,
    subSequenceNumber,
    partitionKey,
    data,
    ...(arrivedMs !== null && { approximateArrivalTimestamp: new Date(arrivedMs) }),
    ...(explicitHashKey !== null && { explicitHashKey }),
  };
}

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row) || row.length !== 6) return false;
  const [sequenceNumber, subSequenceNumber, partitionKey, data, arrivedMs, explicitHashKey] = row as unknown[];
  return (
    typeof sequenceNumber === 'string' &&
    typeof subSequenceNumber === 'number' &&
    typeof partitionKey === 'string' &&
    data instanceof Uint8Array &&
    (arrivedMs === null || typeof arrivedMs === 'number') &&
    (explicitHashKey === null || typeof explicitHashKey === 'string')
  );
}
