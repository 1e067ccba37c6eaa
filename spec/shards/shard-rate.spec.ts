import { expect } from 'chai';
import { concatMap, delay, of, timer } from 'rxjs';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { blockPerPage } from '../../lib/operators/blockPerPage.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { pid } from '../../lib/rates/pid.js';
import { polling } from '../../lib/readers/polling.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { marbles, type FakeKinesis } from '../../lib/testing/index.js';
import type { FakeRecord } from '../../lib/testing/kinesis/fake-script.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { instantKinesis, quickReading, quickShard } from '../support/quick-shard.js';
import { thrownBy } from '../support/thrown-by.js';
import type { ShardFields } from '../support/fast-reading.js';

const backlog = (records: number): FakeRecord[] => Array.from({ length: records }, (_, i) => ({ atMs: -1, data: String(i) }));

function readsOf(kinesis: FakeKinesis): Array<{ readonly atMs: number; readonly limit: number | undefined }> {
  return kinesis.callsOf('getRecords').map(({ atMs, limit }) => ({ atMs, limit }));
}

describe('the rate of a shard', () => {
  it(
    'is at most maxRate, and so is what a page is asked for',
    marbles(({ flush }) => {
      const kinesis = instantKinesis({ shards: { 0: { records: backlog(250) } } });
      const times: number[] = [];
      const shard = quickShard(kinesis, { maxRate: 100, reader: polling({ idleDelayMs: 10_000 }) });
      const reading = shard.subscribe(() => times.push(Date.now()));
      timer(5_000).subscribe(() => reading.unsubscribe());
      flush();
      expect(readsOf(kinesis)).to.deep.equal([0, 1_000, 2_000].map((atMs) => ({ atMs, limit: 100 })));
      expect(times).to.have.length(250);
    }),
  );

  it(
    'may be less than a record a second',
    marbles(({ flush }) => {
      const kinesis = instantKinesis({ shards: { 0: { records: backlog(3) } } });
      const reading = quickShard(kinesis, { maxRate: 0.5 }).subscribe();
      timer(5_000).subscribe(() => reading.unsubscribe());
      flush();
      expect(readsOf(kinesis)).to.deep.equal([0, 2_000, 4_000].map((atMs) => ({ atMs, limit: 1 })));
    }),
  );

  it(
    'leaves credit the bound: no more is asked for than may be in flight',
    marbles(({ flush }) => {
      const kinesis = instantKinesis({ shards: { 0: { records: backlog(250) } } });
      const reading = quickShard(kinesis, { maxRate: 100, maxInFlightRecords: 40 }).subscribe();
      timer(900).subscribe(() => reading.unsubscribe());
      flush();
      expect(readsOf(kinesis)).to.deep.equal([{ atMs: 0, limit: 40 }]);
    }),
  );

  describe('with an estimator', () => {
    /** Reads a long backlog with work that takes `workMs` a record; returns the changes of the rate, and the reads. */
    function work(workMs: number, config: ShardFields = {}) {
      const kinesis = instantKinesis({ shards: { 0: { records: backlog(20_000) } } });
      const changes: Array<Extract<KinesisEvent, { type: 'rateChanged' }>> = [];
      const errors: unknown[] = [];
      const next = (event: KinesisEvent): void => void (event.type === 'rateChanged' && changes.push(event));
      const shard = kinesisShard({
        ...quickReading(),
        ...{ client: kinesis, shardId: 'shardId-000000000000', store: memoryCheckpoints(), events: { next } },
        ...{ rateEstimator: pid({ minRate: 10 }), budget: readBudget({ bytesPerSecond: Infinity }) },
        reader: polling({ idleDelayMs: 1, maxRecordsPerPage: 200 }),
        ...config,
      });
      const reading = shard
        .pipe(
          blockPerPage(),
          withSequenceRanges(),
          concatMap((block) => of(block).pipe(delay(block.records.length * workMs))),
          checkpointEvery(30_000),
        )
        .subscribe({ error: (error: unknown) => errors.push(error) });
      timer(60_000).subscribe(() => reading.unsubscribe());
      return { kinesis, changes, errors };
    }

    it(
      'comes to what the pipeline can do, and what waits is worked off',
      marbles(({ flush }) => {
        const { kinesis, changes } = work(10);
        flush();
        // A hundred a second. The reader began without a limit, so that much is in flight, and less is read until that is worked off.
        expect(changes.length).to.be.above(3);
        expect(changes[0]).to.include({ streamName: 'stream', shardId: 'shardId-000000000000', processedPerSecond: 100 });
        expect(changes[0]!.recordsPerSecond).to.be.below(100);
        expect(Math.max(...changes.map(({ recordsPerSecond }) => recordsPerSecond))).to.be.at.most(100);
        const late = readsOf(kinesis).filter(({ atMs }) => atMs > 30_000);
        expect(Math.max(...late.map(({ limit }) => limit ?? Infinity))).to.be.at.most(100);
        expect(changes.at(-1)).to.include({ recordsPerSecond: 100, waitedMs: 0 });
      }),
    );

    it(
      'never exceeds maxRate, from which it begins',
      marbles(({ flush }) => {
        const { kinesis, changes } = work(1, { maxRate: 150 });
        flush();
        expect(readsOf(kinesis).every(({ limit = Infinity }) => limit <= 150)).to.equal(true);
        expect(changes.every(({ recordsPerSecond }) => recordsPerSecond <= 150)).to.equal(true);
      }),
    );

    it(
      'is not estimated, and limits nothing, while nothing is settled',
      marbles(({ flush }) => {
        const kinesis = instantKinesis({ shards: { 0: { records: backlog(400) } } });
        const reading = quickShard(kinesis, {
          rateEstimator: pid(),
          reader: polling({ maxRecordsPerPage: 100, idleDelayMs: 10_000 }),
        }).subscribe();
        timer(500).subscribe(() => reading.unsubscribe());
        flush();
        expect(readsOf(kinesis).map(({ atMs }) => atMs)).to.deep.equal([0, 0, 0, 0, 0]);
      }),
    );

    it(
      'is waited for anew when it changes: a low one does not hold a read longer than the new one says',
      marbles(({ flush }) => {
        let calls = 0;
        // After the first second the rate falls to 1, and at the next batch it rises again.
        const rateEstimator = { intervalMs: 1_000, start: () => () => [1, 10_000][calls++] };
        const { kinesis } = work(10, { rateEstimator });
        flush();
        const times = readsOf(kinesis).map(({ atMs }) => atMs);
        const longest = Math.max(...times.slice(1).map((atMs, i) => atMs - times[i]!));
        expect(calls).to.be.above(1);
        expect(longest).to.be.below(60_000);
        expect(times.filter((atMs) => atMs > 10_000)).to.not.be.empty;
      }),
    );

    for (const [estimate, name] of [
      [NaN, 'NaN'],
      [0, '0'],
      [-5, '-5'],
      ['7', '"7"'],
    ] as const)
      it(
        `that says ${name} errors, where reading would stop for ever or go on at a wrong rate`,
        marbles(({ flush }) => {
          const { changes, errors } = work(10, { rateEstimator: { intervalMs: 1_000, start: () => () => estimate as number } });
          flush();
          expect(errors.map(isInvalidConfig)).to.deep.equal([true]);
          expect((errors[0] as Error).message).to.equal(`rateEstimator: expected a rate above 0 or undefined, got ${name}`);
          expect(changes).to.deep.equal([]);
        }),
      );

    it(
      'may say that there is no limit',
      marbles(({ flush }) => {
        const { kinesis, errors } = work(1, { rateEstimator: { intervalMs: 1_000, start: () => () => Infinity } });
        flush();
        expect(errors).to.deep.equal([]);
        expect(readsOf(kinesis).length).to.be.above(100);
      }),
    );
  });

  for (const config of [
    { maxRate: 0 },
    { maxRate: NaN },
    { maxRate: Infinity },
    { rateEstimator: {} },
    { rateEstimator: { start: () => () => 1 } },
  ]) {
    it(`is refused when it is ${JSON.stringify(config)}`, () => {
      const kinesis = instantKinesis({ shards: { 0: '' } });
      expect(isInvalidConfig(thrownBy(() => quickShard(kinesis, config as never)))).to.equal(true);
    });
  }
});
