import { expect } from 'chai';
import { concat, map, mergeMap, timer } from 'rxjs';
import { fakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../../lib/values/errors.js';
import { thrownBy } from '../../support/thrown-by.js';
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

describe('fakeKinesis refuses what would let a spec pass without its fault:', () => {
  const error = 'InternalFailure';
  const faults: Readonly<Record<string, object>> = {
    'a method that is none': { method: 'GetRecords', error },
    'a field that is none': { method: 'getRecords', errors: error },
    'a shard that is none': { shard: 7, error },
    'a fault without a fault': { method: 'getRecords' },
    'an answer that is none': { answer: 'nothing' },
    'an empty answer of a call that has none': { method: 'listShards', answer: 'empty' },
    'a shard of a call that has none': { method: 'listShards', shard: 0, error },
    'no call at all': { error, times: 0 },
    'a number of calls that is none': { error, times: NaN },
    'a time that ends before it begins': { error, fromMs: 10, untilMs: 10 },
    'a time that is none': { error, fromMs: NaN },
    'a latency that is none': { latencyMs: NaN },
  };
  for (const [what, fault] of Object.entries(faults)) {
    it(what, () => {
      const kinesis = fakeKinesis({ shards: { 0: 'a' } });
      expect(thrownBy(() => fakeKinesis({ shards: { 0: 'a' }, faults: [fault] }))).to.satisfy(isInvalidConfig);
      expect(thrownBy(() => kinesis.fail(fault))).to.satisfy(isInvalidConfig);
    });
  }

  const scripts: Readonly<Record<string, object>> = {
    'an option that is none': { fault: [] },
    'an option without its unit': { latency: 5 },
    'an option of a shard that is none': { shards: { 0: { record: 'a' } } },
    'values of what cannot be a letter': { values: { ab: {} } },
    'values of a sign of marbles': { values: { '-': {} } },
    'a field of values that is none': { values: { a: { key: 'k' } } },
    'a field of a trim that is none': { trims: [{ shard: 0, through: 'a', read: 'horizon' }] },
    'reads of a trim that are none': { trims: [{ shard: 0, through: 'a', reads: 'nothing' }] },
    'a last page that is none': { lastPage: 'empty' },
  };
  for (const [what, script] of Object.entries(scripts)) {
    it(what, () => {
      expect(thrownBy(() => fakeKinesis({ shards: { 0: 'a' }, ...script }))).to.satisfy(isInvalidConfig);
    });
  }

  it('marbles where letters are put, which arrive now', () => {
    const kinesis = fakeKinesis({ shards: { 0: 'a' } });
    for (const marbles of ['b-c', 'b c', '(bc)', 'b|']) expect(thrownBy(() => kinesis.put(0, marbles))).to.satisfy(isInvalidConfig);
    expect(kinesis.records(0)).to.have.length(1);
  });

  it('the calls of a method that is none', () => {
    const kinesis = fakeKinesis({ shards: { 0: 'a' } });
    expect(thrownBy(() => kinesis.callsOf('GetRecords' as 'getRecords'))).to.satisfy(isInvalidConfig);
  });
});
