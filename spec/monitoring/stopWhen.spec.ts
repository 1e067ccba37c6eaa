import { expect } from 'chai';
import { bufferCount, delay, map, NEVER, of } from 'rxjs';
import type { Alert } from '../../lib/monitoring/alert.js';
import { stopWhen } from '../../lib/monitoring/stopWhen.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { marbles } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { recordingStore } from '../support/recording-store.js';
import { inLetters, instantKinesis, quickShard } from '../support/quick-shard.js';
import { thrownBy } from '../support/thrown-by.js';

const alert = (raised: boolean): Alert => ({ type: 'stuckShard', raised, shardId: '0', value: 7, limit: 5 });
const values = { r: alert(true), c: alert(false) };

describe('stopWhen', () => {
  it(
    'emits the first alert that is raised, and completes',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-c-r-r', values);
      expectObservable(stopWhen(source)).toBe('---(r|)', values);
      expectSubscriptions(source.subscriptions).toBe('^--!');
    }),
  );
  it(
    'emits nothing where none is raised, and unsubscribes with its subscriber',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      expectObservable(stopWhen(NEVER)).toBe('-');
      expectObservable(stopWhen(cold<Alert>('|'))).toBe('|');
      const cleared = cold('-c-c-', values);
      expectObservable(stopWhen(cleared), '^-!').toBe('-');
      expectSubscriptions(cleared.subscriptions).toBe('^-!');
    }),
  );
  it(
    'fails with its alerts',
    marbles(({ cold, expectObservable }) => {
      expectObservable(stopWhen(cold<Alert>('-#'))).toBe('-#');
    }),
  );
  it(
    'is a notifier for stop: the shard completes, and what is in flight is settled and checkpointed',
    marbles(({ cold, expectObservable, flush }) => {
      const store = recordingStore();
      const stop = stopWhen(cold('---r', values));
      const letters$ = quickShard(instantKinesis({ shards: { 0: 'ab---cd' } }), { store, stop }).pipe(
        bufferCount(2),
        withSequenceRanges(),
        delay(5),
        checkpointEvery(100),
        map(inLetters),
      );
      expectObservable(letters$).toBe('------(x|)', { x: 'ab' });
      flush();
      expect(store.kept).to.deep.equal(['6 2']);
    }),
  );
  it('wants alerts', () => {
    for (const none of [undefined, 5, 'alert', () => NEVER]) expect(thrownBy(() => stopWhen(none as never))).to.satisfy(isInvalidConfig);
    const errors: unknown[] = [];
    stopWhen(of(true) as never).subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors).to.have.length(1);
    expect(errors[0]).to.satisfy(isInvalidConfig);
  });
});
