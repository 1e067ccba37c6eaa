import { expect } from 'chai';
import { bufferTime, delay, map, mergeMap, of, timer } from 'rxjs';
import type { BlockSettledEvent } from '../../lib/monitoring/block-events.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { entriesOf, openBlock } from '../../lib/tracking/tracked-block.js';
import { bareShard, deliver } from '../support/delivery.js';
import { instantKinesis, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';

const isSettled = (event: KinesisEvent): event is BlockSettledEvent => event.type === 'blockSettled';

describe('the event blockSettled', () => {
  it(
    'tells of each block its records, its bytes, and how long ago Kinesis took the last of them',
    marbles(({ flush }) => {
      const events: KinesisEvent[] = [];
      quickShard(instantKinesis({ shards: { 0: 'ab--------c---|' } }), {
        store: recordingStore(),
        events: { next: (event) => void events.push(event) },
      })
        .pipe(bufferTime(5), withSequenceRanges(), delay(20), checkpointEvery(1_000))
        .subscribe();
      flush();
      const shard = { streamName: 'stream', shardId: 'shardId-000000000000' };
      expect(events.filter(isSettled)).to.deep.equal([
        // b arrived at 1 ms, c at 10 ms; the shard's end at 14 ms flushes the buffer.
        { type: 'blockSettled', at: 25, ...shard, records: 2, bytes: 2, lagMs: 24, hasOpenBlocks: true },
        { type: 'blockSettled', at: 34, ...shard, records: 1, bytes: 1, lagMs: 24, hasOpenBlocks: false },
      ]);
    }),
  );

  it(
    'comes once for a block that comes twice',
    marbles(({ flush }) => {
      const events: KinesisEvent[] = [];
      quickShard(instantKinesis({ shards: { 0: 'a|' } }), { store: recordingStore(), events: { next: (event) => void events.push(event) } })
        .pipe(
          bufferTime(5),
          withSequenceRanges(),
          mergeMap((block) => of(block, block, { ranges: block.ranges })),
          checkpointEvery(1_000),
        )
        .subscribe();
      flush();
      expect(events.filter(isSettled)).to.have.length(1);
    }),
  );

  it(
    'is told in the order of settling, one for each shard of a block',
    marbles(({ flush }) => {
      const told: string[] = [];
      const events = { next: (event: KinesisEvent) => void (isSettled(event) && told.push(`${event.at} ${event.shardId.slice(-1)}`)) };
      const kinesis = instantKinesis({ shards: { 0: 'a-b-----|' } });
      quickShard(kinesis, { store: recordingStore(), events })
        .pipe(
          map((record) => [record]),
          withSequenceRanges(),
          // The first takes longer.
          mergeMap((block) => timer(block.ranges.ranges[0]!.fromSeqNumber === '1' ? 20 : 5).pipe(map(() => block))),
          checkpointEvery(1_000),
        )
        .subscribe();
      flush();
      expect(told).to.deep.equal(['7 0', '20 0']);
    }),
  );

  it('leaves the lag out where Kinesis did not say when it took a record', () => {
    const shard = bareShard();
    const block = openBlock(deliver(shard, [1, 2]));
    expect(entriesOf(block.ranges)[0]!.entry.runs.at(-1)).to.have.property('arrivedMs', undefined);
  });
});
