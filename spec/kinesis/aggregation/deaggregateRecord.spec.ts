import { expect } from 'chai';
import { createHash } from 'node:crypto';
import type { AggregateConfig, AggregateProblem } from '../../../lib/kinesis/aggregation/config.js';
import { deaggregateRecord } from '../../../lib/kinesis/aggregation/deaggregateRecord.js';
import type { PortRecord } from '../../../lib/kinesis/port.js';
import { aggregate } from '../../../lib/testing/index.js';
import { isInvalidConfig } from '../../../lib/values/errors.js';
import type { HashKeyRange } from '../../../lib/values/shard-id.js';
import { bytes, entry, groups, letter, number, sealed, text, varint } from '../../support/hand-made-aggregate.js';
import { thrownBy } from '../../support/thrown-by.js';

const LARGEST = 2n ** 128n - 1n;
const arrived = new Date(1_000);
const key = text(1, 'k');
const carrying = (Data: Uint8Array): PortRecord => ({
  SequenceNumber: '7',
  PartitionKey: 'outer',
  Data,
  ApproximateArrivalTimestamp: arrived,
});

/** What comes of a payload: `data@index` of each user record, `plain` for the record itself; and the problems that were reported. */
function outcome(data: Uint8Array, range?: HashKeyRange, config: AggregateConfig = {}): { read: string; problems: AggregateProblem[] } {
  const problems: AggregateProblem[] = [];
  const record = carrying(data);
  const fields = deaggregateRecord(record, range, { ...config, report: (problem) => problems.push(problem) });
  const words = fields.map((it) =>
    it.data === data ? 'plain' : `${new TextDecoder().decode(it.data)}@${it.subSequenceNumber}:${it.explicitHashKey ?? it.partitionKey}`,
  );
  return { read: words.join(' '), problems };
}

function reasonOf(problems: readonly AggregateProblem[]): string | undefined {
  return problems.map((problem) => (problem.type === 'malformed' ? problem.reason : problem.type)).join();
}

