import { expect } from 'chai';
import { aggregate } from '../../lib/testing/index.js';
import type { PayloadPlacement } from '../../lib/kinesis/wire/page-payloads.js';
import type { UntimedEvent } from '../../lib/monitoring/events.js';
import { budgetKey, bytesOf, userRecords, type RecordContext } from '../../lib/readers/reader.js';
import { sealed, letter, text } from '../support/hand-made-aggregate.js';

const record = { SequenceNumber: '7', PartitionKey: 'LH 400', Data: new Uint8Array(3), ApproximateArrivalTimestamp: new Date(5) };

/** 2^128, which lies outside of every shard. */
const NO_HASH_KEY = '340282366920938463463374607431768211456';

function context(fields: Partial<RecordContext> = {}): RecordContext {
  const stream = { streamName: 'flights', id: { StreamName: 'flights' } };
  return { deaggregate: true, payloads: 'slabs', notify: () => expect.fail('no event is expected'), shardId: 'shard-1', stream, ...fields };
}

describe('userRecords', () => {
  const plain = {
    sequenceNumber: '7',
    subSequenceNumber: 0,
    partitionKey: 'LH 400',
    data: record.Data,
    approximateArrivalTimestamp: record.ApproximateArrivalTimestamp,
  };
  const aggregated = {
    ...record,
    Data: aggregate([
      { partitionKey: 'a', data: 'A' },
      { partitionKey: 'b', explicitHashKey: NO_HASH_KEY, data: 'B' },
    ]),
  };

  it('have the names of this package', () => {
    expect(userRecords([record], context())).to.deep.equal([plain]);
  });

  it('are taken out of KPL aggregates, in order, also those that KCL would drop for their hash keys', () => {
    const users = userRecords([record, aggregated], context());
    expect(users.map((user) => [user.sequenceNumber, user.subSequenceNumber, user.partitionKey, user.explicitHashKey])).to.deep.equal([
      ['7', 0, 'LH 400', undefined],
      ['7', 0, 'a', undefined],
      ['7', 1, 'b', NO_HASH_KEY],
    ]);
    expect(users.slice(1).map(({ data }) => new TextDecoder().decode(data))).to.deep.equal(['A', 'B']);
  });

  it('are taken out however many there are (regression: more than a call can have arguments)', function () {
    this.timeout(10_000);
    const Data = aggregate(Array.from({ length: 200_000 }, () => ({ partitionKey: '', data: '' })));
    expect(userRecords([{ ...record, Data }], context())).to.have.length(200_000);
  });

  it('are the aggregates themselves when they are not to be taken apart', () => {
    expect(userRecords([aggregated], context({ deaggregate: false }))).to.deep.equal([{ ...plain, data: aggregated.Data }]);
  });
});

describe('the payloads of user records', () => {
  const SLAB = 65_536;
  const payload = (i: number, bytes: number): Uint8Array => new Uint8Array(bytes).fill(i % 251);
  /** An aggregate of user records of so many bytes each, as a view of a larger page. */
  const inAPage = (count: number, bytes: number): Uint8Array => {
    const data = aggregate(Array.from({ length: count }, (_, i) => ({ partitionKey: 'k', data: payload(i, bytes) })));
    const page = new Uint8Array(data.length + 1_000);
    page.set(data, 500);
    return page.subarray(500, 500 + data.length);
  };
  const read = (Data: Uint8Array, payloads: PayloadPlacement) => userRecords([{ ...record, Data }], context({ payloads }));

  it('hold at most a slab in memory, however large their aggregate is', () => {
    const users = read(inAPage(1_000, 900), 'slabs');
    users.forEach(({ data }, i) => expect(data).to.deep.equal(payload(i, 900)));
    expect(Math.max(...users.map(({ data }) => data.buffer.byteLength))).to.equal(SLAB);
    expect(new Set(users.map(({ data }) => data.buffer)).size).to.equal(Math.ceil(1_000 / Math.floor(SLAB / 900)));
  });

  it('of a small aggregate are not copied, nor are any as views', () => {
    for (const [data, payloads] of [
      [inAPage(10, 900), 'slabs'],
      [inAPage(1_000, 900), 'views'],
    ] as const)
      for (const user of read(data, payloads)) expect(user.data.buffer).to.equal(data.buffer);
  });

  it('as copies have each a buffer of their own, which can be transferred', () => {
    const users = read(inAPage(10, 9), 'copies');
    structuredClone(users[0], { transfer: [users[0]!.data.buffer as ArrayBuffer] });
    users.slice(1).forEach(({ data }, i) => expect(data).to.deep.equal(payload(i + 1, 9)));
    expect(new Set(users.map(({ data }) => data.buffer.byteLength))).to.deep.equal(new Set([0, 9]));
  });

  it('keep their explicit hash keys', () => {
    const Data = aggregate([{ partitionKey: 'a', explicitHashKey: '7', data: 'A' }]);
    expect(read(Data, 'copies')[0]).to.include({ explicitHashKey: '7', subSequenceNumber: 0 });
  });
});

describe('an aggregate that cannot be opened', () => {
  const intact = sealed(text(1, 'k'), letter('x'));
  const broken = intact.slice();
  broken[6]! ^= 1;
  const noKey = sealed(letter('x'));

  for (const payloads of ['slabs', 'views', 'copies'] as const) {
    it(`is a plain record, of which an event tells where it is and what is wrong, with ${payloads}`, () => {
      const events: UntimedEvent[] = [];
      const page = [broken, intact, noKey].map((Data, i) => ({ ...record, SequenceNumber: String(i), Data }));
      const users = userRecords(page, context({ payloads, notify: (event) => events.push(event) }));
      expect(users.map(({ data }) => data.length)).to.deep.equal([broken.length, 1, noKey.length]);
      expect(users[0]!.data).to.equal(broken);
      expect(events).to.deep.equal(
        (
          [
            ['0', 'checksum'],
            ['2', 'key-index'],
          ] as const
        ).map(([sequenceNumber, reason]) => ({
          type: 'aggregateMalformed',
          streamName: 'flights',
          shardId: 'shard-1',
          position: { sequenceNumber, subSequenceNumber: 0 },
          reason,
        })),
      );
    });
  }

  it('is no matter when aggregates are left whole', () => {
    expect(userRecords([{ ...record, Data: broken }], context({ deaggregate: false }))).to.have.length(1);
  });
});

describe('bytesOf', () => {
  it('counts payloads', () => {
    expect(bytesOf([record, { ...record, Data: new Uint8Array(4) }])).to.equal(7);
    expect(bytesOf([])).to.equal(0);
  });
});

describe('budgetKey', () => {
  it('is the shard, however the stream is named to the API', () => {
    const byName = { stream: { streamName: 'flights', id: { StreamName: 'flights' } }, shardId: 'shard-1' };
    const byArn = { stream: { streamName: 'flights', id: { StreamARN: 'arn:…/flights' } }, shardId: 'shard-1' };
    expect(budgetKey(byName)).to.equal('flights/shard-1');
    expect(budgetKey(byArn)).to.equal('flights/shard-1');
  });
});
