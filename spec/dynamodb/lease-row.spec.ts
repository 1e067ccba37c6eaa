import { expect } from 'chai';
import { newRow, readRow } from '../../lib/dynamodb/lease-row.js';
import { updateExpression } from '../../lib/dynamodb/updateExpression.js';
import { checkpointUpdate } from '../../lib/leases/lease-updates.js';

const checkpoint = { sequenceNumber: '7', subSequenceNumber: 2 };

describe('A row of the lease table', () => {
  it('keeps where its shard begins, in an attribute of our own, and is read without it', () => {
    const lease = { leaseKey: 'shard', leaseCounter: 3, checkpoint, parentShardIds: [], shardStart: '5' };
    expect(newRow(lease)).to.deep.include({ shardStart: { S: '5' } });
    expect(readRow(newRow(lease), 'here')).to.include({ shardStart: '5' });
    expect(readRow(newRow({ ...lease, shardStart: undefined }), 'here')).not.to.have.property('shardStart');
  });

  it('says how much is read of its shard as KCL 3 does', () => {
    const { set, when } = checkpointUpdate(3, checkpoint);
    const { UpdateExpression, ExpressionAttributeValues } = updateExpression({ when, set: { ...set, throughputKBps: 0.1234567 } });
    expect(UpdateExpression).to.include('throughputKBps = :throughputKBps');
    expect(ExpressionAttributeValues).to.deep.include({ ':throughputKBps': { N: '0.123457' } });
  });

  it('says so with each checkpoint, and otherwise leaves the attribute alone', () => {
    const { UpdateExpression, ExpressionAttributeValues } = updateExpression(checkpointUpdate(3, { ...checkpoint, shardStart: '5' }));
    expect(UpdateExpression).to.include('shardStart = :shardStart');
    expect(ExpressionAttributeValues).to.deep.include({ ':shardStart': { S: '5' }, ':checkpoint': { S: '7' } });
    expect(updateExpression(checkpointUpdate(3, checkpoint)).UpdateExpression).not.to.include('shardStart');
  });
});
