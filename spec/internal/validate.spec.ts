import { expect } from 'chai';
import { assertInteger, assertKnownFields, assertNumber, assertPositive, type FieldsOf } from '../../lib/internal/validate.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

function expectRefusal(action: () => void, message: string): void {
  const error = thrownBy(action);
  expect(isInvalidConfig(error)).to.equal(true);
  expect(error).to.have.property('message', message);
}

describe('assertNumber', () => {
  it('takes numbers from the minimum up, Infinity only where it says so', () => {
    for (const value of [0, 0.5, 7, Number.MAX_VALUE]) assertNumber('n', value, 0);
    assertNumber('n', Infinity, 1, true);
    expectRefusal(() => assertNumber('n', Infinity, 1), 'n: expected a finite number from 1 up, got Infinity');
  });

  it('says what was expected and what came', () => {
    expectRefusal(() => assertNumber('idleDelayMs', -1, 0), 'idleDelayMs: expected a finite number from 0 up, got -1');
    expectRefusal(() => assertNumber('intervalMs', 0, 1, true), 'intervalMs: expected a number from 1 up, got 0');
    expectRefusal(() => assertNumber('n', NaN, 0), 'n: expected a finite number from 0 up, got NaN');
    expectRefusal(() => assertNumber('n', NaN, 0, true), 'n: expected a number from 0 up, got NaN');
    expectRefusal(() => assertNumber('n', '5', 0), 'n: expected a finite number from 0 up, got "5"');
    expectRefusal(() => assertNumber('n', null, 0), 'n: expected a finite number from 0 up, got null');
  });
});

describe('assertPositive', () => {
  it('takes numbers above 0, Infinity only where it says so', () => {
    for (const value of [Number.MIN_VALUE, 0.5, Number.MAX_VALUE]) assertPositive('n', value);
    assertPositive('n', Infinity, true);
    expectRefusal(() => assertPositive('n', Infinity), 'n: expected a finite number above 0, got Infinity');
  });

  it('says what was expected and what came', () => {
    expectRefusal(() => assertPositive('maxRate', 0), 'maxRate: expected a finite number above 0, got 0');
    expectRefusal(() => assertPositive('readsPerSecond', -1, true), 'readsPerSecond: expected a number above 0, got -1');
    expectRefusal(() => assertPositive('n', NaN, true), 'n: expected a number above 0, got NaN');
    expectRefusal(() => assertPositive('n', '5'), 'n: expected a finite number above 0, got "5"');
  });
});

describe('assertInteger', () => {
  it('takes whole numbers within the bounds', () => {
    for (const value of [1, 5_000, 10_000]) assertInteger('n', value, 1, 10_000);
    assertInteger('n', Number.MAX_SAFE_INTEGER, 0);
  });

  it('says what was expected and what came', () => {
    expectRefusal(() => assertInteger('n', 10_001, 1, 10_000), 'n: expected a whole number from 1 to 10000, got 10001');
    expectRefusal(() => assertInteger('n', 0, 1, 10_000), 'n: expected a whole number from 1 to 10000, got 0');
    expectRefusal(() => assertInteger('n', 1.5, 0), 'n: expected a whole number from 0 up, got 1.5');
    expectRefusal(() => assertInteger('n', Infinity, 0), 'n: expected a whole number from 0 up, got Infinity');
    expectRefusal(() => assertInteger('n', 2 ** 53, 0), `n: expected a whole number from 0 up, got ${2 ** 53}`);
    expectRefusal(() => assertInteger('n', '5', 0), 'n: expected a whole number from 0 up, got "5"');
    expectRefusal(() => assertInteger('n', {}, 0), 'n: expected a whole number from 0 up, got object');
  });
});

describe('assertKnownFields', () => {
  interface Config {
    readonly client: unknown;
    readonly startFrom?: string;
  }
  const fields: FieldsOf<Config> = { client: true, startFrom: true };

  it('takes an object with some of the fields', () => {
    assertKnownFields<Config>({ client: 1, startFrom: undefined }, fields);
    assertKnownFields(Object.assign(Object.create(null) as Config, { client: 1 }), fields);
  });

  it('says which fields it does not know, and which it does', () => {
    const misspelt = { client: 1, startFom: 1, toString: 2 } as Config;
    expectRefusal(() => assertKnownFields(misspelt, fields), 'config: unknown option startFom, toString; known are client, startFrom');
    expectRefusal(
      () => assertKnownFields(misspelt, fields, 'part'),
      'part: unknown option startFom, toString; known are client, startFrom',
    );
  });

  it('says what came in place of an object', () => {
    const shown: ReadonlyArray<readonly [unknown, string]> = [
      [undefined, 'undefined'],
      [null, 'null'],
      [3, '3'],
      ['x', '"x"'],
      [[1, 2], 'one of kind Array'],
      [() => 1, 'one of kind Function'],
      [new Map(), 'one of kind Map'],
    ];
    for (const [value, got] of shown) {
      expectRefusal(() => assertKnownFields(value as Config, fields, 'retry'), `retry: expected an object, got ${got}`);
    }
  });

  it('has a list that does not compile when a field is missing or too many', () => {
    // @ts-expect-error: startFrom is missing.
    const incomplete: FieldsOf<Config> = { client: true };
    // @ts-expect-error: stop is no field.
    const tooMany: FieldsOf<Config> = { client: true, startFrom: true, stop: true };
    // @ts-expect-error: startFrom is missing.
    assertKnownFields<Config>({ client: 1 }, { client: true });
    expect([incomplete, tooMany]).to.have.length(2);
  });
});
