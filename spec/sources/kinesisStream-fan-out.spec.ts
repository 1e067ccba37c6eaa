import { expect } from 'chai';
import { bufferTime, concatMap, delay, map, mergeMap, NEVER, of, Subject, take, takeUntil, timer, type Observable } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { fanOut, type FanOutConfig } from '../../lib/readers/fanOut.js';
import { polling } from '../../lib/readers/polling.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fakeLeases } from '../support/fake-leases.js';
import { fastReading, manyLetters, textOf, textsOf } from '../support/fast-reading.js';

type Config = Partial<KinesisStreamConfig> & { readonly fan?: Partial<FanOutConfig> };

const stream = (kinesis: FakeKinesis, { fan, ...config }: Config = {}): Observable<Shard> =>
  kinesisStream(fastReading(kinesis, { reader: fanOut({ consumerName: 'app', ...fan }), ...config }));

/** Work of `workMs` on each block, and a checkpoint each second. */
const working =
  (workMs: number) =>
  (shard: Shard): Observable<string> =>
    shard.pipe(
      bufferTime(50),
      withSequenceRanges(),
      concatMap((block) => of(block).pipe(delay(workMs))),
      checkpointEvery(1_000),
      map((block) => textsOf(block.records)),
    );

/** Takes what comes until `ms`. */
function gather(source: Observable<string>, ms: number): { text: string; error: unknown; isOver: boolean } {
  const result = { text: '', error: undefined as unknown, isOver: false };
  source.pipe(takeUntil(timer(ms))).subscribe({
    next: (text) => void (result.text += text),
    error: (error: unknown) => void (result.error = error),
    complete: () => void (result.isOver = true),
  });
  return result;
}

