import fc from 'fast-check';
import { expect } from 'chai';
import { asyncScheduler } from 'rxjs';
import type { KinesisPort, PortRecord } from '../../lib/kinesis/port.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import { planRecovery, type PlanRecoveryConfig, type RecoveryPlan } from '../../lib/recovery/planRecovery.js';
import { kinesisRanges } from '../../lib/sources/kinesisRanges.js';
import { fakeKinesis, marbles } from '../../lib/testing/index.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges } from '../../lib/values/ranges-json.js';
import type { RangeToRead } from '../../lib/values/sequence-range.js';
import { logPort, numbered } from '../support/log-port.js';
import { range } from '../support/range-reading.js';
import { rangeOf } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';

const MIB = 1024 * 1024;

/** Ranges of `size` records with `between` others after each. */
function spread(count: number, size: number, between: number): RangeToRead[] {
  return Array.from({ length: count }, (_, i) => {
    const first = i * (size + between) + 1;
    return rangeOf(first, first + size - 1, size);
  });
}

/** What a recovery really did. */
type Deed = Pick<RecoveryPlan, 'records' | 'iterators' | 'reads' | 'bytes' | 'seconds'>;

/** One shard of `log`, which as Kinesis does gives at most 10 MiB a page. */
function shardOf(log: readonly PortRecord[], latencyMs: number) {
  const port = logPort(log, latencyMs);
  const bytes = log[0]!.Data.byteLength;
  const most = Math.max(1, Math.floor((10 * MIB) / bytes));
  const client: KinesisPort = { ...port, getRecords: (request) => port.getRecords({ ...request, Limit: Math.min(request.Limit!, most) }) };
  return { client, port, bytes };
}

/** Recovers ranges in virtual time, with the default budget unless the config says another. */
function recover(ranges: readonly RangeToRead[], log: readonly PortRecord[], config: PlanRecoveryConfig): Deed {
  const { maxRecordsPerPage, concurrency, readsPerSecond, bytesPerSecond, latencyMs = 0 } = config;
  const { client, port, bytes } = shardOf(log, latencyMs);
  let records = 0;
  let tookMs = NaN;
  marbles(({ flush }) => {
    const startMs = asyncScheduler.now();
    kinesisRanges(ranges, {
      client,
      deaggregate: false,
      budget: readBudget({ ...(readsPerSecond && { readsPerSecond }), ...(bytesPerSecond && { bytesPerSecond }) }),
      // Its own budget may have it wait for longer than the default.
      retryTimeoutMs: 600_000,
      ...(maxRecordsPerPage && { maxRecordsPerPage }),
      ...(concurrency && { concurrency }),
    }).subscribe({ next: () => records++, complete: () => (tookMs = asyncScheduler.now() - startMs) });
    flush();
  })();
  return { records, iterators: port.iterators.length, reads: port.reads.length, bytes: port.sent() * bytes, seconds: tookMs / 1_000 };
}

/** A plan of these, beside what was done in a shard that has records after the last range too. */
function compare(count: number, size: number, between: number, config: PlanRecoveryConfig & { readonly bytesPerRecord: number }): Deed {
  const ranges = spread(count, size, between);
  // Behind the last range there is as much as a page may ask for.
  const log = numbered(count * (size + between) + 20_000, config.bytesPerRecord);
  const plan = planRecovery(ranges, { recordsBetween: between, ...config });
  const deed = recover(ranges, log, config);
  const { records, iterators, reads, bytes, seconds } = plan;
  expect({ records, iterators, reads, bytes, seconds: deed.seconds }).to.deep.equal(deed);
  expect(seconds).to.be.closeTo(deed.seconds, 1e-6 * reads);
  return deed;
}