describe('deaggregateRecord', () => {
  it('gives a plain record as it is', () => {
    const data = new TextEncoder().encode('plain');
    const fields = deaggregateRecord(carrying(data), { startingHashKey: '0', endingHashKey: '0' });
    expect(fields).to.deep.equal([
      { sequenceNumber: '7', subSequenceNumber: 0, partitionKey: 'outer', data, approximateArrivalTimestamp: arrived },
    ]);
    expect(fields[0]!.data).to.equal(data);
  });

  it('gives the user records of an aggregate, as views with their index as sub-sequence number', () => {
    const data = aggregate([
      { partitionKey: 'a', data: 'one' },
      { partitionKey: 'b', data: 'two', explicitHashKey: '5' },
    ]);
    const fields = deaggregateRecord(carrying(data));
    const outer = { sequenceNumber: '7', approximateArrivalTimestamp: arrived };
    expect(fields).to.deep.equal([
      { ...outer, subSequenceNumber: 0, partitionKey: 'a', data: new TextEncoder().encode('one') },
      { ...outer, subSequenceNumber: 1, partitionKey: 'b', data: new TextEncoder().encode('two'), explicitHashKey: '5' },
    ]);
    for (const user of fields) expect(user.data.buffer).to.equal(data.buffer);
  });

  it('reads a payload that is itself a view of a larger buffer', () => {
    const inner = sealed(key, letter('x'), letter('y'));
    const larger = bytes(new Uint8Array(13), inner, new Uint8Array(5)).subarray(13, 13 + inner.length);
    expect(outcome(larger).read).to.equal('x@0:k y@1:k');
  });

  it('has no arrival time where the outer record has none', () => {
    const record = { SequenceNumber: '7', PartitionKey: 'outer', Data: sealed(key, letter('x')) };
    expect(deaggregateRecord(record)[0]).to.include({ approximateArrivalTimestamp: undefined });
  });

  describe('reads what Amazon makes:', () => {
    const golden: Record<string, readonly [hex: string, read: string]> = {
      'an aggregate of aws_kinesis_agg for Python 1.2.3': [
        'f3899ac20a064c48203430300a064c482034303112013712273334303238323336363932303933383436333436333337343630373433313736383231' +
          '313435351a0e080010001a08626f617264696e671a0c080110011a066c616e6465641a06080010001a0062d9b7619e067f703e005c17223e4ff1',
        `boarding@0:7 landed@1:${LARGEST} @2:7`,
      ],
      'an aggregate of aws-kinesis-agg for Node 4.2.8': [
        'f3899ac20a064c48203430300a075ac3bc726963681a0c08001a08626f617264696e671a0608011a0200ff1a0508001a0178de137ad3ae981e0e9b84' +
          'a40397a242ed',
        'boarding@0:LH 400 \0\ufffd@1:Zürich x@2:LH 400',
      ],
    };
    for (const [title, [hex, read]] of Object.entries(golden)) {
      it(title, () => expect(outcome(new Uint8Array(Buffer.from(hex, 'hex')))).to.deep.equal({ read, problems: [] }));
    }
  });

  describe('takes for a plain record, as KCL does,', () => {
    const broken = sealed(key, letter('x'));
    broken[broken.length - 1]! ^= 1;
    const nothing = createHash('md5').update('').digest();
    const silent: Record<string, Uint8Array> = {
      'an empty payload': new Uint8Array(),
      'three bytes of the magic four': Uint8Array.of(0xf3, 0x89, 0x9a),
      'other magic bytes': bytes(Uint8Array.of(0xf3, 0x89, 0x9a, 0xc3), sealed(key, letter('x')).subarray(4)),
    };
    const malformed: Record<string, readonly [payload: Uint8Array, reason: string]> = {
      'a wrong MD5': [broken, 'checksum'],
      'the magic bytes alone': [Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2), 'checksum'],
      'a message of no bytes with the right MD5': [bytes(Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2), nothing), 'checksum'],
      'a message that is cut off in a key': [sealed(key, letter('x'), text(1, 'abc').subarray(0, 3)), 'message'],
      'a message that is cut off in a varint': [sealed(key, letter('x'), Uint8Array.of(0x08, 0x80)), 'message'],
      'a record that is longer than the message': [sealed(key, Uint8Array.of(0x1a, 0x20), letter('x')), 'message'],
      'data that are longer than their record': [sealed(key, entry(number(1, 0), Uint8Array.of(0x1a, 0x09, 65)), letter('y')), 'message'],
      'a record without a key index': [sealed(key, entry(text(3, 'x'))), 'message'],
      'a record without data': [sealed(key, entry(number(1, 0))), 'message'],
      'a group that ends and never began': [sealed(key, letter('x'), Uint8Array.of((9 << 3) | 4)), 'message'],
      'a group that never ends': [sealed(key, letter('x'), Uint8Array.of((9 << 3) | 3)), 'message'],
      'a group that ends as another': [sealed(key, letter('x'), Uint8Array.of((9 << 3) | 3, (8 << 3) | 4)), 'message'],
      'a field with the number 0': [sealed(key, letter('x'), Uint8Array.of(0x02, 0x00)), 'message'],
      'a field of wire type 6': [sealed(key, letter('x'), Uint8Array.of((9 << 3) | 6)), 'message'],
      'a fixed number that is cut off': [sealed(key, letter('x'), Uint8Array.of((9 << 3) | 1, 1, 2, 3)), 'message'],
      'a negative length': [sealed(key, letter('x'), varint(0x0a), varint(2n ** 64n - 1n)), 'message'],
      'a negative length that leads back to what reads well': [
        sealed(key, letter('x'), Uint8Array.of(0x4a, 0xff, 0xff, 0xff, 0xff, 0x8f, 0x80, 0x80, 0x80, 0x80, 0x48, 1)),
        'message',
      ],
      'a length of 2 GiB': [sealed(key, letter('x'), varint(0x0a), varint(2n ** 31n - 1n)), 'message'],
      'a varint of eleven bytes': [sealed(key, letter('x'), varint(9 << 3), new Uint8Array(10).fill(0x80), Uint8Array.of(1)), 'message'],
      'unknown groups 101 deep': [sealed(key, letter('x'), groups(101)), 'message'],
      'unknown groups 100 deep in a record': [sealed(key, entry(number(1, 0), text(3, 'x'), groups(100))), 'message'],
      'a tag without a key': [sealed(key, entry(number(1, 0), text(3, 'x'), text(4, text(2, 'value')))), 'message'],
    };
    for (const [title, data] of Object.entries(silent)) {
      it(title, () => expect(outcome(data)).to.deep.equal({ read: 'plain', problems: [] }));
    }
    for (const [title, [data, reason]] of Object.entries(malformed)) {
      it(`and reports, ${title}`, () => {
        const position = { sequenceNumber: '7', subSequenceNumber: 0 };
        expect(outcome(data)).to.deep.equal({ read: 'plain', problems: [{ type: 'malformed', position, reason }] });
      });
    }
  });

  describe('loses nothing where KCL throws or drops the rest:', () => {
    const explicit = (hashKey: string): Uint8Array =>
      sealed(key, text(2, hashKey), letter('x'), entry(number(1, 0), number(2, 0), text(3, 'y')));
    const cases: Record<string, readonly [payload: Uint8Array, reason: string]> = {
      'a partition key index that is not in the table': [sealed(key, letter('x'), letter('y', 1)), 'key-index'],
      'a partition key index without a table': [sealed(letter('x')), 'key-index'],
      'a negative partition key index': [sealed(key, letter('x', 2n ** 64n - 1n)), 'key-index'],
      'an explicit hash key index that is not in the table': [sealed(key, entry(number(1, 0), number(2, 0), text(3, 'x'))), 'key-index'],
      'a blank explicit hash key': [explicit(' 7'), 'hash-key'],
      'an empty explicit hash key': [explicit(''), 'hash-key'],
      'a hexadecimal explicit hash key': [explicit('0x7'), 'hash-key'],
      'an explicit hash key of a sign': [explicit('-'), 'hash-key'],
      'an explicit hash key with digits beyond the first plane': [explicit('\u{1d7d8}'), 'hash-key'],
    };
    for (const [title, [data, reason]] of Object.entries(cases)) {
      it(`${title} makes it a plain record, with a report`, () => {
        const { read, problems } = outcome(data);
        expect([read, reasonOf(problems)]).to.deep.equal(['plain', reason]);
      });
    }
  });

  describe('reads as KCL does', () => {
    const cases: Record<string, readonly [payload: Uint8Array, read: string]> = {
      'an index of 2^32 as 0': [sealed(key, letter('x', 2n ** 32n)), 'x@0:k'],
      'an index of 2^63 as 0': [sealed(key, letter('x', 2n ** 63n)), 'x@0:k'],
      'an index of ten bytes': [
        sealed(key, entry(Uint8Array.of(0x08), new Uint8Array(9).fill(0x80), Uint8Array.of(0), text(3, 'x'))),
        'x@0:k',
      ],
      'no records as none': [sealed(key), ''],
      'the tables behind the records': [sealed(letter('x'), letter('y', 1), key, text(1, 'l')), 'x@0:k y@1:l'],
      'the last of a repeated field': [sealed(key, text(1, 'l'), entry(text(3, 'w'), number(1, 0), number(1, 1), text(3, 'x'))), 'x@0:l'],
      'tags, and gives them not on': [
        sealed(key, entry(text(4, bytes(text(1, 'name'), text(2, 'value'))), number(1, 0), text(3, 'x'))),
        'x@0:k',
      ],
      'past fields that it does not know': [
        sealed(
          number(9, 5),
          key,
          Uint8Array.of((9 << 3) | 5, 1, 2, 3, 4),
          letter('x'),
          Uint8Array.of((9 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8),
          text(9, 'y'),
        ),
        'x@0:k',
      ],
      'past a field of a known number and another type': [sealed(number(1, 5), key, number(3, 4), letter('x')), 'x@0:k'],
      'past unknown groups 100 deep': [sealed(key, letter('x'), groups(100)), 'x@0:k'],
      'past unknown groups 99 deep in a record': [sealed(key, entry(number(1, 0), text(3, 'x'), groups(99))), 'x@0:k'],
      'an aggregate within an aggregate as data': [sealed(key, entry(number(1, 0), text(3, sealed(key, letter('x'))))), 'inner'],
      'a byte order mark as part of a key': [sealed(text(1, '\ufeffk'), letter('x')), 'x@0:\ufeffk'],
      'a key that is no UTF-8': [sealed(text(1, Uint8Array.of(0x61, 0xff)), letter('x')), 'x@0:a\ufffd'],
      'a key with a surrogate in three bytes': [
        sealed(text(1, Uint8Array.of(0x61, 0xf0, 0xed, 0xa0, 0xb6, 0x62)), letter('x')),
        'x@0:a\ufffd\ufffdb',
      ],
      'a key with the first two bytes of a surrogate': [
        sealed(text(1, Uint8Array.of(0xf3, 0xba, 0xed, 0xa6, 0x62, 0xed, 0xa6)), letter('x')),
        'x@0:\ufffd\ufffdb\ufffd',
      ],
      'keys that no record names, whatever they are': [sealed(key, text(2, 'no number'), letter('x')), 'x@0:k'],
    };
    for (const [title, [data, read]] of Object.entries(cases)) {
      it(title, () => {
        const result = outcome(data);
        if (read === 'inner') expect(deaggregateRecord(carrying(data))[0]?.data).to.deep.equal(sealed(key, letter('x')));
        else expect(result.read).to.equal(read);
        expect(result.problems).to.deep.equal([]);
      });
    }

    for (const hashKey of ['+7', '0007', '7', '٧', '-0', String(LARGEST), `000${LARGEST}`, '०१２']) {
      it(`the explicit hash key ${hashKey}, and gives it on as it stands`, () => {
        const data = sealed(key, text(2, hashKey), entry(number(1, 0), number(2, 0), text(3, 'x')));
        expect(outcome(data)).to.deep.equal({ read: `x@0:${hashKey}`, problems: [] });
      });
    }
  });

  describe('with the hash keys of the shard', () => {
    const hashOf = (partitionKey: string): bigint => BigInt(`0x${createHash('md5').update(partitionKey).digest('hex')}`);
    const from = (start: bigint, end: bigint): HashKeyRange => ({ startingHashKey: String(start), endingHashKey: String(end) });
    const [low, high] = [hashOf('other'), hashOf('k')].sort((a, b) => (a < b ? -1 : 1)) as [bigint, bigint];
    const two = sealed(text(1, 'k'), text(1, 'other'), letter('x', 0), letter('y', 1), letter('z', 0));
    const explicit = (hashKey: string): Uint8Array => sealed(key, text(2, hashKey), entry(number(1, 0), number(2, 0), text(3, 'x')));

    it('passes on an aggregate that is all within them, both ends included', () => {
      expect(outcome(two, from(low, high)).problems).to.deep.equal([]);
      expect(outcome(two, from(low, high)).read.split(' ')).to.have.length(3);
    });

    for (const [where, range] of Object.entries({ before: from(low + 1n, LARGEST), behind: from(0n, high - 1n) })) {
      it(`drops the whole aggregate for one user record ${where} them, wherever it stands, and reports it`, () => {
        const { read, problems } = outcome(two, range);
        const outside = [hashOf('k'), hashOf('other'), hashOf('k')].filter(
          (hash) => hash < BigInt(range.startingHashKey) || hash > BigInt(range.endingHashKey),
        ).length;
        expect(read).to.equal('');
        expect(problems).to.deep.equal([
          { type: 'out-of-range', position: { sequenceNumber: '7', subSequenceNumber: 0 }, records: 3, outside, dropped: 3 },
        ]);
      });
    }

    it('drops only the user records outside where that is asked for, and numbers the others as before', () => {
      const only = from(hashOf('k'), hashOf('k'));
      const { read, problems } = outcome(two, only, { outOfRange: 'drop-records' });
      expect(read).to.equal('x@0:k z@2:k');
      expect(problems).to.deep.include({
        type: 'out-of-range',
        position: { sequenceNumber: '7', subSequenceNumber: 0 },
        records: 3,
        outside: 1,
        dropped: 1,
      });
    });

    it('keeps all where that is asked for, and still reports it', () => {
      const { read, problems } = outcome(two, from(hashOf('k'), hashOf('k')), { outOfRange: 'keep' });
      expect(read.split(' ')).to.have.length(3);
      expect(problems[0]).to.include({ outside: 1, dropped: 0 });
    });

    it('goes by the explicit hash key where there is one, both ends included', () => {
      for (const inside of ['10', '20', '015', '+15', '١٥'])
        expect(outcome(explicit(inside), from(10n, 20n)).read).to.equal(`x@0:${inside}`);
      for (const outside of ['9', '21', '-15', String(LARGEST)]) expect(outcome(explicit(outside), from(10n, 20n)).read).to.equal('');
      expect(outcome(explicit('5'), from(5n, 5n)).read).to.equal('x@0:5');
      expect(hashOf('k')).to.not.equal(5n);
    });

    it('and without them, has an explicit hash key below 0 or above 2^128 - 1 outside', () => {
      for (const outside of ['-1', String(LARGEST + 1n)]) {
        expect(reasonOf(outcome(explicit(outside)).problems)).to.equal('out-of-range');
        expect(outcome(explicit(outside)).read).to.equal('');
        expect(outcome(explicit(outside), from(0n, LARGEST)).read).to.equal('');
      }
    });

    it('does not filter plain records', () => {
      const plain = new TextEncoder().encode('plain');
      expect(outcome(plain, from(0n, 0n)).read).to.equal('plain');
    });

    it('hashes partition keys as UTF-8', () => {
      const city = hashOf('Zürich');
      const data = sealed(text(1, 'Zürich'), letter('x'));
      expect(outcome(data, from(city, city)).read).to.equal('x@0:Zürich');
    });

    it('refuses a range that is none', () => {
      const refused = [
        { startingHashKey: 'a', endingHashKey: '5' },
        { startingHashKey: '6', endingHashKey: '5' },
        { startingHashKey: '0', endingHashKey: String(LARGEST + 1n) },
        { startingHashKey: '-1', endingHashKey: '5' },
      ];
      for (const range of refused) expect(thrownBy(() => outcome(two, range))).to.satisfy(isInvalidConfig);
    });
  });
});
