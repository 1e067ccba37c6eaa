import { expect } from 'chai';
import { map, timer } from 'rxjs';
import { fakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import type { FakeScript } from '../../../lib/testing/kinesis/fake-script.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { isInvalidConfig } from '../../../lib/values/errors.js';
import { numbersOf, textsOf } from './reading.js';

describe('the stream of fakeKinesis', () => {
  describe('put', () => {
    it(
      'lets records arrive at that moment',
      marbles(({ scheduler, expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a', 1: '------b' } });
        scheduler.schedule(() => kinesis.put(0, 'xy'), 4);
        scheduler.schedule(() => kinesis.close(0), 6);
        expectObservable(textsOf(kinesis)).toBe('--a__x_(e|)', { a: 'a', _: '', x: 'xy', e: '|' });
      }),
    );

    it(
      'gives back the records, and knows them by their letters',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a' }, values: { x: { partitionKey: 'LH 400' } } });
        scheduler.schedule(() => {
          const [x] = kinesis.put(0, 'x');
          const [y] = kinesis.put(0, [{ data: 'why', sequenceNumber: 9 }]);
          expect(x).to.include({ sequenceNumber: '2', partitionKey: 'LH 400' }).and.to.equal(kinesis.values.x);
          expect(y).to.include({ sequenceNumber: '9', partitionKey: 'key' });
          expect(y?.approximateArrivalTimestamp).to.deep.equal(new Date(4));
        }, 4);
        flush();

        expect(numbersOf(kinesis)).to.deep.equal(['1', '2', '9']);
      }),
    );

    it(
      'before later records of the script needs a number that fits',
      marbles(({ scheduler, expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a----b|' }, values: { b: { sequenceNumber: 10 } } });
        scheduler.schedule(() => kinesis.put(0, [{ data: 'x', sequenceNumber: 5 }]), 2);
        expectObservable(textsOf(kinesis)).toBe('--ax__b(e|)', { a: 'a', x: 'x', _: '', b: 'b', e: '|' });
        flush();

        expect(() => fakeKinesis({ shards: { 0: '-------------b' } }).put(0, 'x'))
          .to.throw('its number is not higher')
          .that.satisfies(isInvalidConfig);
      }),
    );
  });

  describe('a script that contradicts itself is refused:', () => {
    const contradictions: Record<string, readonly [FakeScript, RegExp]> = {
      'a letter that stands twice': [{ shards: { 0: 'a', 1: 'a' } }, /letter a stands for two records/],
      'a record in a closed shard': [{ shards: { 0: '|a' } }, /arrives at 1 ms, but the shard is open from -Infinity to 0 ms/],
      'a record before its shard': [
        { shards: { 0: '--|', 1: { parents: [0], records: '-a' } } },
        /arrives at 1 ms, but the shard is open from 2/,
      ],
      'numbers that fall': [
        { shards: { 0: 'ab' }, values: { a: { sequenceNumber: 2 }, b: { sequenceNumber: 1 } } },
        /record 1 arrives after 2/,
      ],
      'a sequence number that is none': [
        { shards: { 0: 'a' }, values: { a: { sequenceNumber: 4.9e55 } } },
        /decimal sequence number, got "4.9e\+55"/,
      ],
      'numbers that repeat': [{ shards: { 0: 'ab' }, values: { b: { sequenceNumber: 1 } } }, /record 1 arrives after 1/],
      'an aggregate that does not begin at 0': [
        { shards: { 0: 'a' }, values: { a: { subSequenceNumber: 1 } } },
        /have the sub-sequence numbers 0, 1, 2, … and to arrive together, got 1 of 1 without the one before/,
      ],
      'an aggregate with a hole': [
        { shards: { 0: '(ab)' }, values: { b: { subSequenceNumber: 2 } } },
        /the sub-sequence numbers 0, 1, 2, … .* got 2 of 1 without the one before/,
      ],
      'an aggregate with another number inside': [
        { shards: { 0: '(ab)' }, values: { b: { sequenceNumber: 9, subSequenceNumber: 1 } } },
        /got 1 of 9 without the one before/,
      ],
      'half a sub-sequence number': [{ shards: { 0: '(ab)' }, values: { b: { subSequenceNumber: 0.5 } } }, /got 0.5 of 1 without the one/],
      'an aggregate that arrives in pieces': [
        { shards: { 0: 'ab' }, values: { b: { subSequenceNumber: 1 } } },
        /to arrive together, got 1 of 1 later than the one before/,
      ],
      'an error mark': [{ shards: { 0: '-#' } }, /have no #/],
      'a child of a shard that stays open': [{ shards: { 0: '-', 1: { parents: [0] } } }, /expected createdAtMs or parents that close/],
      'a shard under two names': [{ shards: { 0: '', 'shardId-000000000000': '' } }, /is there already/],
      'a trim of nothing': [{ shards: { 0: 'a' }, trims: [{ shard: 0 }] }, /expected through or beforeMs/],
      'a trim of an unknown shard': [{ shards: { 0: 'a' }, trims: [{ shard: 1, through: 'a' }] }, /got shardId-000000000001/],
      'a trim through an unknown letter': [{ shards: { 0: 'a' }, trims: [{ shard: 0, through: 'b' }] }, /got b/],
    };
    for (const [what, [script, words]] of Object.entries(contradictions)) {
      it(
        what,
        marbles(() => {
          expect(() => fakeKinesis(script))
            .to.throw(words)
            .that.satisfies(isInvalidConfig);
        }),
      );
    }

    it(
      'putting the rest of an aggregate that may have been read',
      marbles(() => {
        const kinesis = fakeKinesis({ shards: { 0: '' } });
        expect(kinesis.put(0, [{}, { subSequenceNumber: 1 }])).to.have.length(2);
        expect(() => kinesis.put(0, [{ subSequenceNumber: 2 }]))
          .to.throw(/records of an aggregate to be put at once, from sub-sequence number 0 on/)
          .that.satisfies(isInvalidConfig);
        expect(kinesis.records(0)).to.have.length(2);
      }),
    );

    it(
      'closing a shard twice, or before records of the script',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: '|', 1: '---a' } });
        expect(() => kinesis.close(0))
          .to.throw(/is closed since 0 ms/)
          .that.satisfies(isInvalidConfig);
        expect(() => kinesis.close(1))
          .to.throw(/has records after 0 ms/)
          .that.satisfies(isInvalidConfig);
        expectObservable(timer(1).pipe(map(() => kinesis.records(1).length))).toBe('-(n|)', { n: 1 });
      }),
    );
  });
});
