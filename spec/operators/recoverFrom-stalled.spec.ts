import { expect } from 'chai';
import { bufferTime, type Observable } from 'rxjs';
import { trackedShardOf } from '../../lib/tracking/tracked-shard.js';
import { isRecoveryTimeout, isShardReadError } from '../../lib/kinesis/errors.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { KinesisShardConfig } from '../../lib/sources/kinesisShard.js';
import { marbles } from '../../lib/testing/index.js';
import type { RecoverFromConfig } from '../../lib/operators/recoverFrom.js';
import type { MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { instantKinesis, quickShard } from '../support/quick-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { failAt, recovering } from '../support/recovering.js';

describe('recoverFrom behind a shard, when the service does not answer', () => {
  const script = {
    shards: { 0: 'a--b--c---d--|' },
    faults: [...failAt(7), { method: 'getRecords', answer: 'never', fromMs: 7 } as const],
  };
  const run = (helpers: MarbleHelpers, recovery: RecoverFromConfig, shard: Partial<KinesisShardConfig> = {}) => {
    const toBlocks = (records$: Observable<KinesisRecord>) => records$.pipe(bufferTime(4), withSequenceRanges());
    return recovering(helpers, { script, shard, toBlocks, recovery, intervalMs: 5 });
  };

  it(
    'counts a re-read that does not come forward as a failure and tries again',
    marbles((helpers) => {
      const errors: unknown[] = [];
      const events = { next: (event: KinesisEvent) => void (event.type === 'recoveryStarted' && errors.push(event.error)) };
      const { store, delivered } = run(helpers, { retryTimeoutMs: 20 }, { events });
      helpers.flush();

      expect(delivered).to.deep.equal(['4 ab', "27 c'", '27 d']);
      expect(errors.map((error) => (error as { code?: string }).code)).to.deep.equal(['SHARD_READ', 'RECOVERY_TIMEOUT']);
      // While c was missing nothing was written but what came before it.
      expect(store.asked).to.deep.equal(['5 2', '27 SHARD_END']);
    }),
  );

  it(
    'errors when that was one recovery too many',
    marbles((helpers) => {
      const { ends } = run(helpers, { retryTimeoutMs: 20, maxRecoveries: 1 });
      helpers.flush();

      expect(ends[0]).to.equal(27);
      expect(ends[1]).to.satisfy(isRecoveryTimeout).and.to.include({ timeoutMs: 20, retriable: true });
    }),
  );

  it(
    'aborts the re-read when it is unsubscribed',
    marbles(({ scheduler, flush }) => {
      const kinesis = instantKinesis(script);
      const store = recordingStore();
      const shard = quickShard(kinesis, { store });
      const subscription = shard.pipe(bufferTime(4), withSequenceRanges(), recoverFrom(store)).subscribe();
      scheduler.schedule(() => {
        expect(kinesis.inFlight).to.equal(1);
        subscription.unsubscribe();
        expect(kinesis.inFlight).to.equal(0);
        expect(kinesis.calls.at(-1)).to.include({ method: 'getRecords', aborted: true });
      }, 9);
      flush();

      expect(scheduler.frame).to.be.lessThan(28);
      expect(trackedShardOf(shard)?.resumes).to.equal(false);
    }),
  );

  it(
    'completes after the re-read when stop fires meanwhile',
    marbles((helpers) => {
      const { store, delivered, ends } = run(helpers, { retryTimeoutMs: 20 }, { stop: helpers.hot('----------s') });
      helpers.flush();

      expect(delivered).to.deep.equal(['4 ab', "27 c'"]);
      expect(ends).to.deep.equal([27, 'complete']);
      expect(store.kept.at(-1)).to.equal('27 3');
    }),
  );

  it(
    'lets an error that will not pass go on at once',
    marbles((helpers) => {
      const { store, ends } = recovering(helpers, {
        script: { shards: { 0: 'a--b--c--' }, faults: [{ method: 'getRecords', error: 'AccessDeniedException', fromMs: 7 }] },
        toBlocks: (records$) => records$.pipe(bufferTime(4), withSequenceRanges()),
        intervalMs: 50,
      });
      helpers.flush();

      expect(ends[0]).to.equal(7);
      expect(ends[1]).to.satisfy(isShardReadError).and.to.include({ retriable: false });
      expect(ends[1]).to.have.property('position').that.includes({ sequenceNumber: '3' });
      expect(store.kept).to.deep.equal(['7 2']);
    }),
  );
});
