import { expect } from 'chai';
import { concat, map, mergeMap, timer } from 'rxjs';
import { fakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../../lib/values/errors.js';
import { textsOf } from './reading.js';

const STREAM = { StreamName: 'stream' };

describe('fakeKinesis', () => {
  it(
    'plays the script in virtual time, each call answering as of its moment',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: '--a-(bc)--|' } });
      // The iterator comes at 1; the page that is asked for at 2, when `a` arrives, comes at 3.
      const expected = '--_a_b_____(e|)';

      expectObservable(textsOf(kinesis)).toBe(expected, { _: '', a: 'a', b: 'bc', e: '|' });
    }),
  );

  it(
    'is lazy: without calls it schedules nothing',
    marbles(({ scheduler, flush }) => {
      fakeKinesis({ shards: { 0: '--a 10s b|' }, faults: [{ error: 'X', fromMs: 5 }], expireIteratorsAtMs: [7] });
      flush();

      expect(scheduler.now()).to.equal(0);
    }),
  );

  it(
    'counts its time from its making',
    marbles(({ expectObservable }) => {
      const late = timer(100).pipe(mergeMap(() => textsOf(fakeKinesis({ shards: { 0: '--a|' } }))));
      expectObservable(late).toBe('100ms --_a(e|)', { _: '', a: 'a', e: '|' });
    }),
  );

  it(
    'answers each subscription with a call of its own',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' } });
      const listing = kinesis.listShards(STREAM).pipe(map(({ Shards }) => Shards.length));
      expectObservable(concat(listing, listing)).toBe('-a(a|)', { a: 1 });
      flush();

      expect(kinesis.calls).to.have.length(2);
    }),
  );

  for (const script of [{ latencyMs: -1 }, { latencyMs: NaN }, { maxRecordsPerPage: 0 }, { shardsPerPage: 0 }, { iteratorTtlMs: -1 }]) {
    it(`refuses ${JSON.stringify(script)}`, () => {
      expect(() => fakeKinesis({ shards: {}, ...script }))
        .to.throw()
        .that.satisfies(isInvalidConfig);
    });
  }
});
