import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { isCheckpointError, LeaseLostError } from '../../lib/checkpoints/errors.js';
import { requestError } from '../../lib/dynamodb/request-error.js';
import { answering, refusal } from '../support/answering-handler.js';

const SHARD = { streamName: 'flights', shardId: 'shardId-000000000000' };

/** The error of the real SDK when DynamoDB answers so. */
async function refusedWith(code: string, status: number): Promise<unknown> {
  const client = new DynamoDBClient(answering(refusal(code, status)));
  return client.send(new UpdateItemCommand({ TableName: 'leases', Key: { leaseKey: { S: 'a' } } })).then(
    () => expect.fail('the SDK took this for an answer'),
    (error: unknown) => error,
  );
}

/**
 * Codes, statuses and "OK to retry?" as https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
 * and the sections "Errors" of the API reference have them.
 */
const DOCUMENTED: readonly (readonly [code: string, status: number, retriable: boolean])[] = [
  ['AccessDeniedException', 400, false],
  ['ConditionalCheckFailedException', 400, false],
  ['IncompleteSignatureException', 400, false],
  ['LimitExceededException', 400, true],
  ['MissingAuthenticationTokenException', 400, false],
  ['ProvisionedThroughputExceededException', 400, true],
  ['ReplicatedWriteConflictException', 400, true],
  ['RequestLimitExceeded', 400, true],
  ['ResourceInUseException', 400, true],
  ['ResourceNotFoundException', 400, true],
  ['ThrottlingException', 400, true],
  ['TransactionConflictException', 400, true],
  ['ValidationException', 400, false],
  ['InternalServerError', 500, true],
  ['ServiceUnavailable', 503, true],
  // The one where this package differs: it says "The Access Key ID or security token is invalid", which more tries do not mend.
  ['UnrecognizedClientException', 400, false],
];

describe('requestError', () => {
  for (const [code, status, retriable] of DOCUMENTED) {
    it(`says that ${code} is ${retriable ? '' : 'not '}retriable`, async () => {
      const cause = await refusedWith(code, status);
      const error = requestError('write the checkpoint', cause, SHARD);

      expect(error).to.satisfy(isCheckpointError);
      expect(error).to.include({ ...SHARD, retriable, cause });
      expect(error.message).to.include('write the checkpoint').and.include(code).and.not.include('the text of');
    });
  }

  it('says that a fault before the service answered is retriable', () => {
    for (const fields of [{ name: 'TimeoutError' }, { code: 'ECONNRESET' }, { name: 'SyntaxError', $metadata: { httpStatusCode: 400 } }]) {
      expect(requestError('read', Object.assign(new Error(), fields), SHARD)).to.have.property('retriable', true);
    }
  });

  it('knows a conflict between Regions also where the SDK is too old to mark it', () => {
    const cause = Object.assign(new Error(), { name: 'ReplicatedWriteConflictException', $fault: 'client' });
    expect(requestError('write', cause, SHARD)).to.have.property('retriable', true);
  });

  for (const cause of [undefined, null, 'text']) {
    it(`takes ${String(cause)} for a passing fault`, () => {
      expect(requestError('read', cause, SHARD)).to.include({ code: 'CHECKPOINT', retriable: true, cause });
    });
  }

  it("leaves this package's errors as they are", () => {
    const lost = new LeaseLostError(SHARD);
    expect(requestError('write', lost, SHARD)).to.equal(lost);
  });
});
