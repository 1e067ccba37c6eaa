import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { newRow, readRow } from '../../lib/dynamodb/lease-row.js';
import { updateExpression } from '../../lib/dynamodb/updateExpression.js';
import { checkpointUpdate, renewUpdate, takeUpdate, withPulse } from '../../lib/leases/lease-updates.js';
import { leaseRow } from '../support/lease-rows.js';

const checkpoint = { sequenceNumber: '7', subSequenceNumber: 2 };

describe('A row of the lease table', () => {
  it('keeps where its shard begins, in an attribute of our own, and is read without it', () => {
    const lease = { leaseKey: 'shard', leaseCounter: 3, checkpoint, parentShardIds: [], shardStart: '5' };
    expect(newRow(lease)).to.deep.include({ shardStart: { S: '5' } });
    expect(readRow(newRow(lease), 'here')).to.include({ shardStart: '5' });
    expect(readRow(newRow({ ...lease, shardStart: undefined }), 'here')).not.to.have.property('shardStart');
  });

  it('keeps the pulse of its worker, in an attribute of our own; what is none is not taken for one', () => {
    const lease = { leaseKey: 'shard', leaseCounter: 3, checkpoint, parentShardIds: [], pulse: 3 };
    expect(newRow(lease)).to.deep.include({ pulse: { N: '3' } });
    expect(readRow(newRow(lease), 'here')).to.include({ pulse: 3 });
    for (const pulse of [undefined, { S: '3' }, { N: '1.5' }])
      expect(readRow({ ...newRow({ ...lease, pulse: undefined }), ...(pulse && { pulse }) }, 'here')).not.to.have.property('pulse');
    const { UpdateExpression, ExpressionAttributeValues } = updateExpression(withPulse(renewUpdate({ leaseCounter: 3 })));
    expect(UpdateExpression).to.include('pulse = :pulse');
    expect(ExpressionAttributeValues).to.deep.include({ ':pulse': { N: '4' }, ':leaseCounter': { N: '4' } });
  });

  it('keeps the time that LATEST means, in an attribute of our own, until the checkpoint is a number; what is none is not taken for one', () => {
    const lease = { leaseKey: 'shard', leaseCounter: 3, checkpoint: { ...checkpoint, sequenceNumber: 'LATEST' }, parentShardIds: [] };
    const row = newRow({ ...lease, startTimestamp: 1_700_000_000_000 });
    expect(row).to.deep.include({ startTimestamp: { N: '1700000000000' } });
    expect(readRow(row, 'here')).to.include({ startTimestamp: 1_700_000_000_000 });
    for (const startTimestamp of [undefined, { S: 'x' }, { N: '1.5' }])
      expect(readRow({ ...newRow(lease), ...(startTimestamp && { startTimestamp }) }, 'here')).not.to.have.property('startTimestamp');
    for (const progress of [undefined, 'text'])
      expect(updateExpression(checkpointUpdate({ leaseCounter: 3 }, { ...checkpoint, progress })).UpdateExpression).to.match(
        / REMOVE .*startTimestamp/,
      );
  });

  it('keeps how often its bell was rung, in an attribute of our own; what is none is not taken for one', () => {
    const lease = newRow({ leaseKey: 'shard', leaseCounter: 3, checkpoint, parentShardIds: [] });
    expect(readRow({ ...lease, rings: { N: '4' } }, 'here')).to.include({ rings: 4 });
    for (const rings of [undefined, { S: 'x' }, { N: '1.5' }, { NULL: true as const }])
      expect(readRow({ ...lease, ...(rings && { rings }) }, 'here')).not.to.have.property('rings');
  });

  describe('with hash keys', () => {
    const lease = newRow({ leaseKey: 'shard', leaseCounter: 3, checkpoint, parentShardIds: [] });
    const LAST = String(2n ** 128n - 1n);
    const read = (startingHashKey?: AttributeValue, endingHashKey?: AttributeValue) =>
      readRow({ ...lease, ...(startingHashKey && { startingHashKey }), ...(endingHashKey && { endingHashKey }) }, 'here');

    it('has their range', () => {
      const hashKeyRange = { startingHashKey: '0', endingHashKey: LAST };
      expect(read({ S: '0' }, { S: LAST })).to.deep.include({ hashKeyRange });
    });

    for (const [what, range] of Object.entries({
      'that are no numbers': [{ S: 'abc' }, { S: LAST }],
      'that are empty': [{ S: '' }, { S: '' }],
      'with a sign': [{ S: '-5' }, { S: LAST }],
      'of another type': [{ N: '0' }, { S: LAST }],
      'the wrong way round': [{ S: '10' }, { S: '9' }],
      'of which one is missing': [{ S: '0' }, undefined],
    } satisfies Record<string, [AttributeValue, AttributeValue | undefined]>))
      it(`${what} is read as one without`, () => {
        expect(read(...range)).to.deep.equal(readRow(lease, 'here'));
      });
  });

  it('keeps the process of its owner, in an attribute of our own; what is none is not taken for one', () => {
    const lease = { leaseKey: 'shard', leaseCounter: 3, checkpoint, parentShardIds: [], processId: '1a2b3c4d' };
    expect(readRow(newRow(lease), 'here')).to.include({ processId: '1a2b3c4d' });
    for (const processId of [undefined, { N: '3' }])
      expect(readRow({ ...newRow({ ...lease, processId: undefined }), ...(processId && { processId }) }, 'here')).not.to.have.property(
        'processId',
      );
    const { UpdateExpression, ExpressionAttributeValues } = updateExpression(takeUpdate(leaseRow('shard'), 'w1', '1a2b3c4d'));
    expect(UpdateExpression).to.include('processId = :processId');
    expect(ExpressionAttributeValues).to.deep.include({ ':processId': { S: '1a2b3c4d' } });
  });

  it('says how much is read of its shard as KCL 3 does', () => {
    const { set, when } = checkpointUpdate({ leaseCounter: 3 }, checkpoint);
    const { UpdateExpression, ExpressionAttributeValues } = updateExpression({ when, set: { ...set, throughputKBps: 0.1234567 } });
    expect(UpdateExpression).to.include('throughputKBps = :throughputKBps');
    expect(ExpressionAttributeValues).to.deep.include({ ':throughputKBps': { N: '0.123457' } });
  });

  it('says so with each checkpoint, and otherwise leaves the attribute alone', () => {
    const { UpdateExpression, ExpressionAttributeValues } = updateExpression(
      checkpointUpdate({ leaseCounter: 3 }, { ...checkpoint, shardStart: '5' }),
    );
    expect(UpdateExpression).to.include('shardStart = :shardStart');
    expect(ExpressionAttributeValues).to.deep.include({ ':shardStart': { S: '5' }, ':checkpoint': { S: '7' } });
    expect(updateExpression(checkpointUpdate({ leaseCounter: 3 }, checkpoint)).UpdateExpression).not.to.include('shardStart');
  });
});
