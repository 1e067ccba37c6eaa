import { expect } from 'chai';
import { bufferCount, concatMap, map, timer } from 'rxjs';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fastReading, textsOf } from '../support/fast-reading.js';

const PAGE = 10;
const WORK_MS = 1_000;

/** A backlog of six pages, whose work takes a second each, in order; gives when pages were read, and when the work on each was done. */
function workOn(maxInFlightRecords: number, flush: () => void, now: () => number) {
  const records = Array.from({ length: 6 * PAGE }, (_, i) => ({ atMs: -1, data: String.fromCharCode(0x4e00 + i) }));
  const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: { records, closedAtMs: 0 } }, maxRecordsPerPage: PAGE });
  const done: (readonly [ms: number, texts: string])[] = [];
  kinesisShard({ ...fastReading(kinesis), shardId: 'shardId-000000000000', budget: readBudget(), maxInFlightRecords })
    .pipe(
      bufferCount(PAGE),
      withSequenceRanges(),
      concatMap((block) => timer(WORK_MS).pipe(map(() => block))),
      checkpointEvery(1_000),
    )
    .subscribe((block) => done.push([now(), textsOf(block.records)]));
  flush();
  return { readAtMs: kinesis.callsOf('getRecords').map(({ atMs }) => atMs), done };
}

describe('kinesisShard reads ahead of asynchronous work', () => {
  it(
    'at the pace of its budget, and in order: the next pages are there before they are needed',
    marbles(({ flush, scheduler }) => {
      const { readAtMs, done } = workOn(1_000, flush, () => scheduler.now());
      // Five reads a second; the work on the first page ends at 1 000 ms.
      expect(readAtMs).to.deep.equal([0, 200, 400, 600, 800, 1_000]);
      // The work never waits for a page.
      expect(done.map(([ms]) => ms)).to.deep.equal([1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
      expect(done.map(([, texts]) => texts.charCodeAt(0) - 0x4e00)).to.deep.equal([0, 10, 20, 30, 40, 50]);
    }),
  );

  it(
    'within its credit',
    marbles(({ flush, scheduler }) => {
      const { readAtMs, done } = workOn(3 * PAGE, flush, () => scheduler.now());
      // Three pages are in flight, until half of the credit is free again: the work on two of them is done.
      expect(readAtMs.slice(0, 3)).to.deep.equal([0, 200, 400]);
      expect(readAtMs[3]).to.equal(2_000);
      const inFlightAt = (ms: number): number => readAtMs.filter((at) => at <= ms).length - done.filter(([at]) => at < ms).length;
      for (const at of readAtMs) expect(inFlightAt(at), `${at} ms`).to.be.at.most(3);
      expect(done.map(([ms]) => ms)).to.deep.equal([1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
    }),
  );
});
