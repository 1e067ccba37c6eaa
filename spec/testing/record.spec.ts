import { expect } from 'chai';
import { record } from '../../lib/testing/record.js';

describe('record', () => {
  it('gives every field a default', () => {
    expect(record()).to.deep.equal({
      streamName: 'stream',
      shardId: 'shardId-000000000000',
      sequenceNumber: '1',
      subSequenceNumber: 0,
      partitionKey: 'key',
      data: new Uint8Array(),
    });
  });

  it('takes the sequence number as a number', () => {
    expect(record(7)).to.include({ sequenceNumber: '7', partitionKey: 'key' });
  });

  it('takes the sequence number as text of any length, beside other fields', () => {
    const sequenceNumber = '49590338271490256608559692538361571095921575989136588898';
    expect(record(sequenceNumber, { subSequenceNumber: 2 })).to.include({ sequenceNumber, subSequenceNumber: 2 });
  });

  it('takes the fields alone', () => {
    expect(record({ shardId: 'shardId-000000000003' })).to.include({ shardId: 'shardId-000000000003', sequenceNumber: '1' });
  });

  it('does not share its data with other records', () => {
    expect(record().data).not.to.equal(record().data);
  });
});
