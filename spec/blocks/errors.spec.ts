import { expect } from 'chai';
import { BlockStoreError, BlockUnavailableError, isBlockStoreError, isBlockUnavailable } from '../../lib/blocks/errors.js';
import { block } from '../../lib/testing/index.js';

describe('BlockUnavailableError', () => {
  it('carries the ranges to read again', () => {
    const cause = new Error('cause');
    const { ranges } = block(7, 8);
    const error = new BlockUnavailableError(ranges, cause);

    expect(isBlockUnavailable(error)).to.equal(true);
    expect(error).to.include({ code: 'BLOCK_UNAVAILABLE', retriable: true, ranges, cause });
    expect(error.message).to.equal('block unavailable: stream/shardId-000000000000[7..8 #2]');
  });
});

describe('BlockStoreError', () => {
  it('says what went wrong and whether it passes', () => {
    const cause = new Error('cause');
    const error = new BlockStoreError('no room', { fault: 'full', retriable: true, cause });

    expect(isBlockStoreError(error)).to.equal(true);
    expect(isBlockUnavailable(error)).to.equal(false);
    expect(error).to.include({ code: 'BLOCK_STORE', fault: 'full', retriable: true, cause, message: 'no room', name: 'BlockStoreError' });
  });
});
