import { expect } from 'chai';
import { block } from '../../lib/testing/block.js';
import { record } from '../../lib/testing/record.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

describe('block', () => {
  it('makes one range of the records of one shard', () => {
    const { ranges, records, recovered } = block(1, '2', record(5));

    expect(ranges.toString()).to.equal('stream/shardId-000000000000[1..5 #3]');
    expect(records.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(['1', '2', '5']);
    expect(recovered).to.equal(false);
  });

  it('begins a range where the shard or the stream changes', () => {
    const other = { shardId: 'shardId-000000000001' };
    const { ranges } = block(1, record(2, other), record(3, other), 4, record(5, { streamName: 'flights' }));

    expect(ranges.ranges.map(({ streamName, shardId, recordCount }) => `${streamName} ${shardId.at(-1)} ${recordCount}`)).to.deep.equal([
      'stream 0 1',
      'stream 1 2',
      'stream 0 1',
      'flights 0 1',
    ]);
  });

  it('keeps the sub-sequence numbers of both ends', () => {
    const { ranges } = block(record(7, { subSequenceNumber: 1 }), record(7, { subSequenceNumber: 4 }));

    expect(ranges.ranges[0]).to.include({ fromSubSeqNumber: 1, toSubSeqNumber: 4, recordCount: 2 });
  });

  it('has an id that follows from the ranges', () => {
    expect(block(1, 2).id).to.equal(block(1, 2).id);
    expect(block(1, 2).id).not.to.equal(block(1, 3).id);
  });

  it('refuses records of one shard that are not in their order', () => {
    for (const records of [
      [3, 1],
      [1, 1],
      [record(7, { subSequenceNumber: 4 }), record(7)],
    ]) {
      const error = thrownBy(() => block(...records));
      expect(isInvalidValue(error) && error.message).to.match(/^block: record \S+ comes after stream\/shardId-000000000000\[/);
    }
    expect(block(3, record(1, { shardId: 'shardId-000000000001' })).records).to.have.length(2);
  });

  it('is empty without records', () => {
    expect(block().ranges.isEmpty()).to.equal(true);
  });
});
