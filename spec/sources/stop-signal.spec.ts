import { expect } from 'chai';
import { bufferTime, timer } from 'rxjs';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { fastReading, textsOf, type StreamFields, type ShardFields } from '../support/fast-reading.js';
import { recordingStore } from '../support/recording-store.js';
import { thrownBy } from '../support/thrown-by.js';
import { timelineOf } from '../support/timeline.js';

const client = fakeKinesis({ shards: {} });
const stream = (config: StreamFields) => kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'ab' } }), config));
const shard = (config: ShardFields) =>
  kinesisShard({ ...fastReading(fakeKinesis({ shards: { 0: 'ab' } })), shardId: 'shardId-000000000000', ...config });

describe('stop as an AbortSignal', () => {
  it(
    'drains kinesisStream when it is aborted',
    marbles(({ flush }) => {
      const controller = new AbortController();
      const store = recordingStore();
      const seen: string[] = [];
      const timeline = timelineOf(
        stream({ store, stop: controller.signal }).pipe(
          mergeShards((records$) => records$.pipe(bufferTime(5), withSequenceRanges(), checkpointEvery(1_000))),
        ),
      );
      timer(50).subscribe(() => controller.abort());
      flush();
      seen.push(...store.kept);
      expect(timeline.at(-1)).to.match(/ complete$/);
      expect(seen).to.have.length(1);
      expect(seen[0]).to.match(/ 2$/);
    }),
  );

  it(
    'lets nothing be read when it is aborted already',
    marbles(({ expectObservable }) => {
      expectObservable(stream({ stop: AbortSignal.abort() })).toBe('|');
      expectObservable(shard({ stop: AbortSignal.abort() })).toBe('|');
    }),
  );

  it(
    'completes kinesisShard when it is aborted',
    marbles(({ flush, scheduler }) => {
      const controller = new AbortController();
      const seen: string[] = [];
      shard({ stop: controller.signal }).subscribe({
        next: (record) => seen.push(textsOf([record])),
        complete: () => seen.push(`complete at ${scheduler.now()}`),
      });
      timer(50).subscribe(() => controller.abort());
      flush();
      expect(seen).to.deep.equal(['a', 'b', 'complete at 50']);
    }),
  );

  for (const [what, stop] of Object.entries({ 'a function': () => true, 'an emitter of events': process, 'a text': 'SIGTERM' })) {
    it(`admits no substitute: ${what} is refused`, () => {
      const reading = { client, streamName: 'flights', startFrom: 'TRIM_HORIZON' } as const;
      expect(thrownBy(() => kinesisStream({ ...reading, stop: stop as never }))).to.satisfy(isInvalidConfig);
      expect(thrownBy(() => kinesisShard({ ...reading, shardId: '0', stop: stop as never }))).to.satisfy(isInvalidConfig);
    });
  }
});