describe('kinesisStream read by fanOut', () => {
  it(
    'reads each record once across renewals, a split, a merge and broken subscriptions, parents first',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({
        consumers: ['app'],
        subscriptionMs: 8_000,
        shards: {
          0: 'a^ 3s b 6s c 9s d 2s |',
          1: { parents: [0], records: '^ 21s e 3s f 9s g 1s |' },
          2: { parents: [0], records: '^ 22s h 3s i 9s |' },
          3: { parents: [1, 2], records: '^ 40s j 9s k' },
        },
      });
      const result = gather(stream(kinesis).pipe(mergeShards(working(10))), 60_000);
      for (const atMs of [6_000, 24_500]) timer(atMs).subscribe(() => kinesis.endSubscriptions('Error'));
      flush();
      expect([...result.text].sort().join('')).to.equal('abcdefghijk');
      expect(result.text).to.match(/^abcd.*jk$/);
      expect(result.error).to.equal(undefined);
      expect(kinesis.callsOf('getRecords')).to.deep.equal([]);
      expect(kinesis.subscriptions).to.equal(0);
    }),
  );

  it(
    'begins after the checkpoint, with nothing lost and nothing repeated',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ consumers: ['app'], shards: { 0: 'abc^ 20s d 1s |' } });
      const store = memoryCheckpoints();
      const stop = new Subject<void>();
      const first = gather(stream(kinesis, { store, stop }).pipe(mergeShards(working(10))), 60_000);
      timer(10_000).subscribe(() => stop.next());
      flush();
      const second = gather(stream(kinesis, { store }).pipe(mergeShards(working(10))), 60_000);
      flush();
      expect([first.text, second.text]).to.deep.equal(['abc', 'd']);
      expect(kinesis.callsOf('subscribeToShard').map(({ type }) => type)).to.deep.equal(['TRIM_HORIZON', 'AT_SEQUENCE_NUMBER']);
    }),
  );

  it(
    'ends its subscriptions at once when it stops',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ consumers: ['app'], shards: { 0: 'a^', 1: 'b^' } });
      const result = gather(stream(kinesis, { stop: timer(7_000) }).pipe(mergeShards(working(10))), 60_000);
      const open: number[] = [];
      for (const atMs of [6_999, 7_000]) timer(atMs).subscribe(() => open.push(kinesis.subscriptions));
      flush();
      expect(result).to.include({ isOver: true, error: undefined });
      expect(open).to.deep.equal([2, 0]);
    }),
  );

  it(
    'ends the subscription of a shard whose lease is lost',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ consumers: ['app'], shards: { 0: 'a^ 6s b 20s c' } });
      const store = fakeLeases({ scheduler });
      const result = gather(stream(kinesis, { store }).pipe(mergeShards(working(10))), 30_000);
      const open: number[] = [];
      timer(8_000).subscribe(() => store.lose(0));
      for (const atMs of [7_999, 9_500]) timer(atMs).subscribe(() => open.push(kinesis.subscriptions));
      flush();
      expect(result.text.startsWith('ab')).to.equal(true);
      expect(open).to.deep.equal([1, 0]);
    }),
  );

  it(
    're-reads what was lost when a subscription failed for good, and goes on with another one',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ consumers: ['app'], shards: { 0: 'a^ 1500ms b 9s c 1s |' } });
      const events: KinesisEvent[] = [];
      const config = { retry: { maxRetries: 0 }, events: { next: (event: KinesisEvent) => void events.push(event) } };
      const seen: string[] = [];
      stream(kinesis, config)
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferTime(1_000),
              withSequenceRanges(),
              recoverFrom(),
              checkpointEvery(1_000),
              map(({ records, recovered }) => `${textsOf(records)}${recovered ? "'" : ''}`),
            ),
          ),
          takeUntil(timer(30_000)),
        )
        .subscribe((text) => seen.push(text));
      timer(1_700).subscribe(() => kinesis.endSubscriptions('InternalFailureException'));
      flush();
      expect(seen).to.deep.equal(['a', "b'", 'c']);
      expect(events.map(({ type }) => type)).to.include.members(['recoveryStarted', 'recovered', 'shardEndReached']);
    }),
  );

  it(
    'has no more than an event above its credit in flight, however slow the work',
    marbles(({ flush }) => {
      const letters = manyLetters(200);
      const kinesis = fakeKinesis({ consumers: ['app'], shards: { 0: `(${letters})|^` }, maxRecordsPerPage: 10 });
      let [delivered, done, most] = [0, 0, 0];
      let text = '';
      stream(kinesis, { maxInFlightRecords: 20 })
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              map((record) => ((most = Math.max(most, ++delivered - done)), [record])),
              withSequenceRanges(),
              concatMap((block) => of(block).pipe(delay(1_000))),
              map((block) => (done++, block)),
              checkpointEvery(5_000),
              map((block) => textsOf(block.records)),
            ),
          ),
          takeUntil(timer(400_000)),
        )
        .subscribe((one) => (text += one));
      flush();
      expect(text).to.equal(letters);
      expect(most).to.be.at.most(30);
    }),
  );

  it(
    'loses nothing where the subscription is ended for want of credit, for longer than five minutes',
    marbles(
      ({ flush }) => {
        const kinesis = fakeKinesis({ consumers: ['app'], shards: { 0: '(abcd)^ 100s e 400s f|' }, maxRecordsPerPage: 2 });
        const result = gather(stream(kinesis, { maxInFlightRecords: 2 }).pipe(mergeShards(working(330_000))), 4_000_000);
        flush();
        expect(result).to.include({ text: 'abcdef', error: undefined });
        // At the last record, since the continuation number is too old.
        expect(kinesis.callsOf('subscribeToShard').map(({ type }) => type)).to.include('AT_SEQUENCE_NUMBER');
      },
      { maxFrames: 10_000_000 },
    ),
  );

  it(
    'begins at LATEST without passing over what arrives between two subscriptions',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ consumers: ['app'], latencyMs: 20, shards: { 0: 'x^ 15ms a 30ms b 5s c 1s |' }, subscriptionMs: 50 });
      const result = gather(stream(kinesis, { startFrom: 'LATEST' }).pipe(mergeShards(working(1))), 60_000);
      flush();
      expect(result).to.include({ text: 'abc', error: undefined });
    }),
  );

  it(
    'is read by the fallback to its end, children too',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({
        shards: { 0: 'a^ 2s |', 1: { parents: [0], records: '^ 4s b' } },
        faults: [{ method: 'describeStreamSummary', error: 'AccessDeniedException', times: 99 }],
      });
      const result = gather(stream(kinesis, { fan: { fallback: polling({ idleDelayMs: 100 }) } }).pipe(mergeShards(working(10))), 20_000);
      flush();
      expect(result).to.include({ text: 'ab', error: undefined });
      expect(kinesis.callsOf('subscribeToShard')).to.deep.equal([]);
    }),
  );

  it(
    'leaves no subscription open when it is unsubscribed',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ consumers: ['app'], shards: { 0: 'a^', 1: 'b^' } });
      const texts: string[] = [];
      stream(kinesis)
        .pipe(
          mergeMap((shard) => shard),
          take(2),
        )
        .subscribe((record) => texts.push(textOf(record)));
      stream(kinesis)
        .pipe(
          mergeMap(() => NEVER),
          takeUntil(timer(10)),
        )
        .subscribe();
      flush();
      expect(texts.sort()).to.deep.equal(['a', 'b']);
      expect(kinesis.subscriptions).to.equal(0);
    }),
  );
});
