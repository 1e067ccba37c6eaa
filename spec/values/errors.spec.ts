import { expect } from 'chai';
import {
  guardFor,
  InvalidConfigError,
  InvalidValueError,
  isInvalidConfig,
  isInvalidValue,
  isRxKinesisError,
  RxKinesisError,
} from '../../lib/values/errors.js';

class TooFast extends RxKinesisError {
  readonly code = 'SHARD_READ';
  readonly retriable = true;
}

describe('RxKinesisError', () => {
  it('has the name of its class, its message, its cause and a stack', () => {
    const cause = new Error('below');
    const error = new TooFast('slow down', { cause });

    expect(error).to.be.instanceOf(Error);
    expect(error).to.include({ name: 'TooFast', message: 'slow down', cause, code: 'SHARD_READ', retriable: true });
    expect(error.stack).to.include('TooFast: slow down');
  });

  it('is known by its brand, also from another copy of the package', () => {
    const foreign = Object.assign(new Error('from the other copy'), {
      [Symbol.for('rx-kinesis/error')]: true,
      code: 'SHARD_READ',
      retriable: true,
    });

    expect([new TooFast(''), foreign].every(isRxKinesisError)).to.equal(true);
    expect([new Error(), { code: 'SHARD_READ' }, 'SHARD_READ', null, undefined, 7].some(isRxKinesisError)).to.equal(false);
    expect(guardFor<TooFast>('SHARD_READ')(foreign)).to.equal(true);
  });
});

describe('the guards', () => {
  it('tell the codes apart', () => {
    const [config, value] = [new InvalidConfigError('x: expected 1'), new InvalidValueError('y: expected 2')];

    expect([isInvalidConfig(config), isInvalidConfig(value), isInvalidConfig(new Error())]).to.deep.equal([true, false, false]);
    expect([isInvalidValue(value), isInvalidValue(config), isInvalidValue(undefined)]).to.deep.equal([true, false, false]);
    expect([config.retriable, value.retriable]).to.deep.equal([false, false]);
  });
});

describe('an error as JSON', () => {
  class Withheld extends RxKinesisError {
    readonly code = 'SHARD_READ';
    readonly retriable = true;
    readonly shardId = 'shardId-000000000000';
  }
  const jsonOf = (error: unknown): unknown => JSON.parse(JSON.stringify(error));

  it('keeps name, message, code and ids', () => {
    expect(jsonOf(new Withheld('slow down'))).to.deep.equal({
      name: 'Withheld',
      message: 'slow down',
      code: 'SHARD_READ',
      retriable: true,
      shardId: 'shardId-000000000000',
    });
  });

  it('keeps of a cause its name, code, status and request id, and the same of what caused that, and none of its words', () => {
    const socket = Object.assign(new Error('CANARY-host'), { code: 'ECONNREFUSED' });
    const cause = Object.assign(new Error('CANARY-token', { cause: socket }), {
      name: 'InvalidSignatureException',
      Records: [{ Data: 'CANARY-payload' }],
      $metadata: { httpStatusCode: 403, requestId: 'r-1', attempts: 1 },
    });
    expect(jsonOf(new Withheld('refused', { cause }))).to.deep.include({
      cause: {
        name: 'InvalidSignatureException',
        httpStatusCode: 403,
        requestId: 'r-1',
        cause: { name: 'Error', code: 'ECONNREFUSED' },
      },
    });
  });

  it('keeps of a cause of this package all that it keeps of that itself', () => {
    const cause = new InvalidValueError('malformed');
    expect(jsonOf(new Withheld('refused', { cause }))).to.deep.include({ cause: jsonOf(cause) });
  });

  it('takes no text for a name, a code or an id', () => {
    const cause = { name: 'a name: CANARY', code: 'CANARY\n', $metadata: { requestId: 'CANARY '.repeat(9), httpStatusCode: 'CANARY' } };
    expect(jsonOf(new Withheld('refused', { cause }))).to.have.deep.property('cause', { name: 'object' });
  });

  it('ends with causes that go round', () => {
    const cause = new Error('a');
    cause.cause = cause;
    expect(JSON.stringify(new Withheld('refused', { cause }))).to.have.length.below(400);
  });
});
