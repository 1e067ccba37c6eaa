import { expect } from 'chai';
import {
  bufferCount,
  bufferTime,
  concatMap,
  delay,
  filter,
  from,
  mergeMap,
  of,
  takeUntil,
  tap,
  timer,
  type Observable,
  type OperatorFunction,
} from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import type { Shard } from '../../lib/shards/shard.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { fastReading, identityOf, numberOf } from '../support/fast-reading.js';
import { timelineOf } from '../support/timeline.js';

const PAGE = 10;

/** A closed shard with a backlog of records of `bytes` bytes, given in pages of 10. */
function backlog(count: number, bytes = 1): FakeKinesis {
  const records = Array.from({ length: count }, () => ({ atMs: -1, data: new Uint8Array(bytes) }));
  return fakeKinesis({ shards: { 0: { records, closedAtMs: 0 } }, maxRecordsPerPage: PAGE });
}

/** Reads everything with a pipeline for the shard; gives how many records and bytes were in flight at most. */
function run(
  kinesis: FakeKinesis,
  config: Partial<KinesisStreamConfig>,
  pipeline: (records$: Observable<KinesisRecord>) => Observable<unknown>,
  untilMs = 500_000,
) {
  const most = { records: 0, bytes: 0 };
  const store = memoryCheckpoints();
  let delivered = 0;
  const stream$ = kinesisStream(fastReading(kinesis, { store, ...config })).pipe(
    mergeShards((shard) => {
      const { ledger } = trackedShardOf(shard)!;
      const look = (): void => {
        delivered++;
        most.records = Math.max(most.records, ledger.outstandingRecords);
        most.bytes = Math.max(most.bytes, ledger.outstandingBytes);
      };
      return pipeline(shard.pipe(tap(look)));
    }),
    takeUntil(timer(untilMs)),
  );
  timelineOf(stream$);
  return { most, store, delivered: () => delivered };
}

const finished = (store: ReturnType<typeof memoryCheckpoints>): boolean => {
  let sequenceNumber: string | undefined;
  from(store.read(identityOf(0))).subscribe((checkpoint) => (sequenceNumber = checkpoint?.sequenceNumber));
  return sequenceNumber === 'SHARD_END';
};

const settled =
  (ms: number): OperatorFunction<KinesisRecord[], unknown> =>
  (arrays$) =>
    arrays$.pipe(
      withSequenceRanges(),
      concatMap((block) => of(block).pipe(delay(ms))),
      checkpointEvery(60_000),
    );

describe('the credit of a shard', () => {
  it(
    'bounds what is in flight to maxInFlightRecords, with a consumer fifty times too slow (regression: memory grew with the backlog)',
    marbles(({ flush }) => {
      const { most, store, delivered } = run(backlog(500), { maxInFlightRecords: 25 }, (records$) =>
        records$.pipe(bufferTime(5), settled(500)),
      );
      flush();
      expect(delivered()).to.equal(500);
      expect(most.records).to.be.within(13, 25);
      expect(finished(store)).to.be.true;
    }),
  );

  it(
    'bounds what is in flight to a page above maxInFlightBytes',
    marbles(({ flush }) => {
      const { most, store, delivered } = run(backlog(300, 100), { maxInFlightBytes: 2_500 }, (records$) =>
        records$.pipe(bufferTime(5), settled(500)),
      );
      flush();
      expect(delivered()).to.equal(300);
      expect(most.bytes)
        .to.be.above(2_000)
        .and.at.most(2_000 + PAGE * 100);
      expect(finished(store)).to.be.true;
    }),
  );

  it(
    'lets no page be read while the work hangs, and the next at once when it is settled',
    marbles(({ flush }) => {
      const kinesis = backlog(100);
      run(kinesis, { maxInFlightRecords: 10 }, (records$) => records$.pipe(bufferCount(10), settled(40_000)), 100_000);
      flush();
      const reads = kinesis.callsOf('getRecords').map(({ atMs }) => atMs);
      // The first block is settled 40 s after its page, the second 40 s after the first.
      expect(reads).to.deep.equal([2, 40_003, 80_004]);
    }),
  );

  it(
    'is not used up by a filter that drops 59 of 60 (no stall)',
    marbles(({ flush }) => {
      const { store, delivered } = run(backlog(600), { maxInFlightRecords: 20 }, (records$) =>
        records$.pipe(
          filter(({ sequenceNumber }) => Number(sequenceNumber) % 60 === 0),
          bufferTime(5),
          settled(1),
        ),
      );
      flush();
      expect(delivered()).to.equal(600);
      expect(finished(store)).to.be.true;
    }),
  );

  it(
    'is not used up by a filter that drops everything: the end is reached and written',
    marbles(({ flush }) => {
      const kinesis = backlog(200);
      const { store, delivered } = run(kinesis, { maxInFlightRecords: 20 }, (records$) =>
        records$.pipe(
          filter(() => false),
          bufferTime(5),
          settled(1),
        ),
      );
      flush();
      expect(delivered()).to.equal(200);
      expect(finished(store)).to.be.true;
      // Every second page waits for a second.
      expect(kinesis.callsOf('getRecords').at(-1)!.atMs).to.be.below(11_000);
    }),
  );

  it(
    'is no deadlock when it is smaller than what bufferCount waits for',
    marbles(({ flush }) => {
      const { store, delivered } = run(backlog(300), { maxInFlightRecords: 10 }, (records$) =>
        records$.pipe(bufferCount(100), settled(10)),
      );
      flush();
      expect(delivered()).to.equal(300);
      expect(finished(store)).to.be.true;
    }),
  );

  it(
    'lets records be read one by one when it is 1 record',
    marbles(({ flush }) => {
      const { most, store } = run(backlog(100), { maxInFlightRecords: 1 }, (records$) => records$.pipe(bufferTime(5), settled(20)));
      flush();
      expect(most.records).to.equal(1);
      expect(finished(store)).to.be.true;
    }),
  );

  it(
    'is given back by work that ends out of order',
    marbles(({ flush }) => {
      const { most, store, delivered } = run(backlog(300), { maxInFlightRecords: 30 }, (records$) =>
        records$.pipe(
          bufferCount(3),
          withSequenceRanges(),
          mergeMap((block, i) => of(block).pipe(delay((i * 7_919) % 997))),
          checkpointEvery(60_000),
        ),
      );
      flush();
      expect(most.records).to.be.at.most(30 + PAGE);
      expect(delivered()).to.equal(300);
      expect(finished(store)).to.be.true;
    }),
  );

  it(
    'does not hold up another shard',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^', 1: 'cd^---e' }, maxRecordsPerPage: 1 });
      const pages: string[] = [];
      const events = {
        next: (event: KinesisEvent) => void (event.type === 'pageRead' && event.records > 0 && pages.push(event.shardId.slice(-1))),
      };
      const workMs = (shard: Shard): number => (numberOf(shard) === 0 ? 1_000_000 : 1);
      const stream$ = kinesisStream(fastReading(kinesis, { maxInFlightRecords: 1, events })).pipe(
        mergeShards((shard) => shard.pipe(bufferCount(1), settled(workMs(shard)))),
      );
      timelineOf(stream$, 100);
      flush();
      expect(pages.join('')).to.equal('0111');
    }),
  );
});
