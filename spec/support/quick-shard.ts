import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import type { Shard } from '../../lib/shards/shard.js';
import { polling } from '../../lib/readers/polling.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import type { FakeScript } from '../../lib/testing/kinesis/fake-script.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import type { Block } from '../../lib/values/block.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import type { ShardFields } from './fast-reading.js';

/** A name for what a read fails with that passes, for `faults`. */
export const PASSING = 'InternalFailure';

/** A fake whose calls take no time, so that a record is delivered in the frame in which it arrives. */
export function instantKinesis(script: FakeScript): FakeKinesis {
  return fakeKinesis({ latencyMs: 0, ...script });
}

/** How to read every millisecond, with a fault of the service going on at once. */
export function quickReading() {
  return {
    streamName: 'stream',
    startFrom: 'TRIM_HORIZON',
    reader: polling({ idleDelayMs: 1 }),
    budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
    retry: { maxRetries: 0 },
  } as const;
}

/** A shard of a fake, by number, read as {@link quickReading} says. */
export function quickShard(client: FakeKinesis, fields: ShardFields = {}, shard = 0): Shard {
  return kinesisShard({ client, shardId: `shardId-00000000000${shard}`, ...quickReading(), ...fields });
}

/** The letters of a block's records, or of a record; `'` marks a recovered block. */
export function inLetters(value: Block | KinesisRecord): string {
  if ('records' in value) return `${value.records.map(inLetters).join('')}${value.recovered ? "'" : ''}`;
  return new TextDecoder().decode(value.data);
}

/** A shard that was opened, so that it is known where it stands, and that nobody reads. */
export function openedShard(): Shard {
  const shard = quickShard(instantKinesis({ shards: { 0: '' } }));
  shard.subscribe().unsubscribe();
  return shard;
}
