import { expect } from 'chai';
import { concat, map, toArray, type Observable } from 'rxjs';
import { isRangeExpired, isRangeIncomplete } from '../../lib/kinesis/errors.js';
import type { FakeScript } from '../../lib/testing/kinesis/fake-script.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { AGGREGATED_STREAM, EMPTY_AGGREGATE, namesFrom, positionOf } from '../support/aggregated-stream.js';
import { failureOf, range, ranges, single } from '../support/range-reading.js';

const stream = (script: Partial<FakeScript> = {}): FakeKinesis => fakeKinesis({ shards: { 0: { records: AGGREGATED_STREAM } }, ...script });

/** The range from one user record to another, by their names. */
function between(first: string, last: string, recordCount = namesFrom(first, last).length): SequenceNumberRange {
  const [from, to] = [positionOf(first), positionOf(last)].map(({ sequenceNumber: n, subSequenceNumber: sub }) => `${n}.${sub}`);
  return range(from!, to!, recordCount);
}

const names = (texts$: Observable<string>): Observable<string> =>
  texts$.pipe(
    toArray(),
    map((all) => all.join(' ')),
  );

describe('kinesisRange with KPL aggregates', () => {
  for (const [what, first, last, count] of [
    ['that lie within the range', 'p0', 'p6', 27],
    ['that the range ends with', 'p0', 'A.9', 15],
    ['that the range ends inside of', 'p0', 'A.4', 10],
    ['that the range begins inside of', 'A.5', 'p6', 17],
    ['of which the range is a part', 'A.3', 'A.6', 4],
  ] as const) {
    it(
      `reads those ${what}: ${first} to ${last}, in one read`,
      marbles(({ expectObservable, flush }) => {
        const kinesis = stream();
        expect(namesFrom(first, last)).to.have.length(count);
        expectObservable(names(single(kinesis, between(first, last)))).toBe('--(r|)', { r: namesFrom(first, last).join(' ') });
        flush();
        expect([kinesis.callsOf('getShardIterator'), kinesis.callsOf('getRecords')].map((calls) => calls.length)).to.deep.equal([1, 1]);
      }),
    );
  }

  it(
    'reads those that two ranges of a block share, each user record once',
    marbles(({ expectObservable, flush }) => {
      const kinesis = stream();
      const block = [between('p0', 'A.4'), between('A.5', 'p5')];
      const expected = namesFrom('p0', 'p5');
      expect(expected).to.have.length(16);
      expectObservable(names(ranges(kinesis, block))).toBe('--(r|)', { r: expected.join(' ') });
      flush();
      expect(kinesis.callsOf('getRecords')).to.have.length(1);
    }),
  );

  it(
    'reads those that two blocks share, each user record once',
    marbles(({ expectObservable }) => {
      const kinesis = stream();
      const blocks$ = concat(single(kinesis, between('p0', 'A.4')), single(kinesis, between('A.5', 'p5')));
      expectObservable(names(blocks$)).toBe('----(r|)', { r: namesFrom('p0', 'p5').join(' ') });
    }),
  );

  it(
    'reads those at both ends of the range, in pages of one record',
    marbles(({ flush }) => {
      const kinesis = stream();
      const seen: string[] = [];
      single(kinesis, between('A.9', 'B.0'), { maxRecordsPerPage: 1 }).subscribe((name) => seen.push(name));
      flush();
      expect(seen).to.deep.equal(['A.9', 'p5', 'B.0']);
      expect(kinesis.callsOf('getShardIterator')).to.have.length(1);
      expect(kinesis.callsOf('getRecords').map(({ limit }) => limit)).to.deep.equal([1, 1, 1]);
    }),
  );

  it(
    'reads on from where it was when the iterator expires behind one of them',
    marbles(({ flush }) => {
      const kinesis = stream({ maxRecordsPerPage: 1, expireIteratorsAtMs: [2] });
      const seen: string[] = [];
      single(kinesis, between('A.3', 'B.4')).subscribe((name) => seen.push(name));
      flush();
      expect(seen).to.deep.equal(namesFrom('A.3', 'B.4'));
      expect(kinesis.callsOf('getShardIterator').map(({ startingSequenceNumber }) => startingSequenceNumber)).to.deep.equal(['6', '6']);
    }),
  );

  it(
    'passes over those that hold no user record',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: { records: [{ data: 'a' }, { data: EMPTY_AGGREGATE }, { data: 'b' }] } } });
      expectObservable(names(single(kinesis, range(1, 3, 2), { maxRecordsPerPage: 1 }))).toBe('----(r|)', { r: 'a b' });
    }),
  );

  it(
    'counts their user records: too few are a RangeIncompleteError',
    marbles(({ flush }) => {
      const { error } = failureOf(single(stream(), between('A.3', 'A.6', 5)), flush);
      expect(error).to.satisfy(isRangeIncomplete);
      expect(error).to.include({ found: 4 });
    }),
  );

  it(
    'tells when the one that the range begins in is gone',
    marbles(({ flush }) => {
      const { error, texts } = failureOf(single(stream({ trims: [{ shard: 0, through: 6 }] }), between('A.5', 'p6')), flush);
      if (!isRangeExpired(error)) throw new Error(`expected a RangeExpiredError, got ${String(error)}`);
      expect(error.gap).to.deep.include({ from: positionOf('A.5'), firstAvailable: positionOf('p5') });
      expect(texts).to.equal('');
    }),
  );

  describe('and deaggregate: false', () => {
    it(
      'reads them as they are in ranges of whole records',
      marbles(({ flush }) => {
        const seen: string[] = [];
        single(stream(), range(5, 7), { deaggregate: false }).subscribe((text) => seen.push(text));
        flush();
        expect([seen[0], seen[2], seen.length]).to.deep.equal(['p4', 'p5', 3]);
        expect(seen[1]).to.include('A.0').and.to.include('A.9');
      }),
    );

    for (const [first, last] of [
      ['A.5', 'p6'],
      ['p0', 'A.4'],
    ] as const) {
      it(`refuses when called a range that cuts one: ${first} to ${last}`, () => {
        expect(() => ranges(stream(), [range(1, 1), between(first, last)], { deaggregate: false }))
          .to.throw(/deaggregate: expected true for ranges of user records, got false for range 1 from sub-sequence number/)
          .that.satisfies(isInvalidConfig);
      });
    }
  });
});
