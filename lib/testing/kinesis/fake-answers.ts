import type { GetRecordsPage, GetRecordsRequest, GetShardIteratorRequest, PortRecord } from '../../kinesis/port.js';
import type { KinesisRecord } from '../../values/record.js';
import { aggregate } from './aggregate.js';
import { awsError } from './fake-errors.js';
import { childrenOf } from './fake-listing.js';
import type { FakeService } from './fake-service.js';
import type { FakeShard } from './fake-shard.js';

/** A shard, opened for reading. */
export interface OpenedShard {
  readonly shard: FakeShard;
  /** An index in its log. */
  readonly position: number;
  /** Whether reading is stuck before trimmed records. */
  readonly stuck: boolean;
  /** The sequence number that was asked for. */
  readonly askedFor?: string;
}

/** Opens a shard as GetShardIterator and SubscribeToShard do. Throws the service's errors. */
export function openShardAt(service: FakeService, request: GetShardIteratorRequest, nowMs: number): OpenedShard {
  const shard = existingShard(service, request.ShardId, nowMs);
  const position = startOf(service, shard, request, nowMs);
  const asksForTrimmed = request.ShardIteratorType.endsWith('_SEQUENCE_NUMBER') && position < shard.horizonAt(nowMs);
  const reads = asksForTrimmed ? shard.trimmedReadsAt(nowMs) : 'horizon';
  if (reads === 'InvalidArgumentException')
    throw awsError(reads, `${request.ShardId}: the StartingSequenceNumber is older than the retention`);
  const asked = 'StartingSequenceNumber' in request && { askedFor: request.StartingSequenceNumber };
  return { shard, position, stuck: reads === 'empty-pages', ...asked };
}

/** Answers GetShardIterator at this moment. Throws the service's errors. */
export function answerGetShardIterator(service: FakeService, request: GetShardIteratorRequest, nowMs: number): string {
  const { shard, position, stuck } = openShardAt(service, request, nowMs);
  return service.iterators.give(shard.shardId, position, stuck, nowMs);
}

/** Answers GetRecords at this moment. Throws the service's errors. */
export function answerGetRecords(service: FakeService, request: GetRecordsRequest, nowMs: number, empty: boolean): GetRecordsPage {
  const limit = checkedLimit(request.Limit);
  const { shardId, position, stuck } = service.iterators.use(request.ShardIterator, nowMs);
  const shard = existingShard(service, shardId, nowMs);
  if (stuck) {
    return { Records: [], NextShardIterator: service.iterators.give(shardId, position, true, nowMs), MillisBehindLatest: RETENTION_MS };
  }
  const start = Math.max(position, shard.horizonAt(nowMs));
  const most = empty ? 0 : Math.min(limit, service.script.maxRecordsPerPage ?? MAX_LIMIT);
  const { records, end } = recordsFrom(shard, start, nowMs, most);
  return {
    Records: records,
    MillisBehindLatest: millisBehind(shard, end, nowMs),
    ...continuation(service, shard, start, end, nowMs),
  };
}

/** The lag of a page whose iterator is stuck before trimmed records: the default retention, 24 hours. */
export const RETENTION_MS = 86_400_000;
/** GetRecords: 1 to 10 000 records, and at most 10 MiB. */
const MAX_LIMIT = 10_000;
const MAX_BYTES = 10 * 1024 * 1024;

function startOf({ startMs }: FakeService, shard: FakeShard, request: GetShardIteratorRequest, nowMs: number): number {
  switch (request.ShardIteratorType) {
    case 'TRIM_HORIZON':
      return 0;
    case 'LATEST':
      return shard.arrivedAt(nowMs);
    case 'AT_TIMESTAMP': {
      const sinceMs = request.Timestamp.getTime() - startMs;
      if (sinceMs > nowMs) throw awsError('InvalidArgumentException', 'The timestamp cannot be greater than the current timestamp.');
      return shard.positionSince(sinceMs);
    }
    case 'AT_SEQUENCE_NUMBER':
      return shard.positionAt(checkedNumber(request.StartingSequenceNumber));
    case 'AFTER_SEQUENCE_NUMBER':
      return shard.positionAfter(checkedNumber(request.StartingSequenceNumber));
    default:
      throw awsError('ValidationException', 'ShardIteratorType is none of the five');
  }
}

function existingShard({ stream }: FakeService, shardId: string, nowMs: number): FakeShard {
  const shard = stream.shards.get(shardId);
  if (shard?.existsAt(nowMs)) return shard;
  throw awsError('ResourceNotFoundException', `Shard ${shardId} in stream ${stream.streamName} does not exist`);
}

function checkedLimit(limit: number = MAX_LIMIT): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw awsError('InvalidArgumentException', `Limit must be 1 to ${MAX_LIMIT}, got ${limit}`);
}

function checkedNumber(sequenceNumber: string): string {
  if (/^(?:0|[1-9]\d{0,128})$/.test(sequenceNumber)) return sequenceNumber;
  throw awsError('InvalidArgumentException', 'StartingSequenceNumber is not a sequence number');
}

/** The next records, at most `most`, and their end in the log. User records of one number are one record; the first always fits. */
export function recordsFrom(shard: FakeShard, start: number, nowMs: number, most: number): { records: readonly PortRecord[]; end: number } {
  const arrived = shard.arrivedAt(nowMs);
  const records: PortRecord[] = [];
  let bytes = 0;
  let end = start;
  while (end < arrived && records.length < most) {
    const next = shard.endOfGroup(end);
    const record = toPortRecord(shard.log.slice(end, next).map((entry) => entry.record));
    bytes += record.Data.length + record.PartitionKey.length;
    if (bytes > MAX_BYTES && records.length > 0) break;
    records.push(record);
    end = next;
  }
  return { records, end };
}

/** Makes one record of a group: a plain record, or, as the KPL does, an aggregate of user records that share a sequence number. */
function toPortRecord(group: readonly KinesisRecord[]): PortRecord {
  const { sequenceNumber, partitionKey, data, approximateArrivalTimestamp } = group[0]!;
  return {
    SequenceNumber: sequenceNumber,
    PartitionKey: partitionKey,
    Data: group.length === 1 ? data : aggregate(group),
    ApproximateArrivalTimestamp: approximateArrivalTimestamp,
  };
}

/** The age of the first record that was not read; at least 1 if there is one, since 0 means caught up. */
export function millisBehind(shard: FakeShard, position: number, nowMs: number): number {
  return position < shard.arrivedAt(nowMs) ? Math.max(1, nowMs - shard.log[position]!.atMs) : 0;
}

function continuation(service: FakeService, shard: FakeShard, start: number, end: number, nowMs: number): Partial<GetRecordsPage> {
  const { script, stream, iterators } = service;
  if (!isAtEnd(service, shard, start, end, nowMs)) return { NextShardIterator: iterators.give(shard.shardId, end, false, nowMs) };
  return script.childShards === false ? {} : { ChildShards: childrenOf(stream, shard.shardId, nowMs) };
}

/** Whether what was read from `start` to `end` is the last of a closed shard. */
export function isAtEnd({ script }: FakeService, shard: FakeShard, start: number, end: number, nowMs: number): boolean {
  const atEnd = nowMs >= shard.closedAtMs && end >= shard.arrivedAt(nowMs);
  return atEnd && (script.lastPage !== 'extra-page' || end === start);
}
