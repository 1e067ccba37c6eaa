import { expect } from 'chai';
import { bufferCount, type Observable } from 'rxjs';
import { isRangeExpired } from '../../lib/kinesis/errors.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { KinesisShardConfig } from '../../lib/sources/kinesisShard.js';
import { marbles } from '../../lib/testing/index.js';
import type { MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { failAt, recovering } from '../support/recovering.js';

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
});
