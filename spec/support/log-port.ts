import { defer, map, NEVER, throwError, timer, type Observable } from 'rxjs';
import type { GetRecordsPage, GetShardIteratorRequest, KinesisPort, PortRecord } from '../../lib/kinesis/port.js';
import { compareSequenceNumbers } from '../../lib/values/position.js';

/** A page that is given as it stands here, whatever `Limit` asks for. */
export interface ScriptedPage {
  readonly records?: readonly PortRecord[];
  /** What MillisBehindLatest says; left out, the answer has none. */
  readonly lagMs?: number;
}

/** A {@link KinesisPort} and what it was asked for. */
export interface LogPort extends KinesisPort {
  /** The StartingSequenceNumber or the type of each GetShardIterator. */
  readonly iterators: string[];
  /** Of each GetRecords: the index of its iterator, and its Limit. */
  readonly reads: Array<readonly [index: number, limit: number]>;
  /** How many records were sent. */
  readonly sent: () => number;
  /** Errors by the index of the iterator that is read, or `'never'` for no answer: each strikes once. */
  readonly faults: Map<number, Error | 'never'>;
}

/** Records numbered from 1 up, their payload `bytes` long; nobody writes to it. */
export function numbered(count: number, bytes = 1): PortRecord[] {
  const Data = new Uint8Array(bytes);
  return Array.from({ length: count }, (_, i) => portRecord(i + 1, Data));
}

/** A record by its number, its data the number as text. */
export function portRecord(number: number, Data: Uint8Array = new TextEncoder().encode(String(number))): PortRecord {
  return { SequenceNumber: String(number), PartitionKey: 'key', Data };
}

/** One closed shard that holds these records, without de-aggregation. An iterator is the index of the next record. */
export function logPort(log: readonly PortRecord[], latencyMs = 0): LogPort {
  return port(
    (index, limit) => ({
      Records: log.slice(index, index + limit),
      ...(index + limit < log.length && { NextShardIterator: String(index + limit) }),
      MillisBehindLatest: Math.max(0, log.length - index - limit),
      ...(index + limit >= log.length && {
        ChildShards: [{ ShardId: 'child', ParentShards: ['shardId-000000000000'], HashKeyRange: KEYS }],
      }),
    }),
    (from) => log.findIndex((record) => compareSequenceNumbers(record.SequenceNumber, from) >= 0),
    latencyMs,
  );
}

/** One open shard that gives these pages, then its last page again and again. An iterator is the index of the next page. */
export function pagesPort(pages: readonly ScriptedPage[], latencyMs = 0): LogPort {
  return port(
    (index) => {
      const { records = [], lagMs } = pages[Math.min(index, pages.length - 1)]!;
      return { Records: records, NextShardIterator: String(index + 1), ...(lagMs !== undefined && { MillisBehindLatest: lagMs }) };
    },
    (from) => pages.findIndex(({ records = [] }) => records.some((record) => record.SequenceNumber === from)),
    latencyMs,
  );
}

const KEYS = { StartingHashKey: '0', EndingHashKey: '1' };

function port(page: (index: number, limit: number) => GetRecordsPage, indexOf: (from: string) => number, latencyMs: number): LogPort {
  const iterators: string[] = [];
  const reads: Array<readonly [number, number]> = [];
  const faults = new Map<number, Error | 'never'>();
  let sent = 0;
  const answer = <T>(value: () => T): Observable<T> => timer(latencyMs).pipe(map(value));
  const closed = {
    ShardId: 'shardId-000000000000',
    HashKeyRange: KEYS,
    SequenceNumberRange: { StartingSequenceNumber: '0', EndingSequenceNumber: '9' },
  };

  return {
    ...{ iterators, reads, faults, sent: () => sent },
    listShards: () => answer(() => ({ Shards: [closed] })),
    getShardIterator: (request: GetShardIteratorRequest) =>
      defer(() => {
        const from = 'StartingSequenceNumber' in request ? request.StartingSequenceNumber : undefined;
        iterators.push(from ?? request.ShardIteratorType);
        return answer(() => String(from === undefined ? 0 : Math.max(0, indexOf(from))));
      }),
    getRecords: ({ ShardIterator, Limit = 10_000 }) =>
      defer(() => {
        const index = Number(ShardIterator);
        reads.push([index, Limit]);
        const fault = faults.get(index);
        faults.delete(index);
        if (fault === 'never') return NEVER;
        if (fault) return throwError(() => fault);
        return answer(() => {
          const result = page(index, Limit);
          sent += result.Records.length;
          return result;
        });
      }),
  };
}

/** Two records with so many empty pages between them, each nearer to the second. */
export function apart(emptyPages: number): ScriptedPage[] {
  const empty = Array.from({ length: emptyPages }, (_, i) => ({ lagMs: 60_000 * (emptyPages - i) }));
  return [{ records: [portRecord(1)], lagMs: 60_000 * (emptyPages + 1) }, ...empty, { records: [portRecord(2)], lagMs: 0 }];
}