describe('planRecovery', () => {
  it('says it of ranges, records, calls, bytes and time', () => {
    const plan = planRecovery([rangeOf(1, 40, 40), rangeOf(41, 80, 40)], { bytesPerRecord: 500 });
    expect(plan).to.deep.equal({
      ranges: 2,
      records: 80,
      iterators: 1,
      reads: 1,
      bytes: 40_000,
      seconds: 0,
      uncountedRanges: 0,
      shards: [
        {
          shardId: 'shardId-000000000000',
          ranges: 2,
          records: 80,
          iterators: 1,
          reads: 1,
          bytes: 40_000,
          seconds: 0,
          passes: [{ fromSeqNumber: '1', toSeqNumber: '80', ranges: 2, records: 80, reads: 1 }],
        },
      ],
    });
  });

  describe('says what a recovery really does', () => {
    const shapes: Readonly<Record<string, readonly [count: number, size: number, between: number, config: PlanRecoveryConfig]>> = {
      'of one block': [1, 40, 0, {}],
      'of 250 blocks that follow each other': [250, 40, 0, {}],
      'of more than a page': [1_000, 40, 0, {}],
      'of small pages': [100, 40, 0, { maxRecordsPerPage: 300 }],
      'of blocks of many pages': [3, 2_500, 0, { maxRecordsPerPage: 100 }],
      'of blocks of many pages, with others between them': [3, 2_500, 700, { maxRecordsPerPage: 90, latencyMs: 300 }],
      'of each tenth block': [200, 40, 360, {}],
      'of blocks with more than a mebibyte between them': [20, 40, 6_000, {}],
      'of large records, whose pages are full at 10 MiB': [100, 40, 0, { bytesPerRecord: 50_000 }],
      'of records that are a page each': [3, 2, 0, { bytesPerRecord: 6 * MIB }],
      'with more budget': [200, 40, 360, { readsPerSecond: 50, bytesPerSecond: 100 * MIB }],
      'with calls that take their time': [30, 40, 6_000, { latencyMs: 30 }],
    };
    for (const [what, [count, size, between, config]] of Object.entries(shapes)) {
      it(what, () => {
        const deed = compare(count, size, between, { bytesPerRecord: 200, ...config });
        expect(deed.records).to.equal(count * size);
      });
    }

    it('of any blocks', function () {
      this.timeout(30_000);
      const shape = fc.record({
        count: fc.integer({ min: 1, max: 60 }),
        size: fc.integer({ min: 1, max: 200 }),
        between: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2_000 })),
        bytesPerRecord: fc.integer({ min: 1, max: 5_000 }),
        maxRecordsPerPage: fc.integer({ min: 20, max: 10_000 }),
        latencyMs: fc.integer({ min: 0, max: 300 }),
      });
      fc.assert(
        fc.property(shape, ({ count, size, between, ...config }) => void compare(count, size, between, config)),
        { numRuns: 60 },
      );
    });

    it('of ranges that overlap, lie within others, or are given twice', () => {
      const ranges = [rangeOf(50, 80, 31), rangeOf(1, 100, 100), rangeOf(1, 100, 100), rangeOf(1, 20, 20), rangeOf(101, 140, 40)];
      const { records, iterators, reads } = planRecovery(ranges);
      const deed = recover(ranges, numbered(10_000), {});
      expect({ records, iterators, reads }).to.deep.equal({ records: 140, iterators: deed.iterators, reads: deed.reads });
      expect(deed.records).to.equal(140);
    });

    for (const concurrency of [1, 2, 4, 7]) {
      it(`of six shards, ${concurrency} at once`, () => {
        const shards = Object.fromEntries(
          [0, 1, 2, 3, 4, 5].map((shard) => {
            const first = shard * 1_000 + 1;
            return [shard, { records: Array.from({ length: 50 * (shard + 1) }, (_, i) => ({ sequenceNumber: first + i, data: 'x' })) }];
          }),
        );
        const ranges = [5, 0, 3, 1, 4, 2].map((shard) => range(shard * 1_000 + 1, shard * 1_000 + 40 * (shard + 1), undefined, shard));
        const plan = planRecovery(ranges, { bytesPerRecord: 1, maxRecordsPerPage: 30, concurrency, latencyMs: 10 });
        let tookMs = NaN;
        let calls: readonly number[] = [];
        marbles(({ flush, scheduler }) => {
          const client = fakeKinesis({ shards, latencyMs: 10 });
          kinesisRanges(ranges, { client, maxRecordsPerPage: 30, concurrency }).subscribe({ complete: () => (tookMs = scheduler.now()) });
          flush();
          calls = [client.callsOf('getShardIterator').length, client.callsOf('getRecords').length];
        })();
        expect([plan.iterators, plan.reads]).to.deep.equal(calls);
        expect(plan.seconds).to.be.closeTo(tookMs / 1_000, 1e-6);
        expect(plan.shards.map(({ shardId }) => Number(shardId.slice(-1)))).to.deep.equal([5, 0, 3, 1, 4, 2]);
      });
    }
  });

  it('groups the ranges that share an iterator, in order', () => {
    const far = spread(3, 40, 20_000).reverse();
    const near = spread(30, 40, 10).map((one) => ({ ...one, shardId: 'shardId-000000000001' }));
    const { shards } = planRecovery([...far, ...near], { bytesPerRecord: 200, recordsBetween: 20_000 });
    const passes = shards[0]!.passes.map(({ fromSeqNumber, toSeqNumber, ranges, records }) => [
      fromSeqNumber,
      toSeqNumber,
      ranges,
      records,
    ]);
    expect(passes).to.deep.equal([
      ['1', '40', 1, 40],
      ['20041', '20080', 1, 40],
      ['40081', '40120', 1, 40],
    ]);
    expect(planRecovery(near).shards[0]!.passes).to.have.length(1);
  });

  it('takes ranges without a count for 1 000 records each, as the reader does, and says how many there are', () => {
    const bare: RangeToRead = { streamName: 'stream', shardId: 'shardId-000000000000', fromSeqNumber: '1', toSeqNumber: '40' };
    expect(planRecovery([bare, rangeOf(41, 80, 40)])).to.include({ records: 1_040, uncountedRanges: 1 });
  });

  it('knows no bytes without the size of a record, and takes the time of the reads alone', () => {
    const plan = planRecovery([rangeOf(1, 90_000, 90_000)]);
    expect(plan).to.include({ bytes: undefined, reads: 9, seconds: 1.6 });
  });

  it('reads nothing when there are no ranges', () => {
    const nothing = { ranges: 0, records: 0, iterators: 0, reads: 0, seconds: 0, uncountedRanges: 0, shards: [] };
    expect(planRecovery([])).to.deep.equal({ ...nothing, bytes: undefined });
    expect(planRecovery(new SequenceNumberRanges([]), { bytesPerRecord: 9 })).to.deep.equal({ ...nothing, bytes: 0 });
  });

  it('takes no longer for more records or pages, and little for many ranges', function () {
    this.timeout(10_000);
    const startMs = performance.now();
    expect(planRecovery([rangeOf(1, 9, 1e9)], { bytesPerRecord: 200 }).records).to.equal(1e9);
    expect(planRecovery([rangeOf(1, 9, 1e9)], { maxRecordsPerPage: 5 })).to.include({ reads: 2e8, seconds: 2e8 / 5 - 0.2 });
    expect(planRecovery(spread(100_000, 40, 360), { bytesPerRecord: 200, recordsBetween: 360 }).ranges).to.equal(100_000);
    expect(performance.now() - startMs).to.be.below(5_000);
  });

  describe('refuses, when called,', () => {
    const configs: Readonly<Record<string, object | null>> = {
      'an unknown option': { bytes: 1 },
      'a config that is none': null,
      'a record of no bytes': { bytesPerRecord: 0 },
      'a record of endless bytes': { bytesPerRecord: Infinity },
      'less than no records between': { bytesPerRecord: 1, recordsBetween: -1 },
      'a fraction of a record between': { bytesPerRecord: 1, recordsBetween: 0.5 },
      'records between, of no size': { recordsBetween: 1 },
      'pages of more than 10 000': { maxRecordsPerPage: 10_001 },
      'no shard at once': { concurrency: 0 },
      'no reads': { readsPerSecond: 0 },
      'no bytes a second': { bytesPerSecond: NaN },
      'a latency below 0': { latencyMs: -1 },
    };
    for (const [what, config] of Object.entries(configs)) {
      it(what, () => {
        expect(thrownBy(() => planRecovery([rangeOf(1, 2, 2)], config as PlanRecoveryConfig))).to.satisfy(isInvalidConfig);
      });
    }

    it('ranges of two streams', () => {
      const ranges = [rangeOf(1, 2, 2), rangeOf(3, 4, 2, { streamName: 'other' })];
      expect(thrownBy(() => planRecovery(ranges))).to.satisfy(isInvalidConfig);
    });

    for (const [what, ranges] of Object.entries({
      'a malformed range': [rangeOf(2, 1, 2)],
      'no ranges at all': undefined,
      'the text of ranges': JSON.stringify(new SequenceNumberRanges([rangeOf(1, 2, 2)])),
      'something with other ranges': { ranges: 7 },
    })) {
      it(what, () => expect(thrownBy(() => planRecovery(ranges as never))).to.satisfy(isInvalidValue));
    }
  });
});
