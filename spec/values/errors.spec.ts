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
