import { expect } from 'chai';
import { isOutOfOrder, OutOfOrderError } from '../../lib/ledger/errors.js';
import { isRxKinesisError } from '../../lib/values/errors.js';
import { rangeOf } from '../support/ranges.js';

describe('OutOfOrderError', () => {
  it('names the record', () => {
    const error = new OutOfOrderError(rangeOf('7.1', 9, 4));

    expect(isOutOfOrder(error) && isRxKinesisError(error)).to.equal(true);
    expect(error).to.include({ code: 'OUT_OF_ORDER', retriable: false, streamName: 'stream', sequenceNumber: '7' });
    expect(error).to.include({ shardId: 'shardId-000000000000', name: 'OutOfOrderError' });
    expect(error.message).to.equal('stream/shardId-000000000000: record 7 came to withSequenceRanges twice or after a later one');
  });

  it('is told from others', () => {
    expect([new Error(), undefined].some(isOutOfOrder)).to.equal(false);
  });
});
