import { expect } from 'chai';
import { aggregate } from '../../lib/testing/index.js';
import { budgetKey, bytesOf, userRecords } from '../../lib/readers/reader.js';

const record = { SequenceNumber: '7', PartitionKey: 'LH 400', Data: new Uint8Array(3), ApproximateArrivalTimestamp: new Date(5) };

/** 2^128, which lies outside of every shard. */
const NO_HASH_KEY = '340282366920938463463374607431768211456';

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
    expect(userRecords([record], { deaggregate: true })).to.deep.equal([plain]);
  });

  it('are taken out of KPL aggregates, in order, also those that KCL would drop for their hash keys', () => {
    const users = userRecords([record, aggregated], { deaggregate: true });
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
    expect(userRecords([{ ...record, Data }], { deaggregate: true })).to.have.length(200_000);
  });

  it('are the aggregates themselves when they are not to be taken apart', () => {
    expect(userRecords([aggregated], { deaggregate: false })).to.deep.equal([{ ...plain, data: aggregated.Data }]);
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
