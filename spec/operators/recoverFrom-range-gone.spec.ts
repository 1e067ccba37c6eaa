import { expect } from 'chai';
import { bufferCount, concatAll, type Observable } from 'rxjs';
import { isRangeExpired } from '../../lib/kinesis/errors.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { KinesisShardConfig } from '../../lib/sources/kinesisShard.js';
import { marbles } from '../../lib/testing/index.js';
import type { MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import { trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { instantKinesis, quickShard } from '../support/quick-shard.js';
import { failAt, noting, recovering } from '../support/recovering.js';

describe('recoverFrom behind a shard, when Kinesis no longer holds all of what is lost', () => {
  // At 7 a to d have passed, and e and f are in the buffer.
  const script = { shards: { 0: '(abcdef)------g--|' }, faults: failAt(7), trims: [{ shard: 0, atMs: 7, through: 'e' }] };
  const run = (helpers: MarbleHelpers, shard: Partial<KinesisShardConfig>) => {
    const toBlocks = (records$: Observable<KinesisRecord>) => records$.pipe(bufferCount(4), withSequenceRanges());
    const result = recovering(helpers, { script, shard, toBlocks, intervalMs: 5 });
    helpers.flush();
    return result;
  };

  it(
    'errors at once under onGap: fail, naming what is missing, and the checkpoint stays before it',
    marbles((helpers) => {
      const { store, delivered, ends } = run(helpers, {});
      expect(delivered).to.deep.equal(['0 abcd']);
      expect(ends).to.have.length(2);
      expect(ends[1]).to.satisfy(isRangeExpired);
      expect(ends[1]).to.have.nested.property('missing[0]').that.includes({ toSeqNumber: '6' });
      expect(store.kept).to.deep.equal(['5 4']);
    }),
  );

  it(
    'emits what is left under onGap: continue, and tells of the gap',
    marbles((helpers) => {
      const gaps: KinesisEvent[] = [];
      const events = { next: (event: KinesisEvent) => void (event.type === 'gap' && gaps.push(event)) };
      const { store, delivered, ends } = run(helpers, { onGap: 'continue', events });
      expect(delivered).to.deep.equal(['0 abcd', "7 f'", '17 g']);
      expect(ends).to.deep.equal([17, 'complete']);
      expect(gaps).to.have.length(1);
      expect(store.kept).to.deep.equal(['5 4', '10 6', '17 SHARD_END']);
    }),
  );

  describe('under onGap: continue, when one more read fails before the next block', () => {
    // At 7 a to d have passed, and e to g are in a buffer; e is trimmed.
    const lost = { shards: { 0: '(abcdefg)------h--|' }, faults: failAt(7, 9), trims: [{ shard: 0, atMs: 7, through: 'e' }] };

    it(
      'reads on behind what is left, and holds nothing of the gap',
      marbles((helpers) => {
        const toBlocks = (records$: Observable<KinesisRecord>) => records$.pipe(bufferCount(4), withSequenceRanges());
        const { shard, store, delivered, ends } = recovering(helpers, {
          script: lost,
          shard: { onGap: 'continue' },
          toBlocks,
          intervalMs: 5,
        });
        const { ledger } = trackedShardOf(shard)!;
        const inFlight: unknown[] = [];
        helpers.scheduler.schedule(() => inFlight.push(ledger.outstandingRecords, ledger.outstandingBytes, ledger.unclaimedAfter(0)), 12);
        helpers.flush();
        expect(delivered).to.deep.equal(['0 abcd', "7 fg'", '18 h']);
        expect(ends).to.deep.equal([18, 'complete']);
        expect(inFlight).to.deep.equal([0, 0, []]);
        expect(store.kept).to.deep.equal(['5 4', '10 7', '18 SHARD_END']);
      }),
    );

    it(
      'reads on behind what is left where records pass',
      marbles(({ scheduler, flush }) => {
        const shard = quickShard(instantKinesis(lost), { onGap: 'continue' });
        const delivered: string[] = [];
        const inFours = bufferCount<KinesisRecord>(4);
        shard
          .pipe(
            inFours,
            concatAll(),
            recoverFrom(undefined, { initialDelayMs: 0 }),
            noting(scheduler, delivered),
            inFours,
            withSequenceRanges(),
          )
          .subscribe();
        flush();
        expect(delivered).to.deep.equal(['0 a', '0 b', '0 c', '0 d', '7 f', '7 g', '18 h']);
      }),
    );
  });

  it(
    'ends the shard under onGap: continue where nothing is left',
    marbles((helpers) => {
      const script = { shards: { 0: '(abcdef)------|' }, faults: failAt(7), trims: [{ shard: 0, atMs: 7, through: 'f' }] };
      const toBlocks = (records$: Observable<KinesisRecord>) => records$.pipe(bufferCount(4), withSequenceRanges());
      const { store, delivered } = recovering(helpers, { script, shard: { onGap: 'continue' }, toBlocks, intervalMs: 5 });
      helpers.flush();
      expect(delivered).to.deep.equal(['0 abcd']);
      expect(store.kept.at(-1)).to.match(/SHARD_END$/);
    }),
  );
});
