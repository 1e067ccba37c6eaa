import { expect } from 'chai';
import { deepEqual, difference } from '../../../lib/testing/marbles/deep-equal.js';

class Failure extends Error {
  readonly code = 'FAILURE';
  constructor(
    message: string,
    readonly shardId: string,
  ) {
    super(message);
    this.name = 'Failure';
  }
}

class Point {
  constructor(readonly x: number) {}
}

const same = (): void => undefined;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const hidden = (value: number): object => Object.defineProperty({ shown: 1 }, 'hidden', { value, enumerable: false });
const cycle = (value: number): object => {
  const node: Record<string, unknown> = { value };
  node.self = node;
  return node;
};

const EQUAL: Record<string, readonly [unknown, unknown]> = {
  primitives: ['a', 'a'],
  NaN: [NaN, NaN],
  'objects, whatever the order of keys': [
    { a: 1, b: [1, { c: 2 }] },
    { b: [1, { c: 2 }], a: 1 },
  ],
  'an instance and a plain object': [new Point(1), { x: 1 }],
  'non-enumerable fields that differ': [hidden(1), hidden(2)],
  errors: [new Failure('no', '0'), new Failure('no', '0')],
  'errors of other classes with the same fields': [
    new Failure('no', '0'),
    Object.assign(new Error('no'), { name: 'Failure', code: 'FAILURE', shardId: '0' }),
  ],
  'errors with other causes and stacks': [new Error('no', { cause: 1 }), new Error('no')],
  dates: [new Date(5), new Date(5)],
  'invalid dates': [new Date(NaN), new Date(NaN)],
  bytes: [bytes(1, 2), bytes(1, 2)],
  'bytes within other buffers': [bytes(9, 1, 2).subarray(1), bytes(1, 2)],
  maps: [new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]])],
  sets: [new Set([{ a: 1 }, 2]), new Set([2, { a: 1 }])],
  'the same function': [{ same }, { same }],
  cycles: [cycle(1), cycle(1)],
};

const DIFFERENT: Record<string, readonly [unknown, unknown, string]> = {
  primitives: ['1', 1, '"1" is not 1'],
  'null and undefined': [null, undefined, 'null is not undefined'],
  'null and an object': [null, {}, 'null is not {}'],
  'a field': [{ a: { b: [0, 1] } }, { a: { b: [0, 2] } }, 'a.b[1]: 1 is not 2'],
  'a missing field': [{}, { a: undefined }, 'a: is missing'],
  'a field too many': [{ a: undefined }, {}, 'a: is there, but not expected'],
  'a field under a symbol': [{ [Symbol.for('s')]: 1 }, { [Symbol.for('s')]: 2 }, 'Symbol(s): 1 is not 2'],
  'an array that is too short': [[1], [1, 2], 'the array: 1 items, not 2'],
  'an array and an object': [[], {}, '[] is not {}'],
  'the name of an error': [new TypeError('no'), new Error('no'), 'name: "TypeError" is not "Error"'],
  'the message of an error': [new Error('yes'), new Error('no'), 'message: "yes" is not "no"'],
  'the code of an error': [
    new Failure('no', '0'),
    Object.assign(new Failure('no', '0'), { code: 'OTHER' }),
    'code: "FAILURE" is not "OTHER"',
  ],
  'a field of an error': [new Failure('no', '0'), new Failure('no', '1'), 'shardId: "0" is not "1"'],
  'an error and an object': [new Error('no'), { name: 'Error', message: 'no' }, 'Error: no is not { name: "Error", message: "no" }'],
  dates: [new Date(5), new Date(6), 'Date(1970-01-01T00:00:00.005Z) is not Date(1970-01-01T00:00:00.006Z)'],
  bytes: [bytes(1, 2), bytes(1, 3), 'Uint8Array(2) [1, 2] is not Uint8Array(2) [1, 3]'],
  'lengths of bytes': [bytes(1), bytes(1, 3), 'Uint8Array(1) [1] is not Uint8Array(2) [1, 3]'],
  'kinds of bytes': [bytes(1), Int8Array.of(1), 'Uint8Array(1) [1] is not Int8Array(1) [1]'],
  'a value of a map': [new Map([['a', 1]]), new Map([['a', 2]]), '.get("a"): 1 is not 2'],
  'a key of a map': [new Map([['a', 1]]), new Map([['b', 1]]), '.get("b"): is missing'],
  'sizes of maps': [new Map(), new Map([['b', 1]]), 'Map(0) [] is not Map(1) [["b", 1]]'],
  sets: [new Set([1]), new Set([2]), 'Set(1) [1] is not Set(1) [2]'],
  'sizes of sets': [new Set([1, 2]), new Set([2]), 'Set(2) [1, 2] is not Set(1) [2]'],
  functions: [() => 1, same, 'function (anonymous) is not function same'],
  cycles: [cycle(1), cycle(2), 'value: 1 is not 2'],
};

describe('deepEqual', () => {
  for (const [what, [a, b]] of Object.entries(EQUAL)) {
    it(`takes as equal: ${what}`, () => {
      expect(difference(a, b)).to.equal(undefined);
      expect(deepEqual(b, a)).to.equal(true);
    });
  }

  for (const [what, [a, b, words]] of Object.entries(DIFFERENT)) {
    it(`tells apart: ${what}`, () => {
      expect(difference(a, b)).to.equal(words);
      expect(deepEqual(b, a)).to.equal(false);
    });
  }
});
