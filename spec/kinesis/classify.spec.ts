import { expect } from 'chai';
import { classify, nameOf, type FaultKind } from '../../lib/kinesis/classify.js';
import { RangeExpiredError, ShardReadError } from '../../lib/kinesis/errors.js';

function awsFault(name: string, httpStatusCode?: number): Error {
  return Object.assign(new Error(name), { name, ...(httpStatusCode !== undefined && { $metadata: { httpStatusCode } }) });
}

const names: Readonly<Record<FaultKind, readonly string[]>> = {
  iterator: ['ExpiredIteratorException'],
  throttling: [
    'KMSThrottlingException',
    'LimitExceededException',
    'ProvisionedThroughputExceededException',
    'RequestLimitExceeded',
    'RequestThrottled',
    'RequestThrottledException',
    'ThrottledException',
    'Throttling',
    'ThrottlingException',
    'TooManyRequestsException',
  ],
  transient: ['ExpiredNextTokenException', 'RequestTimeout', 'RequestTimeoutException'],
  fatal: [
    'AccessDeniedException',
    'CredentialsProviderError',
    'InvalidArgumentException',
    'InvalidSignatureException',
    'KMSAccessDeniedException',
    'KMSDisabledException',
    'KMSInvalidStateException',
    'KMSNotFoundException',
    'KMSOptInRequired',
    'ResourceNotFoundException',
    'UnrecognizedClientException',
    'ValidationException',
    'SomethingNewException',
  ],
};

describe('classify', () => {
  for (const [kind, all] of Object.entries(names)) {
    for (const name of all) it(`takes ${name} for ${kind}`, () => expect(classify(awsFault(name, 400))).to.equal(kind));
  }

  it('goes by the name also without a status', () => {
    expect(classify(awsFault('AccessDeniedException'))).to.equal('fatal');
    expect(classify(awsFault('CredentialsProviderError'))).to.equal('fatal');
    expect(classify(awsFault('ThrottlingException'))).to.equal('throttling');
  });

  it('goes by the status where the name says nothing', () => {
    expect(classify(awsFault('InternalFailure', 500))).to.equal('transient');
    expect(classify(awsFault('Error', 503))).to.equal('transient');
    expect(classify(awsFault('Error', 429))).to.equal('throttling');
    expect(classify(awsFault('Error', 403))).to.equal('fatal');
  });

  it('takes a fault before the service answered for one that passes', () => {
    for (const error of [awsFault('TimeoutError'), awsFault('AbortError'), Object.assign(new Error(), { code: 'ECONNRESET' })])
      expect(classify(error)).to.equal('transient');
  });

  it('does not stumble over what is no error', () => {
    for (const error of [undefined, null, 'broken', 7, { name: 7 }]) expect(classify(error)).to.equal('transient');
    expect([nameOf(null), nameOf({ name: 7 }), nameOf(new TypeError())]).to.deep.equal(['', '', 'TypeError']);
  });

  it('goes by what the errors of this package say of themselves', () => {
    const place = { streamName: 'stream', shardId: 'shard' };
    expect(classify(new ShardReadError('', { ...place, retriable: true }))).to.equal('transient');
    expect(classify(new ShardReadError('', { ...place, retriable: false }))).to.equal('fatal');
    expect(classify(new RangeExpiredError({ ...place, from: { sequenceNumber: '1', subSequenceNumber: 0 } }, []))).to.equal('fatal');
  });
});
