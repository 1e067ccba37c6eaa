import { expect } from 'chai';
import { bufferTime, of, timer } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fastReading } from '../support/fast-reading.js';

describe('kinesisStream with a budget of the user', () => {
  it(
    'says which shards are over, so that the budget can let go of them',
    marbles(({ flush }) => {
      const forgotten: string[] = [];
      const budget = { acquire: () => of(0), spend: () => undefined, forget: (shard: string) => void forgotten.push(shard) };
      const client = fakeKinesis({ shards: { 0: 'ab^|', 1: { parents: [0], records: '^--c' } } });
      kinesisStream(fastReading(client, { budget, store: memoryCheckpoints(), stop: timer(500) }))
        .pipe(mergeShards((shard) => shard.pipe(bufferTime(5), withSequenceRanges(), checkpointEvery(10))))
        .subscribe();
      flush();
      expect(forgotten).to.deep.equal(['stream/shardId-000000000000', 'stream/shardId-000000000001']);
    }),
  );
});
