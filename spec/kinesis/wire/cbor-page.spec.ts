import { expect } from 'chai';
import fc from 'fast-check';
import { decodeCborPage } from '../../../lib/kinesis/wire/cbor-page.js';
import { PageRoom } from '../../../lib/kinesis/wire/page-body.js';
import { PagePayloads, type PayloadPlacement } from '../../../lib/kinesis/wire/page-payloads.js';
import { WireError } from '../../../lib/kinesis/wire/wire-error.js';
import type { WirePage } from '../../../lib/kinesis/wire/wire-page.js';
import { cborOf } from '../../support/cbor.js';
import { thrownBy } from '../../support/thrown-by.js';
import { anyDisguise, anyPage, anyStyle, cborPageOf, chunksOf, disguised } from '../../support/wire-pages.js';

const room = new PageRoom();

function decode(bytes: Uint8Array, cuts: readonly number[] = [], placement: PayloadPlacement = 'slabs'): WirePage {
  const body = room.join(chunksOf(bytes, cuts), placement === 'views');
  return decodeCborPage(body.bytes, new PagePayloads(body, placement));
}

const record = {
  SequenceNumber: '7',
  ApproximateArrivalTimestamp: new Date(1_700_000_000_123),
  Data: Uint8Array.of(1, 2),
  PartitionKey: 'k',
};

describe('decodeCborPage', () => {
  for (const placement of ['slabs', 'views', 'copies'] as const) {
    it(`reads any page, however it is written and cut, with payloads in ${placement}`, () => {
      fc.assert(
        fc.property(anyPage, anyStyle, anyDisguise, fc.array(fc.nat(200_000), { maxLength: 6 }), (page, style, disguise, cuts) => {
          expect(decode(cborPageOf(disguised(page, disguise), style), cuts, placement)).to.deep.equal(page);
        }),
        { numRuns: 700 },
      );
    });
  }

  it('makes nothing up for what is left out or null', () => {
    expect(decode(cborOf({}))).to.deep.equal({});
    expect(decode(cborOf({ Records: null, NextShardIterator: null }))).to.deep.equal({});
    expect(decode(cborOf({ Records: [] }))).to.deep.equal({ Records: [] });
  });

  it('does not take a field for another of the same length', () => {
    const page = { Records: [{ ...record, EncryptionTypo: 'x', SequenceNumbre: '8', Date: 'x' }] };
    expect(decode(cborOf(page)).Records).to.deep.equal([record]);
  });

  it('misses each byte that is cut off', () => {
    for (const indefinite of [true, false]) {
      const bytes = cborOf({ Records: [record, record], ChildShards: [], NextShardIterator: 'AAA', MillisBehindLatest: 5 }, { indefinite });
      for (let length = 0; length < bytes.length; length++)
        expect(
          thrownBy(() => decode(bytes.subarray(0, length))),
          String(length),
        ).to.be.instanceOf(WireError);
    }
  });

  it('tells seconds from milliseconds', () => {
    const at = (time: unknown): unknown =>
      decode(cborOf({ Records: [{ ...record, ApproximateArrivalTimestamp: time }] })).Records?.[0]?.ApproximateArrivalTimestamp;
    expect(at(1_700_000_000)).to.deep.equal(new Date(1_700_000_000_000));
    expect(at(1_700_000_000.123)).to.deep.equal(new Date(1_700_000_000_123));
    expect(at(1_700_000_000_123)).to.deep.equal(new Date(1_700_000_000_123));
    expect(at(0)).to.deep.equal(new Date(0));
  });

  it('leaves out a time that is none', () => {
    const { ApproximateArrivalTimestamp, ...untimed } = record;
    expect(ApproximateArrivalTimestamp).to.be.instanceOf(Date);
    for (const time of [NaN, Infinity, -Infinity, 2 ** 63])
      expect(decode(cborOf({ Records: [{ ...record, ApproximateArrivalTimestamp: time }] })).Records, String(time)).to.deep.equal([
        untimed,
      ]);
  });

  const broken: Readonly<Record<string, object>> = {
    'a record without a sequence number': { Records: [{ ...record, SequenceNumber: undefined }] },
    'a record without a partition key': { Records: [{ ...record, PartitionKey: null }] },
    'a record without a payload': { Records: [{ ...record, Data: undefined }] },
    'a payload that is no base64': { Records: [{ ...record, Data: 'no base64!' }] },
    'a payload that is a number': { Records: [{ ...record, Data: 7 }] },
    'a sequence number that is a number': { Records: [{ ...record, SequenceNumber: 7 }] },
    'a time that is a text': { Records: [{ ...record, ApproximateArrivalTimestamp: 'now' }] },
    'records that are a map': { Records: { record } },
    'a record that is a text': { Records: ['record'] },
    'an iterator that is a number': { NextShardIterator: 7 },
    'a child without an id': { ChildShards: [{ ParentShards: [], HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' } }] },
    'a child with a parent that is no text': {
      ChildShards: [{ ShardId: 'a', ParentShards: [null], HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' } }],
    },
    'a child without hash keys': { ChildShards: [{ ShardId: 'a', ParentShards: [] }] },
    'children that are a text': { ChildShards: 'a' },
    'no map': [],
  };
  for (const [name, page] of Object.entries(broken)) {
    it(`refuses ${name}`, () => {
      expect(thrownBy(() => decode(cborOf(page)))).to.be.instanceOf(WireError);
    });
  }
});
