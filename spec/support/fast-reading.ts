import { map, mergeMap, type Observable } from 'rxjs';
import { polling } from '../../lib/readers/polling.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import type { KinesisShardConfig } from '../../lib/sources/kinesisShard.js';
import type { StreamByName, StreamConfig } from '../../lib/kinesis/stream-id.js';
import type { KinesisPort } from '../../lib/kinesis/port.js';
import { toShardId, type ShardName } from '../../lib/testing/shard-name.js';
import type { KinesisRecord } from '../../lib/values/record.js';

/** Options of {@link kinesisStream} besides the stream. */
export type StreamFields = Partial<Omit<KinesisStreamConfig, keyof StreamConfig>>;

/** Options of {@link kinesisShard} besides the stream. */
export type ShardFields = Partial<Omit<KinesisShardConfig, keyof StreamConfig>>;

/** How often a reader that has caught up polls under {@link fastReading}, in ms, without the 1 ms of the call. */
export const IDLE_MS = 9;

/** Reads a fake stream from its beginning: no read budget, a read every 10 ms when caught up, no jitter. */
export function fastReading(kinesis: KinesisPort, config: StreamFields = {}): KinesisStreamConfig & StreamByName {
  return {
    client: kinesis,
    streamName: 'stream',
    startFrom: 'TRIM_HORIZON',
    budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
    reader: polling({ idleDelayMs: IDLE_MS }),
    random: () => 0.5,
    ...config,
  };
}

/** The payload as text. */
export function textOf({ data }: Pick<KinesisRecord, 'data'>): string {
  return new TextDecoder().decode(data);
}

/** The payloads of records, one after the other. */
export function textsOf(records: readonly KinesisRecord[]): string {
  return records.map(textOf).join('');
}

/** The payloads of all shards of a stream, as they come. */
export function texts(kinesis: KinesisPort, config: StreamFields = {}): Observable<string> {
  return kinesisStream(fastReading(kinesis, config)).pipe(
    mergeMap((shard) => shard),
    map(textOf),
  );
}

/** The number of a shard, from its id. */
export function numberOf({ shardId }: { readonly shardId: string }): number {
  return Number(shardId.slice('shardId-'.length));
}

/** The identity by which stores know a shard of the fake stream. */
export function identityOf(shard: ShardName, parents: readonly ShardName[] = []) {
  return { streamName: 'stream', shardId: toShardId(shard), parentShardIds: parents.map(toShardId) };
}

/** Letters that no other record has: `count` of them from `first` on, none of which has a meaning in marbles. */
export function manyLetters(count: number, first = 0): string {
  return Array.from({ length: count }, (_, i) => String.fromCodePoint(0x4e00 + first + i)).join('');
}
