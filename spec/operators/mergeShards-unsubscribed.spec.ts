import { expect } from 'chai';
import { bufferCount, concatWith, NEVER, timer } from 'rxjs';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fastReading } from '../support/fast-reading.js';
import { recordingStore } from '../support/recording-store.js';

describe('mergeShards, unsubscribed when a shard is read to its end', () => {
  it(
    'does not take what is still in a buffer for done, also when a write is under way',
    marbles(({ scheduler, flush }) => {
      const store = recordingStore({ latencyMs: 30, scheduler });
      const client = fakeKinesis({ shards: { 0: '(abc|)' } });
      const blocks$ = kinesisStream(fastReading(client, { store })).pipe(
        // c stays in the buffer.
        mergeShards((shard) => shard.pipe(concatWith(NEVER), bufferCount(2), withSequenceRanges(), checkpointEvery(10))),
      );
      const subscription = blocks$.subscribe();
      timer(15, scheduler).subscribe(() => subscription.unsubscribe());
      flush();
      expect(store.kept.map((line) => line.split(' ')[1])).to.deep.equal(['2']);
    }),
  );
});
