import { expect } from 'chai';
import {
  bufferTime,
  defer,
  first,
  map,
  mergeMap,
  of,
  retry,
  Subject,
  take,
  takeUntil,
  throwError,
  timer,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { fastReading, textsOf, type StreamFields, type ShardFields } from '../support/fast-reading.js';
import type { Shard } from '../../lib/shards/shard.js';
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

describe('stop, where the shards outlive their stream', () => {
  const ways: Readonly<Record<string, () => MonoTypeOperatorFunction<Shard>>> = {
    'take(1)': () => take(1),
    'first()': () => first(),
    takeUntil: () => takeUntil(timer(5)),
  };
  for (const [way, above] of Object.entries(ways))
    it(
      `drains the shard that is read below ${way}, and is let go then (regression: it was heard by the stream alone)`,
      marbles(({ flush }) => {
        const stop = new Subject<void>();
        timer(30).subscribe(() => stop.next());
        const store = recordingStore();
        const kinesis = fakeKinesis({ shards: { 0: 'ab^ 100ms c' } });
        const blocks$ = kinesisStream(fastReading(kinesis, { store, stop })).pipe(
          above(),
          mergeShards((records$) => records$.pipe(bufferTime(1_000), withSequenceRanges(), checkpointEvery(1_000))),
        );
        const timeline = timelineOf(blocks$.pipe(map(({ records }) => textsOf(records))));
        flush();
        expect(timeline).to.deep.equal(['30 ab', '30 complete']);
        expect(store.kept).to.deep.equal(['30 2']);
        expect(stop.observed).to.equal(false);
      }),
    );

  it(
    'ends the back-off of a shard that failed there',
    marbles(({ flush }) => {
      const stop = new Subject<void>();
      timer(30).subscribe(() => stop.next());
      const failing = (records$: Shard) => records$.pipe(mergeMap(() => throwError(() => new Error('handler'))));
      const restart = { initialDelayMs: 60_000, maxDelayMs: 60_000 };
      const timeline = timelineOf(stream({ stop }).pipe(take(1), mergeShards(failing, { restart, random: () => 1 })));
      flush();
      expect(timeline).to.deep.equal(['30 complete']);
      expect(stop.observed).to.equal(false);
    }),
  );
});

describe('stop that errors', () => {
  const letters = map((record: KinesisRecord) => textsOf([record]));
  /** Each subscription gets the next one. */
  const oneOf = (...stops: Observable<void>[]) => defer(() => stops.shift()!);
  const failsAt = (ms: number) => timer(ms).pipe(mergeMap(() => throwError(() => new TypeError('of the user'))));

  it(
    'ends kinesisStream, kinesisShard, and a shard that outlives its stream, with that error (regression: kinesisShard read on, and heard no stop)',
    marbles(({ flush }) => {
      const stop = new Subject<void>();
      failsAt(5).subscribe(stop);
      const [whole, alone, outliving] = [
        stream({ stop }).pipe(mergeMap((records$) => records$)),
        shard({ stop }),
        stream({ stop }).pipe(
          take(1),
          mergeShards((records$) => records$),
        ),
      ].map((records$) => timelineOf(records$.pipe(letters)));
      flush();
      const error = '5 error TypeError: of the user';
      expect([whole, alone, outliving]).to.deep.equal([
        ['3 a', '3 b', error],
        ['2 a', '2 b', error],
        ['3 a', '3 b', error],
      ]);
    }),
  );

  it(
    'is listened to again by the next subscription to kinesisShard',
    marbles(({ flush }) => {
      const timeline = timelineOf(
        shard({ stop: oneOf(failsAt(20), timer(30).pipe(map(() => undefined))) }).pipe(letters, retry({ delay: () => timer(20) })),
      );
      flush();
      expect(timeline).to.deep.equal(['2 a', '2 b', '42 a', '42 b', '70 complete']);
    }),
  );

  it(
    'is listened to again also when it erred between a failure of the shard and the next subscription',
    marbles(({ flush }) => {
      const client = fakeKinesis({
        shards: { 0: 'a' },
        faults: [{ method: 'getRecords', error: 'AccessDeniedException', fromMs: 5, untilMs: 50 }],
      });
      const timeline = timelineOf(
        shard({ client, stop: oneOf(failsAt(30), of(undefined)) }).pipe(letters, retry({ delay: () => timer(100) })),
      );
      flush();
      expect(timeline).to.deep.equal(['2 a', '112 complete']);
    }),
  );
});
