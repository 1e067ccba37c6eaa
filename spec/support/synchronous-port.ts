import { defer, of } from 'rxjs';
import type { KinesisPort } from '../../lib/kinesis/port.js';
import { toShardId } from '../../lib/testing/shard-name.js';

/** A {@link KinesisPort} and what it was asked for. */
export interface SynchronousPort extends KinesisPort {
  /** The methods that were called, in order. */
  readonly calls: string[];
}

/** One open shard with a record for each letter, numbered from 1 up, whose every answer is there at once. An iterator is the index of a record. */
export function synchronousPort(letters: string): SynchronousPort {
  const calls: string[] = [];
  const answer = <T>(method: string, value: T) => defer(() => (calls.push(method), of(value)));
  const all = [...letters].map((letter, i) => ({
    SequenceNumber: String(i + 1),
    PartitionKey: letter,
    Data: new TextEncoder().encode(letter),
  }));
  const shard = {
    ShardId: toShardId(0),
    HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
    SequenceNumberRange: { StartingSequenceNumber: '0' },
  };
  return {
    calls,
    listShards: () => answer('listShards', { Shards: [shard] }),
    getShardIterator: (request) =>
      answer('getShardIterator', 'StartingSequenceNumber' in request ? String(Number(request.StartingSequenceNumber) - 1) : '0'),
    getRecords: ({ ShardIterator, Limit = 10_000 }) => {
      const next = Math.min(Number(ShardIterator) + Limit, all.length);
      const Records = all.slice(Number(ShardIterator), next);
      return answer('getRecords', { Records, NextShardIterator: String(next), MillisBehindLatest: all.length - next });
    },
  };
}
