import { expect } from 'chai';
import {
  isRangeExpired,
  isRangeIncomplete,
  isRecoveryTimeout,
  isShardReadError,
  RangeExpiredError,
  RangeIncompleteError,
  RecoveryTimeoutError,
  ShardReadError,
} from '../../lib/kinesis/errors.js';
import { BlockUnavailableError } from '../../lib/blocks/errors.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { rangeOf } from '../support/ranges.js';

const cause = new Error('below');
const shard = { streamName: 'flights', shardId: 'shard-1' };
const at = (number: number, subSequenceNumber = 0) => ({ sequenceNumber: String(number), subSequenceNumber });

describe('ShardReadError', () => {
  it('says where it happened', () => {
    const error = new ShardReadError('broken', { ...shard, position: at(7, 2), retriable: true, cause });

    expect(isShardReadError(error)).to.equal(true);
    expect(error).to.include({ code: 'SHARD_READ', retriable: true, ...shard, cause, message: 'flights/shard-1: broken after 7.2' });
    expect(error.position).to.deep.equal(at(7, 2));
  });

  it('may be about the stream, before any record', () => {
    const error = new ShardReadError('broken', { streamName: 'flights', retriable: false });
    expect(error).to.include({ message: 'flights: broken', retriable: false, shardId: undefined, position: undefined });
  });
});

describe('RangeExpiredError', () => {
  it('names the ranges that are missing, and what there is', () => {
    const gap = { ...shard, from: at(7), firstAvailable: at(9, 1) };
    const missing = [rangeOf(7, 8, 2), rangeOf(20, 21, 2)];
    const error = new RangeExpiredError(gap, missing, cause);

    expect(isRangeExpired(error)).to.equal(true);
    expect(error).to.include({ code: 'RANGE_EXPIRED', retriable: false, gap, missing, cause });
    expect(error.message).to.equal(
      'Kinesis no longer holds stream/shardId-000000000000[7..8 #2], stream/shardId-000000000000[20..21 #2]; the first record after it is 9.1',
    );
  });

  it('names the place where no range is known', () => {
    expect(new RangeExpiredError({ ...shard, from: at(7) }, []).message).to.equal('Kinesis no longer holds flights/shard-1 at 7');
  });
});

describe('RangeIncompleteError', () => {
  it('says how much was found', () => {
    const range = rangeOf(7, 8, 5);
    const error = new RangeIncompleteError(range, 2);

    expect(isRangeIncomplete(error)).to.equal(true);
    expect(error).to.include({ code: 'RANGE_INCOMPLETE', retriable: false, found: 2 });
    expect(error.message).to.equal('stream/shardId-000000000000[7..8 #5]: found 2 of 5 records');
    expect(error.missing).to.deep.equal([range]);
  });
});

describe('RangeIncompleteError of a range without a count', () => {
  it('says that its last record was not found', () => {
    const range = { ...rangeOf(7, 8, 1), recordCount: undefined };
    expect(new RangeIncompleteError(range, 2).message).to.equal('stream/shardId-000000000000[7..8]: found 2 records, and not its last');
  });
});

describe('An error that names many ranges', () => {
  const ranges = Array.from({ length: 10_000 }, (_, i) => rangeOf(i, i, 1));
  const errors = {
    RangeExpiredError: new RangeExpiredError({ ...shard, from: at(7) }, ranges),
    RecoveryTimeoutError: new RecoveryTimeoutError(ranges, 1),
    BlockUnavailableError: new BlockUnavailableError(new SequenceNumberRanges(ranges)),
  };
  for (const [name, error] of Object.entries(errors)) {
    it(`has a message of a line, and all of them in a field: ${name}`, () => {
      expect(error.message).to.match(/ and 9997 more/);
      expect(error.message.length).to.be.below(300);
      expect('missing' in error ? error.missing : error.ranges.ranges).to.have.length(10_000);
    });
  }
});

describe('RecoveryTimeoutError', () => {
  it('can be tried again', () => {
    const missing = [rangeOf(7, 8, 2)];
    const error = new RecoveryTimeoutError(missing, 10_000, cause);

    expect(isRecoveryTimeout(error)).to.equal(true);
    expect(error).to.include({ code: 'RECOVERY_TIMEOUT', retriable: true, missing, timeoutMs: 10_000, cause });
    expect(error.message).to.equal('stream/shardId-000000000000[7..8 #2]: no progress for 10000 ms');
  });
});
