import { expect } from 'chai';
import { fakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { record } from '../../../lib/testing/record.js';
import { numbersOf, textsOf } from './reading.js';

const BIG = '49590338271490256608559692538361571095921575989136588898';

describe('records of fakeKinesis', () => {
  it(
    'have numbers in order of arrival over the whole stream',
    marbles(() => {
      const kinesis = fakeKinesis({ shards: { 0: '-a-c', 1: 'b-d' } });

      expect(Object.entries(kinesis.values).map(([letter, { sequenceNumber }]) => letter + sequenceNumber)).to.have.members([
        'b1',
        'a2',
        'd3',
        'c4',
      ]);
    }),
  );

  it(
    'are known by their letters as they are to be emitted',
    marbles(() => {
      const kinesis = fakeKinesis({ shards: { 0: '-a-b' }, values: { b: { data: 'two', partitionKey: 'LH 400' } } });
      const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

      expect(kinesis.values).to.deep.equal({
        a: record(1, { partitionKey: 'a', data: encode('a'), approximateArrivalTimestamp: new Date(1) }),
        b: record(2, { partitionKey: 'LH 400', data: encode('two'), approximateArrivalTimestamp: new Date(3) }),
      });
    }),
  );

  it(
    'take given numbers of any length, and those after them go on from there',
    marbles(() => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab', 1: '--c' }, values: { a: { sequenceNumber: BIG }, c: {} } });

      expect(numbersOf(kinesis)).to.deep.equal([BIG, BIG.replace(/8$/, '9')]);
      expect(numbersOf(kinesis, 1)).to.deep.equal([String(BigInt(BIG) + 2n)]);
    }),
  );

  it(
    'share a number by their sub-sequence numbers',
    marbles(() => {
      const kinesis = fakeKinesis({ shards: { 0: '(abc)d' }, values: { b: { subSequenceNumber: 1 }, c: { subSequenceNumber: 2 } } });

      expect(numbersOf(kinesis)).to.deep.equal(['1', '1.1', '1.2', '2']);
    }),
  );

  it(
    'can be a list, with times and all fields',
    marbles(({ expectObservable }) => {
      const records = [{ data: 'x' }, { atMs: 2, data: Uint8Array.of(121), sequenceNumber: 7 }, { data: 'z', subSequenceNumber: 1 }];
      const kinesis = fakeKinesis({ shards: { 0: { records, closedAtMs: 4 } } });

      expect(numbersOf(kinesis)).to.deep.equal(['1', '7', '7.1']);
      expectObservable(textsOf(kinesis)).toBe('--xy_(e|)', { x: 'x', y: '(yz)', _: '', e: '|' });
    }),
  );

  it(
    'can have arrived before the beginning',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^c-|', 1: { records: [{ atMs: -3_600_000, data: 'old' }], closedAtMs: -1 } } });

      expect(kinesis.values.a?.approximateArrivalTimestamp).to.deep.equal(new Date(-2));
      expectObservable(textsOf(kinesis)).toBe('--a_(e|)', { a: 'abc', _: '', e: '|' });
      expectObservable(textsOf(kinesis, 1)).toBe('--(a|)', { a: 'old|' });
    }),
  );

  it(
    'read time progression, whatever a frame is',
    marbles(() => {
      const kinesis = fakeKinesis({ shards: { 0: ' 30s a 1m b 5ms c|' } });

      expect(Object.values(kinesis.values).map((r) => r.approximateArrivalTimestamp?.getTime())).to.deep.equal([30_000, 90_001, 90_007]);
    }),
  );

  it('have the same times outside of a virtual-time test', () => {
    const { values } = fakeKinesis({ shards: { 0: '-a 30s b', 1: '-c' } });
    const [a, b, c] = [values.a, values.b, values.c].map((r) => r?.approximateArrivalTimestamp?.getTime() ?? NaN);

    expect([Number(b) - Number(a), Number(c) - Number(a)]).to.deep.equal([30_001, 0]);
  });
});
