import { expect } from 'chai';
import { RangeExpiredError, ShardReadError } from '../../lib/kinesis/errors.js';
import { shardReadError } from '../../lib/kinesis/shardReadError.js';

const place = { streamName: 'flights', shardId: 'shard-1', position: { sequenceNumber: '7', subSequenceNumber: 0 } };

function awsFault(name: string): Error {
  return Object.assign(new Error('User: arn:aws:iam::123456789012:user/secret is not authorized'), { name });
}

describe('shardReadError', () => {
  it('says where, and repeats of the service only the name of its error', () => {
    const cause = awsFault('InternalFailure');
    const error = shardReadError(cause, place);

    expect(error).to.be.instanceOf(ShardReadError);
    expect(error).to.include({ retriable: true, cause, ...place });
    expect(error.message).to.equal('flights/shard-1: reading failed with InternalFailure after 7');
  });

  it('gives a hint where one helps', () => {
    expect(shardReadError(awsFault('ResourceNotFoundException'), { streamName: 'flights' })).to.include({
      retriable: false,
      message: "flights: no such stream or shard (ResourceNotFoundException): are the name and the client's region and account right?",
    });
    expect(shardReadError(awsFault('ResourceNotFoundException'), { ...place, wasThere: true })).to.include({
      retriable: false,
      message: 'flights/shard-1: the stream or the shard is not there any more (ResourceNotFoundException) after 7',
    });
    expect(shardReadError(awsFault('AccessDeniedException'), { streamName: 'flights' })).to.include({
      retriable: false,
      message: 'flights: the credentials may not read this stream (AccessDeniedException)',
    });
    expect(shardReadError(awsFault('CredentialsProviderError'), { streamName: 'flights' }))
      .to.include({ retriable: true })
      .and.to.have.property('message')
      .that.matches(/^flights: no valid credentials \(CredentialsProviderError\): give the client some/);
  });

  it('takes no name of a property of every object for a hint', () => {
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(shardReadError(awsFault(name), { streamName: 'flights' }).message).to.equal(`flights: reading failed with ${name}`);
  });

  it('wraps what is no error, too', () => {
    expect(shardReadError('broken', { streamName: 'flights' })).to.include({
      retriable: true,
      cause: 'broken',
      message: 'flights: reading failed with unknown error',
    });
  });

  it('adds the place to a read error that was made where the position is not known', () => {
    const cause = awsFault('InternalFailure');
    const made = new ShardReadError('GetRecords was answered without Records', { streamName: 'flights', retriable: true, cause });
    const error = shardReadError(made, place);
    expect(error).to.include({ name: 'ShardReadError', retriable: true, cause, ...place });
    expect(error.message).to.equal('flights/shard-1: GetRecords was answered without Records after 7');
    expect(shardReadError(error, { ...place, position: { sequenceNumber: '9', subSequenceNumber: 0 } })).to.equal(error);
    expect(shardReadError(made, { streamName: 'flights', shardId: 'shard-1' })).to.equal(made);
  });

  it('passes on the errors of this package', () => {
    const error = new RangeExpiredError({ streamName: 's', shardId: 's', from: place.position }, []);
    expect(shardReadError(error, place)).to.equal(error);
  });
});
