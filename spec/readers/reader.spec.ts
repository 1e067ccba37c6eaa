import { expect } from 'chai';
import { budgetKey, bytesOf, fieldsOf, positionOf } from '../../lib/readers/reader.js';

const record = { SequenceNumber: '7', PartitionKey: 'LH 400', Data: new Uint8Array(3), ApproximateArrivalTimestamp: new Date(5) };

describe('the fields of a record', () => {
  it('have the names of this package', () => {
    expect(fieldsOf({ ...record, SubSequenceNumber: 2 })).to.deep.equal({
      sequenceNumber: '7',
      subSequenceNumber: 2,
      partitionKey: 'LH 400',
      data: record.Data,
      approximateArrivalTimestamp: record.ApproximateArrivalTimestamp,
    });
    expect(fieldsOf(record)).to.include({ subSequenceNumber: 0 });
  });

  it('say its place', () => {
    expect(positionOf(record)).to.deep.equal({ sequenceNumber: '7', subSequenceNumber: 0 });
    expect(positionOf({ ...record, SubSequenceNumber: 2 })).to.deep.equal({ sequenceNumber: '7', subSequenceNumber: 2 });
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
