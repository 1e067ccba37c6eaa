import { expect } from 'chai';
import { isCheckpointError, LeaseLostError } from '../../lib/checkpoints/errors.js';
import { requestError } from '../../lib/dynamodb/request-error.js';

const SHARD = { streamName: 'flights', shardId: 'shardId-000000000000' };

describe('requestError', () => {
  const cases: [name: string, fields: object, retriable: boolean][] = [
    ['ProvisionedThroughputExceededException', { $metadata: { httpStatusCode: 400 } }, true],
    ['ThrottlingException', { $metadata: { httpStatusCode: 400 } }, true],
    ['RequestLimitExceeded', { $metadata: { httpStatusCode: 400 } }, true],
    ['LimitExceededException', { $metadata: { httpStatusCode: 400 } }, true],
    ['InternalServerError', { $metadata: { httpStatusCode: 500 } }, true],
    ['ServiceUnavailable', { $metadata: { httpStatusCode: 503 } }, true],
    ['Whatever', { $metadata: { httpStatusCode: 429 } }, true],
    ['Error', { code: 'ECONNRESET' }, true],
    ['TimeoutError', {}, true],
    ['AccessDeniedException', { $metadata: { httpStatusCode: 400 } }, false],
    ['AccessDeniedException', {}, false],
    ['ResourceNotFoundException', { $metadata: { httpStatusCode: 400 } }, true],
    ['ValidationException', {}, false],
    ['CredentialsProviderError', {}, false],
    ['Whatever', { $metadata: { httpStatusCode: 400 } }, false],
  ];

  for (const [name, fields, retriable] of cases) {
    it(`says that ${name} ${JSON.stringify(fields)} is ${retriable ? '' : 'not '}retriable`, () => {
      const cause = Object.assign(new Error('secret text'), { name }, fields);
      const error = requestError('write the checkpoint', cause, SHARD);

      expect(error).to.satisfy(isCheckpointError);
      expect(error).to.include({ ...SHARD, retriable, cause });
      expect(error.message).to.include('write the checkpoint').and.include(name).and.not.include('secret');
    });
  }

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
