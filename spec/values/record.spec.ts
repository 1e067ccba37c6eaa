import { expect } from 'chai';
import { recordOf } from '../../lib/values/record.js';

const shard = { streamName: 'flights', shardId: 'shardId-000000000000' };
const fields = { sequenceNumber: '7', subSequenceNumber: 2, partitionKey: 'LH 400', data: new Uint8Array(3) };

describe('recordOf', () => {
  it('has every field that there is', () => {
    const all = { ...fields, approximateArrivalTimestamp: new Date(5), explicitHashKey: '17' };
    expect(recordOf(shard, all)).to.deep.equal({ ...shard, ...all });
  });

  it('has no field for what there is not', () => {
    const record = recordOf(shard, { ...fields, approximateArrivalTimestamp: undefined, explicitHashKey: undefined });
    expect(record).to.have.all.keys({ ...shard, ...fields });
  });
});
