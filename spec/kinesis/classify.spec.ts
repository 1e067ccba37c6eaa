import { GetRecordsCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import * as kinesis from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import type { FaultKind } from '../../lib/internal/aws-errors.js';
import { classify } from '../../lib/kinesis/classify.js';
import { RangeExpiredError, ShardReadError } from '../../lib/kinesis/errors.js';
import { answering, refusal, type HttpAnswer } from '../support/answering-handler.js';

/** The error of the real SDK when the service answers so. */
async function errorOf(answer: HttpAnswer): Promise<Error> {
  const client = new KinesisClient(answering(answer));
  return client.send(new GetRecordsCommand({ ShardIterator: 'i' })).then(
    () => expect.fail('the SDK took this for an answer'),
    (error: unknown) => error as Error,
  );
}

/**
 * The errors of GetRecords, GetShardIterator, ListShards and SubscribeToShard, and the errors common to all actions, in the
 * words of the API reference: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html and CommonErrors.html.
 */
const DOCUMENTED: readonly (readonly [code: string, status: number, says: string, means: FaultKind])[] = [
  ['AccessDeniedException', 400, 'no permission for this operation', 'fatal'],
  ['DryRunOperationException', 400, 'the request was a dry run', 'fatal'],
  ['ExpiredIteratorException', 400, 'the iterator exceeds the maximum age', 'iterator'],
  ['ExpiredNextTokenException', 400, 'the pagination token is expired', 'transient'],
  ['InternalFailureException', 500, 'an unknown error of the service', 'transient'],
  ['InvalidArgumentException', 400, 'a parameter exceeds its restrictions', 'fatal'],
  ['KMSAccessDeniedException', 400, 'no access to the key', 'fatal'],
  ['KMSDisabledException', 400, 'the key is not enabled', 'fatal'],
  ['KMSInvalidStateException', 400, 'the state of the key is not valid', 'fatal'],
  ['KMSNotFoundException', 400, 'the key cannot be found', 'fatal'],
  ['KMSOptInRequired', 400, 'needs a subscription', 'fatal'],
  ['KMSThrottlingException', 400, 'denied due to request throttling', 'throttling'],
  ['LimitExceededException', 400, 'too many concurrent requests: try again later', 'throttling'],
  ['ProvisionedThroughputExceededException', 400, 'the request rate for the stream is too high', 'throttling'],
  ['ResourceInUseException', 400, 'the resource is not available for this operation', 'transient'],
  ['ResourceNotFoundException', 400, 'the resource could not be found', 'fatal'],
  ['ValidationException', 400, 'fails to satisfy the constraints', 'fatal'],
  ['IncompleteSignature', 400, 'the signature does not conform', 'fatal'],
  ['InternalFailure', 500, 'an unknown error, exception or failure', 'transient'],
  ['InvalidAction', 400, 'the action is invalid', 'fatal'],
  ['InvalidClientTokenId', 403, 'the access key does not exist', 'fatal'],
  ['NotAuthorized', 400, 'no permission for this action', 'fatal'],
  ['OptInRequired', 403, 'the key needs a subscription', 'fatal'],
  ['ServiceUnavailable', 503, 'a temporary failure of the server', 'transient'],
  ['ThrottlingException', 400, 'denied due to request throttling', 'throttling'],
  ['ValidationError', 400, 'fails to satisfy the constraints', 'fatal'],
];

describe('classify', () => {
  for (const [code, status, says, means] of DOCUMENTED) {
    it(`takes ${code} (${says}) for ${means}`, async () => {
      const error = await errorOf(refusal(code, status));
      expect(error.name).to.equal(code);
      expect(classify(error)).to.equal(means);
    });
  }

  it('is specified for every error that the SDK knows of Kinesis', () => {
    const known = Object.keys(kinesis).filter((name) => /^(?:KMS\w+|\w+Exception)$/.test(name) && name !== 'KinesisServiceException');
    expect(known).to.have.length.above(15);
    expect(DOCUMENTED.map(([code]) => code)).to.include.members(known);
  });

  it('goes by what the errors of this package say of themselves', () => {
    const place = { streamName: 'stream', shardId: 'shard' };
    expect(classify(new ShardReadError('', { ...place, retriable: true }))).to.equal('transient');
    expect(classify(new ShardReadError('', { ...place, retriable: false }))).to.equal('fatal');
    const cause = Object.assign(new Error(), { name: 'ThrottlingException' });
    expect(classify(new ShardReadError('', { ...place, retriable: true, cause }))).to.equal('throttling');
    expect(classify(new ShardReadError('', { ...place, retriable: false, cause }))).to.equal('fatal');
    expect(classify(new RangeExpiredError({ ...place, from: { sequenceNumber: '1', subSequenceNumber: 0 } }, []))).to.equal('fatal');
  });
});
